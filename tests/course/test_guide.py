"""Every `tito` command that the student's guide shows runs, in a workspace made from this course."""

import re
import shlex

import pytest

from tito import notebooks as nb
from tito.course import HOME, Course, find_module

GUIDE = (HOME / "book" / "student.qmd").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
COMMANDS = [shlex.split(line, comments=True) for block in BLOCKS for line in block.splitlines() if line[:5] == "tito "]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("guide")


def answer(source, path):
    """Write the reference's solutions into a student's notebook."""
    solved = {nb.grade_id_of(cell): cell["source"] for cell in nb.read(source)["cells"] if nb.grade_id_of(cell)}
    notebook = nb.read(path)
    for cell in notebook["cells"]:
        if (nb.task_of(cell) or ("", ""))[1] == "solution":
            cell["source"] = solved[nb.grade_id_of(cell)]
    nb.write(path, notebook)


# The whole of a module's tests belongs to test_gutting.py; here it would take a minute for nothing new.
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(words, marks=pytest.mark.slow if words[1:] == ["test", "module", "01"] else ())
        for words in sorted(COMMANDS, key=lambda words: words[1] != "new")
    ],
    ids=" ".join,
)
def test_a_command_of_the_guide_runs(command, root, tito):
    workspace, words = root / "workspace-for-all", list(command[1:])
    if not workspace.is_dir():
        assert tito("new", workspace, cwd=HOME).code == 0
        first = find_module("01")
        answer(Course.read(HOME).notebook(first), Course.read(workspace).notebook(first))
    if words[0] == "new":  # run beside the workspace, in the place of the course: the course is the only one there is
        words[1] = str(root / words[1].replace("../", "another-"))
    said = tito(*words, cwd=HOME if words[0] == "new" else workspace)
    assert said.code == 0, said.out + said.err


def test_the_guide_shows_the_ways_in():
    assert {command[1] for command in COMMANDS} >= {"new", "doctor", "status", "export", "test", "reset"}
    assert all(word in GUIDE for word in ("Windows", "VS Code", "Colab"))

"""A sample course, exported and released once, copied for every test; and tito, called in this process."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
import sample_course

from tito import cli
from tito import notebooks as nb


class Said(NamedTuple):
    """What a command answered: its exit code, what it printed, what it complained about."""

    code: int
    out: str
    err: str


@pytest.fixture
def tito(capsys, monkeypatch):
    """`tito("test", "module", "01", cwd=folder)`."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments, cwd=None):
        before = os.getcwd()
        os.chdir(cwd or before)
        try:
            code = cli.main([str(argument) for argument in arguments])
        finally:
            os.chdir(before)
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err, said.out + said.err
        return Said(code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """The sample course with its library exported and its notebooks released."""
    from tito.course import Course
    from tito.export import export
    from tito.files import write_atomic
    from tito.release import fresh

    root = sample_course.make(tmp_path_factory.mktemp("sample") / "course")
    course = Course.read(root)
    for module in course.modules():
        export(course, module)
        for name, data in fresh(course, module).items():
            write_atomic(course.modules_folder / module.folder / name, data)
    return root


@pytest.fixture
def course(prepared, tmp_path):
    """A copy of the sample course that the test may change."""
    return Path(shutil.copytree(prepared, tmp_path / "course"))


@pytest.fixture
def workspace(course, tito, tmp_path):
    """A student's workspace of the sample course, with every blank still blank."""
    assert tito("new", tmp_path / "mine", cwd=course).code == 0
    return tmp_path / "mine"


@pytest.fixture
def solve():
    """`solve(course, workspace, "01_tensor", but="01.2")`: the reference in every task's cells but one's."""

    def write(course, workspace, folder, but=None):
        source = nb.read(course / "solutions" / folder / f"{folder}.ipynb")
        path = workspace / "modules" / folder / f"{folder}.ipynb"
        notebook = nb.read(path)
        solved = {
            cell["id"]: nb.text(cell) for cell in source["cells"] if (nb.task_of(cell) or ("", ""))[1] == "solution"
        }
        for cell in notebook["cells"]:
            if cell["id"] in solved and nb.task_of(cell)[0] != but:
                cell["source"] = solved[cell["id"]]
        nb.write(path, notebook)
        return path

    return write

"""What students get: no solution in it, it runs up to its first blank, and scores nothing.

That the reference scores all: tests/grading/test_tables.py.
"""

import pytest

from tito import notebooks as nb
from tito.blame import Blame
from tito.course import HOME, Course
from tito.files import write_atomic
from tito.lint import telling
from tito.release import fresh
from tito.running import run_cells

COURSE = Course.read(HOME)
EACH = pytest.mark.parametrize("module", COURSE.modules(), ids=lambda module: module.folder)


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """`released(module)`: a fresh release of the module on disk, as a path."""
    paths = {}

    def path_for(module):
        if module not in paths:
            folder = tmp_path_factory.mktemp("released") / module.folder
            for name, data in fresh(COURSE, module).items():
                write_atomic(folder / name, data)
            paths[module] = folder / f"{module.folder}.ipynb"
        return paths[module]

    return path_for


@EACH
def test_no_line_of_a_solution_is_left(module, released):
    text = released(module).read_text(encoding="utf-8")
    assert "### BEGIN" not in text and "### END" not in text and "def probe_" not in text
    shown = {line.strip() for cell in nb.read(released(module))["cells"] for line in nb.text(cell).split("\n")}
    for cell in nb.read(COURSE.notebook(module))["cells"]:
        for line in nb.solution_lines(nb.text(cell)):
            assert not telling(line) or line.strip() not in shown, line


@EACH
def test_every_blank_is_a_blank(module, released):
    notebook = nb.read(released(module))
    for task in nb.tasks_of(notebook).values():
        assert all(cell.is_blank for cell in task.solutions), task.id


@EACH
def test_it_runs_up_to_its_first_blank(module, released):
    path = released(module)
    blame = Blame(COURSE, nb.read(path))
    first = next(iter(nb.tasks_of(nb.read(path)).values()))
    for ran in run_cells(COURSE, path):
        if ran.failure:
            assert blame.cause(ran.failure, None) in blame.blank, f"cell {ran.index + 1}: {ran.failure}"
            assert ran.index > first.solutions[0].index
            break
    else:
        pytest.fail("a notebook full of blanks runs to its end")


@EACH
def test_the_blank_release_scores_nothing(module, released):
    from tito.grading import grade

    result = grade(COURSE.notebook(module), released(module), seed=1)
    assert result.points == 0, result.scores()

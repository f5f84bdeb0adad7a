"""Slips in a student's notebook are named, each in its own words, with what to do; a right notebook has none."""

import pytest

from tito import notebooks as nb
from tito.course import Course
from tito.slips import slips_in

NAME = "modules/01_tensor/01_tensor.ipynb"


def cell_of(notebook, grade_id):
    return next(cell for cell in notebook["cells"] if nb.grade_id_of(cell) == grade_id)


def replace(old, new, grade_id="01-2-solution"):
    def change(notebook):
        cell = cell_of(notebook, grade_id)
        assert old in nb.text(cell)
        cell["source"] = nb.text(cell).replace(old, new)

    return change


def lose_metadata(grade_id, keep_id=True):
    def change(notebook):
        cell = cell_of(notebook, grade_id)
        cell["metadata"] = {}
        if not keep_id:
            cell["id"] = "fresh"

    return change


def delete(notebook):
    notebook["cells"].remove(cell_of(notebook, "01-2"))


def rename(notebook):
    cell_of(notebook, "01-2")["metadata"]["nbgrader"]["grade_id"] = "01-22"


def copy(notebook):
    cell = cell_of(notebook, "01-2")
    notebook["cells"].append({**cell, "id": "copied"})


def import_in_own_cell(notebook):
    replace("result = math.sqrt(x)", "result = np.sqrt(x)")(notebook)
    own = {"cell_type": "code", "id": "own", "metadata": {}, "source": "import numpy as np"}
    notebook["cells"].insert(1, {**own, "outputs": [], "execution_count": None})


SLIPS = {
    "stub above the code": (
        replace("    result", "    raise NotImplementedError()\n    result"),
        "01.2",
        "the line `raise NotImplementedError()` still stands beside your code in `root`: delete it",
    ),
    "stub below the code": (
        replace("    return result", "    return result\n    raise NotImplementedError()"),
        "01.2",
        "still stands beside your code in `root`",
    ),
    "lost export": (replace("#| export\n", ""), "01.2", "cell 8 has lost its line `#| export`"),
    "own import": (import_in_own_cell, "01.2", "01.2 uses `np` from cell 2, which is not exported: write `#| export`"),
    "lost mark of a solution": (
        lose_metadata("01-2-solution", keep_id=False),
        "01.2",
        "cell 8 has lost the mark that it is the cell of 01.2 (01-2-solution): tito reset 01",
    ),
    "lost mark of a check": (lose_metadata("01-2"), "01.2", "has lost the mark that it is the check of 01.2 (01-2)"),
    "deleted check": (delete, "01.2", "the check of 01.2 (01-2) is gone: tito reset 01"),
    "edited check": (replace("== 3", "== 3 or True", "01-2"), "01.2", "the check of 01.2, cell 9, has been edited"),
    "renamed id": (rename, None, "cell 9 has the id 01-22, which is no task's: tito reset 01"),
    "copied cell": (copy, "01.2", "is one of 2 with the id 01-2: delete the copy"),
}


@pytest.fixture
def change(course, workspace, solve):
    """Solve the sample's first module, and change its notebook."""

    def make(how):
        path = solve(course, workspace, "01_tensor")
        notebook = nb.read(path)
        how(notebook)
        nb.write(path, notebook)
        return Course.read(workspace)

    return make


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_named_with_what_to_do(name, change):
    how, task, words = SLIPS[name]
    course = change(how)
    found = slips_in(course, course.modules()[0])
    assert any(slip.task == task and words in str(slip) for slip in found), [str(slip) for slip in found]
    assert len(found) == 1 + (name in ("renamed id", "copied cell")), [str(slip) for slip in found]


def test_a_right_notebook_has_none(change):
    course = change(lambda notebook: None)
    assert not slips_in(course, course.modules()[0])


def test_a_blank_notebook_and_one_half_of_a_cell_have_none(workspace):
    course = Course.read(workspace)
    assert not any(slips_in(course, module) for module in course.modules())


def test_export_and_test_say_it_and_the_task_is_not_called_blank(change, tito):
    course = change(SLIPS["stub above the code"][0])
    said = tito("test", "module", "01", "--task", "01.2", cwd=course.root)
    assert said.code == 1 and "still blank" not in said.out and "delete it" in said.out
    assert "delete it" in tito("export", "01", cwd=course.root).err


def test_a_half_done_export_says_which_tasks_are_blank(course, workspace, tito, solve):
    solve(course, workspace, "01_tensor", but="01.3")
    assert "still blank" in (out := tito("export", "01", cwd=workspace).out) and out.rstrip().endswith("called: 01.3")
    solve(course, workspace, "01_tensor")
    assert "blank" not in tito("export", "01", cwd=workspace).out


def test_a_copy_of_the_notebook_is_named_and_not_exported(course, workspace, tito, solve):
    path = solve(course, workspace, "01_tensor")
    path.with_name("01_tensor (1).ipynb").write_text(path.read_text().replace("2 * x", "7 * x"))
    said = tito("export", "01", cwd=workspace)
    assert said.code == 0 and "01_tensor (1).ipynb is not read: only 01_tensor.ipynb counts" in said.err
    assert "7 * x" not in (workspace / "tinytorch/tensor.py").read_text()

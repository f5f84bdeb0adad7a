"""`tito test module NN`: the student's own code is tested, the task that is at fault is named, nothing else is blamed."""

import re

import pytest

from tito import notebooks as nb

TASKS = {"01_tensor": ["01.1", "01.2", "01.3"], "02_autograd": ["02.1", "02.2"]}
WAITING = {"01.1": {"01.3"}, "01.2": {"01.3"}, "02.1": {"02.2"}}


def lines(said, outcome):
    """The tasks with a line of this outcome."""
    return set(re.findall(rf"^  {outcome}  (\d\d\.\d+)", said.out, re.MULTILINE))


def edit(path, task, old, new):
    """Replace text in the solution cell of a task."""
    notebook = nb.read(path)
    for cell in notebook["cells"]:
        if nb.task_of(cell) == (task, "solution"):
            assert old in nb.text(cell)
            cell["source"] = nb.text(cell).replace(old, new)
    nb.write(path, notebook)


def test_everything_passes_in_the_course_repository(course, tito):
    said = tito("test", "module", "02", cwd=course)
    assert said.code == 0 and "6 passed" in said.out
    assert "failed" not in said.out and "skipped" not in said.out
    assert "test_one" in said.out and "test_two" in said.out and "trainer" not in said.out


def test_the_same_lines_in_a_workspace(course, workspace, tito, solve):
    for folder in TASKS:
        solve(course, workspace, folder)
    tito("export", "--all", cwd=workspace)
    here, there = (tito("test", "module", "02", cwd=root) for root in (workspace, course))
    assert here.code == there.code == 0

    def without_times(text):
        return re.sub(r"\d+\.\d\d s", "", text).replace("modules/", "solutions/")

    assert without_times(here.out) == without_times(there.out)


@pytest.mark.parametrize(("folder", "task"), [(folder, task) for folder in TASKS for task in TASKS[folder]])
def test_a_gutted_task_fails_by_name_and_alone(folder, task, course, workspace, tito, solve):
    solve(course, workspace, "01_tensor")
    assert tito("export", "01", cwd=workspace).code == 0
    workspace_notebook = workspace / "modules" / folder / f"{folder}.ipynb"
    if folder == "01_tensor":
        tito("reset", "01", cwd=workspace)
    solve(course, workspace, folder, but=task)
    assert nb.is_blank(next(c for c in nb.read(workspace_notebook)["cells"] if nb.task_of(c) == (task, "solution")))
    said = tito("test", "module", folder, cwd=workspace)
    assert said.code == 1
    assert lines(said, "fail") == {task}
    assert lines(said, "wait") == WAITING.get(task, set())
    assert all(f"waits for {task}" in line for line in said.out.splitlines() if line.startswith("  wait"))
    assert f"Look first at {task}" in said.out and "still blank" in said.out


def test_a_wrong_task_fails_by_name(course, workspace, tito, solve):
    path = solve(course, workspace, "01_tensor")
    edit(path, "01.2", "math.sqrt(x)", "math.sqrt(x) + 1")
    said = tito("test", "module", "1", cwd=workspace)
    assert said.code == 1 and "01.2" in lines(said, "fail") and "01.1" in lines(said, "pass")
    assert "Look first at 01.2 Root" in said.out


def test_one_task(course, workspace, tito, solve):
    solve(course, workspace, "01_tensor", but="01.3")
    assert tito("test", "module", "01", "--task", "01.2", cwd=workspace).code == 0
    said = tito("test", "module", "01", "--task", "3", cwd=workspace)
    assert said.code == 1 and lines(said, "fail") == {"01.3"} and "2 failed" in said.out
    said = tito("test", "module", "01", "--task", "01.9", cwd=workspace)
    assert said.code == 1 and "01.1, 01.2, 01.3" in said.err
    assert "no task" in tito("test", "module", "01", "--task", "02.1", cwd=workspace).err


def test_a_syntax_error_names_task_and_line_and_spares_the_package(course, workspace, tito, solve):
    path = solve(course, workspace, "01_tensor")
    assert tito("export", "01", cwd=workspace).code == 0
    before = (workspace / "tinytorch/tensor.py").read_bytes()
    edit(path, "01.2", "math.sqrt(x)", "math.sqrt(x")
    for command in (("test", "module", "01"), ("export", "01")):
        said = tito(*command, cwd=workspace)
        assert said.code == 1 and said.err.startswith(
            "01.2: cell 8 of modules/01_tensor/01_tensor.ipynb does not compile"
        )
        assert "line 5" in said.err and "math.sqrt(x" in said.err
    assert (workspace / "tinytorch/tensor.py").read_bytes() == before


def test_an_error_outside_every_function_blames_its_own_task(course, workspace, tito, solve):
    """What breaks a whole file on import is reported where it stands, not for every test that imports it."""
    path = solve(course, workspace, "01_tensor")
    edit(path, "01.1", "def twice(x):", "unknown_name\ndef twice(x):")
    said = tito("test", "module", "01", cwd=workspace)
    assert said.code == 1 and "Look first at 01.1" in said.out and "unknown_name" in said.out


def test_an_endless_loop_ends(course, workspace, tito, solve):
    path = solve(course, workspace, "01_tensor")
    edit(path, "01.1", "doubled = 2 * x", "while x == 2: pass\n    doubled = 2 * x")
    said = tito("test", "module", "01", "--timeout", "2", cwd=workspace)
    assert said.code == 1 and "still running after 2 s" in said.out and "Look first at 01.1" in said.out
    assert "01.2" in lines(said, "pass")


def test_a_kernel_that_dies_is_reported(course, workspace, tito, solve):
    path = solve(course, workspace, "01_tensor")
    edit(path, "01.2", "result = math.sqrt(x)", "import os; os._exit(3)\n    result = 1")
    said = tito("test", "module", "01", cwd=workspace)
    assert said.code == 1 and "the kernel died" in said.out and "01.2" in lines(said, "fail")


def test_a_quick_second_export_is_the_one_that_is_tested(course, workspace, tito, solve):
    """Same second, same size: Python would take the compiled code of the first export for current."""
    path = solve(course, workspace, "01_tensor")
    for old, new, code in (("2 * x", "3 * x", 1), ("3 * x", "2 * x", 0), ("2 * x", "4 * x", 1)):
        edit(path, "01.1", old, new)
        said = tito("test", "module", "01", "--task", "01.1", cwd=workspace)
        assert said.code == code and ("fail  01.1   doubles" in said.out) == bool(code)


def test_the_students_code_and_nothing_else_is_tested(course, workspace, tito, solve):
    """The installed library has a working module 01; a workspace without it must not fall back on that."""
    solve(course, workspace, "02_autograd")
    said = tito("test", "module", "02", cwd=workspace)
    assert said.code == 1 and "No module named 'tinytorch.tensor'" in said.out
    solve(course, workspace, "01_tensor")
    path = workspace / "modules/01_tensor/01_tensor.ipynb"
    edit(path, "01.1", "doubled = 2 * x", "doubled = 2 * x + 0.5")
    tito("export", "01", cwd=workspace)
    said = tito("test", "module", "02", cwd=workspace)
    assert said.code == 1 and {"02.1", "02.2"} == lines(said, "fail")


def test_integration_tests_stop_at_the_module(course, tito):
    said = tito("test", "module", "01", cwd=course)
    assert "test_one" in said.out and "test_two" not in said.out


def test_the_record_shows_in_the_status(course, workspace, tito, solve):
    solve(course, workspace, "01_tensor", but="01.3")
    tito("test", "module", "01", cwd=workspace)
    out = tito("status", cwd=workspace).out
    assert "2/3 tasks" in out and "failed" in out and "30/60" in out and "Next: tito test module 01" in out
    solve(course, workspace, "01_tensor")
    assert "older" in tito("status", cwd=workspace).out
    tito("test", "module", "01", cwd=workspace)
    out = tito("status", cwd=workspace).out
    assert "3/3 tasks" in out and "passed" in out and "60/60" in out and "02_autograd.ipynb" in out

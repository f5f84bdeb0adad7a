"""`tito test module NN`: the student's own code is tested, the task that is at fault is named, nothing else is blamed."""

import re

import pytest

from tito import notebooks as nb
from tito.course import Course
from tito.testing import ModuleTest

TASKS = {"01_tensor": ["01.1", "01.2", "01.3"], "02_autograd": ["02.1", "02.2"]}
WAITING = {"01.1": {"01.3"}, "01.2": {"01.3"}, "02.1": {"02.2"}}


def lines(said, outcome):
    """The tasks with a line of this outcome."""
    return set(re.findall(rf"^  {outcome:<5} (\d\d\.\d+)", said.out, re.MULTILINE))


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
    assert lines(said, "blank") == {task} and not lines(said, "fail")
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
    assert said.code == 1 and lines(said, "blank") == {"01.3"} and "2 still blank" in said.out
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


def test_an_endless_loop_costs_its_time_once_and_no_other_task(course, workspace, solve):
    """The check of 01.1, that of 01.3 which calls it, and three tests of pytest run into the same loop."""
    path = solve(course, workspace, "01_tensor")
    edit(path, "01.1", "doubled = 2 * x", "while x: pass\n    doubled = 2 * x")
    here = Course.read(workspace)
    test = ModuleTest(here, here.modules()[0], timeout=3)
    test.export()
    checks = list(test.steps())
    assert sum(check.seconds > 2 for check in checks) == 1
    assert test.report.failed_tasks == ["01.1"] and test.report.first.task == "01.1"
    assert all(
        "twice did not end within 3 s" in check.message for check in checks if check.task == check.waits_for == "01.1"
    )
    waiting = {check.task: check.message for check in checks if check.outcome == "wait"}
    assert waiting.pop("01.3") == "waits for 01.1, which does not end" and waiting.keys() == {None}
    assert {check.outcome for check in checks if check.task == "01.2"} == {"pass"}


def test_a_loop_that_only_a_later_check_runs_into_fails_its_own_task(course, workspace, solve):
    path = solve(course, workspace, "01_tensor")
    edit(path, "01.1", "doubled = 2 * x", "while x > 3.5 or x == 2.5: pass\n    doubled = 2 * x")
    edit(path, "01.3", "return twice(root(x))", "twice(2.5)\n    return 2 * root(x)")
    here = Course.read(workspace)
    test = ModuleTest(here, here.modules()[0], task="01.3", timeout=2)
    test.export()
    checks = list(test.steps())
    assert test.report.failed_tasks == ["01.1"] and not test.report.passed
    assert [check.name for check in checks if check.task == "01.1"] == ["comes to an end"]


def test_where_nothing_can_be_closed_the_rest_is_not_run(course, workspace, tito, solve):
    path = solve(course, workspace, "01_tensor")
    edit(path, "01.1", "def twice(x):", "while True: pass\ndef twice(x):")
    said = tito("test", "module", "01", "--timeout", "2", "--task", "01.2", cwd=workspace)
    assert said.code == 1 and "this did not end within 2 s" in said.out and "not run" in said.out


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


def test_one_task_is_tested_when_it_is_the_last_that_is_written(course, workspace, tito, solve):
    path = solve(course, workspace, "01_tensor", but="01.3")
    for task in ("01.1", "01.2"):
        said = tito("test", "module", "01", "--task", task, cwd=workspace)
        assert said.code == 0 and lines(said, "pass") == {task}, said.out
    assert said.out.endswith("2 of 3 tasks, next 01.3\n")
    tito("reset", "01", cwd=workspace)
    solve(course, workspace, "01_tensor", but="01.1")
    edit(path, "01.3", "return twice(root(x))", "return 2 * root(x)")
    said = tito("test", "module", "01", "--task", "01.3", cwd=workspace)
    assert said.code == 0 and said.out.endswith("1 of 3 tasks, next 01.1\n")


def test_what_waits_for_another_task_is_no_failure(course, workspace, tito, solve):
    solve(course, workspace, "01_tensor", but="01.1")
    said = tito("test", "module", "01", "--task", "01.3", cwd=workspace)
    assert said.code == 0 and lines(said, "wait") == {"01.3"} and "Look first at 01.1" in said.out
    assert said.out.endswith("0 of 3 tasks, next 01.1\n")
    assert tito("test", "module", "01", cwd=workspace).code == 1


def test_the_record_shows_in_the_status(course, workspace, tito, solve):
    path = solve(course, workspace, "01_tensor", but="01.3")
    said = tito("test", "module", "01", cwd=workspace)
    assert said.out.endswith("2 of 3 tasks, next 01.3\n")
    out = tito("status", cwd=workspace).out
    assert out.count("2/3") == 2 and "30/60" in out and "Next: tito test module 01" in out
    solve(course, workspace, "01_tensor")
    assert "3/3" in tito("status", cwd=workspace).out
    said = tito("test", "module", "01", "--task", "01.3", cwd=workspace)
    assert said.out.endswith("3 of 3 tasks\n") and "60/60" in tito("status", cwd=workspace).out
    tito("test", "module", "01", cwd=workspace)
    out = tito("status", cwd=workspace).out
    assert "passed" in out and "02_autograd.ipynb" in out
    edit(path, "01.2", "math.sqrt(x)", "x**0.5")
    out = tito("status", cwd=workspace).out
    assert "passed, older" in out and "40/60" in out
    edit(path, "01.2", "x**0.5", "x")
    tito("test", "module", "01", "--task", "01.2", cwd=workspace)
    assert "2/3" in tito("status", cwd=workspace).out


def test_the_status_fits_eighty_columns(course, workspace, tito, solve, monkeypatch):
    path = solve(course, workspace, "01_tensor")
    tito("test", "module", "01", cwd=workspace)
    edit(path, "01.2", "math.sqrt(x)", "x**0.5")
    said = tito("status", cwd=workspace)
    monkeypatch.setenv("COLUMNS", "80")
    narrow = tito("status", cwd=workspace)
    assert max(map(len, said.out.splitlines())) <= 80 and narrow.out.split() == said.out.split()
    assert len(narrow.out.splitlines()) == len(said.out.splitlines())


def test_a_failing_parametrised_test_names_its_input(course, workspace, tito, solve):
    path = solve(course, workspace, "01_tensor")
    test = workspace / "tests/01_tensor/test_tensor.py"
    test.write_text(
        "import pytest\nfrom tinytorch.tensor import twice\n\n"
        "@pytest.mark.parametrize('x, what', [(1, object()), (7, object())])\n"
        "def test_01_1_doubles(x, what):\n    assert twice(x) == 2 * x\n"
    )
    edit(path, "01.1", "doubled = 2 * x", "doubled = 2 * min(x, 5)")
    said = tito("test", "module", "01", cwd=workspace)
    assert "(with x=7, what=<object object" in said.out and "x=1" not in said.out


def test_in_the_course_repository_it_says_that_it_looks_at_the_reference(course, workspace, tito, solve):
    for command in (("status",), ("export", "01"), ("test", "module", "01", "--task", "01.1")):
        assert "you see the reference in solutions/" in tito(*command, cwd=course).err
    assert "reference" not in tito("status", cwd=workspace).err


def test_a_check_that_speaks_is_told_in_one_line_and_then_in_full(course, workspace, tito, solve):
    from tito.running import Failure
    from tito.testing import truncate

    words = "check 2 of 2: adds two\n  failed:   f(2) == 4\n  got:      3\n  expected: 4"
    assert truncate(Failure("AssertionError", words)) == "check 2 of 2: adds two (got 3, expected 4)"
    long = truncate(Failure("AssertionError", f"{'x' * 500}\n  got:      {'1' * 500}\n  expected: {'2' * 500}"))
    assert len(long) < 170 and "expected 22" in long
    path = solve(course, workspace, "01_tensor")
    edit(path, "01.2", "result = math.sqrt(x)", "raise ValueError('one\\n  and more')\n    result = 1")
    said = tito("test", "module", "01", "--task", "01.2", cwd=workspace)
    assert "visible checks: ValueError: one\n      and more\n" in said.out
    assert "01_tensor.ipynb, cell 8, line 5" in said.out  # where it was raised: not in the check

"""Each task of each module, gutted in turn in a student's workspace: exactly that task fails, by name. And each by itself:
`--task NN.k` passes on the reference, and where the tasks up to it are written and those after it are blank.

The rest of the workspace is the reference's work, written into the student's notebook and exported from there. So this
shows as well that the student's code, and nothing else, is what `tito test module NN` tests.
"""

import os

import pytest

from tests.sampling import sample
from tito import notebooks as nb
from tito import workspace
from tito.course import HOME, Course
from tito.files import write_atomic
from tito.registry import in_order
from tito.release import fresh
from tito.testing import ModuleTest

COURSE = Course.read(HOME)
TASKS = [(module, task) for module in COURSE.modules() for task in nb.tasks_of(nb.read(COURSE.notebook(module)))]
# Every task is gutted by `make test-slow`; a few seconds each are too many for every run.
CASES = sample(TASKS, 9, lambda case: f"{case[0].folder}-{case[1]}")
# The same for the tasks by themselves, and others than those that are gutted.
ALONE = sample(TASKS, 7, lambda case: f"alone {case[0].folder}-{case[1]}")


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """Workspaces with the modules before NN from the reference, made when they are asked for."""
    made = {}

    def workspace_for(module):
        if module.number not in made:
            root = tmp_path_factory.mktemp(f"gutting-{module.nn}") / "mine"
            before = os.getcwd()
            os.chdir(HOME)
            try:
                workspace.new(root, module)
            finally:
                os.chdir(before)
            for name, data in fresh(COURSE, module).items():
                write_atomic(root / ".tito" / "released" / module.folder / name, data)
            made[module.number] = Course.read(root)
        return made[module.number]

    return workspace_for


def hand_in(course, module, written=lambda task: True):
    """The student's notebook: the reference's solutions in the cells of the tasks that are `written`."""
    source = nb.read(COURSE.notebook(module))
    solved = {cell["id"]: nb.text(cell) for cell in source["cells"] if (nb.task_of(cell) or ("", ""))[1] == "solution"}
    notebook = nb.read(course.released_folder / module.folder / f"{module.folder}.ipynb")
    for cell in notebook["cells"]:
        if cell["id"] in solved and written(nb.task_of(cell)[0]):
            cell["source"] = solved[cell["id"]]
    nb.write(course.notebook(module), notebook)


def run(course, module):
    test = ModuleTest(course, module, quick=True)
    test.export()
    return test.report, list(test.steps())


@pytest.mark.slow
@pytest.mark.parametrize("module", COURSE.modules(), ids=lambda module: module.folder)
def test_the_reference_passes_in_a_workspace(module, mine):
    course = mine(module)
    hand_in(course, module)
    report, checks = run(course, module)
    bad = [check for check in checks if check.outcome in ("fail", "wait")]
    assert report.passed and not bad, bad
    assert {check.task for check in checks} >= set(report.tasks)


@pytest.mark.parametrize(("module", "task"), CASES, ids=lambda value: value if isinstance(value, str) else value.folder)
def test_a_gutted_task_fails_alone_and_by_name(module, task, mine):
    course = mine(module)
    hand_in(course, module, lambda other: other != task)
    report, checks = run(course, module)
    blamed = [check for check in checks if check.outcome == "fail" and check.task != task]
    assert report.failed_tasks == [task] and not blamed, blamed or checks
    assert {check.waits_for for check in checks if check.outcome == "wait"} <= {task}
    assert report.first.task == task


@pytest.mark.parametrize(("module", "task"), ALONE, ids=lambda value: value if isinstance(value, str) else value.folder)
def test_a_task_by_itself(module, task, mine):
    course = mine(module)

    def alone(written, tests):
        """What `tito test module NN --task NN.k` finds, in the notebook alone or in its tests too."""
        hand_in(course, module, written)
        test = ModuleTest(course, module, task)
        test.export()
        checks = list(test.steps() if tests else test.notebook_checks())
        return [(check.task, check.outcome, check.name, check.message) for check in checks if check.outcome != "pass"]

    assert not alone(lambda other: True, tests=False)
    order = in_order(task)
    bad = alone(lambda other: in_order(other) <= order, tests=True)
    assert not [check for check in bad if check[1] == "fail" or check[2] == "visible checks"], bad
    blank = alone(lambda other: in_order(other) < order, tests=False)
    assert [check[:3] for check in blank] == [(task, "fail", "visible checks")] and "still blank" in blank[0][3]

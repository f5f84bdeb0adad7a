"""Right work keeps its points, however unusual: every submission of NN_name/unusual.py gets full marks."""

import importlib
import shutil
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from tests.grading.work import UNUSUAL, Work
from tests.sampling import sample
from tito.grading.grade import Grader
from tito.grading.release import Release

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path.parent.name for path in Path(__file__).parent.glob("*/unusual.py"))
for module in MODULES:
    importlib.import_module(f"tests.grading.{module}.unusual")

pytestmark = [
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
    pytest.mark.long,
]


def module_of(change):
    return change.__module__.split(".")[-2]


def name_of(change):
    return f"{module_of(change)}-{change.__name__}"


@pytest.fixture(scope="module")
def grader():
    """The grader of a module by its name, with its sandbox, made when it is first asked for."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(Grader(Release.open(ROOT / "solutions" / name / f"{name}.ipynb"))))


@pytest.mark.parametrize("change", sample(UNUSUAL, 36, name_of), ids=name_of)
def test_full_marks(grader, change):
    grader = grader(module_of(change))
    work = Work.of(grader.source)
    before = repr(work.notebook())
    notebook = change(work) or work.notebook()
    assert repr(notebook) != before, "this submission is as usual as any"
    result = grader.grade(notebook)
    lost = [
        f"{task.id} {task.points:g} of {task.max_points:g}: {task.message}"
        for task in result.values()
        if not task.passed
    ]
    assert not lost, "\n".join(lost)


def test_there_are_enough():
    counts = {module: sum(module_of(change) == module for change in UNUSUAL) for module in MODULES}
    assert len(UNUSUAL) >= 30 and min(counts.values()) >= 2, counts

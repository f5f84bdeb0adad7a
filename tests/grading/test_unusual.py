"""Right work keeps its points, however unusual: every submission of unusual/ gets full marks."""

import importlib
import shutil
from functools import cache
from pathlib import Path

import pytest

from tests.grading.unusual.work import UNUSUAL, Work
from tito.grading.grade import Grader, Release

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path.stem for path in Path(__file__).with_name("unusual").glob("[0-9]*.py"))
for module in MODULES:
    importlib.import_module(f"tests.grading.unusual.{module}")

pytestmark = [
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
    pytest.mark.long,
]


def module_of(change):
    return change.__module__.rpartition(".")[2]


@cache
def release(module):
    return Release.open(ROOT / "solutions" / module / f"{module}.ipynb")


@pytest.fixture(scope="module", params=MODULES)
def grader(request):
    with Grader(release(request.param)) as one:
        yield one


# In the order of the modules: one warm sandbox at a time.
@pytest.mark.parametrize(
    ("grader", "change"),
    [(module_of(change), change) for change in UNUSUAL],
    ids=lambda value: getattr(value, "__name__", ""),
    indirect=["grader"],
)
def test_full_marks(grader, change):
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

"""Right work keeps its points, however unusual: every submission of unusual/ gets full marks."""

import shutil
from functools import cache
from pathlib import Path

import pytest

from tests.grading.unusual.submissions import SUBMISSIONS
from tests.grading.unusual.work import Work
from tito.grading.grade import Grader, Release

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("01_tensor", "02_autograd", "03_layers")

pytestmark = [
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
    pytest.mark.long,
]


@cache
def release(module):
    return Release.open(ROOT / "solutions" / module / f"{module}.ipynb")


@pytest.fixture(scope="module", params=MODULES)
def grader(request):
    with Grader(release(request.param)) as one:
        yield one


# In the order of the modules: one warm sandbox at a time.
@pytest.mark.parametrize(
    ("grader", "unusual"),
    [(one.module, one) for one in SUBMISSIONS],
    ids=lambda value: getattr(value, "name", ""),
    indirect=["grader"],
)
def test_full_marks(grader, unusual):
    work = Work.of(grader.source)
    before = work.notebook().__repr__()
    notebook = unusual.change(work) or work.notebook()
    assert repr(notebook) != before, "this submission is as usual as any"
    result = grader.grade(notebook)
    lost = [
        f"{task.id} {task.points:g} of {task.max_points:g}: {task.message}"
        for task in result.values()
        if not task.passed
    ]
    assert not lost, "\n".join(lost)


def test_there_are_enough():
    for module in MODULES:
        assert sum(one.module == module for one in SUBMISSIONS) >= 10

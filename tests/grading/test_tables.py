"""Wrong work must lose points: the misconceptions of every module, and a sample of its mechanical mutants.

The rest of the mutants: `make mutants`.
"""

import shutil
from pathlib import Path

import pytest

from tests.sampling import sample
from tito.grading import mutants
from tito.grading.grade import Grader
from tito.grading.release import Release
from tito.grading.validate import misconception_is_named, validate
from tito.notebooks.tasks import read_source
from tito.registry import MODULES

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "tests" / "grading"
NOTEBOOKS = [ROOT / "solutions" / module.folder / f"{module.folder}.ipynb" for module in MODULES]
NOTEBOOKS = [path for path in NOTEBOOKS if path.is_file() and read_source(path).tasks]
SAMPLE = 24
MODULES_A_RUN = 5  # the gates of all modules: make test-slow

needs_sandbox = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@pytest.fixture(
    scope="module", params=sample(NOTEBOOKS, MODULES_A_RUN, lambda path: path.stem), ids=lambda path: path.stem
)
def grader(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("grading")
    with Grader(Release.open(request.param, folder=folder)) as one:
        yield one


@needs_sandbox
def test_every_gate_of_the_release(grader):
    assert [str(finding) for finding in validate(grader.release, grader)] == []


@needs_sandbox
def test_feedback_names_the_misconception_and_no_other_task_pays(grader):
    """One misconception of each third task all the way through `grade`; which ones follows from the task's number."""
    findings = []
    for number, id in list(enumerate(grader.source.tasks))[::3]:
        known = [mistake for mistake in grader.release.misconceptions if mistake.task == id]
        if known:
            findings += misconception_is_named(grader, known[number % len(known)])
    assert [str(finding) for finding in findings] == []


@needs_sandbox
@pytest.mark.slow
def test_feedback_names_every_misconception(grader):
    findings = [
        finding for mistake in grader.release.misconceptions for finding in misconception_is_named(grader, mistake)
    ]
    assert [str(finding) for finding in findings] == []


@needs_sandbox
def test_a_sample_of_mutants_dies(grader):
    source = grader.source
    known = mutants.read_equivalents(TABLES / source.name / "equivalents.toml", source)
    reports = mutants.reports(source, mutants.noticed(grader, mutants.chosen(source, SAMPLE)), known)
    survived = [f"{mutant.task}: {mutant.change}" for report in reports for mutant in report.survived]
    assert len(survived) <= SAMPLE * 0.05, survived


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_claimed_equivalent_is_a_mutant(path):
    source = read_source(path)
    known = mutants.read_equivalents(TABLES / path.stem / "equivalents.toml", source)
    made = {(id, mutant.change) for id, task in source.tasks.items() for mutant in mutants.mutants_of(task)}
    assert set(known) - made == set()

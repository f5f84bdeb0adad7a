"""Hostile work gains nothing and breaks nothing: every submission of hostile/ in one class, graded by plain nbgrader.

Single hostile cells: hostile/cells.py and test_sandbox.py.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import small

from tests.grading.conftest import make
from tests.grading.hostile.cells import KINDS
from tests.grading.hostile.submissions import ABSENT, SUBMISSIONS, base, honest_tasks
from tests.grading.work import Work
from tests.sampling import sample
from tito.grading.grade import Grader
from tito.grading.release import Release
from tito.grading.sandbox import Limits
from tito.notebooks.names import names_of
from tito.notebooks.tasks import read_source
from tito.registry import MODULES

ROOT = Path(__file__).resolve().parents[2]
ALL = {"00-1": 10, "00-2": 20, "00-3": 30, "00-4": 40}
HONEST = ("a-honest", "zz-honest")
BUILT = [module for module in MODULES if (ROOT / "solutions" / module.folder).is_dir()]

pytestmark = [
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
    pytest.mark.timeout(900),
]


def fingerprint(root, *folders):
    """Every file below the folders, by content and by kind."""
    paths = [path for folder in folders for path in (root / folder).rglob("*")]
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else path.stat().st_mode
        for path in paths
    }


def autograde(course, *arguments):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "nbgrader", "autograde", course.name, *arguments]
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.run(command, cwd=course.root, env=environment, capture_output=True, text=True, timeout=800)


def hand_in(course, source, one):
    made = one.hand_in(source)
    if made is not ABSENT and not isinstance(made, bytes):
        made = json.dumps(made).replace("THE COURSE", str(course.root)).encode()
    course.hand_in(one.student, None if made is ABSENT else made, one.file)


KEPT = ("solutions", "modules", "submitted", "tests", "tinytorch")


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The class, graded: an honest student first and last; what was there before is noted."""
    course = make(tmp_path_factory.mktemp("hostile"))
    assert course.nbgrader("generate_assignment", course.name).returncode == 0
    source = read_source(course.root / "solutions" / course.name / f"{course.name}.ipynb")
    for student in HONEST:
        course.hand_in(
            student, small.solved(t4="def median(xs):\n    return 0.0") if "zz" in student else small.solved()
        )
    done = autograde(course, "--student", HONEST[0])
    assert done.returncode == 0, done.stderr
    for one in SUBMISSIONS:
        hand_in(course, source, one)
    link = course.root / "submitted" / "links" / course.name
    link.mkdir(parents=True)
    (link / "00_small.ipynb").symlink_to(course.root / "submitted" / HONEST[0] / course.name / "00_small.ipynb")
    (link / "solution.txt").symlink_to(course.root / "solutions" / course.name / "00_small.ipynb")
    other = course.root / "submitted" / "linked-folder"
    other.mkdir()
    (other / course.name).symlink_to(course.root / "submitted" / HONEST[0] / course.name)
    named = course.root / "submitted" / HONEST[0] / course.name / os.fsdecode(b"notes-\xff.txt")
    named.write_text("a name that is no text")
    folder = course.root / "submitted" / "a-folder" / course.name / "00_small.ipynb"
    folder.mkdir(parents=True)
    beside = course.root / "submitted" / "files-beside" / course.name
    course.hand_in("files-beside", base(source, True).notebook())
    for name in ("nbgrader_config.py", "sitecustomize.py", "numpy.py", "tinytorch.py", "gradebook.db", "conftest.py"):
        (beside / name).write_text("open('/tmp/tito-hostile-mark', 'w')\nraise SystemExit\n")
    course.before = fingerprint(course.root, *KEPT)
    course.done = autograde(course)
    course.found = course.scores()
    return course


def test_the_class_was_graded(graded):
    assert graded.done.returncode == 0, graded.done.stderr[-3000:]


@pytest.mark.parametrize("one", SUBMISSIONS, ids=lambda one: one.student)
def test_hostile_submission(graded, one):
    """Exactly what the honest part of it earns."""
    assert graded.found[one.student] == one.scores


def test_files_that_are_not_the_students_own(graded):
    nothing = dict.fromkeys(ALL, 0)
    assert graded.found["links"] == graded.found["a-folder"] == graded.found["linked-folder"] == nothing
    assert not (graded.root / "autograded" / "links" / graded.name / "solution.txt").exists()
    assert graded.found["files-beside"] == {**ALL, "00-3": 0, "00-4": 0}


def test_the_others_are_as_they_were(graded):
    assert graded.found[HONEST[0]] == ALL
    assert {**ALL, "00-4": 0} == graded.found[HONEST[1]]
    assert len(graded.found) == len(SUBMISSIONS) + len(HONEST) + 4


def test_the_course_is_as_it_was(graded):
    assert fingerprint(graded.root, *KEPT) == graded.before
    assert not Path("/tmp/tito-hostile-mark").exists()


def test_no_process_is_left(graded):
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        assert str(graded.root).encode() not in b" ".join(words)
        assert words[:2] != [b"sleep", b"54321"]


def release_of(module):
    """Without the misconceptions: looking for one in every task that fails takes most of the time."""
    return replace(Release.open(ROOT / "solutions" / module.folder / f"{module.folder}.ipynb"), misconceptions=())


@pytest.mark.parametrize("module", sample(BUILT, 3, lambda module: module.folder), ids=lambda module: module.folder)
def test_the_module_that_is_graded_cannot_be_imported(module):
    """Blanks filled in with an import of the finished module, from wherever it might be."""
    release = release_of(module)
    work = Work.of(release.source, solved=False)
    built = module.targets[0].removesuffix(".py").replace("/", ".")
    search = f"import glob, sys\nsys.path += ['{ROOT}', *glob.glob('/*/lib/python3*/site-packages')]\n"
    for cell in work.solutions():
        wanted = ", ".join(sorted(names_of(cell["source"]).defines))
        cell["source"] = f"{search}from {built} import {wanted or '*'}"
    with Grader(release) as grader:
        assert set(grader.grade(work.notebook()).scores().values()) == {0}


# On a real module: those that do not need the small course, its folder or a limit that is reached slowly.
ANYWHERE = [one for one in SUBMISSIONS if one.name not in ("another_modules_notebook", "nothing_handed_in")]
LIMITS = Limits(cell_seconds=5, total_seconds=60, probe_seconds=5, probe_total_seconds=30)


def earned_on(grader, one):
    """What a hostile submission scored on a module, and what the honest part of it is worth."""
    done = honest_tasks(base(grader.source, True)) if one.honest else []
    points = {id: task.points if id.replace(".", "-") in done else 0 for id, task in grader.source.tasks.items()}
    return grader.grade(one.hand_in(grader.source)).scores(), points


PAIRS = [(module, one) for module in BUILT for one in ANYWHERE]


def name_of(pair):
    return f"{pair[0].folder}-{pair[1].student}"


@pytest.fixture(scope="module")
def real(request):
    with Grader(release_of(request.param), limits=LIMITS) as grader:
        yield grader


@pytest.mark.parametrize(
    ("real", "one"),
    sample(PAIRS, 24, name_of),
    indirect=["real"],
    ids=lambda v: getattr(v, "folder", None) or v.student,
)
def test_hostile_submission_on_every_module(real, one):
    scores, points = earned_on(real, one)
    assert scores == points


def test_there_are_enough():
    assert len({one.name for one in SUBMISSIONS}) >= 50 and len(KINDS) + len(SUBMISSIONS) >= 130

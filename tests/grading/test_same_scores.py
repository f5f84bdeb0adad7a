"""The same class graded twice: on one worker and on two, in another order, with the same scores to the last byte."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import small

from tests.grading.conftest import make
from tests.grading.hostile.submissions import HALF, SUBMISSIONS
from tito.notebooks.tasks import source_of

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
    pytest.mark.timeout(900),
]

GRADE = """
import json, sys
from pathlib import Path
from tito.course import Course
from tito.grading.classroom import grade_class
from tito.registry import Module

students, workers = json.loads(sys.argv[1]), int(sys.argv[2])
module = Module(0, "small", "Small", (), ())
for result in grade_class(Course.read(Path.cwd()), module, students, workers=workers):
    assert not result.problem and not result.unchanged, result
"""
HOSTILE = ("patches_builtins", "searches_the_garbage_collector", "stripped_metadata", "breaks_everything_at_the_end")


def work():
    """Right, wrong in known and unknown ways, random, blank, broken and hostile."""
    random = "import random, numpy as np\ndef centre(x):\n    return np.asarray(x) - random.random() - np.random.rand()"
    handed_in = {
        "perfect": small.solved(),
        "blank": small.release(),
        "broken": b"{{{",
        "random": small.solved(t1=random),
        "uncentred": small.solved(t1="def centre(x):\n    x = np.asarray(x)\n    return x - x.mean()"),
        "third": small.solved(t4="def median(xs):\n    return sorted(xs)[len(xs) // 2] if len(xs) else None"),
        "address": small.solved(t3="class Counter:\n    def add(self, n):\n        return id(self)"),
    }
    source = source_of(small.source(), "00_small")
    for one in SUBMISSIONS:
        if one.honest and one.name in HOSTILE:
            handed_in[one.student] = one.hand_in(source)
    return handed_in


def graded(root, students, workers):
    """The gradebook's scores, and the tasks of every kept verdict, as bytes."""
    course = make(root)
    assert course.nbgrader("generate_assignment", course.name).returncode == 0
    for student, notebook in work().items():
        course.hand_in(student, notebook)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-c", GRADE, json.dumps(students), str(workers)]
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-3000:]
    said = {}
    for student in students:
        tasks = course.autograded(student)["metadata"]["tinytorch"]["grade"]["tasks"]
        said[student] = {id: [task["points"], [p["passed"] for p in task["probes"]]] for id, task in tasks.items()}
    return json.dumps([course.scores(), said], sort_keys=True).encode(), course.scores()


def test_one_worker_and_two_in_another_order(tmp_path):
    students = sorted(work())
    first, scores = graded(tmp_path / "one", students, 1)
    second, _ = graded(tmp_path / "two", students[::-1], 2)
    assert first == second
    assert scores["perfect"] == {"00-1": 10, "00-2": 20, "00-3": 30, "00-4": 40}
    assert scores["third"]["00-4"] == 20 and scores["patches-builtins-half"] == HALF
    assert sum(scores["blank"].values()) == sum(scores["broken"].values()) == 0

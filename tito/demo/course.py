"""A whole course in a scratch folder: released, handed in by a sample class, graded by plain nbgrader, read back."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ..console import Mistake
from ..course import HOME, Course
from ..grading import misconceptions

MODULES = ("01", "02", "03")
NBGRADER = "import tito; from nbgrader.apps.nbgraderapp import main; main()"  # tito makes it start three seconds sooner
KEPT = "made_from.txt"  # in the scratch folder: what it was made from, so that a second run has nothing to do


def sample_class():
    """tests/grading/sample_class.py: the class ships with the tests, which are no package."""
    path = HOME / "tests" / "grading" / "sample_class.py"
    spec = importlib.util.spec_from_file_location("sample_class", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def assignments() -> list[str]:
    """The modules of the demo by nbgrader's name, `01_tensor`."""
    return [module.folder for module in Course.read(HOME).modules() if module.nn in MODULES]


def fingerprint() -> str:
    """Changes when anything changes that the scratch course is made from."""
    digest = hashlib.sha256()
    tests = HOME / "tests" / "grading"
    files = [HOME / "nbgrader_config.py", HOME / "settings.ini", tests / "sample_class.py"]
    files += [*tests.glob("*/misconceptions.toml"), *(HOME / "tito").rglob("*.py"), *(HOME / "tinytorch").rglob("*.py")]
    files += [HOME / "solutions" / name / f"{name}.ipynb" for name in assignments()]
    for file in sorted(files):
        digest.update(file.relative_to(HOME).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def is_done(root: Path) -> bool:
    kept = root / KEPT
    return kept.exists() and kept.read_text() == fingerprint()


def mark_done(root: Path) -> None:
    (root / KEPT).write_text(fingerprint())


def prepare(root: Path) -> None:
    """A fresh course: the sources of the demo's modules, the library, the settings; no gradebook."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    for name in ("settings.ini", "nbgrader_config.py"):
        shutil.copy(HOME / name, root)
    shutil.copytree(HOME / "tinytorch", root / "tinytorch", ignore=shutil.ignore_patterns("__pycache__"))
    for name in assignments():
        mistakes = misconceptions.path_of(root, name)
        mistakes.parent.mkdir(parents=True)
        shutil.copy(misconceptions.path_of(HOME, name), mistakes)
        shutil.copytree(HOME / "solutions" / name, root / "solutions" / name)


def has_sandbox() -> bool:
    return shutil.which("bwrap") is not None


def nbgrader(root: Path, *command: str, watch: Callable[[], None] = lambda: None) -> None:
    """Run a plain nbgrader command in the course, calling `watch` now and then; its output goes to nbgrader.log."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    if not has_sandbox():  # the course's own six notebooks are trusted; a real class is not
        environment["TITO_UNPROTECTED"] = "1"
    log = root / "nbgrader.log"
    with log.open("a") as output:
        output.write(f"$ nbgrader {' '.join(command)}\n")
        output.flush()
        start = output.tell()
        run = [sys.executable, "-c", NBGRADER, *command]
        process = subprocess.Popen(run, cwd=root, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                watch()
                time.sleep(0.1)
        finally:
            process.kill()
            process.wait()
    watch()
    if process.returncode:
        said = log.read_text(errors="replace")[start:].strip().splitlines()[-15:]
        raise Mistake("\n".join([f"nbgrader {' '.join(command)} failed:", *said]), hint=f"read {log}")


def made(root: Path, stage: str, assignment: str, suffix: str) -> int:
    """How many students' files a stage (autograded, feedback) has brought out so far."""
    return len(list(root.glob(f"{stage}/*/{assignment}/{assignment}{suffix}")))


def remarks(root: Path, student: str, assignment: str) -> list[str]:
    """What the feedback says beyond points, for a task that lost some or a file that was repaired; blanks need no word."""
    notebook = json.loads((root / "autograded" / student / assignment / f"{assignment}.ipynb").read_text())
    grade = notebook["metadata"]["tinytorch"]["grade"]
    lost = [
        (id, task) for id, task in grade["tasks"].items() if task["attempted"] and task["points"] < task["max_points"]
    ]
    said = [f"{assignment}: {remark}" for remark in grade["remarks"]]
    return said + [f"{id}: {task['misconception'] or 'no known misconception'}. {task['hint']}" for id, task in lost]


def scores(root: Path, assignment: str) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """From the gradebook: the most points per task, and the points per student and task."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        notebooks = gradebook.find_assignment(assignment).notebooks
        most = {cell.name: cell.max_score for notebook in notebooks for cell in notebook.grade_cells}
        most = dict(sorted(most.items(), key=lambda item: [int(part) for part in item[0].split("-")]))
        points = {}
        for submission in gradebook.assignment_submissions(assignment):
            given = {grade.name: grade.score for notebook in submission.notebooks for grade in notebook.grades}
            points[submission.student.id] = {task: given.get(task, 0.0) for task in most}
    return most, dict(sorted(points.items()))

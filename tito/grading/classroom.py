"""A whole class, graded in parallel by nbgrader's own autograder, each worker with a warm sandbox of its own.

    for result in grade_class(course, module, students, workers=2): ...

A worker grades one submission at a time, so a frozen or hostile one keeps one worker for its time limit and delays nobody
else. A worker that dies is replaced, and its submission is reported as not graded. What has not changed since it was graded
(submission, reference, grader, and a score in the gradebook) is not graded again.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import json
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

from ..course import Course
from ..files import write_atomic
from ..registry import Module
from ..release import Backup, api, fresh, quiet, reason
from .seeds import course_secret


@dataclass(frozen=True)
class Result:
    """What became of one submission: points, or the reason why there are none. `unchanged`: it was not run again."""

    student: str
    score: float | None = None
    max_score: float | None = None
    seconds: float = 0.0
    unchanged: bool = False
    problem: str = ""


def grade_class(
    course: Course, module: Module, students: list[str], workers: int | None = None, regrade: bool = False
) -> Iterator[Result]:
    """Grade these students' submissions of a module; results come as they are ready, unchanged ones first."""
    records = Records(course, module)
    waiting: deque[str] = deque()
    for student in students:
        kept = None if regrade else records.unchanged(student)
        if kept:
            yield kept
        else:
            waiting.append(student)
    if not waiting:
        return
    if regrade:
        os.environ["TITO_REGRADE"] = "1"  # the workers inherit it: kept results are not used
    try:
        yield from in_parallel(course, module, waiting, records, workers or os.cpu_count() or 1)
    finally:
        os.environ.pop("TITO_REGRADE", None)


def in_parallel(
    course: Course, module: Module, waiting: deque[str], records: Records, workers: int
) -> Iterator[Result]:
    prepare(course, module)
    team = [Worker(course, module) for _ in range(min(workers, len(waiting)))]
    busy: dict[Worker, str] = {}
    try:
        for worker in team:
            busy[worker] = worker.give(waiting.popleft(), records)
        while busy:
            ready = wait([thing for worker in busy for thing in (worker.connection, worker.process.sentinel)])
            for worker in [w for w in busy if w.connection in ready or w.process.sentinel in ready]:
                student = busy.pop(worker)
                result = worker.take(student)
                if not result.problem:
                    records.note(result)
                yield result
                if not worker.process.is_alive():
                    team.remove(worker)
                    team.append(worker := Worker(course, module))
                if waiting:
                    busy[worker] = worker.give(waiting.popleft(), records)
    finally:
        for worker in team:  # each holds the ends of those before it: let go of all, then wait
            worker.dismiss(interrupted=worker in busy)
        for worker in team:
            worker.end()
        for worker in busy:
            worker.backup.settle(False)


def prepare(course: Course, module: Module) -> None:
    """What every worker would do first, done once before they are forked: imports, settings, the reference's outcomes."""
    from .grade import Grader
    from .plugins import release_at

    api(course)
    protected = os.environ.get("TITO_UNPROTECTED") != "1"
    with Grader(release_at(course.notebook(module), course.root), protected=protected) as grader:
        grader.expected()
        points = {task.test.grade_id: task.points for task in grader.source.tasks.values()}
    if not points.items() <= registered(course, module).items():
        fresh(course, module, register=True)


def registered(course: Course, module: Module) -> dict[str, float]:
    """The points of each test cell that the gradebook knows; a fresh clone's knows none."""
    from nbgrader.api import MissingEntry

    with api(course).gradebook as gradebook:
        try:
            cells = gradebook.find_notebook(module.folder, module.folder).grade_cells
            return {cell.name: cell.max_score for cell in cells}
        except MissingEntry:
            return {}


class Worker:
    """A process with nbgrader loaded and a sandbox that stays warm; it gets a student's name and answers with a Result."""

    def __init__(self, course: Course, module: Module) -> None:
        self.course, self.module = course, module
        self.connection, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=serve, args=(course, module, theirs, self.connection))
        self.process.start()
        theirs.close()

    def give(self, student: str, records: Records) -> str:
        """From now on the student's mark may be half made: nobody who is stopped here finds a record that says it is whole."""
        records.forget(student)
        self.began = time.perf_counter()
        self.backup = Backup(self.course, self.course.root / "autograded" / student / self.module.folder)
        self.connection.send(student)
        return student

    def take(self, student: str) -> Result:
        try:
            result = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            problem = f"the grader ended with exit code {self.process.exitcode}"
            result = Result(student, seconds=time.perf_counter() - self.began, problem=problem)
        self.backup.settle(not result.problem)
        return result

    def dismiss(self, interrupted: bool = False) -> None:
        self.connection.close()
        if interrupted:
            self.process.terminate()

    def end(self) -> None:
        self.process.join(5)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join()


def serve(course: Course, module: Module, connection: Connection, other_end: Connection) -> None:
    """What a worker does: grade until the other end is closed."""
    import nbgrader.api
    import nbgrader.apps.api

    from .plugins import AutogradeAll

    other_end.close()
    die_with_parent()
    # Ctrl-C reaches every process; it is for the one that says what is kept.
    signal.signal(signal.SIGINT, lambda *_: None)
    os.chdir(course.root)
    warnings.filterwarnings("ignore", module="nbgrader")  # SQLAlchemy's, about nbgrader's own code
    nbgrader.apps.api.Autograde = AutogradeAll  # it gets one student at a time, who may have handed in my work.txt
    autograder = api(course)
    nbgrader.api.create_engine = functools.cache(
        nbgrader.api.create_engine
    )  # its compiled queries: a third of the work
    while True:
        try:
            student = connection.recv()
        except (EOFError, OSError):
            break
        connection.send(grade_one(autograder, module, student))
    from .grade import close_all

    close_all()


def die_with_parent() -> None:
    """A worker whose `tito grade` is killed stops at once, wherever it is: the next run begins on quiet ground."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL), 0, 0, 0)


def grade_one(autograder, module: Module, student: str) -> Result:
    began = time.perf_counter()
    with quiet():
        answer = autograder.autograde(module.folder, student)
    seconds = time.perf_counter() - began
    if not answer["success"]:
        return Result(student, seconds=seconds, problem=reason(answer))
    with autograder.gradebook as gradebook:
        submission = gradebook.find_submission(module.folder, student)
        return Result(student, submission.score, submission.max_score, seconds)


def nothing_found(course: Course, module: Module, result: Result) -> list[str]:
    """`student: why` for a submission in which no task was found or begun; empty for any other."""
    if result.problem or result.score:
        return []
    path = course.root / "autograded" / result.student / module.folder / f"{module.folder}.ipynb"
    verdict = json.loads(path.read_text(encoding="utf-8"))["metadata"]["tinytorch"].get("grade")
    if verdict is None or any(task["attempted"] for task in verdict["tasks"].values()):
        return []
    return [f"{result.student}: {' '.join(verdict['remarks']) or 'every blank is as it was given.'}"]


def misplaced(course: Course, module: Module, student: str | None = None) -> list[str]:
    """Notebooks of the module that lie elsewhere than in submitted/STUDENT/NN_name/, where nobody looks for them."""
    submitted, found = course.root / "submitted", []
    for path in sorted(submitted.rglob(f"*{module.folder}*.ipynb")):
        who, *rest = path.relative_to(submitted).parts
        if ".ipynb_checkpoints" not in rest and rest[:-1][:1] != [module.folder] and student in (None, who):
            found.append(f"{course.show(path)}: not graded, it does not lie in submitted/STUDENT/{module.folder}/")
    return found


class Records:
    """Which submission was graded with which reference, in .grading/graded/NN_name/STUDENT.json."""

    def __init__(self, course: Course, module: Module) -> None:
        from .plugins import release_at

        self.course, self.module = course, module
        self.release = release_at(course.notebook(module), course.root)
        self.folder = course.root / ".grading" / "graded" / module.folder
        self.scores = self._scores()

    def _scores(self) -> dict[str, float]:
        """What the gradebook has, in one query."""
        from nbgrader.api import MissingEntry

        with api(self.course).gradebook as gradebook:
            try:
                return {row["student"]: row["score"] for row in gradebook.submission_dicts(self.module.folder)}
            except MissingEntry:
                return {}

    def key(self, student: str) -> str:
        """Changes with any file of the submission, the reference, the known misconceptions and the grader."""
        digest = hashlib.sha256((self.release.result_key(None, 0) + course_secret(self.course.root)).encode())
        folder = self.course.root / "submitted" / student / self.module.folder
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
            digest.update(os.fsencode(path.relative_to(folder)) + b"\0" + content)  # a name may be no text
        return digest.hexdigest()

    def path(self, student: str) -> Path:
        return self.folder / f"{student}.json"

    def unchanged(self, student: str) -> Result | None:
        graded = self.course.root / "autograded" / student / self.module.folder / f"{self.module.folder}.ipynb"
        try:
            kept = json.loads(self.path(student).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if student not in self.scores or not graded.is_file() or kept["key"] != self.key(student):
            return None
        return Result(student, self.scores[student], kept["max_score"], unchanged=True)

    def note(self, result: Result) -> None:
        record = {"key": self.key(result.student), "max_score": result.max_score, "seconds": round(result.seconds, 3)}
        write_atomic(self.path(result.student), json.dumps(record))

    def forget(self, student: str) -> None:
        self.path(student).unlink(missing_ok=True)

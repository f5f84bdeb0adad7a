"""`tito test module NN`: export, run the notebook, the module's tests, the integration tests up to it.

Each check ends as `pass`, `fail`, `wait` or `skip`. A check waits when it broke on the blank of *another* task, or in a
function of it that does not end: then that task is what has to be written first, and this one is no fault of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import notebooks as nb
from .blame import Blame
from .console import Mistake
from .course import Course
from .export import Exported, export
from .registry import Module
from .running import CellRun, Failure, run_cells
from .seconds import CELL_SECONDS
from .selection import Sources, cells_for_task, cells_for_tasks, every_cell
from .slips import Slip, slips_in
from .suites import failure_of, name_of, run_pytest
from .watch import ENDLESS, NOWHERE

VALUES = ("got:", "expected:")
"""How the lines of a check that speaks begin (tito/checks.py) that say most."""
BLANK = "still blank: write it in its cell, run the cell, then test again"


@dataclass(frozen=True)
class Check:
    """One line of the report: what was checked, for which task, how it ended and what to say about it."""

    where: str
    task: str | None
    name: str
    outcome: str
    seconds: float = 0.0
    message: str = ""
    place: str = ""
    waits_for: str | None = None
    details: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """How the check ended, in one word: what is not written yet did not fail."""
        return "blank" if self.message.startswith(BLANK) else self.outcome


@dataclass
class Report:
    """All checks of one module."""

    module: Module
    tasks: dict[str, nb.Task]
    exported: Exported | None = None
    checks: list[Check] = field(default_factory=list)

    def count(self, word: str) -> int:
        return sum(check.word == word for check in self.checks)

    @property
    def passed(self) -> bool:
        """Whether all that can run passes: what waits for another task is no failure."""
        return bool(self.checks) and all(check.outcome != "fail" for check in self.checks)

    @property
    def complete(self) -> bool:
        return self.passed and not self.count("wait")

    @property
    def failed_tasks(self) -> list[str]:
        """The tasks with a failing check, in the course's order."""
        return sorted({c.task for c in self.checks if c.outcome == "fail" and c.task}, key=task_order)

    @property
    def done_tasks(self) -> list[str]:
        """The tasks whose every check passed."""
        bad = {check.task for check in self.checks if check.outcome in ("fail", "wait")}
        seen = {check.task for check in self.checks if check.outcome == "pass"}
        return [task for task in self.tasks if task in seen - bad]

    @property
    def first(self) -> Check | None:
        """What to look at first: the failing check of the earliest task, or the earliest check that fails."""
        failing = [check for check in self.checks if check.outcome == "fail"] or [
            check for check in self.checks if check.outcome == "wait"
        ]
        return min(failing, key=importance, default=None)


def task_order(task: str | None) -> tuple[int, int]:
    """Sorts task ids as the course does; what belongs to no task comes last."""
    return tuple(int(part) for part in task.split(".")) if task else (99, 99)


def importance(check: Check) -> tuple[int, int]:
    """An import that failed comes first, then the tasks in their order."""
    if check.task is None and check.message.startswith(("ImportError", "ModuleNotFoundError")):
        return (0, 0)
    return task_order(check.waits_for or check.task)


def place_of(ran: CellRun) -> str:
    """The cell that failed; where code raised an error, the cell and line where it did."""
    origin = ran.failure.origins[-1] if ran.failure and ran.failure.origins else None
    if not origin or origin.cell is None or ran.failure.kind == "AssertionError":
        return f"cell {ran.index + 1}"
    return f"cell {origin.cell + 1}, line {origin.line}"


def cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


def words_of(failure: Failure) -> str:
    """A failure as it is told: of a check, what it says itself."""
    return failure.message if failure.kind == "AssertionError" and failure.message else str(failure)


def truncate(failure: Failure) -> str:
    """A failure in one line; of a check that speaks, what came and what was expected too."""
    lines = [line.strip() for line in words_of(failure).splitlines() if line.strip()] or [failure.kind]
    values = {
        label: line.removeprefix(label).strip() for line in lines[1:] for label in VALUES if line.startswith(label)
    }
    said = ", ".join(f"{label[:-1]} {cut(values[label], 50)}" for label in VALUES if label in values)
    return cut(lines[0], 160 - len(said)) + (f" ({said})" if said else "")


class ModuleTest:
    """One run of `tito test module NN`; `steps()` yields the checks as they are made."""

    def __init__(
        self,
        course: Course,
        module: Module,
        task: str | None = None,
        timeout: float = CELL_SECONDS,
        quick: bool = False,
    ):
        self.course, self.module, self.task, self.timeout, self.quick = course, module, task, timeout, quick
        self.path = course.notebook(module)
        self.notebook = nb.read(self.path)
        self.report = Report(module, nb.tasks_of(self.notebook))
        self.blame = Blame(course, self.notebook)
        self.slips: list[Slip] = slips_in(course, module)
        self.endless: dict[str, str] = {}
        if task and task not in self.report.tasks:
            listed = ", ".join(self.report.tasks) or "none"
            raise Mistake(
                f"Module {module.nn} has no task {task}.",
                expected=f"one of {listed}",
                hint=f"tito test module {module.nn}",
            )

    def export(self) -> Exported:
        """The first step; a Mistake when a cell does not compile."""
        refuse_unstarted(self.course, self.module)
        self.report.exported = export(self.course, self.module)
        return self.report.exported

    def steps(self) -> Iterator[Check]:
        for check in self._all_checks():
            self.report.checks.append(check)
            yield check

    def _all_checks(self) -> Iterator[Check]:
        yield from self.notebook_checks()
        folders = [self.course.tests / self.module.folder]
        options = ["-m", "not slow", "--upto", str(self.module.number), *(["--quick"] if self.quick else [])]
        if self.task:
            options += ["-k", "test_{}_{}_".format(*self.task.split("."))]
        else:
            folders.append(self.course.tests / "integration")
        if folders := [str(folder) for folder in folders if folder.is_dir()]:
            yield from self._pytest_checks([*folders, *options])
        for task in self.endless.keys() & self.report.tasks.keys() - set(self.report.failed_tasks):
            place = self._place_of(task)
            yield Check(self.course.show(self.path), task, "comes to an end", "fail", 0, self.endless[task], place)

    def notebook_checks(self) -> Iterator[Check]:
        """One check for each graded test cell, and one for every other cell that fails."""
        for path in self.course.notebooks(self.module):
            if path == self.path:
                yield from self._checks_in(path, self.notebook, self.blame)
            elif not self.task:
                notebook = nb.read(path)
                yield from self._checks_in(path, notebook, Blame(self.course, notebook))

    def _checks_in(self, path: Path, notebook: dict, blame: Blame) -> Iterator[Check]:
        where, ran = self.course.show(path), None
        for ran in run_cells(self.course, path, self._sources(notebook), self.timeout):
            cell = blame.cells[ran.index]
            cause = self._cause(blame, ran.failure, cell.task) if ran.failure else None
            if ran.failure and cell.role != "test":
                blame.remember(ran, cause)
            if self._is_told(cell, ran, cause):
                name = {"test": "visible checks", "solution": "its cell runs"}.get(cell.role)
                name = name or f"cell {ran.index + 1} runs"
                yield self._check(where, cell.task, name, ran.seconds, ran.failure, cause, f"{where}, {place_of(ran)}")
        if ran and ran.failure and ran.failure.message.startswith(NOWHERE):
            yield Check(where, None, "the cells after it", "skip", 0, "not run: each could cost as much time again")

    def _is_told(self, cell: nb.SourceCell, ran: CellRun, cause: str | None) -> bool:
        """A check is told of always; another cell when it fails, unless a task's own check will say why."""
        if cell.role == "test":
            return not self.task or cell.task == self.task
        return bool(ran.failure) and not cause

    def _cause(self, blame: Blame, failure: Failure, own: str | None) -> str | None:
        """The task behind a failure; what does not end is noted, to be closed in the tests too."""
        if match := ENDLESS.match(failure.message):
            task = blame.endless(failure)
            self.endless.setdefault(task or match[1], failure.message)
            return task
        return blame.cause(failure, own)

    def _sources(self, notebook: dict) -> Sources:
        """Which cells are run: all; in a quick run those that the tasks need; for one task those that it needs."""
        if self.task:
            return cells_for_task(notebook, self.task)
        return cells_for_tasks(notebook) if self.quick else every_cell(notebook)

    def _check(self, where, own, name, seconds, failure, cause, place) -> Check:
        if failure is None:
            return Check(where, own, name, "pass", seconds)
        endless = bool(ENDLESS.match(failure.message))
        if cause and cause != own:
            words = f"waits for {cause}" + ", which does not end" * endless
            return Check(where, own, name, "wait", seconds, words, self._place_of(cause) or place, cause)
        place = self._place_of(cause) or place
        if cause and own and not endless:
            return Check(where, own, name, "fail", seconds, self._blank(own), place)
        lines = tuple(line for line in words_of(failure).splitlines() if line.strip())
        details = lines[:12] if len(lines) > 1 else ()
        return Check(where, own, name, "fail", seconds, truncate(failure), place, details=details)

    def _blank(self, task: str) -> str:
        """What to say of a task whose stub is still there."""
        return next((str(slip) for slip in self.slips if slip.task == task and slip.kind == "left-over stub"), BLANK)

    def _place_of(self, task: str | None) -> str:
        """Where a task is written, if it is one of this module's."""
        if task not in self.report.tasks or not self.report.tasks[task].solutions:
            return ""
        return f"{self.course.show(self.path)}, cell {self.report.tasks[task].solutions[0].index + 1}"

    def _pytest_checks(self, arguments: list[str]) -> Iterator[Check]:
        """The checks that pytest makes, in a process of its own."""
        names = [match[1] for words in self.endless.values() if (match := ENDLESS.match(words))]
        for line in run_pytest(self.course, arguments, self.timeout, names):
            if "stopped" in line:
                yield Check("pytest", None, "runs to its end", "fail", 0, line["stopped"])
            elif check := self._check_of(line):
                yield check

    def _check_of(self, line: dict) -> Check | None:
        """The check that a line of pytest's report tells of; None for a test of another task than the one asked for."""
        path, _, test = line["test"].partition("::")
        where, file = Path(path).parent.as_posix(), Path(path).name
        own, name = name_of(test)
        if line.get("collect"):
            own, name = None, f"{file} can be imported"
        elif self.task and own != self.task:
            return None
        elif Path(path).parent.name == "integration":
            name = f"{Path(path).stem}: {name}"
        if line["outcome"] == "skipped":
            reason = line["reason"].removeprefix("Skipped: ")
            return Check(where, own, file if line.get("collect") else name, "skip", line["seconds"], reason)
        failure = failure_of(line) if line["outcome"] == "failed" else None
        cause = self._cause(self.blame, failure, own) if failure else None
        check = self._check(where, own, name, line["seconds"], failure, cause, line.get("line", ""))
        if check.word == "fail" and line.get("input"):
            check = replace(check, message=f"{check.message} (with {line['input']})")
        return check


def refuse_unstarted(course: Course, module: Module) -> None:
    """Do not let the blanks of a notebook that nobody has touched replace the reference that fills the module."""
    from .status import filled, started

    if filled(course, module) and not started(course, module):
        raise Mistake(
            f"Module {module.nn} {module.name} is filled from the reference, and its notebook has not been started.",
            expected=f"your own work in {course.show(course.notebook(module))}",
            hint="write a task there first; modules that you have started can be tested and exported",
        )

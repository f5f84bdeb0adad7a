"""`tito test module NN`: export, run the notebook, the module's tests, the integration tests up to it.

Each check ends as `pass`, `fail`, `wait` or `skip`. A check waits when it broke on the blank of *another* task: then
that task is what has to be written first, and this one is no fault of its own.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import notebooks as nb
from .console import Mistake
from .course import Course
from .export import Exported, export
from .files import scratch
from .registry import Module, module_of
from .running import CellRun, Failure, Origin, environment, run_cells

GRACE = 60
"""Seconds beyond the time limit before a run of pytest that says nothing is killed."""

ROWLESS = "has no derivative"
"""What the library says of an operation whose row in the table of derivatives is missing."""

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


@dataclass
class Report:
    """All checks of one module."""

    module: Module
    tasks: dict[str, nb.Task]
    exported: Exported | None = None
    checks: list[Check] = field(default_factory=list)

    def count(self, outcome: str) -> int:
        return sum(check.outcome == outcome for check in self.checks)

    @property
    def passed(self) -> bool:
        return bool(self.checks) and not self.count("fail") and not self.count("wait")

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


class Blame:
    """Which blank is behind a failure, for one notebook and the package as it is now."""

    def __init__(self, course: Course, notebook: dict):
        self.course, self.cells = course, notebook["cells"]
        self.blank = {
            mark[0] for cell in self.cells if (mark := nb.task_of(cell)) and mark[1] == "solution" and nb.is_blank(cell)
        }
        self.names: dict[str, str] = {}
        self.broken: str | None = None
        self.rowless = self.first_without_rows()

    def first_without_rows(self) -> str | None:
        """The first blank task whose cell fills a table, through a function that puts up with a blank."""
        patient = set()
        for cell in self.cells:
            if nb.exports(cell) and "except NotImplementedError" in nb.text(cell):
                patient |= defined(nb.text(cell))
        for cell in self.cells:
            mark = nb.task_of(cell)
            if mark and mark[1] == "solution" and nb.is_blank(cell) and patient & missing(nb.text(cell)):
                return mark[0]
        return None

    def task_at(self, origin: Origin) -> str | None:
        """The task whose blank an exception was raised in."""
        if origin.kind != "NotImplementedError":
            return None
        if origin.cell is not None:
            cell = self.cells[origin.cell]
            mark = nb.task_of(cell)
            return mark[0] if mark and mark[1] == "solution" and nb.is_blank(cell) else None
        return task_in_file(self.course, Path(origin.file), origin.line) if origin.file else None

    def cause(self, failure: Failure, own: str | None) -> str | None:
        """The task whose blank made `failure`; `own` when it is the check's own task, None when it is a real fault."""
        for origin in failure.origins:
            if task := self.task_at(origin):
                return task
        if own in self.blank:
            return own
        if self.rowless and any(ROWLESS in words for words in (failure.message, *(o.message for o in failure.origins))):
            return self.rowless
        missing = re.search(r"name '(\w+)'", failure.message) if failure.kind == "NameError" else None
        return self.names.get(missing[1], self.broken) if missing else self.broken

    def remember(self, ran: CellRun, cause: str | None) -> None:
        """A cell that broke on a blank leaves its names undefined: whoever misses them waits for the same task.

        When it is an exported cell, what comes after stands on a module that is not whole (a table without its rows),
        and waits too.
        """
        if not cause:
            return
        for name in defined(nb.text(self.cells[ran.index])):
            self.names.setdefault(name, cause)
        if nb.exports(self.cells[ran.index]):
            self.broken = self.broken or cause


def defined(source: str) -> frozenset[str]:
    """The names that a cell's top level binds."""
    return nb.names_of(source).binds


def missing(source: str) -> frozenset[str]:
    """The names that a cell uses and does not bind itself."""
    return nb.names_of(source).uses - defined(source)


def needed_cells(notebook: dict) -> set[int]:
    """The cells that the tasks need: what is exported or graded, and what defines a name that one of those uses."""
    cells = notebook["cells"]
    code = [index for index, cell in enumerate(cells) if cell["cell_type"] == "code"]
    makes = {index: defined(nb.text(cells[index])) for index in code}
    needed = {index for index in code if nb.exports(cells[index]) or nb.task_of(cells[index])}
    waiting = list(needed)
    while waiting:
        used = missing(nb.text(cells[waiting.pop()]))
        more = {index for index in code if index not in needed and makes[index] & used}
        needed |= more
        waiting += more
    return needed


def task_in_file(course: Course, path: Path, line: int) -> str | None:
    """The task whose blank stands at `line` of an exported file: nbdev writes each cell's id above its code."""
    if not path.is_absolute():
        path = course.root / path
    if not path.is_relative_to(course.lib) or not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8").split("\n")
    marks = [number for number, text in enumerate(lines) if re.match(r"# %% .*#\S+$", text)]
    start = max((number for number in marks if number < line), default=None)
    if start is None:
        return None
    end = next((number for number in marks if number > start), len(lines))
    if not any(text.strip() == nb.STUB for text in lines[start:end]):
        return None
    name = lines[start].rsplit("#", 1)[1]
    if not nb.GRADE_ID.fullmatch(name):
        name = grade_id_of(course, path, name)
    match = nb.GRADE_ID.fullmatch(name)
    return f"{match[1]}.{match[2]}" if match else None


def grade_id_of(course: Course, path: Path, cell_id: str) -> str:
    """The grade_id of the cell with this id, in the notebooks that export to `path`."""
    module = module_of(path.relative_to(course.lib.parent).as_posix())
    for source in course.notebooks(module) if module else ():
        for cell in nb.read(source)["cells"]:
            if cell.get("id") == cell_id:
                return nb.grade_id_of(cell)
    return ""


def truncate(failure: Failure) -> str:
    """A failure in one line."""
    lines = [line.strip() for line in str(failure).splitlines() if line.strip()]
    text = lines[0] if lines else failure.kind
    return text if len(text) <= 160 else text[:157] + "..."


class ModuleTest:
    """One run of `tito test module NN`; `steps()` yields the checks as they are made."""

    def __init__(
        self, course: Course, module: Module, task: str | None = None, timeout: float = 300, quick: bool = False
    ):
        self.course, self.module, self.task, self.timeout, self.quick = course, module, task, timeout, quick
        self.path = course.notebook(module)
        self.notebook = nb.read(self.path)
        self.report = Report(module, nb.tasks_of(self.notebook))
        self.blame = Blame(course, self.notebook)
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
        for check in self.all_checks():
            self.report.checks.append(check)
            yield check

    def all_checks(self) -> Iterator[Check]:
        for path in self.course.notebooks(self.module):
            if path == self.path or not self.task:
                yield from self.notebook_checks(path)
        folders = [self.course.tests / self.module.folder]
        options = ["-m", "not slow", "--upto", str(self.module.number), *(["--quick"] if self.quick else [])]
        if self.task:
            options += ["-k", "test_{}_{}_".format(*self.task.split("."))]
        else:
            folders.append(self.course.tests / "integration")
        if folders := [str(folder) for folder in folders if folder.is_dir()]:
            yield from self.pytest_checks([*folders, *options])

    def notebook_checks(self, path: Path) -> Iterator[Check]:
        """One check for each graded test cell, and one for every other cell that fails."""
        notebook = self.notebook if path == self.path else nb.read(path)
        blame = self.blame if path == self.path else Blame(self.course, notebook)
        where = self.course.show(path)
        for ran in run_cells(self.course, path, self.wanted(notebook), self.timeout):
            mark = nb.task_of(notebook["cells"][ran.index])
            own = mark[0] if mark else None
            cause = blame.cause(ran.failure, own) if ran.failure else None
            if ran.failure and not (mark and mark[1] == "test"):
                blame.remember(ran, cause)
            if not ran.failure and (not mark or mark[1] == "solution"):
                continue
            if ran.failure and cause and not (mark and mark[1] == "test"):
                continue  # the task's own test cell says it
            if ran.failure and mark and mark[1] == "solution" and cause is None:
                name = "its cell runs"
            else:
                name = "visible checks" if mark else f"cell {ran.index + 1} runs"
            yield self.check(where, own, name, ran.seconds, ran.failure, cause, f"{where}, cell {ran.index + 1}")

    def wanted(self, notebook: dict):
        """Which cells are run: all; in a quick run those that a task needs; for one task those up to its test."""
        needed = needed_cells(notebook) if self.quick else set(range(len(notebook["cells"])))
        if not self.task:
            return lambda index, cell: index in needed
        last = max((cell.index for cell in self.report.tasks[self.task].tests), default=len(notebook["cells"]))

        def for_task(index, cell):
            mark = nb.task_of(cell)
            return index <= last and index in needed and (not mark or mark[1] == "solution" or mark[0] == self.task)

        return for_task

    def check(self, where, own, name, seconds, failure, cause, place) -> Check:
        if failure is None:
            return Check(where, own, name, "pass", seconds)
        place = self.blank_of(cause) or place
        if cause and cause != own:
            return Check(where, own, name, "wait", seconds, f"waits for {cause}", place, cause)
        message = BLANK if cause and own else truncate(failure)
        return Check(where, own, name, "fail", seconds, message, place)

    def blank_of(self, task: str | None) -> str:
        """Where the blank of a task stands, if it is one of this module's."""
        if task not in self.report.tasks or not self.report.tasks[task].solutions:
            return ""
        return f"{self.course.show(self.path)}, cell {self.report.tasks[task].solutions[0].index + 1}"

    def pytest_checks(self, arguments: list[str]) -> Iterator[Check]:
        """The checks that pytest makes, in a process of its own."""
        for line in run_pytest(self.course, arguments, self.timeout):
            if "stopped" in line:
                yield Check("pytest", None, "runs to its end", "fail", 0, line["stopped"])
                continue
            path, _, test = line["test"].partition("::")
            where, file = Path(path).parent.as_posix(), Path(path).name
            own, name = name_of(test)
            if line.get("collect"):
                own, name = None, f"{file} can be imported"
            elif self.task and own != self.task:
                continue
            elif Path(path).parent.name == "integration":
                name = f"{Path(path).stem}: {name}"
            if line["outcome"] == "skipped":
                reason = line["reason"].removeprefix("Skipped: ")
                yield Check(where, own, file if line.get("collect") else name, "skip", line["seconds"], reason)
                continue
            failure = failure_of(line) if line["outcome"] == "failed" else None
            cause = self.blame.cause(failure, own) if failure else None
            yield self.check(where, own, name, line["seconds"], failure, cause, line.get("line", ""))


def failure_of(line: dict) -> Failure:
    """The failure in one line of the plugin's report."""
    origins = tuple(Origin(kind, number, None, file, words) for kind, number, file, words in line.get("origins", ()))
    message = line.get("message", "").strip()
    origins += printed(message)
    if line.get("kind") == "AssertionError":
        message = message.split("\nassert ")[0] if not message.startswith("assert ") else message
    return Failure(line.get("kind", "Error"), message, origins)


def printed(text: str) -> tuple[Origin, ...]:
    """The blanks in a traceback that a test's own subprocess printed."""
    found, place = [], None
    # pytest indents what a test says, and quotes it, with \\n in it, where a pattern did not match
    mark = r'File "([^"]+)", line (\d+)|(?:^E? *|\\n *)(NotImplementedError)\b'
    for match in re.finditer(mark, text, re.MULTILINE):
        if match[3] and place:
            found.append(Origin("NotImplementedError", place[1], None, place[0]))
        elif match[1]:
            place = (match[1], int(match[2]))
    return tuple(found)


def name_of(test: str) -> tuple[str | None, str]:
    """(`01.3`, `adds two rows`) for `test_01_3_adds_two_rows`; no task for any other name."""
    name = test.split("::")[-1]
    match = re.match(r"test_(\d\d)_(\d+)_(.*)", name, re.DOTALL)
    if match:
        return f"{match[1]}.{int(match[2])}", match[3].replace("_", " ")
    return None, name.removeprefix("test_").replace("_", " ")


def run_pytest(course: Course, arguments: list[str], timeout: float) -> Iterator[dict]:
    """Run pytest on the course's package; what the plugin reports, line by line, while it runs."""
    command = [sys.executable, "-m", "pytest", "-p", "tito.pytest_plugin", "-q", "--no-header", "-o", "addopts="]
    if importlib.util.find_spec("pytest_timeout"):
        command += ["-p", "pytest_timeout", "--timeout", str(timeout)]
    command += ["-p", "no:cacheprovider", "--rootdir", str(course.root), "--tb=native"]  # quick to make
    env = {**environment(course), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    with scratch() as folder:
        report, log = folder / "report.jsonl", folder / "log.txt"
        report.touch()
        with open(log, "w", encoding="utf-8") as output, open(report, encoding="utf-8") as lines:
            process = subprocess.Popen(
                [*command, "--tito-report", str(report), *arguments],
                cwd=course.root,
                env=env,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
            pending, progress = "", time.monotonic()
            try:
                while True:
                    ended = process.poll() is not None
                    pending += lines.read()
                    *whole, pending = pending.split("\n")
                    progress = time.monotonic() if whole else progress
                    if time.monotonic() - progress > timeout + GRACE:
                        yield {"stopped": f"a test did not end, and could not be interrupted after {timeout:g} s"}
                        return
                    yield from (json.loads(line) for line in whole)
                    if ended:
                        break
                    time.sleep(0.05)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        if process.returncode not in (0, 1, 2, 5):  # 2: a file could not be imported, 5: nothing was selected
            tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
            yield {"stopped": f"pytest ended with exit code {process.returncode}: {' / '.join(tail)}"}


def refuse_unstarted(course: Course, module: Module) -> None:
    """Do not let the blanks of a notebook that nobody has touched replace the reference that fills the module."""
    from .status import filled

    if filled(course, module) and not started(course, module):
        raise Mistake(
            f"Module {module.nn} {module.name} is filled from the reference, and its notebook has not been started.",
            expected=f"your own work in {course.show(course.notebook(module))}",
            hint="write a task there first; modules that you have started can be tested and exported",
        )


def started(course: Course, module: Module) -> bool:
    """Whether the module's notebook holds more than the released one did."""
    path = course.notebook(module)
    released = course.released_folder / module.folder / path.name
    if path == released or not released.is_file():
        return True
    return not nb.same_sources(nb.read(path), nb.read(released))


def suite(course: Course, arguments: list[str]) -> int:
    """Run pytest with its own output on the screen; its exit code."""
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=course.root, env=environment(course)).returncode


def workers() -> list[str]:
    """pytest's options for as many processes as there are cores, a file at a time."""
    return ["-n", str(os.cpu_count() or 1), "--dist", "loadfile"] if importlib.util.find_spec("xdist") else []

"""The verdict on a submission, and all that is said of it: the only place where these sentences are made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from .judge import truncate
from .outcomes import LIMITS
from .sandbox import Error, Run
from .submission import Submission


@dataclass(frozen=True)
class ProbeResult:
    """One hidden check: what it is about, whether it passed, and if not, what was expected and what came."""

    name: str
    says: str
    passed: bool
    message: str = ""


NOT_COMPILED = "The cell with your solution does not compile: "
COMPILING = re.compile(r"(?s)(.*) \(<ipython-input-[^()]*>, line (\d{1,5})\)")
"""What Python says of a cell that is no Python."""
UNTOUCHED = "Not attempted: the blank is as it was given."
NOT_FOUND = "Not found: nothing of this task could be read in what was handed in."


KNOWN_MISCONCEPTION = "This looks like a known misconception: "


@dataclass(frozen=True)
class Line:
    """One line of what is said of a task. `kind` is note, status, probe or hint; `strong` is what a page sets in bold."""

    kind: str
    start: str
    strong: str = ""
    rest: str = ""

    def __str__(self) -> str:
        return f"{self.start}{self.strong} {self.rest}".rstrip()


@dataclass(frozen=True)
class TaskResult:
    """The verdict on one task."""

    id: str
    title: str
    points: float
    max_points: float
    probes: tuple[ProbeResult, ...] = ()
    attempted: bool = True
    misconception: str = ""
    hint: str = ""
    note: str = ""
    seconds: float = 0.0
    found: bool = True

    @property
    def passed(self) -> bool:
        return bool(self.probes) and all(probe.passed for probe in self.probes)

    @classmethod
    def from_json(cls, data: dict) -> TaskResult:
        return cls(**{**data, "probes": tuple(ProbeResult(**probe) for probe in data["probes"])})

    def lines(self) -> list[Line]:
        """What is said of the task, line by line: the same on the feedback page and on the command line."""
        lines = [Line("note", self.note)] if self.note else []
        count, of = sum(probe.passed for probe in self.probes), len(self.probes)
        if not self.attempted:
            lines.append(Line("status", UNTOUCHED if self.found else NOT_FOUND))
        else:
            lines.append(Line("status", f"{'All' if count == of else f'{count} of'} {of} hidden checks passed."))
            lines += [Line("probe", "Not yet: ", f"{p.says}.", p.message) for p in self.probes if not p.passed]
        if self.misconception:
            lines.append(Line("hint", KNOWN_MISCONCEPTION, f"{self.misconception}.", self.hint))
        return lines

    @property
    def message(self) -> str:
        return "\n".join(str(line) for line in self.lines())

    @property
    def summary(self) -> str:
        """One line for a table."""
        if not self.attempted:
            return "not attempted" if self.found else "not found"
        if self.passed:
            return "right"
        failed = "; ".join(probe.says for probe in self.probes if not probe.passed)
        return self.misconception or f"not yet: {failed}"


class Grade(Mapping):
    """The verdict on a submission: a mapping from task id to TaskResult, with remarks on what had to be repaired."""

    def __init__(
        self,
        name: str,
        tasks: dict[str, TaskResult],
        remarks: tuple[str, ...] = (),
        ended: str = "ok",
        seconds: float = 0.0,
        submission: Submission | None = None,
        run: Run | None = None,
    ) -> None:
        self.name, self.tasks, self.remarks, self.ended, self.seconds = name, tasks, remarks, ended, seconds
        self.submission, self.run, self.was_kept = submission, run, False

    def __getitem__(self, task: str) -> TaskResult:
        return self.tasks[task]

    def __iter__(self):
        return iter(self.tasks)

    def __len__(self) -> int:
        return len(self.tasks)

    @property
    def points(self) -> float:
        return round(sum(task.points for task in self.tasks.values()), 2)

    @property
    def max_points(self) -> float:
        return round(sum(task.max_points for task in self.tasks.values()), 2)

    def __repr__(self) -> str:
        return f"<Grade {self.name}: {self.points:g} of {self.max_points:g} points>"

    def scores(self) -> dict[str, float]:
        return {id: task.points for id, task in self.tasks.items()}

    def to_json(self) -> dict:
        """Everything but the run, for files; times are left out of what has to be the same on every run."""
        return {
            "name": self.name,
            "ended": self.ended,
            "remarks": list(self.remarks),
            "seconds": round(self.seconds, 3),
            "tasks": {id: asdict(task) for id, task in self.tasks.items()},
        }

    @classmethod
    def from_json(cls, data: dict) -> Grade:
        tasks = {id: TaskResult.from_json(task) for id, task in data["tasks"].items()}
        return cls(data["name"], tasks, tuple(data["remarks"]), data["ended"], data["seconds"])


def error_sentence(error: Error, by_probe: bool = False) -> str:
    """An error in one line. `by_probe`: it came up in a hidden check; without a line of the student's it is the check's own, which
    could not go on with what it got."""
    if error.kind in LIMITS:
        return LIMITS[error.kind]
    if by_probe and error.line is None and error.kind not in OF_THE_CODE:
        what = (
            f"{truncate(error.kind, 40)}: {truncate(error.message, 100)}" if error.message else truncate(error.kind, 40)
        )
        return f"What your code handed back cannot be used here: {what}."
    text = f"Your code raised {truncate(error.kind, 40)}"
    if error.message:
        text += f": {truncate(error.message, 100)}"
    if error.text and not error.text.startswith("raise"):
        text += f", in the line `{truncate(error.text, 80).replace('`', chr(39))}`"
    return text + "."


OF_THE_CODE = ("NameError", "ImportError", "ModuleNotFoundError", "NotImplementedError", "an error")
"""Errors that are the code's own wherever they come up: a name that is not there, a blank."""

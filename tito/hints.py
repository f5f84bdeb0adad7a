"""Hints for a task, one step at a time: a question, a pointer, the shape of the solution; after a date the solution itself."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from pathlib import Path

from . import notebooks as nb
from .console import Mistake
from .course import Course, find_module, find_task, home
from .registry import Module

KEY = "tito"
"""Under which name a released notebook's metadata holds its hints, and the date of its solutions."""
KINDS = ("A question", "A pointer", "The shape of a solution")


@dataclass(frozen=True)
class Help:
    """What may be shown of a task by now: the hints up to a step, how many there are, and the solution or its date."""

    task: str
    shown: tuple[str, ...]
    count: int
    after: datetime.date | None = None
    solution: str = ""

    def __str__(self) -> str:
        lines = [f"{KINDS[number] if number < 3 else 'More'}: {text}" for number, text in enumerate(self.shown)]
        if self.solution:
            return "\n".join([*lines, f"A solution of {self.task}:", "", self.solution])
        left = self.count - len(self.shown)
        if left:
            lines.append(f"({left} more: ask again when you have tried)")
        elif self.after:
            lines.append(f"(That was the last one. A solution is shown from {self.after:%d %B %Y} on.)")
        else:
            lines.append("(That was the last one.)")
        return "\n".join(lines)


def task_named(course: Course, text: str) -> tuple[Module, str]:
    """The module and the id of the task that `text` names: `01.4`, `01-4`."""
    number = re.match(r"\s*0*(\d+)[.\-_]\d+\s*$", text)
    if not number:
        raise Mistake(f"{text!r} is no task.", expected="an id such as 01.4", hint="tito hint 01.4")
    module = course.module(str(find_module(number[1]).nn))
    return module, find_task(text, module)


def kept(course: Course, module: Module) -> dict:
    """What the release of the module put aside: in the released notebook, or in the student's own."""
    folder, name = course.released_folder / module.folder, f"{module.folder}.ipynb"
    for path in (folder / name, course.notebook(module)):
        if path.is_file() and (found := nb.read(path)["metadata"].get(KEY)):
            return found
    return {}


def solutions_after(found: dict) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(found.get("solutions_after", ""))
    except ValueError:
        return None


def has_hints(course: Course, task: str) -> bool:
    module, task = task_named(course, task)
    return bool(kept(course, module).get("hints", {}).get(task))


def next_help(course: Course, text: str, today: datetime.date | None = None) -> Help:
    """One step further in the hints of the task that `text` names; the step is kept in .tito/."""
    from .status import note, read_record

    module, task = task_named(course, text)
    found = kept(course, module)
    hints = found.get("hints", {}).get(task)
    if not hints:
        known = ", ".join(found.get("hints", {}))
        if not known:
            raise Mistake(f"There are no hints for module {module.nn}: its release has kept none.")
        raise Mistake(f"There are no hints for task {task}.", expected=f"a task that has some: {known}")
    steps = read_record(course).get(module.nn, {}).get("hints", {})
    before = steps.get(task, 0)
    step, after = min(before + 1, len(hints)), solutions_after(found)
    note(course, module, hints={**steps, task: step})
    due = after is not None and (today or datetime.date.today()) >= after
    solution = reference(module, task) if due and before >= len(hints) else ""
    return Help(task, tuple(hints[:step]), len(hints), after, solution)


def reference(module: Module, task: str, lib: Path | None = None) -> str:
    """The reference's cell for a task, from the library that tito is installed with; nbdev marks each cell in it."""
    from .workspace import library

    lib = lib or library(home())
    for target in module.targets:
        path = lib.parent / target
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        for part in re.split(r"(?m)^# %% ", text)[1:]:
            first, _, code = part.partition("\n")
            if first.endswith(f"#{task.replace('.', '-')}-solution"):
                return code.strip("\n")
    return ""

"""What has been done so far, module by module, and what comes next."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import notebooks as nb
from .console import Mistake
from .course import Course
from .files import write_atomic
from .registry import MODULES, Module


def record_path(course: Course) -> Path:
    return course.root / ".tito" / "state.json"


def read_record(course: Course) -> dict:
    """What tito noted of this course: module -> what was exported, tested and filled. A lost record is no loss."""
    try:
        record = json.loads(record_path(course).read_text(encoding="utf-8"))
        return {key: value for key, value in record.items() if isinstance(value, dict)}
    except (OSError, ValueError, AttributeError):
        return {}


def note(course: Course, module: Module, **facts) -> None:
    """Write `facts` into the module's record; the value None removes one."""
    record = read_record(course)
    entry = {**record.get(module.nn, {}), **facts}
    record[module.nn] = {key: value for key, value in entry.items() if value is not None}
    write_atomic(record_path(course), json.dumps(record, indent=1, sort_keys=True) + "\n")


def note_test(
    course: Course, module: Module, tested: Iterable[str], done: Iterable[str], complete: bool | None
) -> None:
    """Write down which of the tested tasks are done; `complete` says how a test of the whole module ended.

    A task counts as done as long as its solution is the one that passed.
    """
    noted = _tested(course, module)
    now = _solutions(nb.tasks_of(nb.read(course.notebook(module))))
    done = set(done)
    tasks = {task: digest for task, digest in noted["tasks"].items() if task not in set(tested)}
    tasks |= {task: now[task] for task in now if task in done}
    whole = noted["whole"] if complete is None else fingerprint(course, module) if complete else ""
    note(course, module, tested={"tasks": tasks, "whole": whole if tasks.keys() == now.keys() else ""})


def _tested(course: Course, module: Module) -> dict:
    """What was noted of the module's tests, in the form in which it is noted now."""
    noted = read_record(course).get(module.nn, {}).get("tested")
    noted = noted if isinstance(noted, dict) else {}
    tasks = noted.get("tasks") if isinstance(noted.get("tasks"), dict) else {}
    return {"tasks": tasks, "whole": noted.get("whole") or ""}


def _solutions(tasks: dict[str, nb.Task]) -> dict[str, str]:
    """A short digest of each task's solution."""
    return {
        id: hashlib.sha256("\0".join(cell.source for cell in task.solutions).encode()).hexdigest()[:16]
        for id, task in tasks.items()
    }


def done_tasks(course: Course, module: Module, tasks: dict[str, nb.Task]) -> list[str]:
    """The tasks whose checks passed with the solution that is there now."""
    noted, now = _tested(course, module)["tasks"], _solutions(tasks)
    return [task for task in tasks if noted.get(task) == now[task]]


def progress(tasks: Iterable[str], done: Iterable[str]) -> str:
    """`3 of 12 tasks, next 01.4`: the line that ends Validate and `tito test`."""
    tasks, done = list(tasks), set(done)
    left = [task for task in tasks if task not in done]
    return f"{len(tasks) - len(left)} of {len(tasks)} tasks" + (f", next {left[0]}" if left else "")


def fingerprint(course: Course, module: Module) -> str:
    """A short digest of the module's cells, outputs left out."""
    digest = hashlib.sha256()
    for path in course.notebooks(module):
        for cell in nb.read(path)["cells"]:
            digest.update(f"{cell['cell_type']}\0{nb.text(cell)}\0".encode())
    return digest.hexdigest()[:16]


def filled(course: Course, module: Module) -> bool:
    """Whether the module's files in the package were put there from the reference."""
    return bool(read_record(course).get(module.nn, {}).get("filled"))


def started(course: Course, module: Module) -> bool:
    """Whether the module's notebook holds more than the released one did."""
    path = course.notebook(module)
    released = course.released_folder / module.folder / path.name
    if path == released or not released.is_file():
        return True
    return not nb.same_sources(nb.read(path), nb.read(released))


@dataclass(frozen=True)
class Row:
    """One module in the table of `tito status`; `next` is one word for the table, `command` what to type."""

    module: Module
    written: str = "-"
    exported: str = "-"
    tested: str = "-"
    points: str = "-"
    next: str = ""
    command: str = ""


def row(course: Course, module: Module) -> Row:
    """The module's state. Points are those of the tasks whose own checks passed: the hidden ones may say otherwise."""
    try:
        tasks = nb.tasks_of(nb.read(course.notebook(module)))
        begun, now = started(course, module), fingerprint(course, module)
    except Mistake:
        return Row(module, "unreadable", next="reset", command=f"tito reset {module.nn}")
    blank = sum(any(cell.is_blank for cell in task.solutions) for task in tasks.values())
    written = f"{len(tasks) - blank}/{len(tasks)}" if begun else "no"
    done = done_tasks(course, module, tasks)
    total = sum(task.points for task in tasks.values())
    if not begun and filled(course, module):
        exported, tested = "reference", "-"
    else:
        exported, tested = _exported(course, module, now), _tested_words(course, module, tasks, done, now)
    points = f"{sum(tasks[task].points for task in done):g}" if done or tested != "-" else "-"
    return Row(
        module, written, exported, tested, f"{points}/{total:g}", *_advice(course, module, begun, exported, tested)
    )


def _exported(course: Course, module: Module, now: str) -> str:
    if not course.exported(module):
        return "no"
    return "yes" if read_record(course).get(module.nn, {}).get("exported", now) == now else "older"


def _tested_words(course: Course, module: Module, tasks: dict, done: list[str], now: str) -> str:
    """`passed`, or how many tasks were done; `older` when the notebook has changed since."""
    noted = _tested(course, module)
    if "tested" not in read_record(course).get(module.nn, {}):
        return "-"
    if noted["whole"]:
        return "passed" if noted["whole"] == now else "passed, older"
    return f"{len(done)}/{len(tasks)}" + ", older" * (len(noted["tasks"]) > len(done))


def _advice(course: Course, module: Module, begun: bool, exported: str, tested: str) -> tuple[str, str]:
    """The next thing to do for the module: in one word, and as a command."""
    if not begun:
        return ("", "") if exported == "reference" else ("open", f"open {course.show(course.notebook(module))}")
    return ("done", "") if tested == "passed" else ("test", f"tito test module {module.nn}")


def rows(course: Course) -> list[Row]:
    """The modules that have a notebook here."""
    return [row(course, module) for module in course.modules()]


def later(course: Course) -> list[Module]:
    return [module for module in MODULES if module not in course.modules()]

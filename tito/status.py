"""What has been done so far, module by module, and what comes next."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from . import notebooks as nb
from .console import Mistake
from .course import Course
from .files import write_atomic
from .registry import MODULES, Module


def record_path(course: Course):
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


@dataclass(frozen=True)
class Row:
    """One module in the table of `tito status`."""

    module: Module
    released: bool
    started: str
    exported: str
    tested: str
    points: str
    next: str


def row(course: Course, module: Module) -> Row:
    """The module's state. Points are those of the tasks whose own checks passed: the hidden ones may say otherwise."""
    from .testing import started

    released = (course.released_folder / module.folder / f"{module.folder}.ipynb").is_file()
    if not course.notebook(module).is_file():
        return Row(module, released, "-", "-", "-", "-", "")
    try:
        tasks = nb.tasks_of(nb.read(course.notebook(module)))
        begun, now = started(course, module), fingerprint(course, module)
    except Mistake:
        return Row(module, released, "unreadable", "-", "-", "-", f"tito reset {module.nn}")
    noted = read_record(course).get(module.nn, {})
    total = sum(task.points for task in tasks.values())
    blank = sum(any(cell.is_blank for cell in task.solutions) for task in tasks.values())
    written = f"{len(tasks) - blank}/{len(tasks)} tasks" if begun else "no"
    test, done = noted.get("tested", {}), []
    if not begun and noted.get("filled"):
        exported, tested = "reference", "-"
    else:
        fresh = noted.get("exported", now) == now
        exported = "no" if not course.exported(module) else "yes" if fresh else "older"
        done = [task for task in test.get("done", ()) if task in tasks]
        tested = "-" if not test else ("passed" if test.get("passed") else "failed")
        if test and test.get("of") != now:
            tested = f"{tested}, older"
    points = f"{sum(tasks[task].points for task in done):g}/{total:g}" if test else f"-/{total:g}"
    return Row(module, released, written, exported, tested, points, advice(course, module, begun, exported, tested))


def advice(course: Course, module: Module, begun: bool, exported: str, tested: str) -> str:
    """The next thing to do for the module."""
    if not begun:
        return "" if exported == "reference" else f"open {course.show(course.notebook(module))}"
    if tested != "passed":
        return f"tito test module {module.nn}"
    return "done"


def rows(course: Course) -> list[Row]:
    return [row(course, module) for module in MODULES]

"""Which task is behind a failure: whose blank it ran into, or whose function does not end."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from . import notebooks as nb
from .course import Course
from .registry import module_of
from .running import CellRun, Failure, Origin
from .watch import ENDLESS

ROWLESS = "has no derivative"
"""What the library says of an operation whose row in the table of derivatives is missing."""


class Blame:
    """Which blank is behind a failure, for one notebook and the package as it is now."""

    def __init__(self, course: Course, notebook: dict):
        self.course, self.cells = course, nb.cells_of(notebook)
        self.blank = {cell.task for cell in self.cells if cell.role == "solution" and cell.is_blank}
        self.names: dict[str, str] = {}
        self.broken: str | None = None
        self.rowless = self._first_without_rows()
        self.functions = {
            name: cell.task for cell in reversed(self.cells) if cell.role == "solution" for name in functions(cell)
        }

    def _first_without_rows(self) -> str | None:
        """The first blank task whose cell fills a table, through a function that puts up with a blank."""
        patient = set()
        for cell in self.cells:
            if cell.exported and "except NotImplementedError" in cell.source:
                patient |= cell.names.binds
        blank = [cell for cell in self.cells if cell.role == "solution" and cell.is_blank]
        return next((cell.task for cell in blank if patient & cell.names.uses), None)

    def task_at(self, origin: Origin) -> str | None:
        """The task whose blank an exception was raised in."""
        if origin.kind != "NotImplementedError":
            return None
        if origin.cell is not None:
            cell = self.cells[origin.cell]
            return cell.task if cell.role == "solution" and cell.is_blank else None
        return task_in_file(self.course, Path(origin.file), origin.line) if origin.file else None

    def endless(self, failure: Failure) -> str | None:
        """The task whose function did not end."""
        match = ENDLESS.match(failure.message)
        return self.functions.get(match[1]) if match else None

    def cause(self, failure: Failure, own: str | None) -> str | None:
        """The task whose blank made `failure`; `own` when it is the check's own task, None when it is a real fault."""
        for origin in failure.origins:
            if task := self.task_at(origin):
                return task
        if own in self.blank:
            return own
        said = (failure.message, *(origin.message for origin in failure.origins))
        if self.rowless and any(ROWLESS in words for words in said):
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
        cell = self.cells[ran.index]
        for name in cell.names.binds:
            self.names.setdefault(name, cause)
        if cell.exported:
            self.broken = self.broken or cause


def functions(cell: nb.SourceCell) -> set[str]:
    """The functions of a cell, as `Tensor.add` is written: what Python calls their qualified names."""
    try:
        tree = ast.parse(nb.plain(cell.source))
    except (SyntaxError, ValueError):
        return set()
    found, waiting = set(), [("", tree)]
    for prefix, node in waiting:
        for child in ast.iter_child_nodes(node):
            below = prefix
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found.add(prefix + child.name)
                below = f"{prefix}{child.name}.<locals>."
            elif isinstance(child, ast.ClassDef):
                below = f"{prefix}{child.name}."
            waiting.append((below, child))
    return found


def task_in_file(course: Course, path: Path, line: int) -> str | None:
    """The task whose blank stands at `line` of an exported file: nbdev writes each cell's id above its code."""
    path = path if path.is_absolute() else course.root / path
    if not path.is_relative_to(course.lib) or not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8").split("\n")
    marks = [number for number, text in enumerate(lines) if re.match(r"# %% .*#\S+$", text)]
    start = max((number for number in marks if number < line), default=None)
    if start is None:
        return None
    end = next((number for number in marks if number > start), len(lines))
    if not nb.has_stub("\n".join(lines[start:end])):
        return None
    name = lines[start].rsplit("#", 1)[1]
    if not nb.GRADE_ID.fullmatch(name):
        name = _grade_id_of(course, path, name)
    match = nb.GRADE_ID.fullmatch(name)
    return f"{match[1]}.{match[2]}" if match else None


def _grade_id_of(course: Course, path: Path, cell_id: str) -> str:
    """The grade_id of the cell with this id, in the notebooks that export to `path`."""
    module = module_of(path.relative_to(course.lib.parent).as_posix())
    for source in course.notebooks(module) if module else ():
        for cell in nb.read(source)["cells"]:
            if cell.get("id") == cell_id:
                return nb.grade_id_of(cell)
    return ""

"""Slips in a student's notebook that cost points or hours, each named with what to do about it.

All are found by comparing the notebook with the released one; where there is none, in the course repository, there are none.
"""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from . import notebooks as nb
from .console import Mistake
from .course import Course
from .registry import Module

ANEW = "tito reset {nn} puts the released notebook back and keeps yours beside it: copy your code into its cells"


@dataclass(frozen=True)
class Slip:
    """What is wrong in which cell (none: the file), for which task, and what to do."""

    kind: str
    task: str | None
    cell: int | None
    problem: str
    hint: str

    def __str__(self) -> str:
        return f"{self.problem}: {self.hint}"


def slips_in(course: Course, module: Module) -> list[Slip]:
    """Every slip in the module's notebook, in the order of its cells."""
    released = course.released_folder / module.folder / f"{module.folder}.ipynb"
    path = course.notebook(module)
    if not released.is_file() or released == path or course.nbs != course.modules_folder:
        return []
    try:
        own, before = nb.cells_of(nb.read(path)), nb.cells_of(nb.read(released))
    except Mistake:
        return []
    anew = ANEW.format(nn=module.nn)
    found = [
        *_left_over_stubs(own, before),
        *_lost_exports(own, before),
        *_unexported_names(own, before),
        *_lost_and_strange_ids(own, before, anew),
        *_changed_checks(own, before),
    ]
    return [*_copies(course, module, path), *sorted(found, key=lambda slip: slip.cell or 0)]


def _by_id(cells) -> dict[str, nb.SourceCell]:
    return {cell.grade_id: cell for cell in cells if cell.grade_id}


def _left_over_stubs(own, before):
    """Code was written, and the line that it should replace still stands there."""
    released = _by_id(before)
    for cell in own:
        if cell.role != "solution" or not cell.is_blank or cell.grade_id not in released:
            continue
        given = _bodies(released[cell.grade_id].source)
        for name, body in _bodies(cell.source).items():
            if nb.STUB in body and body != given.get(name, body):
                where = f" in `{name}`" if name else ""
                yield Slip(
                    "left-over stub",
                    cell.task,
                    cell.index,
                    f"the line `{nb.STUB}` still stands beside your code{where}",
                    "delete it, and run the cell again",
                )
                break


def _bodies(source: str) -> dict[str, list[str]]:
    """The statements of every function of a cell, and under the empty name those of the cell itself."""
    try:
        tree = ast.parse(nb.plain(source))
    except (SyntaxError, ValueError):
        return {}
    found = {"": [ast.unparse(node) for node in tree.body if not hasattr(node, "body")]}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            found[node.name] = [line for statement in body for line in ast.unparse(statement).split("\n")]
            found[node.name] = [line.strip() for line in found[node.name]]
    return found


def _lost_exports(own, before):
    released = _by_id(before)
    for cell in own:
        if cell.grade_id in released and released[cell.grade_id].exported and not cell.exported:
            yield Slip(
                "lost export",
                cell.task,
                cell.index,
                f"cell {cell.index + 1} has lost its line `#| export`, and is not part of your library",
                "write `#| export` as its first line",
            )


def _unexported_names(own, before):
    """A name that exported code needs and that only a cell of the student's own binds, which is not exported."""
    given = {cell.source for cell in before}
    exported = [cell for cell in own if cell.exported]
    known = frozenset(dir(builtins)).union(*(cell.names.binds for cell in exported))
    for cell in own:
        if cell.role != "given" or cell.exported or cell.source in given:
            continue
        for other in exported:
            if missing := sorted((other.names.uses - known) & cell.names.binds):
                what = ", ".join(f"`{name}`" for name in missing)
                yield Slip(
                    "not exported",
                    other.task,
                    cell.index,
                    f"{other.task or f'cell {other.index + 1}'} uses {what} from cell {cell.index + 1}, which is not exported",
                    f"write `#| export` as the first line of cell {cell.index + 1}",
                )
                break


def _lost_and_strange_ids(own, before, anew: str):
    """Graded cells whose mark is gone or another one, cells that are gone, cells that are there twice."""
    released, here = _by_id(before), Counter(cell.grade_id for cell in own if cell.grade_id)
    for cell in own:
        if cell.grade_id and here[cell.grade_id] > 1:
            yield Slip(
                "copied cell",
                cell.task,
                cell.index,
                f"cell {cell.index + 1} is one of {here[cell.grade_id]} with the id {cell.grade_id}",
                "delete the copy; in a cell of your own, made with +, you may write what you like",
            )
        elif cell.grade_id and cell.grade_id not in released:
            yield Slip(
                "unknown id",
                None,
                cell.index,
                f"cell {cell.index + 1} has the id {cell.grade_id}, which is no task's",
                anew,
            )
    for name, cell in released.items():
        if name in here:
            continue
        what = "check" if cell.role == "test" else "cell"
        twin = _twin(cell, own)
        if twin:
            problem = f"cell {twin.index + 1} has lost the mark that it is the {what} of {cell.task} ({name})"
            yield Slip("lost mark", cell.task, twin.index, problem, anew)
        else:
            yield Slip("deleted cell", cell.task, cell.index, f"the {what} of {cell.task} ({name}) is gone", anew)


def _twin(cell: nb.SourceCell, own) -> nb.SourceCell | None:
    """The unmarked cell that was this released one: the same id or text, or what defines the same things."""
    unmarked = [one for one in own if not one.grade_id and one.kind == "code"]
    for same in (
        lambda one: one.id == cell.id,
        lambda one: one.source.strip() == cell.source.strip(),
        lambda one: cell.names.defines and one.names.defines >= cell.names.defines,
    ):
        if found := next((one for one in unmarked if same(one)), None):
            return found
    return None


def _changed_checks(own, before):
    released = _by_id(before)
    for cell in own:
        if cell.role == "test" and cell.grade_id in released:
            if cell.source.strip() != released[cell.grade_id].source.strip():
                yield Slip(
                    "edited check",
                    cell.task,
                    cell.index,
                    f"the check of {cell.task}, cell {cell.index + 1}, has been edited",
                    "the grader uses the original: try things out in cells of your own",
                )


def _copies(course: Course, module: Module, path: Path):
    """Other notebooks in the module's folder: neither exported nor handed in."""
    for other in course.strangers(module):
        yield Slip(
            "copy",
            None,
            None,
            f"{course.show(other)} is not read",
            f"only {path.name} counts; if your work is in the other, rename that one to {path.name}",
        )

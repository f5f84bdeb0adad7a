"""Which cells of a notebook are run: all, those that tasks need, or those that one task needs."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from . import notebooks as nb

Sources = dict[int, str]
"""What is run: a cell's index and the text that is run of it, the numbers of its lines kept."""


def every_cell(notebook: dict) -> Sources:
    return {cell.index: cell.source for cell in nb.cells_of(notebook) if cell.kind == "code"}


def cells_for_tasks(notebook: dict) -> Sources:
    """What is exported or graded, and what binds a name that one of those uses."""
    return _with_needs(nb.cells_of(notebook), lambda cell: cell.exported or cell.task)


def cells_for_task(notebook: dict, task: str) -> Sources:
    """One task's check, and what stands before it and is needed: never another task's check, only what is defined there.

    So the task can be tested when it is the last one that is written, and whatever the checks before it say.
    """
    cells = nb.cells_of(notebook)
    tests = [cell.index for cell in cells if cell.role == "test" and cell.task == task]
    before = [cell for cell in cells if cell.index <= max(tests, default=len(cells))]
    foreign = {cell.index for cell in before if cell.role == "test" and cell.task != task}
    mine = [cell for cell in before if cell.index not in foreign]
    taken = _with_needs(mine, lambda cell: cell.exported or cell.role == "solution" or cell.index in tests)
    missing = _used(taken.values()) - frozenset().union(*(nb.names_of(text).binds for text in taken.values()))
    for cell in reversed([cell for cell in before if cell.index in foreign]):
        if part := only(cell.source, missing):
            taken[cell.index] = part
            missing |= nb.names_of(part).uses
    return _with_needs(before, lambda cell: cell.index in taken, taken)


def _used(sources: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*(nb.names_of(source).uses for source in sources))


def _with_needs(cells, chosen, parts: Sources | None = None) -> Sources:
    """The chosen cells, and those that bind a name that they need (no check that is not chosen)."""
    parts = parts or {}
    code = [cell for cell in cells if cell.kind == "code"]
    taken = {cell.index: parts.get(cell.index, cell.source) for cell in code if chosen(cell)}
    waiting = list(taken.values())
    while waiting:
        uses = nb.names_of(waiting.pop()).uses
        for cell in code:
            if cell.index not in taken and cell.role != "test" and cell.names.binds & uses:
                taken[cell.index] = cell.source
                waiting.append(cell.source)
    return taken


def only(source: str, wanted: frozenset[str]) -> str:
    """The statements of a cell that bind one of the names, and those that they need; empty when there are none."""
    try:
        statements = ast.parse(nb.plain(source)).body
    except (SyntaxError, ValueError):
        return ""
    names = [nb.names_of(ast.unparse(statement)) for statement in statements]
    kept: set[int] = set()
    while more := {i for i, one in enumerate(names) if i not in kept and one.binds & wanted}:
        kept |= more
        wanted = wanted.union(*(names[i].uses for i in more))
    lines = source.split("\n")
    stay = {line for i in kept for line in range(_first_line(statements[i]) - 1, statements[i].end_lineno)}
    return "\n".join(line if number in stay else "" for number, line in enumerate(lines)) if kept else ""


def _first_line(statement: ast.stmt) -> int:
    return min([statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", ()))])

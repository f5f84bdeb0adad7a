"""The cells to run: of a submission as it stands, of the reference, of one task by itself."""

from __future__ import annotations

import ast
import functools
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass

from ...notebooks.names import blank_out, names_of, parse
from ...notebooks.tasks import Source, Task
from ..sandbox import Cell
from .form import Submission


def whole(source: Source, submission: Submission, everything: bool = False) -> list[Cell]:
    """The submission as it stands, test cells with their visible part only.

    Given cells that nobody needs (worked examples, measurements, plots: unchanged, not exported, nothing in them is used by
    a test or by the student's own cells) are left out, unless `everything` is asked for: they would only take time.
    """
    hidden = {task.test.id: names_of(task.hidden).uses for task in source.tasks.values()}
    rows = [
        _Row(
            Cell(cell.id, cell.source),
            everything or cell.role != "given" or cell.changed or cell.origin.exported,
            hidden.get(cell.id, frozenset()) if cell.role == "test" else frozenset(),
        )
        for cell in submission.cells
        if cell.kind == "code" and (cell.source.strip() or cell.role != "extra")
    ]
    return _needed(rows)


def reference(source: Source, everything: bool = False) -> list[Cell]:
    """The reference notebook, hidden tests left out."""
    hidden = {task.test.id: names_of(task.hidden).uses for task in source.tasks.values()}
    rows = [
        _Row(
            Cell(cell.id, cell.stub if cell.role == "test" else cell.source),
            everything or cell.role != "given" or cell.exported,
            hidden.get(cell.id, frozenset()),
        )
        for cell in source.cells
        if cell.kind == "code"
    ]
    return _needed(rows)


def alone(
    source: Source,
    task: Task,
    submission: Submission | None = None,
    patched: dict[str, str] | None = None,
    leave_out: frozenset[str] = frozenset(),
    keep: frozenset[str] = frozenset(),
) -> list[Cell]:
    """Only what the task's probes need, up to its test cell, with the student's own solutions of the tasks in `keep` and the
    reference's in all others.

    The task's own solution is the submission's, with the student's extra cells and changed given cells around it, except
    those in `leave_out`; without a submission it is the reference's, `patched` by cell id.
    """
    own = frozenset(keep | {task.id})
    mine = frozenset().union(*(source.tasks[id].names for id in own))
    others = frozenset().union(*(t.names for t in source.tasks.values() if t.id not in own)) - mine
    around: dict[tuple[str, int], list[_Row]] = {}
    anchor = -1
    for cell in submission.cells if submission else ():
        if cell.origin is not None and not cell.tasks & own:
            anchor = cell.origin.index
        if cell.kind != "code" or cell.restored or (cell.id in leave_out and task.id not in cell.tasks):
            continue
        row = _Row(Cell(cell.id, blank_out(cell.source, others)), True)
        if answered := cell.tasks & own:
            first = source.tasks[task.id if task.id in answered else min(answered)].solutions[0]
            around.setdefault(("mine", first.index), []).append(row)
        elif cell.role == "extra" and cell.source.strip():
            around.setdefault(("after", anchor), []).append(row)
        elif cell.role == "given" and cell.changed:
            around.setdefault(("before", cell.origin.index), []).append(_Row(Cell(cell.id, cell.source), True))
    rows = around.get(("after", -1), [])[:]
    for cell in source.cells:
        before = around.get(("before", cell.index), [])
        rows += before
        if cell.index > task.test.index:
            pass  # as in the notebook, the probes know nothing of what comes later, but for the student's own helpers
        elif cell.task in own and cell.role == "solution" and submission is not None:
            rows += around.get(("mine", cell.index), [])
        elif cell.kind == "code" and cell.role != "test":
            text = (patched or {}).get(cell.id, cell.source)
            id = f"{cell.id}-given" if before else cell.id
            rows.append(_Row(Cell(id, text), cell.exported or cell.role == "solution"))
        rows += around.get(("after", cell.index), [])
    return _needed([*rows, _Row(Cell("", ""), True, names_of(task.hidden).uses)])[:-1]


@dataclass(frozen=True)
class _Row:
    """A cell that may be run: `must` says that it will be, `uses` are names needed after it beside those in its text."""

    cell: Cell
    must: bool
    uses: frozenset[str] = frozenset()


def _needed(rows: list[_Row]) -> list[Cell]:
    """Those that must run, and for every name that they need the cell before that binds it and those that may change it."""
    uses = [names_of(row.cell.source).uses | row.uses for row in rows]
    binders, users = defaultdict(list), defaultdict(list)  # name -> the rows, in order
    for index, row in enumerate(rows):
        for name in names_of(row.cell.source).binds:
            binders[name].append(index)
        for name in uses[index]:
            users[name].append(index)
    chosen = {index for index, row in enumerate(rows) if row.must}
    waiting = [(index, name) for index in sorted(chosen) for name in uses[index]]
    seen = set()
    while waiting:
        place, name = waiting.pop()
        if name not in binders:
            continue
        found = binders[name]
        before = found[max(bisect_left(found, place) - 1, 0)]  # or the first after it: used in a function called later
        if (before, place, name) in seen:
            continue
        seen.add((before, place, name))
        more = {before}
        if name in _data(rows[before].cell.source):
            more |= {i for i in users[name] if before < i < place}
        for index in more - chosen:
            chosen.add(index)
            waiting += [(index, other) for other in uses[index]]
    return [row.cell for index, row in enumerate(rows) if index in chosen]


@functools.lru_cache(maxsize=512)
def _data(source: str) -> frozenset[str]:
    """Names that a cell binds to something that another cell could change: neither functions, classes nor modules."""
    tree = parse(source)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    fixed = {node.name for node in tree.body if isinstance(node, kinds)} if tree else set()
    return names_of(source).defines - fixed

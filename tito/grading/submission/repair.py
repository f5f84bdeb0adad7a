"""A submission repaired until it can be run: cells split, retyped, copied, deleted, reordered, stripped of their metadata.

`repair` matches what it finds with the source and returns the cells to run in order, together with remarks that a person can
read. Nothing here runs a line of anybody's code.
"""

from __future__ import annotations

import contextlib
import re
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ...notebooks.names import fingerprint, names_of, parse
from ...notebooks.tasks import Source, SourceCell, Task
from .form import StudentCell, Submission, restored_cell
from .reading import load, text_of

READING_SECONDS = 20


@dataclass
class _Cell:
    """A student's cell while it is being matched."""

    id: str
    kind: str
    source: str
    grade_id: str | None
    role: str = "extra"
    origin: SourceCell | None = None
    tasks: frozenset[str] = frozenset()
    changed: bool = False
    gone: bool = False


def repair(source: Source, data: bytes | str | dict | None) -> Submission:
    """Match a submission with its source; see the module's docstring."""
    try:
        with cpu_time_limit(READING_SECONDS):
            return _repaired(source, data)
    except TimeoutError:
        remark = f"The file could not be read within {READING_SECONDS} seconds: nothing of it was graded."
        return replace(_repaired(source, None), remarks=(remark,))


@contextlib.contextmanager
def cpu_time_limit(seconds: float) -> Iterator[None]:
    """TimeoutError inside after so many seconds of a processor; elsewhere than in the main thread there is no limit."""

    def stop(*_: Any) -> None:
        raise TimeoutError

    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _repaired(source: Source, data: bytes | str | dict | None) -> Submission:
    raw, remarks = load(data)
    cells = [_raw_cell(cell) for cell in raw]
    _join_halves(cells, remarks)
    others = _of_other_modules(source, cells)
    _match(source, cells if not others else [], remarks)
    _drop_copies_of_blanks(source, cells, remarks)
    lost: list[str] = []
    order = _in_order(source, [cell for cell in cells if not cell.gone], lost)
    if raw and not any(cell.role in ("solution", "test") for cell in cells):
        whose = f" (its cells belong to module {', '.join(others)[:40]})" if others else ""
        remarks.append(f"Nothing of {source.name} was found in the notebook{whose}: was the right file handed in?")
    else:
        remarks += lost
    attempted = frozenset(id for id, task in source.tasks.items() if _attempted(task, cells))
    return Submission(tuple(order), tuple(dict.fromkeys(remarks)), attempted)


def _of_other_modules(source: Source, cells: list[_Cell]) -> list[str]:
    """The numbers of the modules whose labels (`07-3`) the cells have; none when a cell has a label of this module, or when
    cells without a label answer as many of its tasks."""
    labels = {cell.grade_id for cell in cells if cell.grade_id}
    others = {label for label in labels if re.match(r"\d\d-\d", label)}
    if not others or labels & {cell.grade_id for cell in source.cells}:
        return []
    bound = [names_of(cell.source).defines for cell in cells if cell.kind == "code" and not cell.grade_id]
    answered = [task for task in source.tasks.values() if any(task.names & defined for defined in bound)]
    return sorted({label[:2] for label in others}) if len(others) > len(answered) else []


def _raw_cell(raw: dict) -> _Cell:
    meta = raw.get("metadata") if isinstance(raw.get("metadata"), dict) else {}
    grading = meta.get("nbgrader") if isinstance(meta.get("nbgrader"), dict) else {}
    kind = raw.get("cell_type") if raw.get("cell_type") in ("code", "markdown", "raw") else "raw"
    text = text_of(raw.get("source")).replace("\r\n", "\n").replace("\r", "\n")
    text = text.encode("utf-8", "replace").decode("utf-8")  # lone surrogates cannot be written or run
    grade_id = grading.get("grade_id") if isinstance(grading.get("grade_id"), str) else None
    return _Cell(raw.get("id") if isinstance(raw.get("id"), str) else "", kind, text, grade_id)


def _join_halves(cells: list[_Cell], remarks: list[str]) -> None:
    """A cell split in the middle of a function: the second half starts indented and means nothing alone."""
    for index in range(len(cells) - 1, 0, -1):
        half, before = cells[index], cells[index - 1]
        if half.kind == before.kind == "code" and re.match(r"\s*\n*[ \t]+\S", half.source) and not half.gone:
            joined = before.source.rstrip("\n") + "\n" + half.source
            if parse(half.source) is None and parse(joined) is not None:
                before.source, half.gone = joined, True
                before.grade_id = before.grade_id or half.grade_id
                remarks.append("A cell had been split in the middle of a function: its halves were joined.")
    cells[:] = [cell for cell in cells if not cell.gone]


def _match(source: Source, cells: list[_Cell], remarks: list[str]) -> None:
    """Say of each cell what it stands for."""
    matcher = _Matcher(source, remarks)
    for cell in cells:
        matcher.match(cell)
    if matcher.edited:
        remarks.append(f"Edited test cells were replaced by the originals: {', '.join(dict.fromkeys(matcher.edited))}.")


class _Matcher:
    """Finds the source cell that a student's cell stands for: by its label, by its text, by the names that it binds."""

    def __init__(self, source: Source, remarks: list[str]) -> None:
        self.source, self.remarks, self.edited = source, remarks, []
        self.by_grade_id = {cell.grade_id: cell for cell in source.cells if cell.grade_id}
        self.by_id = {cell.id: cell for cell in source.cells}
        self.by_text = {fingerprint(cell.stub): cell for cell in reversed(source.cells) if cell.kind == "code"}
        owners: dict[str, set[str]] = {}
        for task in source.tasks.values():
            for name in task.names:
                owners.setdefault(name, set()).add(task.id)
        self.owner = {name: next(iter(tasks)) for name, tasks in owners.items() if len(tasks) == 1}

    def match(self, cell: _Cell) -> None:
        claimed = self.by_grade_id.get(cell.grade_id) or self.by_id.get(cell.id)
        if cell.kind != "code" and claimed is not None and claimed.role in ("solution", "test"):
            self.remarks.append(f"The cell {claimed.grade_id} had become a {cell.kind} cell: it was read as code.")
            cell.kind = "code"
        if cell.kind != "code":
            cell.role = "text"
            cell.origin = claimed if claimed is not None and claimed.role == "text" else None
            return
        same = self.by_text.get(fingerprint(cell.source)) if cell.source.strip() else None
        answered = self.answered(cell, claimed, same)
        test = next((c for c in (claimed, same) if c is not None and c.role == "test"), None)
        if test is not None:
            self.test(cell, test, answered)
        else:
            self.code(cell, same if claimed is None or claimed.role == "text" else claimed, answered)

    def answered(self, cell: _Cell, claimed: SourceCell | None, same: SourceCell | None) -> set[str]:
        """The tasks whose names the cell binds, but for names that a given cell binds itself."""
        given = claimed if claimed is not None and claimed.role == "given" else same
        rebinds = given.names.defines if given is not None and given.role == "given" else frozenset()
        return {self.owner[name] for name in names_of(cell.source).defines - rebinds if name in self.owner}

    def test(self, cell: _Cell, test: SourceCell, answered: set[str]) -> None:
        cell.role, cell.origin = "test", test
        if fingerprint(cell.source) in (fingerprint(test.stub), fingerprint(test.source)):
            return
        self.edited.append(test.grade_id)
        if answered:  # somebody wrote the solution into the test cell: it still counts
            cell.role, cell.tasks = "solution", frozenset(answered)
            cell.origin = self.source.tasks[min(answered)].solutions[0]

    def code(self, cell: _Cell, claimed: SourceCell | None, answered: set[str]) -> None:
        if claimed is not None and claimed.role == "solution":
            own = self.source.tasks[claimed.task]
            if answered and own.id not in answered and own.names:
                claimed = None  # the content speaks louder than the label
            else:
                answered = answered | {own.id}
        if answered:
            cell.role, cell.tasks = "solution", frozenset(answered)
            known = claimed is not None and claimed.role == "solution"
            cell.origin = claimed if known else self.solution_of(answered, names_of(cell.source).defines)
        elif claimed is not None and claimed.role == "given":
            cell.role, cell.origin = "given", claimed
            cell.changed = fingerprint(cell.source) != fingerprint(claimed.source)

    def solution_of(self, tasks: set[str], bound: frozenset[str]) -> SourceCell:
        """The solution cell that binds one of these names, or else the first of the first task."""
        solutions = [cell for task in sorted(tasks) for cell in self.source.tasks[task].solutions]
        first = self.source.tasks[min(tasks)].solutions[0]
        return next((cell for cell in solutions if cell.names.defines & bound), first)


def _drop_copies_of_blanks(source: Source, cells: list[_Cell], remarks: list[str]) -> None:
    """A blank left standing after the solution would undo it."""
    copies: list[str] = []
    for task in source.tasks.values():
        stubs = {fingerprint(cell.stub) for cell in task.solutions}
        owned = [cell for cell in cells if task.id in cell.tasks]
        for position, cell in enumerate(owned):
            if fingerprint(cell.source) in stubs:
                bound = names_of(cell.source).binds
                if any(
                    fingerprint(c.source) not in stubs and bound & names_of(c.source).binds & task.names
                    for c in owned[:position]
                ):
                    cell.gone = True
                    copies.append(task.id)
    if copies:
        remarks.append(f"Blanks that stood after the solution were left out: {', '.join(dict.fromkeys(copies))}.")


def _attempted(task: Task, cells: list[_Cell]) -> bool:
    stubs = {fingerprint(cell.stub) for cell in task.solutions}
    owned = [cell for cell in cells if task.id in cell.tasks and not cell.gone]
    if any(fingerprint(cell.source) not in stubs and cell.source.strip() for cell in owned):
        return True
    return not task.names and any(c.kind == "code" and c.role == "extra" and c.source.strip() for c in cells)


def _in_order(source: Source, cells: list[_Cell], remarks: list[str]) -> list[StudentCell]:
    """The cells as they will run: tests after their solutions, missing ones put back, ids unique."""
    order: list[StudentCell] = []
    used, tests, labelled, copies = {cell.id for cell in source.cells}, set(), set(), []
    for number, cell in enumerate(cells):
        if cell.role == "test":
            if cell.origin.task in tests:
                copies.append(cell.origin.grade_id)
                continue
            tests.add(cell.origin.task)
            order.append(restored_cell(cell.origin, restored=False))
            continue
        origin, grade_id, id = cell.origin, None, cell.id
        if cell.role == "solution" and origin.grade_id not in labelled:
            grade_id, id = origin.grade_id, origin.id
            labelled.add(grade_id)
        elif cell.role in ("given", "text") and origin is not None and origin.id not in labelled:
            labelled.add(origin.id)
            id = origin.id
        elif id in used or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", id):
            id = f"extra-{number}"
            while id in used:
                id += "-x"
        used.add(id)
        order.append(
            StudentCell(id, cell.kind, cell.source, cell.role, origin, cell.tasks, False, cell.changed, grade_id)
        )
    if copies:
        remarks.append(f"Copies of test cells were left out: {', '.join(dict.fromkeys(copies))}.")
    _put_back(source, order, remarks)
    _tests_last(source, order, remarks)
    return order


def _put_back(source: Source, order: list[StudentCell], remarks: list[str]) -> None:
    """Cells of the source that are gone and are needed: given code that binds names, blanks, tests."""
    lost: dict[str, list[str]] = {}
    nothing = not any(cell.kind == "code" for cell in order)
    bound = frozenset().union(*(names_of(cell.source).binds for cell in order if cell.kind == "code"))
    present = {cell.origin.index for cell in order if cell.origin is not None}
    answered = {task for cell in order for task in cell.tasks}
    position = -1
    for cell in source.cells:
        if cell.index in present:
            position = max(i for i, c in enumerate(order) if c.origin is cell)
            continue
        if cell.kind != "code":
            continue
        if cell.role == "given" and not cell.names.binds - bound and not (cell.exported and not cell.names.binds):
            continue
        if cell.role == "solution" and cell.task in answered:
            continue
        what = {"given": "given cell", "solution": "blank", "test": "test cell"}[cell.role]
        lost.setdefault(what, []).append(cell.grade_id or ", ".join(sorted(cell.names.binds)[:3]) or "imports")
        order.insert(position + 1, restored_cell(cell))
        position += 1
    for what, which in lost.items() if not nothing else ():
        several = "s" if len(which) > 1 else ""
        rest = f" and {len(which) - 5} more" if len(which) > 6 else ""
        remarks.append(f"Deleted {what}{several} put back: {', '.join(which[:5] if rest else which)}{rest}.")


def _tests_last(source: Source, order: list[StudentCell], remarks: list[str]) -> None:
    """No test before the solution that it tests."""
    moved = []
    for task in source.tasks.values():
        test = next(i for i, cell in enumerate(order) if cell.role == "test" and cell.origin.task == task.id)
        last = max((i for i, cell in enumerate(order) if task.id in cell.tasks), default=-1)
        if last > test:
            order.insert(last, order.pop(test))
            moved.append(task.key)
    if moved:
        remarks.append(f"Tests that stood before their solution were moved behind it: {', '.join(moved)}.")

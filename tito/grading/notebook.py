"""Notebooks as the grader sees them: a source notebook as tasks, and a submission repaired until it can be run.

A source notebook is read once (`read_source`). A submission may be anything at all: cells split, retyped, copied,
deleted, reordered, stripped of their metadata, not even JSON. `repair` matches what it finds with the source and returns
the cells to run in order, together with remarks that a person can read. Nothing here runs a line of anybody's code.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import json
import re
import signal
import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..notebooks.names import blank_out, fingerprint, names_of, parse
from ..notebooks.tasks import Source, SourceCell, Task

LARGEST_FILE = 32 * 2**20
MOST_CELLS = 5_000
READING_SECONDS = 20


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


# ---------------------------------------------------------------------------------------------------------- submission


@dataclass(frozen=True)
class StudentCell:
    """One cell of a repaired submission.

    `origin` is the source cell it stands for (None for an extra cell), `tasks` those whose solution it holds,
    `restored` says that it comes from the source, `changed` that a given cell is not as it was given.
    """

    id: str
    kind: str
    source: str
    role: str
    origin: SourceCell | None = None
    tasks: frozenset[str] = frozenset()
    restored: bool = False
    changed: bool = False
    grade_id: str | None = None


@dataclass(frozen=True)
class Submission:
    """A repaired submission: cells in the order in which they run, remarks for people, tasks that were attempted."""

    cells: tuple[StudentCell, ...]
    remarks: tuple[str, ...]
    attempted: frozenset[str]

    def owned(self, task: str) -> list[StudentCell]:
        return [cell for cell in self.cells if task in cell.tasks]

    def lacks(self, task: str) -> bool:
        """Nothing of the task is in what was handed in, not even its blank."""
        return all(cell.restored for cell in self.owned(task))


def load(data: bytes | str | dict | None) -> tuple[list[dict], list[str]]:
    """Whatever was handed in, as a list of raw cells, with remarks about what was wrong with the file."""
    remarks: list[str] = []
    if data is None:
        return [], ["No notebook was handed in."]
    if isinstance(data, dict):
        return _cells_of(data, remarks), remarks
    if isinstance(data, (bytes, bytearray)):
        if len(data) > LARGEST_FILE:
            return [], [f"The file is too large to be read ({len(data) / 2**20:.0f} MB; at most 32 MB)."]
        data = _decode(bytes(data), remarks)
    if not data.strip():
        return [], ["The file is empty."]
    notebook = _json(data)
    if notebook is None and "<<<<<<<" in data:
        notebook = _json(_first_version(data))
        if notebook is not None:
            remarks.append("The file held unsolved merge conflicts of git: the first version of each was taken.")
    if isinstance(notebook, dict):
        return _cells_of(notebook, remarks), remarks
    cells = _salvage(data)
    if cells:
        remarks.append(f"The file is not valid JSON: {len(cells)} cells were recovered from it.")
    elif notebook is None and not data.lstrip().startswith(("{", "[", "<")) and parse(data) is not None:
        remarks.append("The file is Python text, not a notebook: it was read as one cell.")
        cells = [{"cell_type": "code", "source": data}]
    else:
        remarks.append("The file is not a notebook, and no cell could be recovered from it.")
    return cells, remarks


def _first_version(text: str) -> str:
    """The text with the first side of every merge conflict of git."""
    kept, side = [], ""
    for line in text.splitlines(keepends=True):
        mark = line[:7]
        if mark == "<<<<<<<" or (side and mark in ("=======", ">>>>>>>")):
            side = "" if mark == ">>>>>>>" else mark
        elif side != "=======":
            kept.append(line)
    return "".join(kept)


def _decode(data: bytes, remarks: list[str]) -> str:
    for encoding in ("utf-8-sig", "utf-16") if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig",):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
        finally:
            if data[:2] in (b"\xff\xfe", b"\xfe\xff") and encoding == "utf-16":
                remarks.append("The file was encoded as UTF-16.")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    remarks.append("The file is not valid UTF-8: unreadable characters were replaced.")
    return data.decode("utf-8", "replace")


def _json(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError, MemoryError):
        return None


def _cells_of(notebook: dict, remarks: list[str]) -> list[dict]:
    cells = notebook.get("cells")
    if not isinstance(cells, list) and isinstance(notebook.get("worksheets"), list):  # nbformat 3
        cells = []
        for sheet in notebook["worksheets"]:
            for cell in sheet.get("cells", []) if isinstance(sheet, dict) else []:
                if isinstance(cell, dict):
                    cells.append({**cell, "source": cell.get("input", cell.get("source"))})
        remarks.append("The notebook is in an old format: it was converted.")
    if not isinstance(cells, list):
        remarks.append("The file is not a notebook: it has no cells.")
        return []
    if len(cells) > MOST_CELLS:
        remarks.append(f"The notebook has {len(cells)} cells: only the first {MOST_CELLS} were read.")
    good = [cell for cell in cells[:MOST_CELLS] if isinstance(cell, dict)]
    if len(good) < len(cells[:MOST_CELLS]):
        remarks.append("Some cells were damaged and left out.")
    elif not good:
        remarks.append("The notebook has no cells.")
    return good


def _salvage(text: str) -> list[dict]:
    """The cells that can still be read in a broken or truncated file."""
    decoder, cells, position = json.JSONDecoder(strict=False), [], text.find('"cells"')
    position = text.find("[", position) + 1 if position >= 0 else 0
    while len(cells) < MOST_CELLS and (position := text.find("{", position)) >= 0:
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            position = text.find('"cell_type"', position + 1)  # the broken cell is passed over
            if position < 0 or (position := text.rfind("{", 0, position)) < 0:
                break
            try:
                value, end = decoder.raw_decode(text, position)
            except (ValueError, RecursionError):
                position = text.find('"cell_type"', position) + 1
                continue
        if isinstance(value, dict) and "cell_type" in value:
            cells.append(value)
        position = end
    return cells


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
        with at_most(READING_SECONDS):
            return _repaired(source, data)
    except TimeoutError:
        remark = f"The file could not be read within {READING_SECONDS} seconds: nothing of it was graded."
        return replace(_repaired(source, None), remarks=(remark,))


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
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
    text = _text(raw.get("source")).replace("\r\n", "\n").replace("\r", "\n")
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
    edited: list[str] = []
    by_grade_id = {cell.grade_id: cell for cell in source.cells if cell.grade_id}
    by_id = {cell.id: cell for cell in source.cells}
    by_fingerprint = {fingerprint(cell.stub): cell for cell in reversed(source.cells) if cell.kind == "code"}
    owners: dict[str, set[str]] = {}
    for task in source.tasks.values():
        for name in task.names:
            owners.setdefault(name, set()).add(task.id)
    owner = {name: next(iter(tasks)) for name, tasks in owners.items() if len(tasks) == 1}
    for cell in cells:
        claimed = by_grade_id.get(cell.grade_id) or by_id.get(cell.id)
        if cell.kind != "code" and claimed is not None and claimed.role in ("solution", "test"):
            remarks.append(f"The cell {claimed.grade_id} had become a {cell.kind} cell: it was read as code.")
            cell.kind = "code"
        if cell.kind != "code":
            cell.role = "text"
            cell.origin = claimed if claimed is not None and claimed.role == "text" else None
            continue
        same = by_fingerprint.get(fingerprint(cell.source)) if cell.source.strip() else None
        bound = names_of(cell.source).defines
        given = claimed if claimed is not None and claimed.role == "given" else same
        rebinds = given.names.defines if given is not None and given.role == "given" else frozenset()
        by_name = {owner[name] for name in bound - rebinds if name in owner}
        test = next((c for c in (claimed, same) if c is not None and c.role == "test"), None)
        if test is not None:
            if fingerprint(cell.source) not in (fingerprint(test.stub), fingerprint(test.source)):
                edited.append(test.grade_id)
                if by_name:  # somebody wrote the solution into the test cell: it still counts
                    cell.role, cell.tasks = "solution", frozenset(by_name)
                    cell.origin = source.tasks[min(by_name)].solutions[0]
                    continue
            cell.role, cell.origin = "test", test
            continue
        if claimed is None or claimed.role == "text":
            claimed = same
        if claimed is not None and claimed.role == "solution":
            own = source.tasks[claimed.task]
            if by_name and own.id not in by_name and own.names:
                claimed = None  # the content speaks louder than the label
            else:
                by_name.add(own.id)
        if by_name:
            cell.role, cell.tasks = "solution", frozenset(by_name)
            if claimed is None or claimed.role != "solution":
                best = [s for t in sorted(by_name) for s in source.tasks[t].solutions if s.names.defines & bound]
                claimed = best[0] if best else source.tasks[min(by_name)].solutions[0]
            cell.origin = claimed
        elif claimed is not None and claimed.role == "given":
            cell.role, cell.origin = "given", claimed
            cell.changed = fingerprint(cell.source) != fingerprint(claimed.source)
    if edited:
        remarks.append(f"Edited test cells were replaced by the originals: {', '.join(dict.fromkeys(edited))}.")


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
            order.append(_restored(cell.origin, restored=False))
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


def _restored(cell: SourceCell, restored: bool = True) -> StudentCell:
    tasks = frozenset({cell.task}) if cell.role == "solution" else frozenset()
    return StudentCell(cell.id, cell.kind, cell.stub, cell.role, cell, tasks, restored, False, cell.grade_id)


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
        order.insert(position + 1, _restored(cell))
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


# ------------------------------------------------------------------------------------------------------------ assembly


@dataclass(frozen=True)
class Piece:
    """A cell to run: its id in the run and its text."""

    id: str
    source: str


def whole(source: Source, submission: Submission, everything: bool = False) -> list[Piece]:
    """The submission as it stands, test cells with their visible part only.

    Given cells that nobody needs (worked examples, measurements, plots: unchanged, not exported, nothing in them is used by
    a test or by the student's own cells) are left out, unless `everything` is asked for: they would only take time.
    """
    hidden = {task.test.id: names_of(task.hidden).uses for task in source.tasks.values()}
    rows = [
        _Row(
            Piece(cell.id, cell.source),
            everything or cell.role != "given" or cell.changed or cell.origin.exported,
            hidden.get(cell.id, frozenset()) if cell.role == "test" else frozenset(),
        )
        for cell in submission.cells
        if cell.kind == "code" and (cell.source.strip() or cell.role != "extra")
    ]
    return _needed(rows)


def reference(source: Source, everything: bool = False) -> list[Piece]:
    """The reference notebook, hidden tests left out."""
    hidden = {task.test.id: names_of(task.hidden).uses for task in source.tasks.values()}
    rows = [
        _Row(
            Piece(cell.id, cell.stub if cell.role == "test" else cell.source),
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
) -> list[Piece]:
    """Only what the task's probes need, up to its test cell, with the reference's solutions in all other tasks.

    The task's own solution is the submission's, with the student's extra cells and changed given cells around it, except
    those in `leave_out`; without a submission it is the reference's, `patched` by cell id.
    """
    others = frozenset().union(*(t.names for t in source.tasks.values() if t.id != task.id)) - task.names
    around: dict[tuple[str, int], list[_Row]] = {}
    anchor = -1
    for cell in submission.cells if submission else ():
        if cell.origin is not None and task.id not in cell.tasks:
            anchor = cell.origin.index
        if cell.kind != "code" or cell.restored or (cell.id in leave_out and task.id not in cell.tasks):
            continue
        row = _Row(Piece(cell.id, blank_out(cell.source, others)), True)
        if task.id in cell.tasks:
            around.setdefault(("mine", task.solutions[0].index), []).append(row)
        elif cell.role == "extra" and cell.source.strip():
            around.setdefault(("after", anchor), []).append(row)
        elif cell.role == "given" and cell.changed:
            around.setdefault(("before", cell.origin.index), []).append(_Row(Piece(cell.id, cell.source), True))
    rows = around.get(("after", -1), [])[:]
    for cell in source.cells:
        before = around.get(("before", cell.index), [])
        rows += before
        if cell.index > task.test.index:
            pass  # as in the notebook, the probes know nothing of what comes later, but for the student's own helpers
        elif cell.task == task.id and cell.role == "solution" and submission is not None:
            rows += around.get(("mine", cell.index), [])
        elif cell.kind == "code" and cell.role != "test":
            text = (patched or {}).get(cell.id, cell.source)
            id = f"{cell.id}-given" if before else cell.id
            rows.append(_Row(Piece(id, text), cell.exported or cell.role == "solution"))
        rows += around.get(("after", cell.index), [])
    return _needed([*rows, _Row(Piece("", ""), True, names_of(task.hidden).uses)])[:-1]


@dataclass(frozen=True)
class _Row:
    """A cell that may be run: `must` says that it will be, `uses` are names needed after it beside those in its text."""

    piece: Piece
    must: bool
    uses: frozenset[str] = frozenset()


def _needed(rows: list[_Row]) -> list[Piece]:
    """Those that must run, and for every name that they need the cell before that binds it and those that may change it."""
    uses = [names_of(row.piece.source).uses | row.uses for row in rows]
    binders, users = defaultdict(list), defaultdict(list)  # name -> the rows, in order
    for index, row in enumerate(rows):
        for name in names_of(row.piece.source).binds:
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
        if name in _data(rows[before].piece.source):
            more |= {i for i in users[name] if before < i < place}
        for index in more - chosen:
            chosen.add(index)
            waiting += [(index, other) for other in uses[index]]
    return [row.piece for index, row in enumerate(rows) if index in chosen]


@functools.lru_cache(maxsize=512)
def _data(source: str) -> frozenset[str]:
    """Names that a cell binds to something that another cell could change: neither functions, classes nor modules."""
    tree = parse(source)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    fixed = {node.name for node in tree.body if isinstance(node, kinds)} if tree else set()
    return names_of(source).defines - fixed

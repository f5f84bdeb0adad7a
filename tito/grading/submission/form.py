"""The one form in which a submission is handed on, once it has been read and repaired."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

from ...notebooks.tasks import Source, SourceCell


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

    @cached_property
    def digest(self) -> str:
        """Changes with all that is run of it, and with nothing else: not with its text cells, its outputs, its file's name."""
        code = [
            [c.id, c.source, c.role, sorted(c.tasks), c.changed, c.restored] for c in self.cells if c.kind == "code"
        ]
        return hashlib.sha256(json.dumps(code).encode()).hexdigest()

    def owned(self, task: str) -> list[StudentCell]:
        return [cell for cell in self.cells if task in cell.tasks]

    def lacks(self, task: str) -> bool:
        """Nothing of the task is in what was handed in, not even its blank."""
        return all(cell.restored for cell in self.owned(task))


def restored_cell(cell: SourceCell, restored: bool = True) -> StudentCell:
    """A cell of the source in the place of one that is gone, or of a test cell that must be as it was."""
    tasks = frozenset({cell.task}) if cell.role == "solution" else frozenset()
    return StudentCell(cell.id, cell.kind, cell.stub, cell.role, cell, tasks, restored, False, cell.grade_id)


def about(cell: StudentCell) -> dict:
    """What of a cell is written into the notebook that the submission is kept as, beside its text and its id."""
    kept = {"role": cell.role, "tasks": sorted(cell.tasks), "changed": cell.changed, "restored": cell.restored}
    kept["origin"] = cell.origin.id if cell.origin is not None else None
    return {key: value for key, value in kept.items() if value}


def from_notebook(source: Source, notebook: dict) -> Submission:
    """The submission back from the notebook that it was kept as (plugins.as_notebook), without repairing it again."""
    origins, told = {cell.id: cell for cell in source.cells}, notebook["metadata"]["tinytorch"]
    cells = []
    for cell in notebook["cells"]:
        kept = cell["metadata"]["tinytorch"]
        origin, tasks = origins.get(kept.get("origin")), frozenset(kept.get("tasks", ()))
        restored, changed = kept.get("restored", False), kept.get("changed", False)
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
        text = origin.stub if kept["role"] == "test" else cell["source"]
        kind = cell["cell_type"]
        cells.append(StudentCell(cell["id"], kind, text, kept["role"], origin, tasks, restored, changed, grade_id))
    return Submission(tuple(cells), tuple(told["remarks"]), frozenset(told["attempted"]))

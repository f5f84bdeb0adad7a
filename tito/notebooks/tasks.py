"""The cells and tasks of a notebook, source or release, and the strict reading of a source notebook."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from . import cells as raw
from .names import Names, names_of, parse

HEADING = re.compile(r"(?m)^#+ .*?\b(\d\d\.\d+)\b[\s:.]*(.*)$")
POINTS = re.compile(r"\s*\(\d+(?:\.\d+)? points?\)$")


@dataclass(frozen=True)
class SourceCell:
    """One cell of a course's notebook. `role` is text, given, solution or test; `stub` is what students get of it."""

    index: int
    id: str
    kind: str
    source: str
    role: str
    task: str | None = None
    grade_id: str | None = None
    stub: str = ""
    metadata: dict = field(default_factory=dict, compare=False, repr=False)

    @property
    def names(self) -> Names:
        return names_of(self.source)

    @property
    def exported(self) -> bool:
        return self.kind == "code" and raw.is_exported(self.source)

    @property
    def is_blank(self) -> bool:
        return raw.has_stub(self.source)


@dataclass(frozen=True)
class ProbeText:
    """A probe of a hidden test: its name and the one line that feedback may say about it."""

    name: str
    says: str


@dataclass(frozen=True)
class Task:
    """One graded task with its cells. What hangs on the hidden tests is empty in a release."""

    id: str
    title: str = ""
    solutions: tuple[SourceCell, ...] = ()
    tests: tuple[SourceCell, ...] = ()

    def __str__(self) -> str:
        return f"{self.id} {self.title}".strip()

    @property
    def key(self) -> str:
        """The id as nbgrader may write it: `01-3` for task 01.3."""
        return self.id.replace(".", "-")

    @property
    def test(self) -> SourceCell:
        return self.tests[-1]

    @property
    def points(self) -> float:
        return sum(cell.metadata["nbgrader"].get("points", 0) for cell in self.tests)

    @cached_property
    def checks(self) -> str:
        """What students see of the test cell."""
        return raw.split_hidden(self.test.source)[0]

    @cached_property
    def hidden(self) -> str:
        """The hidden region of the test cell: the probes and what they use."""
        return raw.split_hidden(self.test.source)[1]

    @cached_property
    def probes(self) -> tuple[ProbeText, ...]:
        tree = parse(self.hidden)
        functions = (node for node in (tree.body if tree else ()) if isinstance(node, ast.FunctionDef))
        return tuple(ProbeText(node.name, _says(node)) for node in functions if node.name.startswith("probe_"))

    @cached_property
    def names(self) -> frozenset[str]:
        """What the solution cells bind, in functions and classes or at the top."""
        return frozenset().union(*(cell.names.defines for cell in self.solutions))


def _says(probe: ast.FunctionDef) -> str:
    return (ast.get_docstring(probe) or probe.name.removeprefix("probe_").replace("_", " ")).strip()


def cells_of(notebook: dict) -> tuple[SourceCell, ...]:
    """The cells of a notebook, each with its role and its task."""
    return tuple(_cell(index, cell) for index, cell in enumerate(notebook["cells"]))


def _cell(index: int, cell: dict) -> SourceCell:
    text, kind, mark = raw.text(cell), cell["cell_type"], raw.task_of(cell)
    grade_id = raw.grade_id_of(cell) or None
    task, role = mark or (None, "given" if kind == "code" else "text")
    stub = raw.strip_solution(text) if role == "solution" else raw.split_hidden(text)[0] if role == "test" else text
    id = cell.get("id") or grade_id or f"cell-{index}"
    return SourceCell(index, id, kind, text, role, task, grade_id, stub, cell["metadata"])


def tasks_of(notebook: dict) -> dict[str, Task]:
    """The tasks of a notebook in their order, by id. Titles come from the headings that name the id."""
    return tasks_among(cells_of(notebook))


def tasks_among(cells: tuple[SourceCell, ...]) -> dict[str, Task]:
    titles: dict[str, str] = {}
    for cell in cells:
        for heading in HEADING.finditer(cell.source) if cell.role == "text" else ():
            titles.setdefault(heading[1], POINTS.sub("", heading[2].strip()))
    found: dict[str, dict[str, list[SourceCell]]] = {}
    for cell in cells:
        if cell.task:
            found.setdefault(cell.task, {"solution": [], "test": []})[cell.role].append(cell)
    return {id: Task(id, titles.get(id, ""), tuple(own["solution"]), tuple(own["test"])) for id, own in found.items()}


# -------------------------------------------------------------------------------------------------------------- source


@dataclass(frozen=True)
class Source:
    """A source notebook: its cells, its tasks in order, and a key that changes when anything that counts changes."""

    name: str
    cells: tuple[SourceCell, ...]
    tasks: dict[str, Task]
    metadata: dict
    key: str

    @property
    def points(self) -> float:
        return sum(task.points for task in self.tasks.values())


class SourceError(ValueError):
    """The source notebook breaks a rule of the course; the message says which and where."""


def read_source(path: str | Path) -> Source:
    """Read a source notebook with its solutions and hidden tests."""
    path = Path(path)
    try:
        notebook = raw.parse(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SourceError(f"{path} is not a notebook that can be read: {error}") from None
    return source_of(notebook, path.stem)


def source_of(notebook: dict, name: str) -> Source:
    """A source notebook (nbformat 4 as a dict) as tasks, each with one test cell whose probes can be read."""
    cells = cells_of(notebook)
    tasks = tasks_among(cells)
    for task in tasks.values():
        _check(task, name)
    key = hashlib.sha256(
        json.dumps([[c.id, c.role, c.source, c.metadata.get("nbgrader")] for c in cells], sort_keys=True).encode()
    ).hexdigest()
    return Source(name, cells, tasks, notebook.get("metadata", {}), key)


def _check(task: Task, name: str) -> None:
    if not task.tests:
        raise SourceError(f"{name}: no test cell for task {task.id}")
    if len(task.tests) > 1:
        raise SourceError(f"{name}: {len(task.tests)} test cells for task {task.id}")
    if not task.solutions:
        raise SourceError(f"task {task.id}: no solution cell")
    if any(cell.kind != "code" for cell in (*task.solutions, *task.tests)):
        raise SourceError(f"task {task.id}: one of its cells is not a code cell")
    if not isinstance(task.test.metadata["nbgrader"].get("points"), int | float):
        raise SourceError(f"task {task.id}: no points")
    if parse(task.hidden) is None:
        raise SourceError(f"task {task.id}: the hidden tests are not valid Python")
    if not task.probes:
        raise SourceError(f"task {task.id}: no probe in the hidden tests (a function probe_*(rng))")

"""Every gate of a release: the reference scores all, the blank and the worthless nothing, a misconception less than all.

    findings = list(validate(Release.open("solutions/01_tensor/01_tensor.ipynb")))

No finding: the module may be released. What each one says is enough to mend it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..notebooks.tasks import SourceError, Task
from .grade import Grader
from .misconceptions import Misconception
from .outcomes import Outcomes, outcomes, same_outcome
from .release import Release
from .sandbox import Cell

FEWEST_MISCONCEPTIONS = 5


@dataclass(frozen=True)
class Finding:
    """Something that must not be released, and where."""

    gate: str
    task: str
    message: str

    def __str__(self) -> str:
        return f"{self.gate}: {f'task {self.task}: ' if self.task else ''}{self.message}"


def validate(
    release: Release,
    grader: Grader | None = None,
    seed: int = 0,
    fewest: int = FEWEST_MISCONCEPTIONS,
    progress: Callable[[str], None] = lambda step: None,
    **options: Any,
) -> Iterator[Finding]:
    """All findings, as they are found. `progress` is told of every step before it starts."""
    own = grader is None
    grader = grader or Grader(release, **options)
    try:
        progress("reference")
        try:
            expected = grader.expected(seed)
        except SourceError as error:
            yield Finding("reference", "", str(error))
            return
        yield from reference_scores_all(grader, expected, seed)
        progress("blank")
        yield from blank_scores_nothing(grader, expected, seed)
        for id, task in release.source.tasks.items():
            progress(f"task {id}")
            yield from task_by_itself(grader, task, expected[id], seed)
            yield from misconceptions_are_told_apart(grader, task, expected[id], seed, fewest)
    finally:
        if own:
            grader.close()


def reference_scores_all(grader: Grader, expected: dict[str, Outcomes], seed: int) -> Iterator[Finding]:
    """Run as a submission, run in full with every example: the same outcomes each time."""
    result = grader.grade(as_submission(grader.release), seed)
    for id, task in result.items():
        if task.points != task.max_points:
            yield Finding("reference", id, f"scores {task.points:g} of {task.max_points:g}: {task.message}")
    try:
        everything = grader.expected(seed, everything=True)
    except SourceError as error:
        yield Finding("reference", "", f"run with all examples: {error}")
        everything = expected
    for id in grader.source.tasks:
        for name in differing(expected[id], everything[id]):
            yield Finding("reference", id, f"{name} depends on an example that is left out when a submission is graded")
    another = grader.expected(seed + 1)
    for id, task in grader.source.tasks.items():
        known = frozenset(passing(another[id], expected[id]))
        if len(known) == len(task.probes):
            yield Finding("reference", id, "no probe depends on the seed: a table of answers would pass; draw from rng")
        elif points := grader.points(task, known):
            yield Finding("answers", id, f"a table of the answers of one seed scores {points:g} points at another")


def blank_scores_nothing(grader: Grader, expected: dict[str, Outcomes], seed: int) -> Iterator[Finding]:
    """Graded, nothing at all; and with the stubs really run every probe fails."""
    source = grader.source
    notebook = as_submission(grader.release, blank=True)
    result = grader.grade(notebook, seed)
    if result.points:
        yield Finding("blank", "", f"scores {result.points:g} points")
    cells = [
        Cell(cell.id, cell.stub)
        for cell in source.cells
        if cell.kind == "code" and (cell.role != "given" or cell.exported)
    ]
    run = grader.run(cells, list(source.tasks.values()), seed)
    for id, task in source.tasks.items():
        for name in passing(expected[id], outcomes(run, task)):
            yield Finding("blank", id, f"{name} passes in the blank notebook with nothing filled in")


WORTHLESS = (
    *(f"raise {kind}('no')" for kind in ("ValueError", "TypeError", "IndexError", "RuntimeError")),
    "return None",
)
"""Bodies that earn nothing, whatever the function. A probe that only asks for a refusal would pay for one of them."""


def task_by_itself(grader: Grader, task: Task, expected: Outcomes, seed: int) -> Iterator[Finding]:
    """With the reference in all other tasks: the reference has the same outcomes, the blank and the worthless pass no probe."""
    bodies = {"nothing filled in": lambda cell: cell.stub}
    bodies |= {
        f"`{body}` in every function": lambda cell, body=body: with_body(cell.source, body) for body in WORTHLESS
    }
    patches = [{cell.id: fill(cell) for cell in task.solutions} for fill in bodies.values()]
    reference, *worthless = grader.outcomes_of_variants(task, [{}, *patches], seed)
    for name in differing(expected, reference):
        yield Finding("reference", task.id, f"{name} hands back something else when the task is judged by itself")
    for what, found in zip(bodies, worthless, strict=True):
        for name in passing(expected, found):
            yield Finding("blank", task.id, f"{name} passes beside the reference with {what}")


def with_body(source: str, body: str) -> str:
    """A solution cell in which every function and method has this body; `{first}` in it stands for its first argument."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            names = [name.arg for name in (*node.args.posonlyargs, *node.args.args) if name.arg != "self"]
            node.body = ast.parse(body.format(first=names[0] if names else None)).body
    return ast.unparse(tree)


def misconceptions_are_told_apart(
    grader: Grader, task: Task, expected: Outcomes, seed: int, fewest: int
) -> Iterator[Finding]:
    """Enough of them; each loses points of its own task; no two have the same outcomes; the feedback names each."""
    known = [mistake for mistake in grader.release.misconceptions if mistake.task == task.id]
    if len(known) < fewest:
        yield Finding("misconceptions", task.id, f"{len(known)} are written down, at least {fewest} are wanted")
    seen: list[tuple[Misconception, Outcomes]] = []
    for mistake in known:
        found = grader.mistaken(mistake, seed)
        if not differing(expected, found):
            yield Finding("misconceptions", task.id, f"{mistake.name!r} keeps all points: no probe notices it")
            continue
        for other, before in seen:
            if not differing(before, found):
                yield Finding("misconceptions", task.id, f"{mistake.name!r} and {other.name!r} have the same outcomes")
        seen.append((mistake, found))


def misconception_is_named(grader: Grader, mistake: Misconception, seed: int = 0) -> Iterator[Finding]:
    """The whole way, as a submission: loses its own task only, and the feedback names it."""
    patched = mistake.patched
    result = grader.grade(as_submission(grader.release, lambda text, id: patched.get(id, text)), seed)
    for id, task in result.items():
        if id == mistake.task:
            if task.points >= task.max_points:
                yield Finding("misconceptions", id, f"{mistake.name!r} keeps all points")
            elif task.misconception != mistake.name:
                yield Finding("misconceptions", id, f"{mistake.name!r} is called {task.misconception or 'nothing'!r}")
        elif task.points < task.max_points:
            yield Finding("misconceptions", mistake.task, f"{mistake.name!r} costs points of {id}: {task.message}")


def as_submission(release: Release, change: Callable[..., str] | None = None, blank: bool = False) -> dict:
    """The reference as a student would hand it in; `change` rewrites the text of solution cells."""
    cells = []
    for cell in release.source.cells:
        text = cell.stub if cell.role == "test" else cell.source
        if cell.role == "solution":
            text = cell.stub if blank else change(text, cell.id) if change is not None else text
        cells.append({"cell_type": cell.kind, "id": cell.id, "metadata": dict(cell.metadata), "source": text})
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def passing(expected: Outcomes, found: Outcomes) -> list[str]:
    failing = differing(expected, found)
    return [name for name in expected if name not in failing]


def differing(expected: Outcomes, found: Outcomes) -> list[str]:
    return [name for name, value in expected.items() if not same_outcome(value, found[name])]

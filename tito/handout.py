"""What a student's notebook has otherwise than its source, besides what nbgrader itself takes out.

- Hints leave the page; they stand in the notebook's metadata, where `tito hint` finds them.
- An example says what it should print: the output that its source holds, which nbval compares with every run of the reference.
- A check begins with its task and points. Marks that only the course's tools read are gone.

Code keeps its meaning, so that a submission's cells are still known by it.
"""

from __future__ import annotations

import datetime
import re

from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Dict

from . import notebooks as nb
from .hints import KEY
from .limits import hint_list, is_hints
from .running import ANSI

MARK = re.compile(rf"(?m)^\s*#\s*{nb.KEEP_OUTPUT}\s*?(\n|\Z)")
TOOLS = re.compile(r"(?m)^[ \t]*#[ ](?:fmt: (?:off|on)|noqa\b.*)[ \t]*\n|[ \t]*#[ ](?:fmt: skip|noqa\b[^\n]*)[ \t]*$")
BEFORE_HIDDEN = re.compile(rf"\n{{2,}}(?={nb.BEGIN_HIDDEN})")


def handout(notebook: dict, solutions_after: str = "") -> dict:
    """The students' form of a source notebook, still with its solutions and hidden tests."""
    tasks, cells = nb.tasks_of(notebook), []
    for cell in notebook["cells"]:
        if is_hints(cell):
            continue
        if cell["cell_type"] != "code":
            cells.append(cell)
            continue
        cells.append({**cell, "source": source_for_students(cell, tasks)})
        if expected := expected_text(cell):
            cells.append(expected_cell(cell, expected))
    aside = {"hints": hints_of(notebook), "solutions_after": solutions_after}
    aside = {name: value for name, value in aside.items() if value}
    metadata = {**notebook["metadata"], **({KEY: aside} if aside else {})}
    return {**notebook, "cells": cells, "metadata": metadata}


def source_for_students(cell: dict, tasks: dict[str, nb.Task]) -> str:
    """A cell without the tools' marks; a check's first line says its task and points."""
    source, mark = TOOLS.sub("", MARK.sub("", nb.text(cell))), nb.task_of(cell)
    source = BEFORE_HIDDEN.sub("\n", source)  # so that no blank lines are left behind what students see
    if mark and mark[1] == "test":
        return f"{heading(tasks[mark[0]])}\n{source}"
    return source


def heading(task: nb.Task) -> str:
    """The first line of a task's check."""
    title = f": {task.title}" if task.title else ""
    return f"# Task {task.id}{title} ({task.points:g} points)"


def expected_text(cell: dict) -> str:
    """What an example with a fixed output prints and shows."""
    if nb.KEEP_OUTPUT not in nb.text(cell):
        return ""
    parts = []
    for output in cell.get("outputs", ()):
        part = output.get("text") if output["output_type"] == "stream" else output.get("data", {}).get("text/plain")
        parts.append(part if isinstance(part, str) else "".join(part or ()))
    lines = (line.rstrip() for part in parts for line in ANSI.sub("", part).rstrip("\n").split("\n"))
    return "\n".join(lines).strip("\n")


def expected_cell(cell: dict, text: str) -> dict:
    fence = max(re.findall(r"`{3,}", text), key=len, default="``") + "`"
    source = f"It should print:\n\n{fence}text\n{text}\n{fence}"
    return {"cell_type": "markdown", "id": f"{cell['id'][:55]}-expected", "metadata": {}, "source": source}


def hints_of(notebook: dict) -> dict[str, list[str]]:
    """The hints by task: those before the solution cell of each."""
    found, waiting = {}, []
    for cell in notebook["cells"]:
        mark = nb.task_of(cell)
        if is_hints(cell):
            waiting = hint_list(cell)
        elif mark and mark[1] == "solution":
            if waiting:
                found[mark[0]] = waiting
            waiting = []
    return found


class ForStudents(NbGraderPreprocessor):
    """The first step of a release; nbgrader_config.py names it."""

    solutions_after = Dict(
        {}, help="module -> the date from which `tito hint` shows a task's solution, such as {'01': '2026-10-01'}"
    ).tag(config=True)

    def preprocess(self, nb, resources):
        from nbformat import from_dict

        name = resources["metadata"].get("name", "")
        return from_dict(handout(nb, date(self.solutions_after.get(name[:2], "")))), resources


def date(text: str) -> str:
    """`text` when it is a date or nothing; else the release is refused."""
    if text:
        try:
            datetime.date.fromisoformat(text)
        except ValueError:
            raise NbGraderException(f"solutions_after: {text!r} is no date such as 2026-10-01") from None
    return text

"""A submission that starts as the reference's solutions typed into the release, to be changed by whoever hands it in."""

from __future__ import annotations

import ast
import copy
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from tito.notebooks.tasks import Source

MARKS = ("### BEGIN SOLUTION", "### END SOLUTION")


@dataclass
class Work:
    """`cells` are raw notebook cells; a task is named by its grade_id, `01-3`."""

    cells: list[dict]

    @classmethod
    def of(cls, source: Source, solved: bool = True) -> Work:
        cells = []
        for cell in source.cells:
            typed = solved and cell.role == "solution"
            text = "\n".join(line for line in cell.source.split("\n") if line.strip() not in MARKS)
            raw = {"cell_type": cell.kind, "id": cell.id, "metadata": copy.deepcopy(cell.metadata)}
            raw["source"] = text if typed else cell.stub
            cells.append(raw | ({"execution_count": None, "outputs": []} if cell.kind == "code" else {}))
        return cls(cells)

    def notebook(self) -> dict:
        return {"cells": self.cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}

    def solution(self, task: str) -> dict:
        return next(cell for cell in self.cells if grade_id(cell) == f"{task}-solution")

    def test(self, task: str) -> dict:
        return next(cell for cell in self.cells if grade_id(cell) == task)

    def define(self, name: str, text: str) -> None:
        """Type another definition of a function or class in its place; decorators are part of it."""
        text = textwrap.dedent(text).strip("\n")
        for cell in (cell for cell in self.cells if grade_id(cell).endswith("-solution")):
            for node in ast.parse(cell["source"]).body:
                if getattr(node, "name", None) == name:
                    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                    lines = cell["source"].split("\n")
                    lines[first - 1 : node.end_lineno] = text.split("\n")
                    cell["source"] = "\n".join(lines)
                    return
        raise LookupError(name)

    def prepend(self, task: str, text: str) -> None:
        cell = self.solution(task)
        cell["source"] = textwrap.dedent(text).strip("\n") + "\n" + cell["source"]

    def append(self, task: str, text: str) -> None:
        self.solution(task)["source"] += "\n\n" + textwrap.dedent(text).strip("\n")

    def insert(self, text: str, before: str | None = None, kind: str = "code") -> dict:
        """A cell of the student's own: before a task's solution, or at the end."""
        cell = {"cell_type": kind, "metadata": {}, "source": textwrap.dedent(text).strip("\n")}
        cell |= {"id": f"own-{len(self.cells)}"} | ({"execution_count": 7, "outputs": []} if kind == "code" else {})
        place = self.cells.index(self.solution(before)) if before else len(self.cells)
        self.cells.insert(place, cell)
        return cell

    def solutions(self) -> list[dict]:
        return [cell for cell in self.cells if grade_id(cell).endswith("-solution")]

    def tests(self) -> list[dict]:
        return [cell for cell in self.cells if grade_id(cell) and not grade_id(cell).endswith("-solution")]


def grade_id(cell: dict) -> str:
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")


UNUSUAL: list[Callable[[Work], dict | None]] = []


def unusual(change: Callable[[Work], dict | None]) -> Callable[[Work], dict | None]:
    """Marks a function of tests/grading/NN_name/unusual.py as a submission of that module: it changes the finished work."""
    UNUSUAL.append(change)
    return change

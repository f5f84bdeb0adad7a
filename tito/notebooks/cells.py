"""Notebooks as plain dictionaries: reading and writing, the marks in a cell's text, and what is cleaned away."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ..console import Mistake
from ..files import write_atomic

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
BEGIN_HIDDEN, END_HIDDEN = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
KEEP_OUTPUT = "NBVAL_CHECK_OUTPUT"
STUB = "raise NotImplementedError()"
STUB_LINES = ("# YOUR CODE HERE", STUB)
"""What stands in the place of a solution: nbgrader_config.py tells nbgrader the same."""
GRADE_ID = re.compile(r"(\d\d)-(\d+)(-solution(?:-\d+)?)?")


def parse(data: str) -> dict:
    """The notebook in this text; a ValueError that says why when it is none of format 4."""
    try:
        notebook = json.loads(data)
        if notebook["nbformat"] != 4 or not all(isinstance(cell["cell_type"], str) for cell in notebook["cells"]):
            raise ValueError("it is not of notebook format 4")
        for cell in notebook["cells"]:
            cell.setdefault("metadata", {})
            text(cell)
        return notebook
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from None


def read(path: Path) -> dict:
    """The notebook at `path`; a Mistake when it is no notebook of format 4."""
    try:
        return parse(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Mistake(f"{path} does not exist.", expected="a notebook", hint="tito status") from None
    except ValueError as error:
        raise Mistake(
            f"{path} is not a notebook that can be read ({error}).",
            expected="a Jupyter notebook of format 4, saved by JupyterLab",
            hint="open it in JupyterLab and save it again, or tito reset NN (the old file is kept aside)",
        ) from None


def text(cell: dict) -> str:
    """The cell's source as one string."""
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def dumps(notebook: dict) -> str:
    """The bytes that nbformat and nbdev_clean write: keys sorted, one space of indent, one line of source a line."""
    return json.dumps(notebook, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def write(path: Path, notebook: dict) -> bool:
    """Write `notebook`; False when the file held the same already."""
    return write_atomic(path, dumps(notebook))


def code_cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def is_exported(source: str) -> bool:
    """Whether nbdev exports a code cell with this text: a directive says so, above the first line of code."""
    directives = re.match(r"(?:\s*#\s*\|.*\n?|\s*%%\w+.*\n?|\s*\n)*", source)[0]
    return bool(re.search(r"(?m)^\s*#\s*\|\s*(export|exports|exporti)\b", directives))


def exports(cell: dict) -> bool:
    """Whether nbdev exports the cell."""
    return cell["cell_type"] == "code" and is_exported(text(cell))


def grade_id_of(cell: dict) -> str:
    """nbgrader's id of the cell, empty where it has none."""
    return (cell["metadata"].get("nbgrader") or {}).get("grade_id") or ""


def task_of(cell: dict) -> tuple[str, str] | None:
    """(`01.3`, `test` or `solution`) for a graded task's cell, by its grade_id; None for any other cell."""
    match = GRADE_ID.fullmatch(grade_id_of(cell))
    return match and (f"{match[1]}.{match[2]}", "solution" if match[3] else "test")


def strip_solution(source: str) -> str:
    """A solution cell as students get it: each solution region replaced by nbgrader's stub."""
    lines = []
    for line, where in _marked(source, BEGIN, END):
        if where == "begin":
            indent = line[: len(line) - len(line.lstrip())]
            lines += [indent + stub for stub in STUB_LINES]
        elif where == "outside":
            lines.append(line)
    return "\n".join(lines)


def solution_lines(source: str) -> list[str]:
    """The lines inside the solution regions of a cell."""
    return [line for line, where in _marked(source, BEGIN, END) if where == "inside"]


def split_hidden(source: str) -> tuple[str, str]:
    """A test cell as (what students see, the hidden region)."""
    lines = _marked(source, BEGIN_HIDDEN, END_HIDDEN)
    parts = ("\n".join(line for line, where in lines if where == part) for part in ("outside", "inside"))
    return tuple(parts)


def _marked(source: str, begin: str, end: str) -> list[tuple[str, str]]:
    """Each line and where it stands: begin, inside, end or outside. A mark is found as nbgrader finds it, anywhere in a line."""
    found, inside = [], False
    begin, end = begin.lstrip("# "), end.lstrip("# ")
    for line in source.split("\n"):
        if begin in line or end in line:
            inside = begin in line
            found.append((line, "begin" if inside else "end"))
        else:
            found.append((line, "inside" if inside else "outside"))
    return found


def is_blank(cell: dict) -> bool:
    """Whether the student has not written this solution yet: the stub that nbgrader left is still there."""
    return has_stub(text(cell))


def has_stub(source: str) -> bool:
    return any(line.strip() == STUB for line in source.splitlines())


def same_sources(one: dict, other: dict) -> bool:
    """Whether two notebooks hold the same cells, whatever their outputs and metadata."""

    def cells(notebook):
        return [(cell["cell_type"], text(cell).rstrip()) for cell in notebook["cells"]]

    return cells(one) == cells(other)


def keeps_outputs(cell: dict) -> bool:
    """Outputs stay on cells that nbval compares, and on cells with the tag `keep-output` (pictures for the book)."""
    return KEEP_OUTPUT in text(cell) or "keep-output" in cell["metadata"].get("tags", ())


def clean(notebook: dict) -> dict:
    """A copy without what makes diffs noisy: outputs, counts, widths, the kernel's version. Grading metadata stays."""
    result = {"cells": [], "nbformat": 4, "nbformat_minor": max(5, notebook.get("nbformat_minor", 5))}
    result["metadata"] = {"kernelspec": {"display_name": "python3", "language": "python", "name": "python3"}}
    for number, cell in enumerate(notebook["cells"]):
        metadata = {k: v for k, v in cell["metadata"].items() if k in ("nbgrader", "deletable", "editable", "tags")}
        new = {"cell_type": cell["cell_type"], "metadata": metadata, "source": text(cell).splitlines(keepends=True)}
        new["id"] = cell.get("id") or f"cell-{number}"
        if cell["cell_type"] == "code":
            new["execution_count"] = None
            new["outputs"] = [clean_output(o) for o in cell.get("outputs", ())] if keeps_outputs(cell) else []
        elif "attachments" in cell:
            new["attachments"] = cell["attachments"]
        result["cells"].append(new)
    return result


def clean_output(output: dict) -> dict:
    """One output without its counts; text in the list form that notebooks are stored in."""
    new = dict(output)
    if "execution_count" in new:
        new["execution_count"] = None
    if "metadata" in new:
        new["metadata"] = {}
    if isinstance(new.get("text"), str):
        new["text"] = new["text"].splitlines(keepends=True)
    if isinstance(new.get("data"), dict):
        new["data"] = {kind: clean_data(kind, value) for kind, value in new["data"].items()}
    return new


def clean_data(kind: str, value):
    """One form of an output, as nbformat stores it: text by lines, pictures without the newline at the end."""
    if isinstance(value, str) and (kind.startswith("text/") or kind in ("image/svg+xml", "application/javascript")):
        return value.splitlines(keepends=True)
    return value.rstrip() if isinstance(value, str) else value

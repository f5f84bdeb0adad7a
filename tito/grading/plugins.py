"""The grader inside nbgrader, through nbgrader's own settings and nothing else: see nbgrader_config.py.

    Autograde.exporter_class            Reader: reads whatever was handed in, under whatever name
    Autograde.sanitize_preprocessors    Repair: every cell back in its place, with the metadata that nbgrader needs
    Autograde.autograde_preprocessors   Judge: runs it in the sandbox and judges it; SaveScores: all scores in one transaction
    GenerateFeedback.exporter_class     FeedbackPage

So `nbgrader autograde NN_name` and `nbgrader generate_feedback NN_name` work as ever, and no submission stops the others.
"""

from __future__ import annotations

import functools
import json
import os
import re
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import Exporter, NotebookExporter
from nbformat.v4.rwbase import rejoin_lines
from nbgrader import utils
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool, Integer

from ..notebooks.tasks import Source, read_source
from . import feedback, misconceptions
from .grade import Grade, Release, grader
from .marks import message
from .notebook import StudentCell, Submission, repair

READABLE = (".ipynb", ".json", ".txt", ".py")


@functools.lru_cache(maxsize=32)
def _source(path: str, changed: float) -> Source:
    return read_source(path)


def source_at(path: Path) -> Source:
    return _source(str(path), path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _release(path: str, changed: tuple, root: str) -> Release:
    return Release.open(path, folder=Path(root) / ".grading")


def release_at(path: Path, root: Path) -> Release:
    """The release of a source notebook, read again when it or its library changes."""
    watched = [path, misconceptions.path_of(root, path.stem)]
    watched += sorted((root / "tinytorch").rglob("*.py"))
    changed = tuple((str(file), file.stat().st_mtime_ns) for file in watched if file.exists())
    return _release(str(path), changed, str(root))


def source_path(coursedir: Any, assignment: str, notebook: str) -> Path:
    return Path(coursedir.format_path(coursedir.source_directory, ".", assignment)) / f"{notebook}.ipynb"


# -------------------------------------------------------------------------------------------------------------- reading


class Reader(NotebookExporter):
    """Reads submissions that nbformat would refuse, and finds those that have the wrong name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.parent is not None and hasattr(self.parent, "assignments"):
            expect_all(self.parent)

    def from_filename(self, filename: str, resources: dict | None = None, **kwargs: Any) -> Any:
        path, resources = Path(filename), resources or {}
        data, remarks = find(path, getattr(self.parent, "coursedir", None), resources)
        resources.setdefault("metadata", {}).update(name=path.stem, path=str(path.parent))
        node = nbformat.v4.new_notebook(metadata={"tinytorch": {"remarks": remarks}})
        resources["tinytorch"] = data
        if getattr(self.parent, "_sanitizing", True) is False:  # the second pass reads what the first has written
            node = rejoin_lines(nbformat.from_dict(data))
        return self.from_notebook_node(node, resources=resources, **kwargs)


def expect_all(converter: Any) -> None:
    """Every student's folder is to be graded, with the notebooks that belong to the assignment, found or not."""
    coursedir = converter.coursedir
    pattern = coursedir.format_path(coursedir.submitted_directory, coursedir.student_id, coursedir.assignment_id)
    folders = sorted(folder for folder in Path("/").glob(pattern.lstrip("/")) if folder.is_dir())
    for folder in folders:
        assignment = re.match(converter._format_source("(?P<assignment_id>.*)", "(.*)", escape=True), str(folder))
        assignment = assignment["assignment_id"] if assignment else coursedir.assignment_id
        sources = sorted(source_path(coursedir, assignment, "x").parent.glob(f"{coursedir.notebook_id}.ipynb"))
        graded = [path.stem for path in sources if source_at(path).tasks or (folder / path.name).is_file()]
        if graded:
            converter.assignments[str(folder)] = [str(folder / f"{name}.ipynb") for name in graded]


class AutogradeAll(Autograde):
    """nbgrader's own stops before it asks anybody when no folder that it is to grade holds a file called *.ipynb."""

    def init_notebooks(self) -> None:
        try:
            super().init_notebooks()
        except NbGraderException:
            expect_all(self)
            if not self.assignments:
                raise


def find(path: Path, coursedir: Any, resources: dict) -> tuple[Any, list[str]]:
    """The content of the submission that `path` should hold, and remarks when it had to be looked for."""
    if coursedir is None or not path.is_relative_to(coursedir.format_path(coursedir.submitted_directory, ".", ".")):
        return json.loads(path.read_text(encoding="utf-8")), []
    return fullest(path, source_path(coursedir, resources["nbgrader"]["assignment"], path.stem))


def fullest(path: Path, reference: Path) -> tuple[bytes | None, list[str]]:
    """The file in the folder of `path` in which the most tasks are attempted, `path` itself when none has more."""
    source = source_at(reference)
    data, remarks = read_file(path)
    own = len(repair(source, data).attempted) if data is not None else 0
    if own == len(source.tasks):
        return data, remarks
    expected = {file.name for file in reference.parent.glob("*")}
    others, beside = [], []
    for other in sorted(path.parent.rglob("*")):
        name = str(other.relative_to(path.parent))
        hidden = any(part.startswith(".") for part in Path(name).parts)
        if other == path or hidden or other.name in {*expected, "timestamp.txt"} - {path.name} or not other.is_file():
            continue
        beside.append(name[:80])
        content, _ = read_file(other) if other.suffix.lower() in READABLE else (None, [])
        count = len(repair(source, content).attempted) if content is not None else 0
        if count > own:
            others.append((-count, name, content))
    if others:
        _, name, content = min(others, key=lambda item: item[:2])
        what = "was not handed in" if data is None else "holds fewer solutions" if own else "holds no solution"
        return content, [*remarks, f"{path.name} {what}; {name[:80]} was graded instead."]
    if data is None and beside and not remarks:
        more = f" and {len(beside) - 3} more" if len(beside) > 3 else ""
        remarks = [f"There is no notebook in the folder, only {', '.join(beside[:3])}{more}."]
    return data, remarks


def read_file(path: Path) -> tuple[bytes | None, list[str]]:
    """A file's bytes; links are not followed, because they may lead to what is not the student's."""
    if any(place.is_symlink() for place in (path, *path.parents[:2])):  # the file, the module's folder, the student's
        return None, [f"{path.name} is a link; links are not followed."]
    if not path.is_file():
        return None, []
    with path.open("rb") as stream:
        return stream.read(33 * 2**20), []


def remove_what_was_linked(coursedir: Any, about: dict) -> None:
    """nbgrader has copied the files beside the notebook, also what links among them led to: that would come back as feedback."""
    places = (coursedir.submitted_directory, coursedir.autograded_directory)
    submitted, copied = (Path(coursedir.format_path(place, about["student"], about["assignment"])) for place in places)
    linked = submitted.is_symlink() or submitted.parent.is_symlink()
    for path in copied.rglob("*"):
        original = submitted / path.relative_to(copied)
        if path.is_file() and path.suffix != ".ipynb" and (linked or original.is_symlink()):
            path.unlink()


# --------------------------------------------------------------------------------------------------------------- repair


class Repair(NbGraderPreprocessor):
    """Pass one: the submission as cells of the course's notebook, every test restored, every id in place."""

    def preprocess(self, nb: Any, resources: dict) -> tuple[Any, dict]:
        coursedir, about = self.parent.parent.coursedir, resources["nbgrader"]
        remove_what_was_linked(coursedir, about)
        source = source_at(source_path(coursedir, about["assignment"], about["notebook"]))
        data, found = resources.pop("tinytorch"), nb.metadata["tinytorch"]["remarks"]
        submission = repair(source, data)
        remarks = list(found if found and data is None else [*found, *submission.remarks])
        for remark in remarks:
            self.log.warning("%s, %s: %s", about["student"], about["notebook"], remark)
        nb = nbformat.from_dict(as_notebook(source, submission, remarks))
        resources["nbgrader"]["checksums"] = True
        return nb, resources


def as_notebook(source: Source, submission: Submission, remarks: list[str]) -> dict:
    """A repaired submission as a notebook that nbgrader, and its formgrader, can work with."""
    changed = {cell.id: cell for cell in source.cells}
    cells = []
    for cell in submission.cells:
        text = cell.origin.source if cell.role == "test" else cell.source
        if cell.kind != "code" and (cell.id not in changed or changed[cell.id].source != text):
            text = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)  # shown to the instructor: no markup of students
        node = {"id": cell.id, "cell_type": cell.kind, "metadata": metadata_of(cell), "source": text}
        if cell.kind == "code":
            node |= {"execution_count": None, "outputs": []}
        node = nbformat.from_dict(node)
        if "nbgrader" in node.metadata:
            blank = nbformat.from_dict({**node, "source": cell.origin.stub if cell.role == "solution" else text})
            node.metadata.nbgrader["checksum"] = utils.compute_checksum(blank)
        cells.append(node)
    kernel = source.metadata.get("kernelspec", {"display_name": "python3", "language": "python", "name": "python3"})
    metadata = {"kernelspec": kernel, "tinytorch": {"remarks": remarks}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def metadata_of(cell: StudentCell) -> dict:
    about = {"role": cell.role}
    if cell.tasks:
        about["tasks"] = sorted(task.replace(".", "-") for task in cell.tasks)
    if cell.changed:
        about["changed"] = True
    if cell.restored:
        about["restored"] = True
    if cell.grade_id is None and cell.role != "test":
        return {"tinytorch": about}
    grading = {**cell.origin.metadata["nbgrader"], "cell_type": "code"}
    return {"tinytorch": about, "nbgrader": grading}


# ---------------------------------------------------------------------------------------------------------------- judge


class Judge(NbGraderPreprocessor):
    """Pass two: run in the sandbox, judge, and write what came of it into the notebook."""

    protected = Bool(
        True, help="Run submissions in bubblewrap. False runs them with no protection at all: only for code you trust."
    ).tag(config=True)
    seed = Integer(0, help="What the hidden tests' inputs are drawn from; the same seed gives the same scores.").tag(
        config=True
    )
    keep = Bool(True, help="Keep results in .grading/, and do not run again what has not changed.").tag(config=True)

    def preprocess(self, nb: Any, resources: dict) -> tuple[Any, dict]:
        coursedir, about = self.parent.parent.coursedir, resources["nbgrader"]
        path = source_path(coursedir, about["assignment"], about["notebook"])
        if not source_at(path).tasks:
            return nb, resources
        release = release_at(path, Path(coursedir.root))
        protected = self.protected and os.environ.get("TITO_UNPROTECTED") != "1"
        keep = self.keep and os.environ.get("TITO_REGRADE") != "1"
        result = grader(release, protected=protected).grade(as_dict(nb), self.seed, keep)
        self.log.info("%s, %s: %r", about["student"], about["notebook"], result)
        write_result(nb, result, nb.metadata["tinytorch"]["remarks"])
        return nb, resources


def as_dict(nb: Any) -> dict:
    """What of a repaired notebook counts: the same work has the same key, whatever its outputs and its history."""
    kept = ("id", "cell_type", "source")
    return {
        "cells": [
            {**{name: cell[name] for name in kept}, "metadata": {"nbgrader": dict(cell.metadata.get("nbgrader", {}))}}
            for cell in nb.cells
        ]
    }


def write_result(nb: Any, result: Grade, remarks: list[str]) -> None:
    """Outputs into the cells, the verdict into the test cells: the points are nbgrader's partial credit."""
    data = result.to_json()
    data["remarks"] = list(dict.fromkeys([*remarks, *data["remarks"]]))
    for task in data["tasks"].values():  # the blanks that were put back are in the notebook by now
        task["found"] = not all(cell.metadata.tinytorch.get("restored") for cell in feedback.owned(nb, task["id"]))
    nb.metadata["tinytorch"] = {"grade": data}
    count = 0
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        outputs = [nbformat.from_dict(output) for output in result.run.outputs.get(cell.id, [])]
        error = result.run.errors.get(cell.id)
        if error is not None and not any(output.output_type == "error" for output in outputs):
            text = f"{error.kind}: {error.message}"
            outputs.append(nbformat.v4.new_output("error", ename=error.kind, evalue=error.message, traceback=[text]))
        if cell.id in result.run.outputs:
            count += 1
            cell.execution_count = count
        if cell.metadata.get("nbgrader", {}).get("grade"):
            outputs = [*verdict(data["tasks"][cell.metadata.nbgrader["grade_id"].replace("-", ".", 1)]), *outputs]
        for output in outputs:
            if output.output_type == "execute_result":
                output["execution_count"] = cell.execution_count
        cell.outputs = outputs


def verdict(task: dict) -> list[Any]:
    """Two outputs for a test cell: the points, which come first because nbgrader looks no further, and the message."""
    said = f"{feedback.number(task['points'])} of {feedback.number(task['max_points'])} points"
    mark = {"tinytorch": True}
    return [
        nbformat.v4.new_output(
            "execute_result",
            data={"text/plain": repr(float(task["points"])), "text/html": f"<b>{said}</b>"},
            metadata=mark,
        ),
        nbformat.v4.new_output(
            "display_data",
            data={"text/plain": message(task), "text/html": feedback.task_html(task)},
            metadata=mark,
        ),
    ]


class SaveScores(NbGraderPreprocessor):
    """All scores of a notebook into the gradebook in one transaction: whoever stops the grader leaves no half of them."""

    def preprocess(self, nb: Any, resources: dict) -> tuple[Any, dict]:
        about = resources["nbgrader"]
        cells = {cell.metadata.nbgrader["grade_id"]: cell for cell in nb.cells if cell.metadata.get("nbgrader")}
        with Gradebook(about["db_url"]) as gradebook:
            notebook = gradebook.find_submission_notebook(about["notebook"], about["assignment"], about["student"])
            missing = [id for id, cell in cells.items() if utils.is_grade(cell)]
            for row in notebook.grades:
                if row.name in cells:
                    row.auto_score = utils.determine_grade(cells[row.name], self.log)[0]
                    row.needs_manual_grade = row.manual_score is not None or row.auto_score is None
                    missing.remove(row.name)
            for row in notebook.comments:
                if row.name in cells:
                    row.auto_comment = None  # nbgrader's own is "No response.", which nobody wrote
            if missing:
                raise ValueError(
                    f"the gradebook does not know {', '.join(missing)}: run nbgrader generate_assignment "
                    f"{about['assignment']} --force after the source has changed"
                )
            gradebook.db.commit()
        return nb, resources


# ------------------------------------------------------------------------------------------------------------- feedback


class FeedbackPage(Exporter):
    """`nbgrader generate_feedback` writes the page of feedback.py."""

    file_extension = ".html"
    output_mimetype = "text/html"

    def from_notebook_node(self, nb: Any, resources: dict | None = None, **kwargs: Any) -> tuple[str, dict]:
        nb, resources = super().from_notebook_node(nb, resources, **kwargs)
        grading = [cell.metadata["nbgrader"] for cell in nb.cells if cell.metadata.get("nbgrader")]
        marks = {cell["grade_id"]: cell["score"] for cell in grading if cell.get("score") is not None}
        comments = {cell["grade_id"]: cell.get("comment") for cell in grading}
        late = resources.get("nbgrader", {}).get("late_penalty", 0.0)
        return feedback.page(nb, marks, comments, late), resources

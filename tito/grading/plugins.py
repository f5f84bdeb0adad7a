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

from ..notebooks.tasks import Source
from . import feedback, misconceptions
from .grade import grader
from .gradebook import message
from .release import Release
from .seeds import course_secret, seed_for
from .submission import StudentCell, Submission, about, best_file, from_notebook, source_at
from .submission.folder import Found
from .verdict import Grade


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
            register_submissions(self.parent)

    def from_filename(self, filename: str, resources: dict | None = None, **kwargs: Any) -> Any:
        path, resources = Path(filename), resources or {}
        resources.setdefault("metadata", {}).update(name=path.stem, path=str(path.parent))
        found = find(path, getattr(self.parent, "coursedir", None), resources)
        if found is None:  # the second pass reads what the first has written
            node = rejoin_lines(nbformat.from_dict(json.loads(path.read_text(encoding="utf-8"))))
        else:
            node, resources["tinytorch"] = nbformat.v4.new_notebook(), found
        return self.from_notebook_node(node, resources=resources, **kwargs)


def register_submissions(converter: Any) -> None:
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
            register_submissions(self)
            if not self.assignments:
                raise


def find(path: Path, coursedir: Any, resources: dict) -> Found | None:
    """The submission that `path` should hold; None when `path` is no student's file."""
    if coursedir is None or not path.is_relative_to(coursedir.format_path(coursedir.submitted_directory, ".", ".")):
        return None
    return best_file(path, source_path(coursedir, resources["nbgrader"]["assignment"], path.stem))


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
        coursedir, where = self.parent.parent.coursedir, resources["nbgrader"]
        remove_what_was_linked(coursedir, where)
        source = source_at(source_path(coursedir, where["assignment"], where["notebook"]))
        submission = resources.pop("tinytorch").submission
        for remark in submission.remarks:
            self.log.warning("%s, %s: %s", where["student"], where["notebook"], remark)
        nb = nbformat.from_dict(as_notebook(source, submission))
        resources["nbgrader"]["checksums"] = True
        return nb, resources


def as_notebook(source: Source, submission: Submission) -> dict:
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
    told = {"remarks": list(submission.remarks), "attempted": sorted(submission.attempted)}
    metadata = {"kernelspec": kernel, "tinytorch": told}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def metadata_of(cell: StudentCell) -> dict:
    if cell.grade_id is None and cell.role != "test":
        return {"tinytorch": about(cell)}
    return {"tinytorch": about(cell), "nbgrader": {**cell.origin.metadata["nbgrader"], "cell_type": "code"}}


# ---------------------------------------------------------------------------------------------------------------- judge


class Judge(NbGraderPreprocessor):
    """Pass two: run in the sandbox, judge, and write what came of it into the notebook."""

    protected = Bool(
        True, help="Run submissions in bubblewrap. False runs them with no protection at all: only for code you trust."
    ).tag(config=True)
    seed = Integer(
        None,
        allow_none=True,
        help="A number that all inputs of hidden tests are drawn from; by default they follow from grading_secret.txt.",
    ).tag(config=True)
    keep = Bool(True, help="Keep results in .grading/, and do not run again what has not changed.").tag(config=True)

    def preprocess(self, nb: Any, resources: dict) -> tuple[Any, dict]:
        coursedir, where = self.parent.parent.coursedir, resources["nbgrader"]
        path = source_path(coursedir, where["assignment"], where["notebook"])
        source = source_at(path)
        if not source.tasks:
            return nb, resources
        release = release_at(path, Path(coursedir.root))
        protected = self.protected and os.environ.get("TITO_UNPROTECTED") != "1"
        keep = self.keep and os.environ.get("TITO_REGRADE") != "1"
        submission = from_notebook(source, nb)
        seed = seed_for(course_secret(Path(coursedir.root)), submission) if self.seed is None else self.seed
        result = grader(release, protected=protected).grade(submission, seed, keep)
        self.log.info("%s, %s: %r", where["student"], where["notebook"], result)
        write_result(nb, result)
        return nb, resources


def write_result(nb: Any, result: Grade) -> None:
    """Outputs into the cells, the verdict into the test cells: the points are nbgrader's partial credit."""
    data = result.to_json()
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

"""The gradebook as what an institution wants: a CSV file, Gradescope's results.json, a Canvas gradebook import.

Scores are read in two queries, however large the class. Formats:
CSV: one line a student, a column a task. Gradescope: https://gradescope-autograders.readthedocs.io/en/latest/specs/
Canvas: https://community.canvaslms.com/t5/Instructor-Guide/How-do-I-import-grades-in-the-Gradebook/ta-p/807
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from pathlib import Path

from ..course import Course
from ..registry import Module, in_order
from .verdict import TaskResult


@dataclass
class Scores:
    """Points by student and task (`01.3`) or module (`01_tensor`), the most that each can give, and what lateness costs."""

    maxima: dict[str, float] = field(default_factory=dict)
    points: dict[str, dict[str, float]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    late: dict[str, float] = field(default_factory=dict)

    def columns(self) -> list[str]:
        return sorted(self.maxima, key=in_order)

    def total(self, student: str) -> float:
        return round(sum(self.points[student].values()) - self.late.get(student, 0.0), 2)


def read_scores(gradebook, module: Module | None = None) -> Scores:
    """The scores of one module by task, or of all modules; `gradebook` is nbgrader's, open. Empty when nothing is graded."""
    from nbgrader.api import Assignment, Grade, GradeCell, Notebook, Student, SubmittedAssignment, SubmittedNotebook
    from sqlalchemy import or_

    rows = (
        gradebook.db.query(
            Student.id,
            Student.first_name,
            Student.last_name,
            Assignment.name,
            SubmittedNotebook.id,
            SubmittedNotebook.late_submission_penalty,
            GradeCell.name,
            Grade.score,
            Grade.max_score,
        )
        .select_from(Grade)
        .join(SubmittedNotebook, Grade.notebook_id == SubmittedNotebook.id)
        .join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Student, SubmittedAssignment.student_id == Student.id)
        .join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
        .join(GradeCell, Grade.cell_id == GradeCell.id)
        .join(Notebook, GradeCell.notebook_id == Notebook.id)
        .filter(
            or_(Grade.auto_score.isnot(None), Grade.manual_score.isnot(None))
        )  # a killed grader leaves rows without
    )
    if module is not None:
        rows = rows.filter(Assignment.name == module.folder)
    scores = Scores()
    maxima: dict[str, dict[str, float]] = {}
    earned: dict[tuple[str, str], float] = {}
    penalties: dict[tuple[str, str], dict[str, float]] = {}
    for student, first, last, assignment, notebook, penalty, cell, score, most in rows:
        column = cell.replace("-", ".", 1) if module else assignment
        line = scores.points.setdefault(student, {})
        line[column] = round(line.get(column, 0.0) + score, 2)
        maxima.setdefault(column, {})[cell] = most
        earned[student, assignment] = earned.get((student, assignment), 0.0) + score
        penalties.setdefault((student, assignment), {})[notebook] = penalty or 0.0
        scores.names[student] = ", ".join(filter(None, [last, first])) or student
    for (student, assignment), of_notebooks in penalties.items():
        if off := min(sum(of_notebooks.values()), earned[student, assignment]):
            scores.late[student] = round(scores.late.get(student, 0.0) + off, 2)
    scores.maxima = {column: sum(cells.values()) for column, cells in maxima.items()}
    return scores


def to_csv(scores: Scores) -> str:
    """student, each task, what lateness costs where somebody was late, total."""
    columns = scores.columns()
    late = ["late"] if scores.late else []
    lines = [["student", *columns, *late, "total"]]
    for student in sorted(scores.points):
        line = scores.points[student]
        off = [f"{-scores.late.get(student, 0):g}" for _ in late]
        points = [f"{line[c]:g}" if c in line else "" for c in columns]
        lines.append([student, *points, *off, f"{scores.total(student):g}"])
    return as_csv(lines)


def to_canvas(scores: Scores, title: str) -> str:
    """Canvas's import: the student's login under SIS Login ID, one column named after the assignment, its points possible."""
    most = f"{sum(scores.maxima.values()):g}"
    lines = [["Student", "ID", "SIS Login ID", "Section", title], ["Points Possible", "", "", "", most]]
    lines += [[scores.names[s], "", s, "", f"{scores.total(s):g}"] for s in sorted(scores.points)]
    return as_csv(lines)


def as_csv(lines: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[harmless(cell) for cell in line] for line in lines])
    return text.getvalue()


def harmless(cell: str) -> str:
    """A student's id that a spreadsheet would take for a formula gets an apostrophe."""
    return f"'{cell}" if cell[:1] in ("=", "+", "@", "\t") or cell[:1] == "-" and not cell[1:2].isdigit() else cell


def tasks_of(notebook: dict) -> dict[str, dict]:
    """What the grader said of each task of an autograded notebook, in their order; empty when another graded it.

    nbgrader sorts what is in the metadata as text, 01.10 before 01.2.
    """
    tasks = notebook["metadata"].get("tinytorch", {}).get("grade", {}).get("tasks", {})
    return dict(sorted(tasks.items(), key=lambda item: in_order(item[0])))


def with_scores(tasks: dict[str, dict], points: dict[str, float]) -> dict[str, dict]:
    """The verdict with the gradebook's points by task, and a note where they are not the grader's own."""
    marked = {}
    for id, task in tasks.items():
        own, now = task["points"], points.get(id, task["points"])
        by_hand = f"The points were changed by hand: {own:g} of {task['max_points']:g} automatically."
        note = task["note"] if now == own else f"{task['note']} {by_hand}".lstrip()
        marked[id] = {**task, "points": now, "note": note}
    return marked


def verdict(course: Course, module: Module, student: str, scores: Scores) -> dict[str, dict]:
    """What the grader said of each task of a student's notebook, with the points that the gradebook has for it."""
    path = course.root / "autograded" / student / module.folder / f"{module.folder}.ipynb"
    return with_scores(tasks_of(json.loads(path.read_text(encoding="utf-8"))), scores.points.get(student, {}))


def to_text(tasks: dict[str, dict], late: float = 0.0) -> str:
    """A verdict as the terminal shows it: the points of each task, and what the feedback page says of it."""
    lines = [late_sentence(late)] if late else []
    for id, task in tasks.items():
        lines.append(f"{id} {task['title']}: {task['points']:g} of {task['max_points']:g}")
        lines += [f"    {line}" for line in message(task).splitlines()]
    return "\n".join(lines)


def late_sentence(points: float) -> str:
    return f"Handed in late: {points:g} points are taken off."


def to_gradescope(course: Course, module: Module, student: str, scores: Scores) -> str:
    """results.json of one student: a test for each task, with the message of the feedback."""
    tests = [
        {
            "name": f"Task {id}: {task['title']}",
            "number": id,
            "score": task["points"],
            "max_score": task["max_points"],
            "status": "passed" if task["points"] >= task["max_points"] else "failed",
            "output": message(task),
            "visibility": "visible",
        }
        for id, task in verdict(course, module, student, scores).items()
    ]
    late = scores.late.get(student, 0.0)
    result = {"score": round(sum(test["score"] for test in tests) - late, 2), "tests": tests}
    return json.dumps(result | ({"output": late_sentence(late)} if late else {}), indent=1) + "\n"


def message(task: dict) -> str:
    return TaskResult.from_json(task).message


def graded_students(course: Course, module: Module) -> list[str]:
    """Those who have an autograded notebook of the module."""
    found = (course.root / "autograded").glob(f"*/{module.folder}/{module.folder}.ipynb")
    return sorted(path.parent.parent.name for path in found)


def write_gradescope(course: Course, module: Module, scores: Scores, folder: Path) -> list[Path]:
    """STUDENT/results.json for every graded student, in a folder."""
    from ..files import write_atomic

    paths = []
    for student in graded_students(course, module):
        path = folder / student / "results.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, to_gradescope(course, module, student, scores))
        paths.append(path)
    return paths

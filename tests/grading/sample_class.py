"""A class of six, made from the released notebooks: what `make demo` grades and the tests know the marks of.

Nothing is kept as a copied notebook: a submission is the release with the reference's solutions filled in, and a
mistake is one of the named ones in `NN_name/misconceptions.toml`. `python tests/grading/sample_class.py COURSE` hands the work in.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tito.grading import misconceptions
from tito.notebooks.tasks import Source, read_source

COURSE = Path(__file__).resolve().parents[2]
MARKS = ("### BEGIN SOLUTION", "### END SOLUTION")


@dataclass(frozen=True)
class Student:
    """`mistake` is a task and the name of a misconception; `breaks` says how the file is damaged, per module number."""

    id: str
    story: str
    blank: bool = False
    mistake: tuple[str, str] | None = None
    breaks: tuple[tuple[str, Callable[[dict], str]], ...] = ()


def as_text(notebook: dict) -> str:
    return json.dumps(notebook, indent=1)


def with_a_copied_test(notebook: dict) -> str:
    """Copy and paste of a test cell: two cells with one id."""
    cells = notebook["cells"]
    test = next(index for index, cell in enumerate(cells) if grade_id(cell) and not is_solution(cell))
    cells.insert(test + 1, copy.deepcopy(cells[test]))
    return as_text(notebook)


def without_metadata(notebook: dict) -> str:
    """Saved by a tool that drops all metadata, and with it everything nbgrader knows."""
    for cell in notebook["cells"]:
        cell["metadata"] = {}
    return as_text(notebook)


def cut_off(notebook: dict) -> str:
    """An upload that broke off: no longer JSON."""
    text = as_text(notebook)
    return text[: len(text) * 2 // 3]


CLASS = (
    Student("ada", "everything right"),
    Student("ben", "handed in the blanks", blank=True),
    Student("chen", "one misconception in 01", mistake=("01.5", "aligns the shapes at the left")),
    Student("dara", "one misconception in 02", mistake=("02.8", "overwrites the gradient instead of accumulating")),
    Student("eli", "one misconception in 03", mistake=("03.4", "computes softmax without taking the largest off")),
    Student(
        "finn",
        "right, but the files are broken: a copied test cell, lost metadata, an upload cut off",
        breaks=(("01", with_a_copied_test), ("02", without_metadata), ("03", cut_off)),
    ),
)


def grade_id(cell: dict) -> str:
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")


def is_solution(cell: dict) -> bool:
    return cell["metadata"].get("nbgrader", {}).get("solution", False)


def without_marks(source: str) -> str:
    return "\n".join(line for line in source.split("\n") if line.strip() not in MARKS)


def answers(student: Student, source: Source) -> dict[str, str]:
    """What the student types into each solution cell, by cell id."""
    if student.blank:
        return {}
    typed = {cell.id: cell.source for task in source.tasks.values() for cell in task.solutions}
    if student.mistake and student.mistake[0] in source.tasks:
        known = misconceptions.read(misconceptions.path_of(COURSE, source.name), source)
        names = {(entry.task, entry.name): entry for entry in known}
        if student.mistake not in names:
            raise LookupError(f"{source.name} has no {student.mistake}; it has {sorted(names)}")
        typed |= names[student.mistake].patched
    return {cell: without_marks(text) for cell, text in typed.items()}


def submission(student: Student, released: dict, source: Source) -> str:
    """The text of the file that the student hands in: the release, filled in, and damaged where the story says so."""
    notebook = copy.deepcopy(released)
    typed = answers(student, source)
    for cell in notebook["cells"]:
        if cell["id"] in typed:
            cell["source"] = typed[cell["id"]].splitlines(keepends=True)
    damage = dict(student.breaks).get(source.name[:2], as_text)
    return damage(notebook)


def hand_in(course: Path, modules: list[str]) -> int:
    """Write every student's submission of the released `modules` (`01_tensor`) into `course`/submitted; how many."""
    for module in modules:
        released = json.loads((course / "modules" / module / f"{module}.ipynb").read_text(encoding="utf-8"))
        source = read_source(course / "solutions" / module / f"{module}.ipynb")
        for student in CLASS:
            folder = course / "submitted" / student.id / module
            folder.mkdir(parents=True, exist_ok=True)
            text = submission(student, released, source)
            (folder / f"{module}.ipynb").write_text(text, encoding="utf-8")
    return len(modules) * len(CLASS)


if __name__ == "__main__":
    course = Path(sys.argv[1])
    released = sorted(path.name for path in (course / "modules").iterdir() if path.name[:2].isdigit())
    print(f"{hand_in(course, released)} submissions in {course / 'submitted'}")

"""A class of six, made from the released notebooks: what `make demo` grades and the tests know the marks of.

Nothing is kept as a copied notebook: a submission is the release with the reference's solutions filled in, and a
mistake is one of the named ones in `misconceptions/`. `python tests/grading/sample_class.py COURSE` hands the work in.
"""

from __future__ import annotations

import copy
import json
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MISCONCEPTIONS = Path(__file__).with_name("misconceptions")


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
    Student("chen", "one misconception in 01", mistake=("01.1", "")),
    Student("dara", "one misconception in 02", mistake=("02.1", "")),
    Student("eli", "one misconception in 03", mistake=("03.1", "")),
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


def source(cell: dict) -> str:
    return "".join(cell["source"])


def reference(solutions: dict) -> dict[str, str]:
    """What the reference writes in each solution cell, by grade_id."""
    marks = ("### BEGIN SOLUTION", "### END SOLUTION")
    return {
        grade_id(cell): "\n".join(line for line in source(cell).split("\n") if line.strip() not in marks)
        for cell in solutions["cells"]
        if is_solution(cell)
    }


def misconception(task: str, name: str) -> dict[str, str]:
    """The named mistake of a task, as `misconceptions/NN_name.toml` has it."""
    file = next(MISCONCEPTIONS.glob(f"{task[:2]}_*.toml"))
    known = [
        entry for entry in tomllib.loads(file.read_text(encoding="utf-8"))["misconception"] if entry["task"] == task
    ]
    for entry in known:
        if entry["name"] == name:
            return entry
    raise LookupError(f"{file.name} has no {name!r} for task {task}; it has {[entry['name'] for entry in known]}")


def filled(released: dict, answers: dict[str, str]) -> dict:
    """The released notebook with `answers` typed into its solution cells."""
    notebook = copy.deepcopy(released)
    for cell in notebook["cells"]:
        if grade_id(cell) in answers:
            cell["source"] = answers[grade_id(cell)].splitlines(keepends=True)
    return notebook


def submission(student: Student, module: str, released: dict, solutions: dict) -> str:
    """The text of the file that a student hands in for `module`, a two-digit number."""
    answers = {} if student.blank else reference(solutions)
    if student.mistake and student.mistake[0].startswith(module):
        entry = misconception(*student.mistake)
        cell = next(
            name
            for name, text in answers.items()
            if name.startswith(f"{entry['task'].replace('.', '-')}-solution") and entry["replace"] in text
        )
        answers[cell] = answers[cell].replace(entry["replace"], entry["with"], 1)
    damage = dict(student.breaks).get(module, as_text)
    return damage(filled(released, answers))


def hand_in(course: Path, modules: list[str]) -> int:
    """Write every student's submission of the released `modules` (`01_tensor`) into `course`/submitted; how many."""
    for module in modules:
        released = json.loads((course / "modules" / module / f"{module}.ipynb").read_text(encoding="utf-8"))
        solutions = json.loads((course / "solutions" / module / f"{module}.ipynb").read_text(encoding="utf-8"))
        for student in CLASS:
            folder = course / "submitted" / student.id / module
            folder.mkdir(parents=True, exist_ok=True)
            text = submission(student, module[:2], released, solutions)
            (folder / f"{module}.ipynb").write_text(text, encoding="utf-8")
    return len(modules) * len(CLASS)


if __name__ == "__main__":
    course = Path(sys.argv[1])
    released = sorted(path.name for path in (course / "modules").iterdir() if path.name[:2].isdigit())
    print(f"{hand_in(course, released)} submissions in {course / 'submitted'}")

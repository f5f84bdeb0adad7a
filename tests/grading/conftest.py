"""A small course in a temporary folder, for tests of the grader inside nbgrader."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import small

from tito.grading.misconceptions import path_of

ROOT = Path(__file__).resolve().parents[2]


class SmallCourse:
    """A course with one module, `00_small`, released and ready to be handed in."""

    name = "00_small"

    def __init__(self, root: Path) -> None:
        self.root = root

    def hand_in(self, student: str, notebook: dict | bytes | None, name: str = "00_small.ipynb") -> None:
        folder = self.root / "submitted" / student / self.name
        folder.mkdir(parents=True, exist_ok=True)
        if notebook is not None:
            data = notebook if isinstance(notebook, bytes) else json.dumps(notebook).encode()
            (folder / name).write_bytes(data)

    def nbgrader(self, *arguments: str) -> subprocess.CompletedProcess:
        programs = str(Path(sys.executable).parent)
        environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "nbgrader", *arguments]
        return subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, timeout=120)

    def scores(self) -> dict[str, dict[str, float | None]]:
        from nbgrader.api import Gradebook

        with Gradebook(f"sqlite:///{self.root / 'gradebook.db'}") as gradebook:
            return {
                row.student.id: {
                    grade.name: grade.score if grade.auto_score is not None else None for grade in book.grades
                }
                for row in gradebook.find_assignment(self.name).submissions
                for book in row.notebooks
            }

    def autograded(self, student: str) -> dict:
        return json.loads((self.root / "autograded" / student / self.name / f"{self.name}.ipynb").read_text())


def make(root: Path) -> SmallCourse:
    (root / "solutions" / "00_small").mkdir(parents=True)
    (root / "solutions" / "00_small" / "00_small.ipynb").write_text(json.dumps(small.source()))
    mistakes = path_of(root, "00_small")
    mistakes.parent.mkdir(parents=True)
    mistakes.write_text(small.MISCONCEPTIONS)
    (root / "tinytorch").mkdir()
    (root / "tinytorch" / "__init__.py").write_text("")
    shutil.copy(ROOT / "nbgrader_config.py", root)
    shutil.copy(ROOT / "settings.ini", root)
    return SmallCourse(root)


@pytest.fixture
def course(tmp_path) -> SmallCourse:
    course = make(tmp_path)
    done = course.nbgrader("generate_assignment", course.name)
    assert done.returncode == 0, done.stderr
    return course

"""A course of two small modules, 01 and 02 built on it, and tito with just these two: for tests of a whole class.

`python tests/grading/small_course.py grade 01` is `tito grade 01` in such a course.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import small

from tito import registry
from tito.registry import Module

ROOT = Path(__file__).resolve().parents[2]
TWO = (
    Module(1, "small", "Small", ("tinytorch/small.py",), ()),
    Module(2, "next", "Next", ("tinytorch/next.py",), (1,)),
)

SPREAD = [
    ("text", None, "# 02 Next\n\nOne task, on what 01 built."),
    ("given", None, "#| default_exp next"),
    ("given", None, "#| export\nimport numpy as np\nfrom tinytorch.small import centre"),
    ("text", None, "## Task 02.1 Spread"),
    (
        "solution",
        "02-1",
        '''#| export
def spread(x):
    """The mean square of centre(x)."""
    ### BEGIN SOLUTION
    return float((centre(x) ** 2).mean())
    ### END SOLUTION''',
    ),
    (
        "test",
        "02-1",
        """assert spread(np.ones(3)) == 0
### BEGIN HIDDEN TESTS
def probe_matrix(rng):
    "a matrix whose rows differ"
    return spread(rng.normal(size=(3, 4)) + np.array([[1.0], [5.0], [9.0]]))
def probe_vector(rng):
    "one row"
    return spread(rng.normal(size=6))
### END HIDDEN TESTS""",
    ),
]


def as_01(value):
    """The notebook of small.py under the number 01."""
    text = json.dumps(value)
    for old, new in (("00-", "01-"), ("00.", "01."), ("# 00 ", "# 01 ")):
        text = text.replace(old, new)
    return json.loads(text)


def solved(**answers: str) -> dict:
    """A submission of 01: small.solved, renumbered."""
    return as_01(small.solved(**answers))


def source_02() -> dict:
    cells, points, small.CELLS = small.CELLS, small.POINTS, SPREAD
    small.POINTS = {"02-1": 50}
    try:
        return small.source()
    finally:
        small.CELLS, small.POINTS = cells, points


def solved_02() -> dict:
    from tito.notebooks import split_hidden

    notebook = source_02()
    for cell in notebook["cells"]:
        text = split_hidden(cell["source"])[0]
        cell["source"] = "\n".join(line for line in text.split("\n") if "### " not in line)
    return notebook


class TwoModules:
    """The course in `root`, released; nobody has handed in anything."""

    def __init__(self, root: Path, db_url: str = "", release: tuple[str, ...] = ("01", "02")) -> None:
        self.root, self.db_url = root, db_url
        for name, notebook in (("01_small", as_01(small.source())), ("02_next", source_02())):
            self.source(name).parent.mkdir(parents=True)
            self.source(name).write_text(json.dumps(notebook))
        self.misconceptions.parent.mkdir(parents=True)
        self.misconceptions.write_text(small.MISCONCEPTIONS.replace('"00.', '"01.'))
        (root / "tinytorch").mkdir()
        (root / "tinytorch" / "__init__.py").write_text("")
        code = [c["source"] for c in as_01(small.source())["cells"] if c["source"].startswith("#| export")]
        (root / "tinytorch" / "small.py").write_text("\n\n".join(code))
        shutil.copy(ROOT / "nbgrader_config.py", root)
        shutil.copy(ROOT / "settings.ini", root)
        for number in release:
            done = self.tito("release", number, "--no-lint")
            assert done.returncode == 0, done.stderr

    def source(self, name: str) -> Path:
        return self.root / "solutions" / name / f"{name}.ipynb"

    @property
    def misconceptions(self) -> Path:
        return self.root / "tests" / "grading" / "01_small" / "misconceptions.toml"

    def submitted(self, student: str, name: str = "01_small") -> Path:
        return self.root / "submitted" / student / name / f"{name}.ipynb"

    def hand_in(self, student: str, notebook: dict, name: str = "01_small") -> None:
        path = self.submitted(student, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook))

    @property
    def environment(self) -> dict[str, str]:
        programs = str(Path(sys.executable).parent)
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        here = {"NBGRADER_DB_URL": self.db_url, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        return {**os.environ, **here}

    def start(self, *arguments: str, **options) -> subprocess.Popen:
        """tito in a process of its own, in the course's folder."""
        command = [sys.executable, __file__, *arguments]
        return subprocess.Popen(command, cwd=self.root, env=self.environment, text=True, **options)

    def tito(self, *arguments: str) -> subprocess.CompletedProcess:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with self.start(*arguments, **pipes) as process:
            try:
                out, err = process.communicate(timeout=150)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def nbgrader(self, *arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "nbgrader", *arguments]
        return subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, text=True, timeout=150)

    def scores(self, name: str = "01_small") -> dict[str, dict[str, float | None]]:
        """What the gradebook holds, student by student; None for a score that is not there."""
        from nbgrader.api import Gradebook

        server = self.db_url.replace("postgresql:", "postgresql+psycopg2:")
        with Gradebook(server or f"sqlite:///{self.root / 'gradebook.db'}") as gradebook:
            return {
                row.student.id: {grade.name: grade.auto_score for book in row.notebooks for grade in book.grades}
                for row in gradebook.find_assignment(name).submissions
            }


if __name__ == "__main__":
    registry.MODULES = TWO
    registry.BY_NUMBER = {module.number: module for module in TWO}
    from tito.cli import main

    sys.exit(main())

"""A tiny course of two modules, quick to export, release and test: what tito is developed and tested against."""

from __future__ import annotations

import shutil
from pathlib import Path

from tito import notebooks as nb

ROOT = Path(__file__).resolve().parents[2]


def markdown(name: str, source: str) -> dict:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source}


def code(name: str, source: str, **grading) -> dict:
    metadata = {"nbgrader": {"schema_version": 3, "task": False, **grading}} if grading else {}
    return {
        "cell_type": "code",
        "id": name,
        "metadata": metadata,
        "source": source,
        "execution_count": None,
        "outputs": [],
    }


def solution(task: str, source: str) -> dict:
    name = f"{task}-solution"
    return code(name, "#| export\n" + source, grade=False, grade_id=name, locked=False, solution=True)


def check(task: str, points: int, source: str) -> dict:
    return code(task, source, grade=True, grade_id=task, locked=True, points=points, solution=False)


def hints(task: str, *items: str) -> dict:
    cell = markdown(f"hints-{task}", "\n".join(f"{number}. {item}" for number, item in enumerate(items, 1)))
    return {**cell, "metadata": {"tags": ["hints"]}}


def function(header: str, doc: str, body: str) -> str:
    lines = "\n".join(f"    {line}" for line in ("### BEGIN SOLUTION", *body.split("\n"), "### END SOLUTION"))
    return f'{header}\n    """{doc}"""\n{lines}'


def hidden(visible: str, probe: str) -> str:
    return f"{visible}\n### BEGIN HIDDEN TESTS\n{probe}\n### END HIDDEN TESTS"


def outputs(*values: int) -> list[dict]:
    """Cells whose output nbval compares."""
    cells = []
    for value in values:
        cell = code(f"show-{value}", f"# NBVAL_CHECK_OUTPUT\n{value} + 0")
        data = {"text/plain": [str(value)]}
        cell["outputs"] = [{"output_type": "execute_result", "execution_count": None, "metadata": {}, "data": data}]
        cells.append(cell)
    return cells


HEAD = "**Time** about half an hour.\n\n## In two minutes\n\nNothing.\n\n## Words\n\nNone."
TENSOR = [
    markdown("title-1", f"# 01 Tensor\n\nTwo small functions, and one that uses both.\n\n{HEAD}"),
    code("exp-1", "#| default_exp tensor"),
    code("imports-1", "#| export\nimport math"),
    markdown("text-1-1", "## Task 01.1: Twice (10 points)\n\nDouble a number, about 1 line."),
    hints("01-1", "What is asked?", "Look at the line above.", "One expression."),
    solution("01-1", function("def twice(x):", "Return `x` times two.", "doubled = 2 * x\nreturn doubled")),
    check(
        "01-1",
        10,
        hidden(
            "assert twice(2) == 4",
            'def probe_twice(rng):\n    "doubles what it is given"\n    return twice(int(rng.integers(1, 9)))',
        ),
    ),
    markdown("text-1-2", "## Task 01.2: Root (20 points)\n\nThe square root, about 1 line."),
    hints("01-2", "What is asked?", "Look at the line above.", "One expression."),
    solution(
        "01-2", function("def root(x):", "Return the square root of `x`.", "result = math.sqrt(x)\nreturn result")
    ),
    check(
        "01-2",
        20,
        hidden(
            "assert root(9) == 3", 'def probe_root(rng):\n    "takes the root"\n    return root(float(rng.random()))'
        ),
    ),
    markdown("text-1-3", "## Task 01.3: Both (30 points)\n\nTwice the root, about 1 line."),
    hints("01-3", "What is asked?", "Look at the line above.", "One expression."),
    solution("01-3", function("def both(x):", "Return twice the root of `x`.", "return twice(root(x))")),
    check(
        "01-3",
        30,
        hidden(
            "assert both(9) == 6",
            'def probe_both(rng):\n    "takes the root, then doubles"\n    return both(float(rng.random()))',
        ),
    ),
    *outputs(1, 2, 3, 4, 5),
]
AUTOGRAD = [
    markdown("title-2", f"# 02 Autograd\n\nUses module 01.\n\n{HEAD}"),
    code("exp-2", "#| default_exp autograd.engine"),
    code("imports-2", "#| export\nfrom tinytorch.tensor import both, twice"),
    markdown("text-2-1", "## Task 02.1: Four times (40 points)\n\nabout 1 line."),
    hints("02-1", "What is asked?", "Look at the line above.", "One expression."),
    solution("02-1", function("def four(x):", "Return four times `x`.", "return twice(twice(x))")),
    check(
        "02-1",
        40,
        hidden(
            "assert four(2) == 8",
            'def probe_four(rng):\n    "four times its argument"\n    return four(int(rng.integers(1, 9)))',
        ),
    ),
    markdown("text-2-2", "## Task 02.2: A class (60 points)\n\nabout 2 lines."),
    hints("02-2", "What is asked?", "Look at the line above.", "One expression."),
    solution(
        "02-2",
        "class Scale:\n"
        + "\n".join(
            "    " + line
            for line in function(
                "def __call__(self, x):", "Return `x` times four.", "result = four(x)\nreturn result"
            ).split("\n")
        ),
    ),
    check(
        "02-2",
        60,
        hidden(
            "assert Scale()(1) == 4",
            'def probe_scale(rng):\n    "scales by four"\n    return Scale()(int(rng.integers(1, 9)))',
        ),
    ),
    *outputs(6, 7, 8, 9, 10),
]

UNIT_TESTS = {
    "tests/01_tensor/test_tensor.py": """
from tinytorch.tensor import both, root, twice

def test_01_1_doubles():
    assert twice(3) == 6

def test_01_2_roots():
    assert root(16) == 4

def test_01_3_both():
    assert both(16) == 8
""",
    "tests/02_autograd/test_autograd.py": """
from tinytorch.autograd.engine import Scale, four

def test_02_1_four():
    assert four(3) == 12

def test_02_2_scale():
    assert Scale()(3) == 12
""",
    "tests/integration/test_one.py": """
import pytest
from tinytorch.tensor import both

pytestmark = pytest.mark.modules(1)

def test_quick_both():
    assert both(4) == 4
""",
    "tests/integration/test_two.py": """
import pytest
from tinytorch.autograd.engine import four
from tinytorch.tensor import both

pytestmark = pytest.mark.modules(1, 2)

def test_four_both():
    assert four(both(4)) == 16
""",
    "tests/integration/test_later.py": """
import pytest
from tinytorch.training import Trainer

pytestmark = pytest.mark.modules(1, 7)

def test_trainer():
    Trainer()
""",
}  # fmt: skip


def write_notebook(root: Path, folder: str, cells: list[dict]) -> Path:
    path = root / "solutions" / folder / f"{folder}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nb.write(path, nb.clean({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def make(root: Path) -> Path:
    """Write the sample course to `root`: sources, tests and settings; nothing exported or released yet."""
    write_notebook(root, "01_tensor", TENSOR)
    write_notebook(root, "02_autograd", AUTOGRAD)
    (root / "tinytorch").mkdir()
    (root / "tinytorch/__init__.py").write_text('"""A facade."""\n', encoding="utf-8")
    for name in ("settings.ini", "nbgrader_config.py"):
        shutil.copy(ROOT / name, root / name)
    for name, source in UNIT_TESTS.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source.lstrip(), encoding="utf-8")
    (root / "tests/conftest.py").write_text("", encoding="utf-8")
    return root

"""Every kind of wrong solution that a task's arguments and results allow is noticed by a probe, or a reason says why not."""

import subprocess
import sys

import numpy as np
import pytest

from tito.course import HOME, Course
from tito.grading import families
from tito.running import environment

COURSE = Course.read(HOME)
OPEN = {"01": 7, "03": 9, "04": 9, "05": 5, "08": 5}
"""How many are missing still: these may only become fewer."""


@pytest.mark.parametrize("module", COURSE.modules(), ids=lambda module: module.folder)
def test_no_family_is_missing_without_a_reason(module):
    command = [sys.executable, "-m", "tito.grading.families", module.nn]
    run = subprocess.run(command, cwd=HOME, env=environment(COURSE), capture_output=True, text=True)
    assert not run.stderr, run.stderr
    missing = [line for line in run.stdout.splitlines() if line.endswith("MISSING")]
    assert len(missing) <= OPEN.get(module.nn, 0), "\n".join(missing)


@pytest.mark.parametrize("module", COURSE.modules(), ids=lambda module: module.folder)
def test_every_reason_says_something(module):
    assert all(len(why.split()) >= 3 for why in families.reasons(COURSE, module).values())


class Tensor:
    """As little of a tensor as is spoiled."""

    def __init__(self, array, requires_grad=False):
        self.array, self.requires_grad = np.asarray(array), requires_grad
        self.dtype = self.array.dtype

    def detach(self):
        return Tensor(self.array)

    def numpy(self):
        return self.array

    def to(self, dtype):
        return Tensor(self.array.astype(dtype), self.requires_grad)


SOLUTION = '''#| export
def scale(x, factor=2.0):
    """x times the factor."""
    ### BEGIN SOLUTION
    return Tensor(x.array * np.float32(factor), x.requires_grad)
    ### END SOLUTION
'''
FULL = """
def probe_all(rng):
    "all of it"
    x = Tensor(rng.random(3).astype("float32"), requires_grad=True)
    y = scale(x, factor=3.0)
    return [y.numpy(), str(y.dtype), y.requires_grad, x.numpy()]
"""


def task_of(probe):
    from tito import notebooks as nb

    def cell(name, source, **grading):
        metadata = {"nbgrader": {"grade_id": name, **grading}}
        return {"cell_type": "code", "id": name, "metadata": metadata, "source": source}

    test = f"assert scale\n{nb.BEGIN_HIDDEN}\n{probe}\n{nb.END_HIDDEN}"
    cells = [cell("01-1-solution", SOLUTION, solution=True), cell("01-1", test, grade=True, points=1)]
    return nb.tasks_of({"cells": cells})["01.1"]


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        ("", "", []),
        ("y.requires_grad, ", "", ["gradient"]),
        ("str(y.dtype), ", "", ["dtype"]),
        (", x.numpy()]", "]", ["inputs"]),
        (", factor=3.0", "", ["option factor"]),
        ("return [y.numpy(), str(y.dtype), y.requires_grad, x.numpy()]", "return 1", None),
    ],
)
def test_a_probe_that_does_not_look_misses_a_family(old, new, lost):
    assert old in FULL
    space = {"np": np, "Tensor": Tensor}
    exec(SOLUTION, space)
    before = dict(space)
    found = list(families.families_of(task_of(FULL.replace(old, new)), space))
    assert [one.name for one in found] == ["gradient", "dtype", "inputs", "option factor"]
    missing = [one.name for one in found if not one.noticed]
    assert missing == ([one.name for one in found] if lost is None else lost)
    assert space == before, "everything is as it was"


def test_options_and_what_stands_second():
    def f(*xs, a=1, b=2):
        return xs, a, b

    assert families.ignoring("a")(f, (7, 8), {"a": 5, "b": 6}) == ((7, 8), 1, 6)
    assert families.only_first("xs")(f, (7, 8), {"a": 5}) == ((7,), 5, 2)
    assert families.ignoring("y")(lambda x, y=1, *z: (x, y, z), (5, 6, 7), {}) == (5, 1, (7,))

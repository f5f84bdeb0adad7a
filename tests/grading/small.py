"""A small course notebook for tests of the grader: four tasks, each in the form that course notebooks have."""

from __future__ import annotations

import copy

CELLS = [
    ("text", None, "# 00 Small\n\nFour small tasks."),
    ("given", None, "#| default_exp small"),
    ("given", None, "#| export\nimport numpy as np"),
    ("text", None, "## Task 00.1 Centre"),
    (
        "solution",
        "00-1",
        '''#| export
def centre(x):
    """x minus its mean along the last axis; shape and kind of x are kept for floats."""
    ### BEGIN SOLUTION
    x = np.asarray(x)
    return x - x.mean(axis=-1, keepdims=True)
    ### END SOLUTION''',
    ),
    (
        "test",
        "00-1",
        """assert centre(np.ones(3)).tolist() == [0, 0, 0]
### BEGIN HIDDEN TESTS
def probe_matrix(rng):
    "rows of a matrix"
    return centre(rng.normal(size=(3, 4)) + 5)
def probe_vector(rng):
    "one row"
    return [centre(rng.normal(size=5)), str(centre(np.ones(2, np.float32)).dtype)]
### END HIDDEN TESTS""",
    ),
    ("given", None, "example = centre(np.arange(6.0).reshape(2, 3))\nprint(example.sum())"),
    ("text", None, "## Task 00.2 Scale"),
    (
        "solution",
        "00-2",
        '''#| export
def scale(x, eps=1e-5):
    """centre(x) divided by its standard deviation along the last axis, eps inside the root."""
    ### BEGIN SOLUTION
    c = centre(x)
    return c / np.sqrt((c * c).mean(axis=-1, keepdims=True) + eps)
    ### END SOLUTION''',
    ),
    (
        "test",
        "00-2",
        """assert scale(np.arange(4.0)).shape == (4,)
### BEGIN HIDDEN TESTS
def probe_scale(rng):
    "rows with different spreads"
    return scale(rng.normal(size=(3, 4)) * np.array([[1.0], [0.01], [3.0]]))
def probe_eps(rng):
    "the second argument"
    return scale(rng.normal(size=4), 0.5)
### END HIDDEN TESTS""",
    ),
    ("text", None, "## Task 00.3 Counter"),
    (
        "solution",
        "00-3",
        '''#| export
class Counter:
    """Counts calls: add(n) returns the total; a negative n is a ValueError."""
    ### BEGIN SOLUTION
    def __init__(self):
        self.total = 0

    def add(self, n):
        if n < 0:
            raise ValueError("n must not be negative")
        self.total += n
        return self.total
    ### END SOLUTION''',
    ),
    (
        "test",
        "00-3",
        """assert Counter().add(2) == 2
### BEGIN HIDDEN TESTS
def probe_totals(rng):
    "totals over several calls"
    c = Counter()
    return [c.add(int(n)) for n in rng.integers(1, 9, 5)]
def probe_negative(rng):
    "a negative number"
    try:
        Counter().add(-1)
    except Exception as error:
        return type(error).__name__
    return "no error"
### END HIDDEN TESTS""",
    ),
    ("given", None, "def helper(xs):\n    return sorted(xs)"),
    ("text", None, "## Task 00.4 Median"),
    (
        "solution",
        "00-4",
        '''#| export
def median(xs):
    """The middle value; of an even number of values the mean of the two in the middle; None for none."""
    ### BEGIN SOLUTION
    if not len(xs):
        return None
    xs, n = sorted(xs), len(xs)
    return (xs[(n - 1) // 2] + xs[n // 2]) / 2
    ### END SOLUTION''',
    ),
    (
        "test",
        "00-4",
        """assert median([3, 1, 2]) == 2
### BEGIN HIDDEN TESTS
def probe_odd(rng):
    "an odd number of values"
    return median(list(rng.normal(size=7)))
def probe_even(rng):
    "an even number of values, and none at all"
    return {"even": median(helper(rng.normal(size=6))), "none": median([])}
### END HIDDEN TESTS""",
    ),
    ("given", None, "print('the end')"),
]

POINTS = {"00-1": 10, "00-2": 20, "00-3": 30, "00-4": 40}

MISCONCEPTIONS = """
[[misconception]]
task = "00.1"
name = "centres over all values instead of the last axis"
hint = "Look at which axis the mean is taken over."
replace = "x.mean(axis=-1, keepdims=True)"
with = "x.mean()"

[[misconception]]
task = "00.2"
name = "epsilon outside the root"
hint = "The specification says where eps is added."
replace = "np.sqrt((c * c).mean(axis=-1, keepdims=True) + eps)"
with = "(np.sqrt((c * c).mean(axis=-1, keepdims=True)) + eps)"

[[misconception]]
task = "00.3"
name = "forgets the total between calls"
hint = "What must an object remember?"
replace = "self.total += n"
with = "self.total = n"

[[misconception]]
task = "00.4"
name = "takes the upper middle value"
hint = "Two values are in the middle of an even number."
replace = "(xs[(n - 1) // 2] + xs[n // 2]) / 2"
with = "xs[n // 2]"
"""


def source() -> dict:
    """The source notebook, nbformat 4."""
    cells = []
    for number, (role, key, text) in enumerate(CELLS):
        meta = {}
        if role == "solution":
            meta = {"grade": False, "grade_id": f"{key}-solution", "locked": False, "solution": True}
        elif role == "test":
            meta = {"grade": True, "grade_id": key, "locked": True, "solution": False, "points": POINTS[key]}
        if meta:
            meta = {"nbgrader": {**meta, "schema_version": 3, "task": False}}
        cell = {"cell_type": "markdown" if role == "text" else "code", "id": f"c{number}", "metadata": meta}
        cell["source"] = text
        if meta:
            cell["id"] = meta["nbgrader"]["grade_id"]
        if role != "text":
            cell |= {"execution_count": None, "outputs": []}
        cells.append(cell)
    kernel = {"display_name": "python3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def release() -> dict:
    """What students get."""
    from tito.notebooks import split_hidden, strip_solution

    notebook = source()
    for cell in notebook["cells"]:
        cell["source"] = split_hidden(strip_solution(cell["source"]))[0]
    return notebook


def solved(**answers: str) -> dict:
    """A perfect submission, but for the tasks given: `solved(t3="class Counter: ...")` replaces the whole cell."""
    notebook = release()
    reference = {cell["id"]: cell["source"] for cell in source()["cells"]}
    for cell in notebook["cells"]:
        if cell["id"].endswith("-solution"):
            lines = reference[cell["id"]].split("\n")
            cell["source"] = "\n".join(line for line in lines if "### " not in line)
            answer = answers.get("t" + cell["id"].split("-")[1])
            cell["source"] = cell["source"] if answer is None else answer
    return copy.deepcopy(notebook)


def cell(notebook: dict, id: str) -> dict:
    return next(cell for cell in notebook["cells"] if cell["id"] == id)


def code(text: str, id: str = "") -> dict:
    return {"cell_type": "code", "id": id, "metadata": {}, "source": text, "execution_count": None, "outputs": []}

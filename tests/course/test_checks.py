"""Failed checks say what came and what was expected; what a check does is the same as without."""

import ast
import json
import linecache
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tito.checks import Rewriter, load_ipython_extension, rewrite
from tito.course import HOME, Course
from tito.lesson import missing_file
from tito.running import environment, run_cells

COURSE = Course.read(HOME)


def run(source, rewriting=True, **space):
    """The names after a run of `source`; its assertions speak."""
    linecache.cache["<check>"] = (len(source), None, source.splitlines(True), "<check>")
    tree = ast.parse(source)
    space = {"np": np, **space}
    exec(compile(rewrite(tree) if rewriting else tree, "<check>", "exec"), space)
    return space


def said(source, **space):
    with pytest.raises(AssertionError) as caught:
        run(source, **space)
    return str(caught.value).split("\n")


class Odd:
    """An object that fails at everything."""

    def __getattribute__(self, name):
        raise RuntimeError("no attributes")

    def __eq__(self, other):
        return False

    def __repr__(self):
        raise RuntimeError("no repr")


class Refusing:
    def __eq__(self, other):
        raise ValueError("not to be compared")


class Tensor:
    """As little of a tensor as any library has."""

    def __init__(self, *values, dtype="float32"):
        self.array = np.array(values, dtype)
        self.shape, self.dtype = self.array.shape, self.array.dtype

    def detach(self):
        return self

    def numpy(self):
        return self.array

    def __eq__(self, other):
        return Tensor(*(self.array == other.array), dtype=bool)

    def all(self):
        return bool(self.array.all())


class Broken(Tensor):
    def numpy(self):
        raise NotImplementedError


MESSAGES = {
    "assert f(2) == 4": ["f(2) == 4", "  got:      3", "  expected: 4"],
    "assert True\nassert f(2) == 4, 'adds two'": [
        "check 2 of 2: adds two",
        "  failed:   f(2) == 4",
        "  got:      3",
        "  expected: 4",
    ],
    "assert f(1) == 2 and f(2) == 4 and f(3)": [
        "f(2) == 4",
        "  got:      3",
        "  expected: 4",
    ],
    "assert 1 < f(2) < 3 < f(9)": ["1 < f(2) < 3 < f(9)", "  got:      3", "  expected: less than 3"],
    "assert f(2) == 4 or not f(3)": [
        "f(2) == 4 or not f(3)",
        "  neither:  f(2) == 4",
        "  got:      3",
        "  expected: 4",
        "  neither:  not f(3)",
        "  got:      4",
        "  expected: false",
    ],
    "assert all(f(x) < 3 and x != 1 for x in range(9))": [
        "all(f(x) < 3 and x != 1 for x in range(9))",
        "  at:       x = 1",
        "  failed:   x != 1",
        "  got:      1",
        "  expected: anything but 1",
    ],
    "assert all(x < 2 and x != 7 for x in range(9))": [
        "all(x < 2 and x != 7 for x in range(9))",
        "  at:       x = 2",
        "  failed:   x < 2",
        "  got:      2",
        "  expected: less than 2",
    ],
    "assert abs(f(0.5) - 1.25) < 1e-6": [
        "abs(f(0.5) - 1.25) < 1e-6",
        "  got:      0.25",
        "  expected: less than 1e-06",
        "  of:       1.5",
        "  and:      1.25",
        "  the difference is 0.25",
    ],
    "assert (np.arange(4).reshape(2, 2) == np.array([[0, 1], [5, 3]])).all()": [
        "(np.arange(4).reshape(2, 2) == np.array([[0, 1], [5, 3]])).all()",
        "  got:      int64 array of shape (2, 2): [[0, 1], [2, 3]]",
        "  expected: int64 array of shape (2, 2): [[0, 1], [5, 3]]",
        "  first difference at [1, 0]: got 2, expected 5 (1 of 4 differ, largest difference 3)",
    ],
    "assert np.allclose(np.ones(2), [1, 1.5], rtol=0, atol=0.1)": [
        "np.allclose(np.ones(2), [1, 1.5], rtol=0, atol=0.1)",
        "  got:      float64 array of shape (2,): [1., 1.]",
        "  expected: [1, 1.5]",
        "  first difference at [1]: got 1.0, expected 1.5 (1 of 2 differ, largest difference 0.5)",
    ],
    "assert np.array_equal(np.ones((2, 3)), np.ones((3, 2)))": [
        "np.array_equal(np.ones((2, 3)), np.ones((3, 2)))",
        "  got:      float64 array of shape (2, 3): [[1., 1., 1.], [1., 1., 1.]]",
        "  expected: float64 array of shape (3, 2): [[1., 1.], [1., 1.], [1., 1.]]",
        "  the shapes differ: (2, 3) and (3, 2)",
    ],
    "assert np.ones(1, 'float32').dtype == np.dtype('float64')": [
        "np.ones(1, 'float32').dtype == np.dtype('float64')",
        "  got:      float32",
        "  expected: float64",
    ],
    "assert (Tensor(1, 2) == Tensor(1, 3)).all()": [
        "(Tensor(1, 2) == Tensor(1, 3)).all()",
        "  got:      float32 Tensor of shape (2,): [1., 2.]",
        "  expected: float32 Tensor of shape (2,): [1., 3.]",
        "  first difference at [1]: got 2.0, expected 3.0 (1 of 2 differ, largest difference 1)",
    ],
    "assert {'a': 1, 'b': 2} == {'a': 1, 'c': 2}": [
        "{'a': 1, 'b': 2} == {'a': 1, 'c': 2}",
        "  got:      {'a': 1, 'b': 2}",
        "  expected: {'a': 1, 'c': 2}",
        "  missing: ['c']",
        "  not expected: ['b']",
    ],
    "assert isinstance(f(1), (str, float))": [
        "isinstance(f(1), (str, float))",
        "  got:      2, of type int",
        "  expected: an instance of (str, float)",
    ],
    "assert f(1) is None": ["f(1) is None", "  got:      2", "  expected: None"],
    "assert 3 in [1, 2]": ["3 in [1, 2]", "  got:      3", "  expected: one of [1, 2]"],
    "assert not f(1)": ["not f(1)", "  got:      2", "  expected: false"],
    "assert 1 == '1'": ["1 == '1'", "  got:      1", "  expected: '1'"],
    "assert (1, 2) == [1, 2]": ["(1, 2) == [1, 2]", "  got:      (1, 2)", "  expected: [1, 2]"],
    "assert 'abc' == 'abd'": [
        "'abc' == 'abd'",
        "  got:      'abc'",
        "  expected: 'abd'",
        "  the texts differ from character 2 on",
    ],
    "assert f(\n    2\n) == 4, ''": ["f( 2 ) == 4", "  got:      3", "  expected: 4"],
}


@pytest.mark.parametrize("source", MESSAGES)
def test_what_a_failed_check_says(source):
    lines = said(source, f=lambda x: x + 1, Tensor=Tensor)
    assert lines == MESSAGES[source]


@pytest.mark.parametrize(
    "source",
    [
        "assert odd == 3",
        "assert odd is None",
        "assert [odd] == [3], 'a list'",
        "assert not (odd, 1)",
        "assert 10**5000 == 1",
        "assert broken is None and broken",
        "assert list(range(10**6)) == []",
        "assert 'x' * 10**7 == 'y' * 10**7",
        "assert np.zeros(10**7 + 1) is None",
        "assert np.array(['a', 'b']) is np.array([1, None], object)",
        "assert loop == 1",
        "assert [np.ones(2)] is [np.ones(2)]",
        "assert {1: float('nan')} == {1: float('nan')}",
    ],
)
def test_odd_values_are_described_in_a_few_lines(source):
    loop = []
    loop.append(loop)
    lines = said(source, odd=Odd(), broken=Broken(1, 2), loop=loop)
    assert any(line.startswith("  got:") for line in lines), lines
    assert len(lines) < 12 and max(map(len, lines)) < 700


def test_an_error_in_a_check_stays_that_error():
    with pytest.raises(ValueError, match="not to be compared"):
        run("assert refusing == 3", refusing=Refusing())
    with pytest.raises(ValueError, match="truth value"):
        run("assert np.ones(2) == np.ones(2)")
    with pytest.raises(ZeroDivisionError):
        run("assert f(2) == 3, 1 / 0", f=lambda x: x)


SAME = [
    "calls = []\ndef f(x):\n    calls.append(x)\n    return x\nassert f(1) == 1 and f(0) or f(2) < f(3) < f(4)",
    "calls = []\ndef f(x):\n    calls.append(x)\n    return x\nassert 1 < f(0) < f(5) or f(7)",
    "calls = [all(x for x in [1, 2])]\nassert all((y := x) and x for x in [1, 2, 3])",
    "n = 0\ndef f():\n    global n\n    n += 1\n    assert n < 5 and [x for x in range(n)]\n    return n < 3 and f()\ncalls = [f()]",
    "class A:\n    xs = [1, 2]\n    assert all(x for x in xs) and xs\n    class B:\n        assert True\ncalls = [vars(A)['xs']]",
    "def g():\n    yield 1\n    assert (yield 2) is None\n    yield 3\ncalls = list(g())",
    "calls = []\nassert not calls, calls.append(1)",
    "def f(*a, **k):\n    return a, k\ncalls = [1]\nassert f(*calls, *[2], x=3, **{'y': 4}) == ((1, 2), {'x': 3, 'y': 4})",
    "class A:\n    def __init__(self):\n        assert super().__init__() is None\ncalls = [type(A()).__name__]",
    "calls = []\nfor i in range(3):\n    assert (lambda: i)() == i\n    calls.append(i)",
]


@pytest.mark.parametrize("source", SAME)
def test_nothing_is_evaluated_twice_and_nothing_else_changes(source):
    plain, spoken = run(source, rewriting=False), run(source)
    assert spoken["calls"] == plain["calls"]
    assert spoken.keys() == plain.keys(), "no name of ours is left"


def test_no_name_is_left_after_a_failure():
    space = {"np": np}
    with pytest.raises(AssertionError):
        exec(compile(rewrite(ast.parse("assert [1] == [2] and x")), "<check>", "exec"), space)
    assert space.keys() <= {"np", "__builtins__"}


def test_the_line_of_the_error_is_the_checks():
    with pytest.raises(AssertionError) as caught:
        run("x = 1\n\nassert x == 2")
    assert caught.traceback[-1].lineno == 2


def test_asynchronous_code_is_rewritten_too():
    import asyncio

    space = run("async def g():\n    return 1\nasync def f():\n    assert await g() == 2")
    with pytest.raises(AssertionError, match="got:      1"):
        asyncio.run(space["f"]())


def test_checks_cost_nothing_noticeable():
    source = "def f(x):\n    assert x == 3 and x < 5\ndef run():\n    for _ in range(100_000):\n        f(3)"
    start = time.perf_counter()
    run(source)["run"]()
    assert time.perf_counter() - start < 1, "10 microseconds a check is far too much"


def test_a_kernel_rewrites_once():
    class Shell:
        ast_transformers = []

    load_ipython_extension(Shell)
    load_ipython_extension(Shell)
    assert len(Shell.ast_transformers) == 1 and isinstance(Shell.ast_transformers[0], Rewriter)


@pytest.mark.parametrize("module", COURSE.modules(), ids=lambda module: module.folder)
def test_every_visible_check_of_the_course_speaks(module):
    """None of them ends in a bare AssertionError: made to fail, and with the task's functions changed."""
    script = Path(__file__).with_name("speaking_checks.py")
    run = subprocess.run(
        [sys.executable, script, module.nn],
        cwd=COURSE.folder(module),
        env=environment(COURSE),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert len(found["forced"]) >= found["count"] > 0
    assert len(found["changed"]) > 0
    silent = [text for _, text in (*found["forced"], *found["changed"]) if "  got: " not in text]
    assert not silent, silent


def test_a_kernel_of_the_course_speaks(workspace, course, solve, tito):
    path = solve(course, workspace, "01_tensor")
    path.write_text(path.read_text().replace("doubled = 2 * x", "doubled = 3 * x"), encoding="utf-8")
    assert tito("export", "01", cwd=workspace).code == 0
    failures = [ran.failure for ran in run_cells(Course.read(workspace), path) if ran.failure]
    assert "twice(2) == 4\n  got:      6\n  expected: 4" in str(failures[0])


def test_a_cell_is_ticked_or_points_to_a_hint(workspace, course, solve, tito):
    import nbformat
    from nbclient import NotebookClient

    path = solve(course, workspace, "01_tensor", but="01.2")
    notebook = nbformat.read(path, 4)
    notebook.cells.append(nbformat.v4.new_code_cell("%hint 01.2"))
    client = NotebookClient(
        notebook,
        allow_errors=True,
        kernel_name="python3",
        extra_arguments=["--InteractiveShellApp.extra_extensions=tito.kernel", "--HistoryManager.enabled=False"],
    )
    client.execute(cwd=str(path.parent), env=environment(Course.read(workspace)))
    printed = {
        cell.id: "".join(out.get("text", "") for out in cell.outputs) for cell in notebook.cells if "outputs" in cell
    }
    assert printed["01-1"] == "\u2713 Task 01.1: Twice (10 points)\n"
    assert printed["01-2"] == "Stuck? %hint 01.2 in a cell, or tito hint 01.2\n"
    assert printed[notebook.cells[-1].id].startswith("A question: What is asked?")


def test_the_import_of_a_later_file_says_which_module_makes_it():
    with pytest.raises(ModuleNotFoundError) as caught:
        import tinytorch.deploy  # noqa: F401
    assert missing_file(caught.value).startswith("tinytorch.deploy is built in module 22: finish it")
    for name in ("numpy_of_ours", "tinytorch.nobody"):
        assert missing_file(ModuleNotFoundError(f"No module named {name!r}", name=name)) == ""
    assert missing_file(None) == missing_file(ValueError()) == ""

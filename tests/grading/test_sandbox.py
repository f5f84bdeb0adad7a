"""The sandbox: what it returns, what it keeps out, and that nothing of a submission is left."""

import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from tests.grading.hostile.cells import KINDS
from tito.grading.sandbox import Cell, Error, Job, Limits, Probe, Sandbox, SandboxError
from tito.grading.sandbox.channel import Gone, Peer, clean_output
from tito.grading.sandbox.inside.codec import decode

needs_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
LIMITS = Limits(
    cell_seconds=2, total_seconds=40, probe_seconds=2, probe_total_seconds=30, memory=400 * 2**20, processes=40, output=10**5,
    output_total=10**6, disk=8 * 2**20,
)  # fmt: skip


@pytest.fixture(scope="module")
def box():
    with Sandbox(limits=LIMITS, warm=()) as sandbox:
        yield sandbox


@pytest.fixture(
    params=[pytest.param(True, marks=needs_bubblewrap), False], ids=["protected", "unprotected"], scope="module"
)
def any_box(request):
    with Sandbox(limits=LIMITS, warm=(), protected=request.param) as sandbox:
        yield sandbox


def probe(body, name="probe", seed=1):
    return Probe(name, f"def {name}(rng):\n    " + body.replace("\n", "\n    "), seed)


def value_of(sandbox, source, body):
    """What a probe with this body returns after a cell with this source."""
    return sandbox.run(Job([Cell("a", source)], {"a": "t"}, {"t": [probe(body)]})).probes["t", "probe"]


def descendants(ancestor):
    """Processes below this one, by the kernel's own list."""
    found, waiting = [], [ancestor]
    while waiting:
        pid = waiting.pop()
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                children = [int(child) for child in task.read_text().split()]
            except OSError:
                continue
            found += children
            waiting += children
    return found


# -- what it returns


def test_outputs_errors_and_times(any_box):
    cells = [
        Cell("a", "print('one')\nprint('two')\n1 + 1"),
        Cell("b", "x = 1\ny = x / 0"),
        Cell("c", "print(x)"),
        Cell("d", "def f(:"),
    ]
    run = any_box.run(Job(cells))
    assert [output["output_type"] for output in run.outputs["a"]] == ["stream", "execute_result"]
    assert run.outputs["a"][0] == {"output_type": "stream", "name": "stdout", "text": "one\ntwo\n"}
    assert run.outputs["a"][1]["data"] == {"text/plain": "2"}
    assert run.errors["b"] == Error("ZeroDivisionError", "division by zero", 2, "y = x / 0")
    assert run.outputs["b"][0]["ename"] == "ZeroDivisionError"
    assert run.outputs["c"][0]["text"] == "1\n" and "c" not in run.errors
    assert run.errors["d"].kind == "SyntaxError"
    assert set(run.seconds) == set("abcd") and run.ended == "ok"


def test_a_failed_check_says_what_came(any_box):
    """The same words as in a student's kernel (tito/checks.py)."""
    source = "def f(x):\n    return x + 1\nassert f(1) == 2\nassert f(2) == [4], 'a list'"
    error = any_box.run(Job([Cell("a", source)])).errors["a"]
    said = "check 2 of 2: a list\n  failed:   f(2) == [4]\n  got:      3\n  expected: [4]"
    assert error == Error("AssertionError", said, 4, "assert f(2) == [4], 'a list'")


def test_a_probe_sees_the_state_at_its_snapshot(any_box):
    job = Job(
        [Cell("a", "x = 1"), Cell("b", "x = 2")], {"a": "1", "b": "2"}, {task: [probe("return x")] for task in "12"}
    )
    assert any_box.run(job).probes == {("1", "probe"): 1, ("2", "probe"): 2}


def test_a_probe_after_one_that_failed_begins_afresh(any_box):
    count = "seen.append(1)\nreturn len(seen)"
    probes = [probe(count, "probe_1"), probe(f"{count.splitlines()[0]}\nraise ValueError", "probe_2")]
    run = any_box.run(Job([Cell("a", "seen = []")], {"a": "t"}, {"t": [*probes, probe(count, "probe_3")]}))
    first, second, third = run.probes.values()
    assert (first, second.kind, third) == (1, "ValueError", 1)


def test_the_probes_of_one_task_see_nothing_of_anothers(any_box):
    probes = {task: [probe("seen.append(1)\nreturn len(seen)")] for task in ("t", "u")}
    run = any_box.run(Job([Cell("a", "seen = []"), Cell("b", "")], {"a": "t", "b": "u"}, probes))
    assert list(run.probes.values()) == [1, 1]


def test_threads_live_on_between_cells(any_box):
    start = "import queue, threading\nbox = queue.Queue()\nthreading.Thread(target=lambda: box.put(box.get() + 1), daemon=True).start()"
    run = any_box.run(
        Job(
            [Cell("a", start), Cell("b", "box.put(1)\nimport time; time.sleep(0.2)\nprint(box.get(timeout=1))")],
            {"a": "t"},
        )
    )
    assert run.outputs["b"][0]["text"] == "2\n"


def test_the_same_run_twice_is_the_same(any_box):
    source = "import random, numpy as np\nprint(random.random(), np.random.rand(), hash('a'), {'b', 'a'})"
    job = Job([Cell("a", source)], {"a": "t"}, {"t": [probe("return rng.normal(size=3)")]})
    first, second = any_box.run(job), any_box.run(job)
    assert first.outputs == second.outputs
    assert np.array_equal(first.probes["t", "probe"], second.probes["t", "probe"])
    assert np.array_equal(first.probes["t", "probe"], np.random.default_rng(1).normal(size=3))


@needs_bubblewrap
def test_figures_are_shown_or_not_drawn():
    cells = [
        Cell("a", "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])"),
        Cell("b", "print(len(plt.get_fignums()))"),
    ]
    for warm in ("matplotlib.pyplot",), ():
        with Sandbox(limits=Limits(), warm=warm) as sandbox:
            for pictures in (True, False):
                run = sandbox.run(Job(cells, pictures=pictures))
                assert run.errors == {}
                assert any("image/png" in output.get("data", {}) for output in run.outputs["a"]) == pictures
                assert run.outputs["b"][0]["text"] == "0\n"


ORDINARY = {
    "processes": "import multiprocessing as mp\ndef square(x): return x * x\nwith mp.Pool(2) as pool: print(pool.map(square, [1, 2]))",
    "threads": "import concurrent.futures as f\nwith f.ThreadPoolExecutor(4) as pool: print(*pool.map(abs, [-1, 2]))",
    "await": "import asyncio\nawait asyncio.sleep(0.01)\nprint(1)",
    "shell": "!echo hello\nx = !echo there\nprint(x)",
    "magic": "%time 1 + 1\n%timeit -n1 -r1 1 + 1",
    "program": "import subprocess\nprint(subprocess.run(['echo', 'a'], capture_output=True, text=True).stdout)",
    "files": "import pathlib, tempfile\nwith tempfile.TemporaryFile() as file: print(file.write(b'x'))\n"
    "pathlib.Path('helper.py').write_text('x = 1')",
    "helper": "import helper\nprint(helper.x)",
    "stderr": "import logging, sys, warnings\nlogging.warning('a')\nwarnings.warn('b')\nprint('c', file=sys.stderr)",
    "redirect": "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as text: print('x')\nprint(repr(text.getvalue()))",
    "pickle": "import pickle\nclass A: pass\nprint(pickle.loads(pickle.dumps(A())))",
    "shared": "from multiprocessing import shared_memory as s\nm = s.SharedMemory(create=True, size=9)\nm.close(); m.unlink(); print(1)",
}


def test_what_notebooks_do_works_here_too(any_box):
    run = any_box.run(Job([Cell(name, source) for name, source in ORDINARY.items()]))
    assert run.errors == {} and run.ended == "ok"
    assert all(run.outputs[name] for name in ORDINARY)
    assert run.outputs["processes"][0]["text"] == "[1, 4]\n"


def test_the_library_can_be_imported(tmp_path):
    package = tmp_path / "tinytorch"
    (package / "nn").mkdir(parents=True)
    (package / "__init__.py").write_text("from .tensor import x\n")
    (package / "tensor.py").write_text("x = 3\n")
    (package / "nn" / "__init__.py").write_text("")
    package.chmod(0o700)
    for trusted in (True, False):
        with Sandbox(package, LIMITS, shutil.which("bwrap") is not None, trusted_library=trusted, warm=()) as sandbox:
            assert value_of(sandbox, "import sys; early = 'tinytorch' in sys.modules", "return early") == trusted
            assert value_of(sandbox, "import tinytorch, tinytorch.nn", "return tinytorch.x") == 3


# -- values


@pytest.mark.parametrize(
    "body, expected",
    [
        ("return None", None),
        ("return [True, 2, -0.0, 'é', (1, 2), {'a': [1]}]", [True, 2, -0.0, "é", (1, 2), {"a": [1]}]),
        ("return float('nan')", math.nan),
        ("return np.float32(0.5)", 0.5),
        ("return np.bool_(True)", True),
        ("class I(int):\n    __eq__ = lambda *a: True\n    __hash__ = None\nreturn I(3)", 3),
        ("class S(str):\n    __eq__ = lambda *a: True\nreturn S('x')", "x"),
        ("class L(list):\n    __iter__ = lambda s: iter([9])\nreturn L([1])", [1]),
        ("class D(dict):\n    items = lambda s: []\nreturn D(a=1)", {"a": 1}),
        ("import collections\nreturn collections.namedtuple('P', 'x')(1)", (1,)),
        ("return '\\ud800'", "?"),
        ("return 10**1000", 10**1000),
    ],
)
def test_plain_values(box, body, expected):
    value = value_of(box, "import numpy as np", body)
    assert repr(value) == repr(expected) and type(value) is type(expected)


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint64", "float16", "float32", "float64", "complex64", ">f8", ">i4"]
)
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (2, 3)])
def test_arrays(box, dtype, shape):
    value = value_of(
        box, "import numpy as np", f"return np.arange({math.prod(shape)}).reshape({shape}).astype('{dtype}').T"
    )
    expected = np.arange(math.prod(shape)).reshape(shape).astype(np.dtype(dtype).newbyteorder("=")).T
    assert (
        type(value) is np.ndarray
        and value.dtype == expected.dtype
        and np.array_equal(value, expected)
        and value.flags.writeable
    )


def test_a_lazy_array_gives_only_what_it_holds(box):
    cell = """
import numpy as np
class Lazy(np.ndarray):
    def __eq__(self, other): return True
    def __array__(self, *a, **k): return np.full(3, 7.0)
    def tobytes(self, *a): return b"x" * 24
    dtype = property(lambda self: "everything")
    __reduce__ = None
lazy = np.zeros(3).view(Lazy)"""
    value = value_of(box, cell, "return lazy")
    assert type(value) is np.ndarray and value.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "body, kind",
    [
        ("return object()", "TypeError"),
        (
            "return type('Equal', (), {'__eq__': lambda *a: True, '__array__': lambda *a, **k: np.zeros(3)})()",
            "TypeError",
        ),
        ("return np.array([object()])", "TypeError"),
        ("return np.array(['a'])", "TypeError"),
        ("return (x for x in [1])", "TypeError"),
        ("return np.zeros(3 * 10**6)", "Died"),
        ("x = []\nx.append(x)\nreturn x", "RecursionError"),
        ("x = []\nfor _ in range(700): x = [x]\nreturn x", "RecursionError Died NoResult"),
        ("return [[]] * 10**6", "Died TimeLimit"),
        ("import os\nos._exit(0)", "Died"),
        ("import os\nos.kill(os.getppid(), 9)\nos.kill(-1, 9)\nos._exit(0)", "Died"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise SystemExit", "SystemExit"),
        ("return input()", "EOFError"),
        ("while True: pass", "TimeLimit"),
        ("x = [bytearray(2**24) for _ in range(1000)]", "MemoryError"),
        (
            "import os, time\nfor _ in range(9): os.fork()\nx = b'x' * 10**8\ntime.sleep(9)",
            "MemoryLimit MemoryError BlockingIOError",
        ),
        ("return probe.missing", "AttributeError"),
        ("return missing", "NameError"),
    ],
)
@needs_bubblewrap
def test_what_is_no_value(box, body, kind):
    job = Job([Cell("a", "import numpy as np")], {"a": "1"}, {"1": [probe(body), probe("return 5", "other")]})
    run = box.run(Job([*job.cells, Cell("b", "")], {"a": "1", "b": "2"}, {**job.probes, "2": [probe("return 6")]}))
    value = run.probes["1", "probe"]
    assert isinstance(value, Error) and value.kind in kind.split(), value
    assert run.probes["2", "probe"] == 6, "the next task is not touched"


FORGED = [
    {}, {"array": []}, {"tuple": 3}, {"list": []}, {"array": ["|O", [1], "AAAA"]}, {"array": ["<f8", [10**30, 0], ""]}, {"array": ["<f8", [2], "AAAA"]},
    {"array": ["<f8", [-1], "AAAAAAAAAAA="]}, {"array": ["<f8", "1", "AAAAAAAAAAA="]}, {"array": ["<f8", [1], "!"]}, {"array": [["f8"], [1], ""]},
    {"dict": [[["x"], 1]]}, {"dict": [1]}, {"a": [1], "b": [2]}, {"array": ["<f8", [True], "AAAAAAAAAAA="]}, {"array": ["<f8", [1] * 100, "AAAAAAAAAAA="]},
]  # fmt: skip


@pytest.mark.parametrize("forged", FORGED)
def test_forged_values_are_refused(forged):
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError, OverflowError)):
        decode(forged)


def test_a_forged_truth_value_is_one_or_zero():
    assert decode({"array": ["|b1", [2], "AgA="]}).view("u1").tolist() == [1, 0]


def test_outputs_that_act_are_dropped():
    shown = clean_output(
        {
            "output_type": "display_data",
            "data": {"text/html": "<script>", "text/plain": "x", "image/png": '"><script>'},
        },
        100,
    )
    assert shown["data"] == {"text/plain": "x"}
    assert clean_output({"output_type": "execute_result", "data": {"application/javascript": "1"}}, 100)["data"] == {}
    assert clean_output({"output_type": "other"}, 100) is None and clean_output(None, 100) is None


def test_a_peer_that_breaks_the_protocol_is_gone():
    for data in (b"\xff" * 8, b"\x00\x00\x00\x02[]", b"\x00\x00\x00\x01x", b"\x00\x01\x00\x00" + b"[" * 65536, b""):
        ours, theirs = socket.socketpair()
        theirs.sendall(data)
        theirs.close()
        with pytest.raises(Gone):
            Peer(ours, 10**6).receive(time.monotonic() + 1)


# -- hostile cells


HONEST = "def double(x):\n    return 2 * x\n"
CELLS = [("first", HONEST), ("hostile", None), ("last", "def triple(x):\n    return 3 * x\nfour = double(2)\n")]


@pytest.fixture(scope="module")
def listener():
    """Sockets of this machine that no box may reach."""
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        port = tcp.getsockname()[1]
        unix.bind(f"\0tito-test-{port}")
        unix.listen()
        yield port


@needs_bubblewrap
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_hostile_cell(box, kind, listener):
    source = kind.source.replace("THE COURSE", str(Path.cwd())).replace("THE_PORT", str(listener))
    cells = [Cell(id, source if text is None else text) for id, text in CELLS]
    secret = "# hidden-marker-in-probe\n"
    probes = {
        "before": [probe(secret + "x = rng.normal(size=3)\nreturn [x, double(x)]")],
        "after": [probe(secret + "x = rng.normal(size=3)\nreturn [x, triple(x), four]")],
    }
    start = time.monotonic()
    run = box.run(Job(cells, {"first": "before", "last": "after"}, probes))
    error = run.errors.get("hostile")
    assert (error.kind if error else None) in kind.errors, error

    x = np.random.default_rng(1).normal(size=3)
    before, after = run.probes["before", "probe"], run.probes["after", "probe"]
    assert isinstance(before, list) and np.array_equal(before, [x, 2 * x]), before
    right = isinstance(after, list) and len(after) == 3 and np.array_equal(after[:2], [x, 3 * x]) and after[2] == 4
    assert kind.after in (right, None), after

    text = repr(run.outputs) + repr(run.errors)
    assert "hidden-marker-in-probe" not in text.replace("marker + ", "")
    assert len(text) < 2 * LIMITS.output_total
    assert len(descendants(box.process.pid)) == 1, "only the warm process is left"
    assert time.monotonic() - start < LIMITS.total_seconds


@needs_bubblewrap
def test_nothing_survives_into_the_next(box):
    leave = """
import os, socket, subprocess, builtins, sys, numpy as np
for place in ("/tmp", "/dev/shm", "/tmp/work"):
    open(f"{place}/left", "w").write("left")
subprocess.Popen(["sleep", "4321"], start_new_session=True)
listening = socket.socket(socket.AF_UNIX); listening.bind("\\0left"); listening.listen()
builtins.left = np.left = sys.left = os.environ["LEFT"] = "left"
get_ipython().left = "left"
"""
    look = """
import os, socket, builtins, sys, numpy as np
found = [place for place in ("/tmp", "/dev/shm", "/tmp/work") for name in os.listdir(place) if "left" in name]
found += [name for name in os.listdir("/proc") if name.isdecimal() and b"4321" in open(f"/proc/{name}/cmdline", "rb").read()]
found += [thing for thing in (builtins, np, sys, get_ipython()) if hasattr(thing, "left")]
found += [name for name in os.environ if name == "LEFT"]
try:
    socket.socket(socket.AF_UNIX).connect("\\0left")
    found.append("socket")
except OSError:
    pass
pids = sorted(int(name) for name in os.listdir("/proc") if name.isdecimal())
"""
    assert box.run(Job([Cell("a", leave)])).errors == {}
    assert value_of(box, look, "return repr(found)") == "[]"
    assert value_of(box, look, "return pids") == [1, 2]


@needs_bubblewrap
def test_no_process_outlives_the_sandbox():
    before = set(descendants(os.getpid()))
    with Sandbox(limits=LIMITS, warm=()) as sandbox:
        sandbox.run(Job([Cell("a", "import subprocess\nsubprocess.Popen(['sleep', '999'], start_new_session=True)")]))
        folder = sandbox.folder
    assert set(descendants(os.getpid())) == before and not folder.exists()


@needs_bubblewrap
def test_no_process_outlives_a_killed_grader(tmp_path):
    source = """
import subprocess, sys
from tito.grading.sandbox import *
sandbox = Sandbox(warm=())
sandbox._start()
print(sandbox.process.pid, flush=True)
sandbox.run(Job([Cell("a", "import os, time\\nos.fork()\\nwhile True: pass")]))
"""
    grader = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True)
    bubblewrap = int(grader.stdout.readline())
    time.sleep(1.5)
    inside = [int(child) for child in Path(f"/proc/{bubblewrap}/task/{bubblewrap}/children").read_text().split()]
    assert inside
    grader.kill()
    grader.wait()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in (bubblewrap, *inside)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in (bubblewrap, *inside))
    left = Path(tempfile.gettempdir()).glob(f"tito-sandbox-{grader.pid}-*")
    with Sandbox(limits=LIMITS, warm=()):
        assert not list(left)


@needs_bubblewrap
def test_a_killed_warm_process_is_replaced(box):
    box.run(Job([]))
    box.process.kill()
    box.process.wait()
    assert value_of(box, "x = 1", "return x") == 1


@needs_bubblewrap
def test_too_many_deadly_cells_end_the_run(box):
    cells = [Cell(str(i), "import os\nos._exit(1)") for i in range(10)]
    run = box.run(
        Job(
            [Cell("a", "x = 1"), *cells, Cell("z", "x = 2")],
            {"a": "1", "z": "2"},
            {t: [probe("return x")] for t in "12"},
        )
    )
    assert run.ended == "died" and run.probes["1", "probe"] == 1 and run.probes["2", "probe"].kind == "NotRun"


@needs_bubblewrap
def test_the_whole_time_is_limited():
    with Sandbox(limits=Limits(cell_seconds=0.5, total_seconds=2), warm=()) as sandbox:
        start = time.monotonic()
        cells = [Cell(str(i), "while True: pass") for i in range(20)]
        run = sandbox.run(Job([Cell("a", "x = 1"), *cells], {"a": "1"}, {"1": [probe("return x")]}))
        assert run.ended == "timeout" and run.probes["1", "probe"] == 1
        assert len(run.errors) < 8 and time.monotonic() - start < 15


LOOP_IN_A_CHILD = "import os\nif os.fork() == 0:\n    while True: pass\nos.wait()"
LOOP_OF_CHILDREN = """
import os
while True:
    if os.fork() == 0:
        sum(range(10**6))
        os._exit(0)
    os.wait()
"""


@needs_bubblewrap
@pytest.mark.parametrize(
    "source", ["while True: pass", LOOP_IN_A_CHILD, LOOP_OF_CHILDREN], ids=["itself", "child", "many"]
)
def test_processor_time_is_limited(source):
    with Sandbox(limits=Limits(cell_seconds=60, cell_cpu_seconds=0.5), warm=()) as sandbox:
        start = time.monotonic()
        run = sandbox.run(Job([Cell("a", source), Cell("b", "x = 1")], {"b": "1"}, {"1": [probe("return x")]}))
        assert time.monotonic() - start < 20
        assert (run.errors["a"].kind, run.errors["a"].message) == ("TimeLimit", "ran longer than 0.5 processor seconds")
        assert run.probes["1", "probe"] == 1 and "b" not in run.errors


@needs_bubblewrap
def test_waiting_uses_no_processor_time_and_every_cell_has_its_own():
    with Sandbox(limits=Limits(cell_cpu_seconds=0.5), warm=()) as sandbox:
        busy = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
        cells = [Cell("asleep", "import time\ntime.sleep(1)"), *(Cell(str(i), busy) for i in range(4))]
        assert sandbox.run(Job(cells)).errors == {}


@needs_bubblewrap
def test_processor_time_of_a_probe_is_limited():
    with Sandbox(limits=Limits(probe_seconds=60, probe_cpu_seconds=0.5), warm=()) as sandbox:
        start = time.monotonic()
        run = sandbox.run(Job([Cell("a", "")], {"a": "1"}, {"1": [probe("while True: pass")]}))
        assert run.probes["1", "probe"].kind == "TimeLimit" and time.monotonic() - start < 20


def test_variants_share_a_beginning_and_nothing_else(any_box):
    probes = [probe("seen.append(x)\nreturn [seen, y]"), probe("return y / 0", "bad")]
    sources = ["x = 1", "x = 2\ny = x + y", "while True: pass", "import os\nos._exit(0)", "oops", "x = 3"]
    job = Job([Cell("a", "seen = []\ny = 1")], probes={"1": probes})
    found = any_box.run_variants(job, [[Cell("b", source)] for source in sources])
    assert found[2] is None and found[3] is None
    assert [found[n]["probe"] for n in (0, 1, 5)] == [[[1], 1], [[2], 3], [[3], 1]]
    assert found[4]["probe"].kind == "NameError" and {found[n]["bad"].kind for n in (0, 1, 4, 5)} == {
        "ZeroDivisionError"
    }


@needs_bubblewrap
def test_one_box_per_bubblewrap_where_namespaces_do_not_nest(monkeypatch):
    with Sandbox(limits=LIMITS, warm=()) as sandbox:
        monkeypatch.setattr(sandbox, "nestable", False)
        for _ in range(2):
            source = "import os\npids = [n for n in os.listdir('/proc') if n.isdecimal()]\nleft = os.listdir('/tmp/work')\nopen('x', 'w').close()"
            assert value_of(sandbox, source, "return [pids, left, os.getuid() != 0]") == [
                ["1", "2"],
                [],
                os.getuid() != 0 or True,
            ]
        kinds = {kind.name: kind for kind in KINDS}
        run = sandbox.run(
            Job([Cell("a", kinds["kills_all_others"].source), Cell("b", kinds["makes_namespaces_and_mounts"].source)])
        )
        assert run.errors == {}


def test_missing_bubblewrap_says_what_to_type(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SandboxError, match="apt-get install bubblewrap"):
        Sandbox()


@needs_bubblewrap
def test_memory_of_the_grader_is_flat(box):
    def size():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    job = Job(
        [Cell("a", "print('x' * 10**5)\ny = 1")],
        {"a": "t"},
        {"t": [probe("import numpy as np\nreturn np.zeros(10**5)")]},
    )
    for _ in range(10):
        box.run(job)
    before, files = size(), descriptors()
    for _ in range(40):
        box.run(job)
    assert size() - before < 4 * 2**20 and descriptors() == files

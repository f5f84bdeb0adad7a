"""Hostile cells. Each function's body is one cell, run between two honest tasks (see test_sandbox.py).

@hostile(error, after) says what must come of it: the kind of error that is recorded for the cell (None: it runs to its end), and
whether the task after it still gets its points (False: the cell breaks the student's own later work; None: it may). The task
before it always does.
A cell that tries to get something forbidden raises AssertionError when it succeeds.
"""

# ruff: noqa
import inspect
import textwrap
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    name: str
    source: str
    errors: tuple
    after: bool


KINDS = []


def hostile(*errors, after=True):
    def add(function):
        lines = inspect.getsource(function).splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("def ")) + 1
        source = textwrap.dedent("\n".join(lines[start:])) + "\n"
        KINDS.append(Kind(function.__name__, source, errors or (None,), after))

    return add


# -- time


@hostile("TimeLimit")
def loops_for_ever():
    while True:
        pass


@hostile("TimeLimit")
def loops_and_prints():
    while True:
        print("again")


@hostile("TimeLimit")
def catches_the_interrupt():
    while True:
        try:
            while True:
                pass
        except:
            pass


@hostile("TimeLimit")
def ignores_the_interrupt():
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        pass


@hostile("TimeLimit")
def blocks_all_signals():
    import signal

    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    signal.signal = lambda *arguments: None
    while True:
        pass


@hostile("TimeLimit")
def loops_in_c():
    sum(range(10**15))


@hostile("TimeLimit")
def sleeps():
    import time

    time.sleep(10**6)


@hostile("TimeLimit")
def waits_for_nothing():
    import threading

    threading.Event().wait()


@hostile("TimeLimit")
def stops_itself():
    import os, signal

    os.kill(os.getpid(), signal.SIGSTOP)


@hostile("TimeLimit")
def loops_while_it_says_what_is_wrong():
    class Endless(Exception):
        def __str__(self):
            while True:
                pass

    raise Endless


# -- death


@hostile("Died")
def exits():
    import os

    os._exit(0)


@hostile("Died")
def kills_itself():
    import os, signal

    os.kill(os.getpid(), signal.SIGKILL)


@hostile()
def kills_its_parent():
    import os, signal

    os.kill(os.getppid(), signal.SIGKILL)


@hostile()
def kills_all_others():
    import os, signal

    try:
        os.kill(-1, signal.SIGKILL)
    except OSError:
        pass


@hostile("Died")
def kills_every_process_it_finds():
    import os, signal

    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid():
            try:
                os.kill(int(name), signal.SIGKILL)
            except OSError:
                pass
    os.kill(os.getpid(), signal.SIGKILL)


@hostile()
def stops_all_others():
    import os, signal

    os.kill(-1, signal.SIGSTOP)


@hostile("Died")
def crashes():
    import ctypes

    ctypes.string_at(0)


@hostile("Died")
def aborts():
    import os

    os.abort()


@hostile("RecursionError")
def recurses():
    def down(n):
        return down(n + 1)

    down(0)


@hostile("Died", "MemoryError", "TimeLimit", "MemoryLimit")
def recurses_without_limit():
    import sys

    sys.setrecursionlimit(10**9)

    class Deep:
        def __repr__(self):
            return repr(self)

    repr(Deep())


@hostile("SystemExit")
def raises_system_exit():
    raise SystemExit(0)


@hostile("KeyboardInterrupt")
def raises_keyboard_interrupt():
    raise KeyboardInterrupt


@hostile("Odd")
def raises_a_base_exception():
    class Odd(BaseException):
        def __str__(self):
            raise Odd

        __repr__ = __str__

    raise Odd


@hostile("Exception")
def raises_an_exception_with_a_script_for_a_name():
    raise type("<script>alert(1)</script>", (Exception,), {})("<script>alert(1)</script>")


@hostile("EOFError")
def asks_for_input():
    input("password? ")


# -- processes


@hostile("BlockingIOError")
def fork_bomb():
    import os

    while True:
        os.fork()


@hostile("TimeLimit")
def fork_bomb_that_never_gives_up():
    import os

    while True:
        try:
            os.fork()
        except OSError:
            pass


@hostile("RuntimeError", after=False)
def thread_bomb():
    import threading, time

    while True:
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()


@hostile()
def leaves_a_process():
    import subprocess

    subprocess.Popen(["sleep", "12345"], start_new_session=True)


@hostile()
def leaves_a_daemon():
    import os, signal

    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(1, 32):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except OSError:
                    pass
            while True:
                pass
        os._exit(0)


@hostile()
def leaves_threads():
    import threading

    def busy():
        while True:
            sum(range(1000))

    for _ in range(3):
        threading.Thread(target=busy, daemon=True).start()


@hostile()
def a_child_runs_on():
    import os

    os.fork()


# -- memory and disk


@hostile("MemoryError")
def one_large_array():
    import numpy as np

    np.ones(10**10)


@hostile("MemoryError")
def memory_bomb():
    def fill():
        hoard = []
        while True:
            hoard.append(bytearray(2**24))

    fill()


@hostile("MemoryError", "Died", after=None)
def memory_bomb_that_stays():
    hoard = []
    while True:
        hoard.append(bytearray(2**10))


@hostile("MemoryLimit")
def memory_bomb_of_many():
    import os, time

    for _ in range(10):
        if os.fork() == 0:
            hoard = bytearray(b"x") * 10**8
            time.sleep(1000)
    time.sleep(1000)


@hostile("PermissionError")
def memory_bomb_shared():
    import mmap

    def fill():
        maps = []
        while True:
            maps.append(mmap.mmap(-1, 2**26))
            for _ in range(2**10):
                maps[-1].write(b"x" * 2**16)

    fill()


@hostile("PermissionError")
def memory_without_a_file():
    import os

    os.memfd_create("hoard")


@hostile("OSError")
def fills_the_disk():
    i = 0
    while True:
        with open(f"/tmp/{i}", "wb") as file:
            file.write(b"x" * 2**20)
        i += 1


@hostile("OSError")
def fills_shared_memory():
    with open("/dev/shm/x", "wb") as file:
        while True:
            file.write(b"x" * 2**20)


@hostile("OSError")
def makes_files_without_end():
    i = 0
    while True:
        open(f"/tmp/{i}", "w").close()
        i += 1


@hostile("OSError")
def opens_files_without_end():
    def fill():
        files = []
        while True:
            files.append(open("/dev/null"))

    fill()


@hostile("ValueError")
def lifts_a_limit():
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))


# -- output


@hostile()
def prints_fifty_megabytes():
    print("x" * 50_000_000)


@hostile()
def prints_many_times():
    for i in range(100_000):
        print(i)


@hostile()
def shows_many_things():
    from IPython.display import HTML, display

    for i in range(1000):
        display(HTML("<script>alert(1)</script>"))


@hostile()
def writes_past_stdout():
    import os

    for _ in range(100):
        os.write(1, b"x" * 10**5)
        os.write(2, b"x" * 10**5)


@hostile()
def replaces_stdout():
    import sys

    class Bad:
        def write(self, text):
            raise RuntimeError

        flush = write

    sys.stdout = sys.stderr = Bad()


@hostile()
def prints_half_characters():
    print("\ud800 \x00 \x1b[2J")


# -- the pipes


@hostile("Died")
def closes_everything():
    import os

    os.closerange(0, 256)


@hostile("Died")
def replaces_every_descriptor():
    import os

    for descriptor in range(3, 64):
        os.dup2(0, descriptor)


@hostile("Died")
def writes_garbage():
    import os

    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"\xff" * 100)
        except OSError:
            pass


@hostile("Died")
def writes_a_deep_frame():
    import os, struct

    text = b"[" * 500_000
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, struct.pack(">I", len(text)) + text)
        except OSError:
            pass


@hostile("Died", "TimeLimit")
def announces_a_frame_and_stops():
    import os, struct, time

    for descriptor in range(3, 64):
        try:
            os.write(descriptor, struct.pack(">I", 2**20))
        except OSError:
            pass
    time.sleep(1000)


@hostile()
def forges_messages():
    import json, os, struct

    forged = [
        {"done": None},
        {"pid": 1},
        {"value": 42},
        {"swept": True},
        {"ended": 0},
        {"memory": 1},
        {"output": {"output_type": "x"}},
        {},
    ]
    for message in forged:
        data = json.dumps(message).encode()
        for descriptor in range(3, 64):
            try:
                os.write(descriptor, struct.pack(">I", len(data)) + data)
            except OSError:
                pass


@hostile("OutputLimit")
def floods_with_messages():
    import os, struct

    data = b'{"output": {"output_type": "stream", "name": "stdout", "text": "%s"}}' % (b"x" * 10**5)
    frame = struct.pack(">I", len(data)) + data
    while True:
        for descriptor in range(3, 20):
            try:
                os.write(descriptor, frame)
            except OSError:
                pass


@hostile()
def sends_descriptors():
    import os, socket

    for descriptor in range(3, 20):
        try:
            with socket.socket(fileno=os.dup(descriptor)) as sock:
                socket.send_fds(sock, [b"\x00\x00\x00\x02{}"], [0] * 100)
        except OSError:
            pass


@hostile(after=False)
def steals_later_requests():
    import os, threading, socket

    for descriptor in range(3, 20):
        try:
            sock = socket.socket(fileno=os.dup(descriptor))
            threading.Thread(target=lambda s=sock: [s.recv(1000) for _ in range(100)], daemon=True).start()
        except OSError:
            pass


# -- looking around


@hostile()
def reads_other_processes():
    import os

    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid():
            assert int(name) < 1000
            try:
                open(f"/proc/{name}/mem", "rb").close()
                assert int(name) != 1
            except OSError:
                pass
    try:
        os.listdir("/proc/1/fd")
        raise AssertionError
    except PermissionError:
        pass


@hostile()
def traces_processes():
    import ctypes, os

    libc = ctypes.CDLL(None, use_errno=True)
    for pid in (1, os.getppid(), os.getpid()):
        assert libc.ptrace(16, pid, 0, 0) == -1 and ctypes.get_errno() == 1
    assert libc.process_vm_readv(1, None, 0, None, 0, 0) == -1


@hostile()
def looks_for_the_course():
    import os

    assert not os.path.exists("THE COURSE")
    for folder, folders, files in os.walk("/"):
        folders[:] = [name for name in folders if folder != "/" or name not in ("proc", "sys", "usr")]
        for name in files + folders:
            assert not name.endswith((".ipynb", ".db")) and name not in (
                ".git",
                "solutions",
                "gradebook.db",
                "tito",
                "torch",
            ), (folder, name)
    assert not os.path.isdir("/sys/kernel")


@hostile()
def imports_what_it_should_not_have():
    for name in ("torch", "nbgrader", "tito", "pytest", "sqlalchemy", "pip", "tinytorch.training"):
        try:
            __import__(name)
            raise AssertionError(name)
        except ImportError:
            pass


@hostile()
def reads_the_environment():
    import os

    assert not any("THE COURSE" in value for value in os.environ.values()), os.environ
    assert set(os.environ) <= {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "LANG",
        "TERM",
        "PYTHONHASHSEED",
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "MALLOC_ARENA_MAX",
        "MPLBACKEND",
        "IPYTHONDIR",
        "MPLCONFIGDIR",
        "PWD",
        "LC_CTYPE",
        "PAGER",
        "GIT_PAGER",
        "CLICOLOR",
        "COLUMNS",
        "LINES",
        "FORCE_COLOR",
        "CLICOLOR_FORCE",
        "NO_COLOR",
    }, set(os.environ)
    try:
        open("/proc/1/environ", "rb").read()
        raise AssertionError
    except PermissionError:
        pass


@hostile()
def uses_the_network():
    import socket

    def refused(function, *arguments):
        try:
            function(*arguments)
        except OSError:
            return True

    socket.setdefaulttimeout(1)
    for port in (22, 53, 80, THE_PORT):
        assert refused(socket.create_connection, ("127.0.0.1", port))
    assert refused(socket.create_connection, ("8.8.8.8", 53))
    for family in (
        socket.AF_INET,
        socket.AF_INET6,
    ):  # a closed connection stays in a table that the next box could read
        assert refused(socket.socket, family, socket.SOCK_DGRAM) and refused(socket.socket, family, socket.SOCK_STREAM)
    assert refused(socket.getaddrinfo, "example.org", 80)
    assert refused(socket.socket(socket.AF_UNIX).connect, "\0tito-test-THE_PORT")
    for family in (socket.AF_VSOCK, socket.AF_NETLINK, socket.AF_PACKET, socket.AF_ALG):
        assert refused(socket.socket, family, socket.SOCK_RAW) and refused(socket.socket, family, socket.SOCK_STREAM)


@hostile()
def leaves_a_message_in_the_page_cache():
    import os
    import sys

    with open(sys.executable, "rb") as file:
        for look in (
            lambda: os.posix_fadvise(file.fileno(), 0, 1 << 20, os.POSIX_FADV_DONTNEED),
            lambda: os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT),
        ):
            try:
                look()
            except PermissionError:
                continue
            raise AssertionError("the page cache can be read")


@hostile()
def changes_the_supervisors_limits():
    import resource

    for pid in (1, 2):
        try:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, 0))
        except (PermissionError, ProcessLookupError):
            continue
        raise AssertionError("another process's limits can be changed")


@hostile()
def maps_memory_that_is_in_no_process():
    import mmap

    with open("/dev/zero", "r+b") as file:
        for number in (-1, file.fileno()):
            try:
                mmap.mmap(number, 1 << 20)
            except (OSError, ValueError):
                continue
            raise AssertionError("shared memory without a file")


@hostile()
def writes_outside():
    import os

    for line in open("/proc/mounts"):
        place, kind, options = line.split()[1:4]
        assert (
            "ro" in options.split(",")
            or place in ("/proc", "/tmp", "/dev/shm", "/dev/pts")
            or place.startswith("/dev/")
        ), line
        assert not os.access(place, os.W_OK) or place in ("/tmp", "/dev/shm") or place.startswith("/dev/"), line
    for folder in ("/", "/dev", "/etc", "/usr", "/packages", "/library", "/root", os.path.dirname(os.__file__)):
        try:
            open(f"{folder}/x", "w").close()
            raise AssertionError(folder)
        except OSError:
            pass
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/1/oom_score_adj"):
        try:
            open(path, "w").close()
            raise AssertionError(path)
        except OSError:
            pass


@hostile()
def makes_namespaces_and_mounts():
    import ctypes, os, subprocess

    libc = ctypes.CDLL(None, use_errno=True)
    for flag in (0x10000000, 0x20000, 0x20000000, 0x40000000):
        assert libc.unshare(flag) == -1
    assert libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None) == -1
    assert libc.umount2(b"/tmp", 2) == -1 and libc.umount2(b"/proc", 2) == -1
    assert libc.setuid(0) == -1 or os.getuid() == 0 == os.geteuid()
    assert os.getuid() != 0 and subprocess.run(["unshare", "-U", "true"]).returncode != 0


@hostile()
def asks_the_kernel_for_more():
    import ctypes, os

    libc = ctypes.CDLL(None, use_errno=True)
    for number in (
        (248, 250, 321, 298, 323, 425, 304, 240)
        if os.uname().machine == "x86_64"
        else (217, 219, 280, 241, 282, 425, 265, 180)
    ):
        assert libc.syscall(number, 0, 0, 0, 0, 0, 0) == -1 and ctypes.get_errno() == 1, number
    assert libc.shmget(0, 4096, 0o1600) == -1
    for change in (
        lambda: os.sched_setaffinity(0, {0}),
        lambda: os.nice(-10),
        lambda: os.setpriority(os.PRIO_PROCESS, 1, 19) or 1 / 0,
    ):
        try:
            change()
            raise AssertionError
        except (PermissionError, ZeroDivisionError):
            pass


@hostile()
def runs_programs_of_root():
    import glob, os, subprocess

    for program in ("su", "mount", "passwd", "newgrp", "sudo"):
        for path in glob.glob(f"/usr/bin/{program}"):
            assert subprocess.run([path, "root", "-c", "id"], stdin=subprocess.DEVNULL, timeout=1).returncode != 0


@hostile()
def searches_its_memory_for_secrets():
    import gc, re, sys

    marker = "-".join(["hidden", "marker", "in", "probe"])
    for thing in gc.get_objects():
        if type(thing) is dict and thing is not globals():
            assert not any(type(value) is str and marker in value for value in list(thing.values()))
    frame = sys._getframe()
    while frame:
        assert not any(
            type(value) is str and marker in value for name, value in list(frame.f_locals.items()) if name != "marker"
        )
        frame = frame.f_back
    copies = 0
    for line in open("/proc/self/maps"):
        span, rights = line.split()[:2]
        if "r" in rights and "[v" not in line:
            start, end = (int(part, 16) for part in span.split("-"))
            with open("/proc/self/mem", "rb", buffering=0) as memory:
                memory.seek(start)
                while start < end:
                    data = memory.read(min(2**22, end - start))
                    copies += len(re.findall(rb"# hidden-[m]arker-in-probe", data))
                    start += len(data) or end
    assert copies == 0


@hostile()
def watches_for_probes():
    import gc, os, sys, threading, time

    marker = "hidden-" + "marker"

    def watch():
        while True:
            for frame in list(sys._current_frames().values()):
                while frame:
                    text = repr(frame.f_locals)
                    if marker + "-in-probe" in text:
                        print(text, flush=True)
                        open("/tmp/found", "w").write(text)
                    frame = frame.f_back
            time.sleep(0.01)

    threading.Thread(target=watch, daemon=True).start()
    if os.fork() == 0:
        while True:
            time.sleep(0.01)


# -- patched things


@hostile()
def replaces_functions_of_modules():
    import json, os, signal, socket, time

    os.fork = os.waitpid = os.getpid = os.kill = os._exit = lambda *arguments: 0
    json.dumps = json.loads = json.dump = lambda *arguments, **options: "{}"
    time.time = time.monotonic = time.perf_counter = lambda: 0.0
    signal.signal = signal.setitimer = signal.alarm = lambda *arguments: None


@hostile("Died", "TimeLimit")
def replaces_the_sockets():
    import socket

    socket.socket.sendall = socket.socket.send = lambda self, data: len(data)


@hostile("Died", "TimeLimit", None)
def replaces_builtins():
    import builtins

    builtins.isinstance = builtins.getattr = builtins.print = builtins.len = lambda *arguments: True


@hostile(after=False)
def replaces_the_shell():
    get_ipython().run_cell = lambda *arguments, **options: None


@hostile(after=False)
def replaces_the_runner():
    inside = type(get_ipython().display_pub).publish.__globals__
    inside["run_probe"] = inside["encode"] = lambda *arguments: {"value": 42}


@hostile(after=False)
def makes_arrays_equal_to_everything():
    import numpy as np

    np.allclose = np.array_equal = np.testing.assert_allclose = lambda *arguments, **options: True
    np.random.default_rng = lambda *arguments: None


@hostile(after=False)
def changes_later_cells():
    import ast

    class Change(ast.NodeTransformer):
        def visit_Constant(self, node):
            return ast.Constant(0) if node.value == 3 else node

    get_ipython().ast_transformers.append(Change())


@hostile()
def traces_its_own_lines():
    import sys, threading

    def trace(frame, event, argument):
        return trace

    sys.settrace(trace)
    sys.setprofile(trace)


@hostile()
def leaves_things_for_the_end():
    import atexit, os

    class Endless:
        def __del__(self):
            while True:
                pass

    keep = Endless()
    keep.self = keep
    atexit.register(lambda: [None for _ in iter(int, 1)])


@hostile("PermissionError", "OSError")
def changes_the_library():
    import numpy

    open(numpy.__file__, "a")


@hostile(None, "CalledProcessError")
def removes_everything():
    get_ipython().run_cell_magic(
        "bash", "", "rm -rf --no-preserve-root /packages/IPython /library /etc /dev /bin 2> /dev/null; true"
    )

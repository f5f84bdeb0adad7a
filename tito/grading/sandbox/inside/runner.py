"""The inside of the sandbox: this file runs a notebook's cells and probes, in one process with the student's code.

It is started by supervisor.py, which builds the walls, imports only the standard library, NumPy and IPython, and holds no secret: no solution,
no expected value, no test before its time. What a student's process says is never believed; the outside decides, with its own clock.

Processes
    zygote      starts once, imports what every submission needs, never runs student code; forks one box after the other
    supervisor  process 1 of a box (its own PID namespace): watches memory, kills on request; its end is the end of all
    main        runs the cells, one after the other, in one IPython shell
    snapshots   forks of main, paused after a cell; forked once more for the probes, and again after one that fails

Protocol
    A frame is four bytes of length and then JSON, over a Unix socket; a request may carry sockets with it (SCM_RIGHTS).
    to the zygote     {config...}                           -> {"ready": true, "nested": bool, "unreadable": [path]}
                      {"box": limits} + supervisor + main       -> {"ended": exit status}, once nothing of the box is left
    to the supervisor {"interrupt": true}                      SIGINT to main
                      {"kill": [pid, ...]}                     SIGKILL to some
                      {"turn": n, "cpu_seconds": s}            from now on -> {"late": n} once so much is used
                      {"keep": [pid, ...]}                     SIGKILL to all but these -> {"swept": true}
                      end of file                              the box ends
                      (by itself)                           -> {"memory": bytes}, and the box ends
    to main or a fork {"cell": source}                      -> {"output": {...}}..., {"done": error or null}
                      {"fork": true} + a socket             -> {"pid": n} on that socket, where the fork listens from now on
                      {"probe": source, "name":, "seed":}   -> {"value": encoded} or {"error": error}
                      end of file                              exits
    An error is {"kind": type name, "message": text, "line": number of the cell's line or null, "text": that line}.
"""

import base64
import contextlib
import gc
import io
import linecache
import os
import signal
import socket
import struct
import sys
import threading
import warnings

# Taken once, so that a notebook that replaces a function of a module harms its own code and not the run.
from json import dumps, loads
from os import _exit, getpid, waitpid
from os import fork as system_fork
from time import monotonic

import numpy as np
import numpy.random  # noqa: F401 (NumPy would import it late, in every box again)
from codec import encode

LENGTH = struct.Struct(">I")
LONGEST_MESSAGE = 2000
LONGEST_LINE = 200
OUTPUTS_PER_CELL = 500


# ---------------------------------------------------------------------------------------------------------------- frames


class Channel:
    """Frames over a socket, one whole frame at a time even when threads print or an interrupt arrives."""

    def __init__(self, sock):
        self.sock = sock
        self.lock = threading.RLock()

    def send(self, message):
        frame = dumps(message).encode()
        with self.lock, interrupts.held():
            self.sock.sendall(LENGTH.pack(len(frame)) + frame)

    def receive(self):
        header, descriptors, _, _ = socket.recv_fds(self.sock, LENGTH.size, 4)
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        header += self._exactly(LENGTH.size - len(header)) if header else b""
        if not header:
            raise EOFError
        return loads(self._exactly(*LENGTH.unpack(header))), sockets

    def _exactly(self, size):
        data = bytearray()
        while len(data) < size:
            part = self.sock.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def close(self):
        self.sock.close()


class Interrupts:
    """SIGINT raises KeyboardInterrupt while a cell runs, but never in the middle of a frame."""

    def __init__(self):
        self.allowed, self.pending = False, False

    def handle(self, number, frame):
        if self.allowed:
            raise KeyboardInterrupt
        self.pending = True

    @contextlib.contextmanager
    def held(self):
        before, self.allowed = self.allowed, False
        try:
            yield
        finally:
            self.allowed = before
            if before and self.pending:
                self.pending = False
                raise KeyboardInterrupt

    @contextlib.contextmanager
    def welcome(self):
        signal.signal(signal.SIGINT, self.handle)
        self.allowed, self.pending = True, False
        try:
            yield
        finally:
            self.allowed = False


interrupts = Interrupts()


# --------------------------------------------------------------------------------------------------------------- outputs


class Recorder:
    """Collects what a cell prints and shows, in order, within its limit, and sends it on in pieces."""

    def __init__(self):
        self.channel, self.limit = None, 0
        self.begin()

    def begin(self):
        self.used, self.count = 0, 0
        self.name, self.parts, self.waiting, self.sent = None, [], 0, monotonic()

    def text(self, name, text):
        room = self.limit - self.used
        if room <= 0:
            return
        if len(text) > room:
            text = text[:room] + f"\n[the rest is cut: more than {self.limit} characters]\n"
        self.used += len(text)
        if self.name != name:
            self.flush()
            self.name = name
        self.parts.append(text)
        self.waiting += len(text)
        if self.waiting > 2**16 or monotonic() - self.sent > 0.1:
            self.flush()

    def show(self, output):
        self.flush()
        self.count += 1
        if self.count <= OUTPUTS_PER_CELL:
            self.send(output)

    def flush(self):
        if self.parts:
            text, self.parts, self.waiting = "".join(self.parts), [], 0
            self.send({"output_type": "stream", "name": self.name, "text": text})
        self.sent = monotonic()

    def mute(self):
        """In every forked process: two that write frames to one socket would garble them."""
        self.channel, self.parts = None, []

    def send(self, output):
        if self.channel is not None:
            self.channel.send({"output": output})


recorder = Recorder()


class Stream(io.TextIOBase):
    """sys.stdout and sys.stderr of a cell."""

    encoding, errors = "utf-8", "strict"

    def __init__(self, name):
        self.name = name

    def writable(self):
        return True

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        recorder.text(self.name, text)
        return len(text)

    def flush(self):
        pass


def make_shell():
    """One IPython shell that hands its outputs to the recorder and touches no disk."""
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets import Type
    from traitlets.config import Config

    def bundle(kind, data, metadata, **more):
        data = {
            mime: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for mime, value in data.items()
        }
        recorder.show({"output_type": kind, "data": data, "metadata": metadata or {}, **more})

    class Publisher(DisplayPublisher):
        def publish(self, data, metadata=None, **options):
            bundle("display_data", data, metadata)

        def clear_output(self, wait=False):
            recorder.flush()

    class Hook(DisplayHook):
        def write_output_prompt(self):
            pass

        def write_format_data(self, format_dict, md_dict=None):
            bundle("execute_result", format_dict, md_dict, execution_count=self.prompt_count)

        def finish_displayhook(self):
            self._is_active = False

    class Shell(InteractiveShell):
        displayhook_class = Type(Hook)
        display_pub_class = Type(Publisher)
        pictures = True

        def showtraceback(self, *arguments, **options):
            shorten(sys.exc_info()[1])
            super().showtraceback(*arguments, **options)

        def _showtraceback(self, etype, evalue, stb):
            name, text = getattr(etype, "__name__", str(etype)), describe(evalue)["message"]
            recorder.show({"output_type": "error", "ename": name, "evalue": text, "traceback": stb})

        def enable_gui(self, gui=None):
            pass

        def enable_matplotlib(self, gui=None):
            return super().enable_matplotlib(gui) if self.pictures else ("inline", "inline")

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.autoindent = False
    shell = Shell.instance(config=config)
    shell.ast_transformers.append(checks_module().Rewriter())
    return shell


def checks_module():
    """tito/checks.py: beside this file within the walls, else where it lies in the repository."""
    from importlib.util import module_from_spec, spec_from_file_location

    here = os.path.dirname(os.path.abspath(__file__))
    places = [os.path.join(here, "checks.py"), os.path.join(here, *[os.pardir] * 3, "checks.py")]
    spec = spec_from_file_location("checks", next(filter(os.path.exists, places)))
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shorten(error):
    """Leaves out the middle of a deep recursion and of a long chain of causes: formatting them takes IPython many seconds."""
    for _ in range(4):
        if error is None:
            return
        steps, step = [], error.__traceback__
        while step is not None:
            steps.append(step)
            step = step.tb_next
        if len(steps) > 30:
            steps[14].tb_next = steps[-10]
        last, error = error, error.__cause__ or error.__context__
    last.__cause__ = last.__context__ = None


def describe(error):
    """Any exception, however odd, as a kind, a message and the innermost line of the notebook's cells that it went through."""
    try:
        message = str(error)[:LONGEST_MESSAGE]
    except BaseException:
        message = ""
    line, text, step = None, "", error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if file.startswith("<ipython-input-"):
            line, text = step.tb_lineno, linecache.getline(file, step.tb_lineno).strip()[:LONGEST_LINE]
        step = step.tb_next
    if line is None and isinstance(error, SyntaxError):
        line, text = error.lineno, str(error.text or "").strip()[:LONGEST_LINE]
    return {"kind": type(error).__name__, "message": message, "line": line, "text": text}


# ---------------------------------------------------------------------------------------------------------- main, and forks


def serve(channel, shell, limits):
    """Answers requests until the other end closes. This is main, and every fork of it."""
    me, forks = getpid(), []
    recorder.channel, recorder.limit = channel, limits["output"]
    os.register_at_fork(after_in_child=recorder.mute)
    warnings.filterwarnings("ignore", ".*multi-threaded, use of fork", DeprecationWarning)
    sys.stdin, sys.stdout, sys.stderr = open(os.devnull), Stream("stdout"), Stream("stderr")
    sys.path.insert(0, "")
    sys.argv[:] = [""]
    if not limits["pictures"]:
        draw_nothing(shell)
    channel.send({"pid": me})
    while True:
        request, sockets = channel.receive()
        forks = [pid for pid in forks if waitpid(pid, os.WNOHANG) == (0, 0)]
        if "cell" in request:
            error = run_cell(shell, request["cell"])
            if getpid() != me:
                _exit(0)  # a child that the cell forked and that ran out of its end
            channel.send({"done": error})
        elif "probe" in request:
            channel.send(run_probe(shell, request))
        elif "fork" in request:
            pid = fork()
            if pid == 0:
                channel.close()
                channel, me, forks = Channel(sockets[0]), getpid(), []
                gc.freeze()  # a collection would copy every page that is still shared
                channel.send({"pid": me})
            else:
                forks += [pid] if pid else []
                sockets[0].close()


def draw_nothing(shell):
    def close(*_):
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")

    shell.pictures, os.environ["MPLBACKEND"] = False, "agg"
    shell.events.register("post_execute", close)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].switch_backend("agg")


def fork():
    try:
        return system_fork()
    except OSError:
        return None  # too many processes: the other end sees that nobody answers


def run_cell(shell, source):
    recorder.begin()
    error = None
    try:
        with interrupts.welcome():
            result = shell.run_cell(source, store_history=True)
            error = result.error_before_exec or result.error_in_exec
    except BaseException as fault:
        error = fault
    recorder.flush()
    described = None if error is None else describe(error)
    if isinstance(error, (MemoryError, OSError)):
        # its traceback keeps alive what was too much, and then nothing later has room
        error.__traceback__ = shell.InteractiveTB.tb = sys.last_type = sys.last_value = sys.last_traceback = None
        gc.collect()
    return described


def run_probe(shell, request):
    """Defines the probe in the notebook's own names, calls it, and returns plain data."""
    try:
        exec(compile(request.pop("probe"), "<probe>", "exec"), shell.user_ns)
        value = shell.user_ns[request["name"]](np.random.default_rng(request["seed"]))
        return {"value": encode(value)}
    except BaseException as error:
        return {"error": describe(error)}

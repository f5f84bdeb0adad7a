"""Runs a student's notebook where it can do no harm, and brings back what it printed and what its probes returned.

    with Sandbox(library) as sandbox:
        run = sandbox.run(Job(cells, snapshots, probes))

This is the outside: no line of a student's code runs in this process, and nothing that comes from the inside is believed
to be more than text and numbers. The inside, and the protocol between the two, is runner.py.

What protects: bubblewrap shows the box a file system that holds Python, a named list of packages and the library, and no network;
inside it every submission gets its own processes, its own /tmp in memory, limits, and a filter on system calls (see `box` in
runner.py). When the box closes, the kernel ends everything in it.

What a submission cannot lose: after each cell named in `snapshots` the state is kept in a paused process. Probes are sent to these
only when the notebook has ended and everything else in the box is dead, so that no code of a student ever sees a hidden test while it
could still print. A cell that ends its own process (os._exit, SIGKILL, too much memory, a loop that ignores the interrupt) is left out
and the notebook runs again without it in a new box; a snapshot that the student's code killed is made again from the cells up to it.
"""

from __future__ import annotations

import base64
import importlib.metadata
import json
import math
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

PACKAGES = ("numpy", "ipython", "matplotlib")  # what a student's notebook may import, besides what these need
INSTALL = "apt-get install bubblewrap"


class SandboxError(RuntimeError):
    """The sandbox itself could not work; says nothing about a submission."""


@dataclass(frozen=True)
class Limits:
    cell_seconds: float = 20.0
    total_seconds: float = 120.0  # all cells of one notebook
    probe_seconds: float = 10.0
    probe_total_seconds: float = 60.0  # all probes of one notebook
    memory: int = 2 * 2**30  # bytes that one process may add; all of a box together, half as much again
    processes: int = 64  # threads count too
    output: int = 2**20  # characters a cell may print
    output_total: int = 8 * 2**20  # bytes of output kept from one notebook, pictures included
    disk: int = 64 * 2**20  # bytes in /tmp
    result: int = 8 * 2**20  # bytes of one probe's result as sent
    files: int = 256  # open at once in a process


@dataclass(frozen=True)
class Cell:
    id: str
    source: str


@dataclass(frozen=True)
class Probe:
    name: str
    source: str
    seed: int


@dataclass(frozen=True)
class Job:
    cells: list[Cell]
    snapshots: dict[str, str] = field(default_factory=dict)  # cell id -> task
    probes: dict[str, list[Probe]] = field(default_factory=dict)  # task -> its probes


@dataclass(frozen=True)
class Error:
    """An exception of the student's code, or the sandbox's verdict: TimeLimit, MemoryLimit, OutputLimit, Died, NotRun, NoResult.

    All of it may be a student's own words, and a probe's may quote a hidden test: escape it, and show a probe's with care.
    """

    kind: str
    message: str = ""
    line: int | None = None  # in the cell
    text: str = ""  # of that line


@dataclass
class Run:
    outputs: dict[str, list[dict]] = field(default_factory=dict)  # cell id -> outputs in the notebook format
    errors: dict[str, Error] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)  # by this process's clock
    probes: dict[tuple[str, str], Any] = field(default_factory=dict)  # (task, probe) -> value or Error
    ended: str = "ok"  # or "timeout", or "died" after too many cells that ended the process


# ------------------------------------------------------------------------------------------------------------- from inside


class Gone(Exception):
    """The process at the other end closed, or broke the protocol; either way it is not listened to again."""


class Peer:
    """The outside's end of a channel: waits no longer than told, reads no more than `longest` bytes a frame."""

    def __init__(self, sock: socket.socket, longest: int) -> None:
        self.sock, self.longest, self.buffer, self.received = sock, longest, bytearray(), 0
        sock.setblocking(False)

    def send(self, message: dict, *sockets: socket.socket, seconds: float = 5.0) -> None:
        data = json.dumps(message).encode()
        data = len(data).to_bytes(4, "big") + data
        deadline = time.monotonic() + seconds
        descriptors = [sock.fileno() for sock in sockets]
        try:
            while data:
                if not wait([self], deadline, write=True):
                    raise Gone("does not listen")
                sent = socket.send_fds(self.sock, [data], descriptors)
                data, descriptors = data[sent:], []
        except OSError as error:
            raise Gone("has gone") from error
        finally:
            for sock in sockets:
                sock.close()

    def frame(self) -> dict | None:
        """The next frame that is already here."""
        size = int.from_bytes(self.buffer[:4], "big")
        if len(self.buffer) >= 4 and size > self.longest:
            raise Gone("broke the protocol")
        if len(self.buffer) < 4 + size or len(self.buffer) < 4:
            return None
        data, self.buffer = bytes(self.buffer[4 : 4 + size]), self.buffer[4 + size :]
        try:
            if sum(map(data.count, (b",", b"[", b"{"))) > 2**20:
                raise ValueError("too many parts")
            message = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise Gone("broke the protocol") from error
        if not isinstance(message, dict):
            raise Gone("broke the protocol")
        return message

    def fill(self) -> None:
        try:
            data = self.sock.recv(2**18)  # plain recv: the kernel drops descriptors that are sent along
        except BlockingIOError:
            return
        except OSError as error:
            raise Gone("has gone") from error
        if not data:
            raise Gone("has gone")
        self.buffer += data
        self.received += len(data)

    def receive(self, deadline: float) -> dict | None:
        """The next frame, or None when the deadline has passed."""
        while (message := self.frame()) is None:
            if not wait([self], deadline):
                return None
            self.fill()
        return message

    def close(self) -> None:
        self.sock.close()


def wait(peers: list[Peer], deadline: float, write: bool = False) -> list[Peer]:
    """Those of `peers` that have something to read (or room to write)."""
    poll = select.poll()
    for peer in peers:
        poll.register(peer.sock, select.POLLOUT if write else select.POLLIN)
    ready = {descriptor for descriptor, _ in poll.poll(max(0, math.ceil(1000 * (deadline - time.monotonic()))))}
    return [peer for peer in peers if peer.sock.fileno() in ready]


def clean_text(value: Any, limit: int) -> str:
    """A string that every file and page can hold: no half surrogates, no more than `limit` characters."""
    return value[:limit].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def clean_error(value: Any) -> Error | None:
    if not isinstance(value, dict):
        return None
    line = value.get("line")
    line = line if type(line) is int and 0 < line < 10**6 else None
    kind = clean_text(value.get("kind"), 100)
    message, text = clean_text(value.get("message"), 2000), clean_text(value.get("text"), 200)
    return Error(kind if kind.isidentifier() else "Exception", message, line, text)


def clean_output(value: Any, limit: int) -> dict | None:
    """An output in the notebook format with only what cannot act when it is shown: text, and pictures made of pixels."""
    kind = value.get("output_type") if isinstance(value, dict) else None
    if kind == "stream":
        name = "stderr" if value.get("name") == "stderr" else "stdout"
        return {"output_type": "stream", "name": name, "text": clean_text(value.get("text"), limit)}
    if kind == "error" and isinstance(value.get("traceback"), list):
        trace = [clean_text(line, limit) for line in value["traceback"][:200]]
        name, text = clean_text(value.get("ename"), 100), clean_text(value.get("evalue"), 2000)
        return {"output_type": "error", "ename": name, "evalue": text, "traceback": trace}
    if kind in ("display_data", "execute_result") and isinstance(value.get("data"), dict):
        data = {}
        for mime in ("text/plain", "image/png", "image/jpeg"):
            content = value["data"].get(mime)
            if mime == "text/plain" and content is not None:
                data[mime] = clean_text(content, limit)
            elif isinstance(content, str) and re.fullmatch(r"[A-Za-z0-9+/=\s]*", content):
                data[mime] = content
        output = {"output_type": kind, "data": data, "metadata": {}}
        return {**output, "execution_count": None} if kind == "execute_result" else output
    return None


PLAIN_TYPES = {"|b1", "|i1", "|u1", *(f"<{kind}{size}" for kind in "iu" for size in (2, 4, 8))}
PLAIN_TYPES |= {"<f2", "<f4", "<f8", "<c8", "<c16"}


def decode(value: Any) -> Any:
    """A probe's value from its JSON: exact built-in types and plain arrays, whatever the inside meant. ValueError if malformed."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return clean_text(value, len(value))
    if isinstance(value, list):
        return [decode(item) for item in value]
    ((kind, content),) = value.items()
    if not isinstance(content, list):
        raise ValueError(kind)
    if kind == "tuple":
        return tuple(decode(item) for item in content)
    if kind == "dict":
        return {
            clean_text(key, len(key)) if isinstance(key, str) else decode(key): decode(item) for key, item in content
        }
    dtype, shape, data = content
    if kind != "array" or dtype not in PLAIN_TYPES or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(kind)
    raw = base64.b64decode(data, validate=True)
    if dtype == "|b1":
        return (np.frombuffer(raw, "|u1") != 0).reshape(shape)  # a byte that is neither 0 nor 1 cannot play tricks
    return np.frombuffer(raw, dtype).reshape(shape).copy()


# --------------------------------------------------------------------------------------------------------- what is visible


@cache
def package_files(names: tuple[str, ...]) -> dict[str, Path]:
    """Top-level entries of the named distributions and of all that they need: entry -> where it is."""
    entries, waiting, seen = {}, list(names), set()
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # needed on other systems only
        for file in distribution.files or ():
            top = file.parts[0]
            if top not in entries and top not in ("..", "__pycache__") and not top.endswith(".pth"):
                entries[top] = Path(distribution.locate_file(top)).resolve()
        for requirement in distribution.requires or ():
            if "extra ==" not in requirement:
                waiting.append(re.match(r"[\w.-]+", requirement)[0])
    return {top: path for top, path in sorted(entries.items()) if path.exists()}


def interpreter() -> str:
    """Python itself, not the virtual environment's link to it."""
    return os.path.realpath(sys.executable)


def system_view() -> list[str]:
    """bubblewrap's options for the system, read-only: programs, shared libraries and Python's own files, no packages."""
    base = Path(sys.base_prefix).resolve()
    shown = [Path("/usr", part) for part in ("bin", "sbin", "lib", "lib64", "libexec", "include")]
    shown += [base / part for part in ("bin", "lib", "lib64", "include")]
    shown += [Path("/etc/ld.so.cache"), Path("/etc/alternatives")]
    options = []
    for folder in dict.fromkeys(folder for path in (*shown, Path("/packages/x")) for folder in reversed(path.parents)):
        options += ["--perms", "0755", "--dir", folder]
    for path in dict.fromkeys(shown):
        if path.exists() and not path.is_symlink():
            options += ["--ro-bind", path, path]
        elif path.is_symlink():
            options += ["--symlink", os.readlink(path), path]
    for path in map(Path, ("/bin", "/sbin", "/lib", "/lib64")):
        if path.is_symlink():
            options += ["--symlink", os.readlink(path), path]
        elif path.exists():
            options += ["--ro-bind", path, path]
    folders = [*base.glob("lib*/python3*/*-packages"), *Path("/usr").glob("lib*/python3*/*-packages")]
    for path in dict.fromkeys(path for path in folders if path.is_dir() and not path.is_symlink()):
        options += ["--tmpfs", path, "--remount-ro", path]
    return [str(option) for option in options]


ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "USER": "student",
    "LOGNAME": "student",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "IPYTHONDIR": "/tmp/.ipython",
    "MPLCONFIGDIR": "/tmp/.matplotlib",
}


def find_bubblewrap() -> str:
    path = shutil.which("bwrap")
    if path is None:
        raise SandboxError(
            "Students' code is run inside bubblewrap, which is not installed here.\n"
            f"Install it:  {INSTALL}   (Fedora: dnf install bubblewrap, Arch: pacman -S bubblewrap)\n"
            "Where it does not exist (macOS, Windows), grade unprotected only what you would run yourself: protected=False."
        )
    return path


# ----------------------------------------------------------------------------------------------------------------- sandbox


class Sandbox:
    """Runs jobs, one at a time, each in a new box forked from one warm process. Use it in the thread that made it.

    `library` is the package that the notebook may import (by its folder's name), `trusted_library` lets the warm process import it
    once for all: never for a library that holds students' code. `cpu` keeps every box on one core, so that a fork bomb
    leaves the other cores alone. `pictures=False` does not draw figures, which saves most of the time of a notebook that has some.
    `protected=False` runs without bubblewrap: no protection at all.
    """

    def __init__(
        self,
        library: Path | None = None,
        limits: Limits | None = None,
        protected: bool = True,
        trusted_library: bool = False,
        warm: Iterable[str] = ("matplotlib.pyplot",),
        packages: Iterable[str] = PACKAGES,
        cpu: int | None = None,
        pictures: bool = True,
        replays: int = 5,
    ) -> None:
        if not hasattr(os, "fork"):
            raise SandboxError("Grading needs fork(), which Windows does not have: run it in WSL.")
        self.limits, self.protected, self.cpu, self.replays = limits or Limits(), protected, cpu, replays
        self.environment = ENVIRONMENT if pictures else {**ENVIRONMENT, "MPLBACKEND": "agg"}
        self.pictures = pictures
        self.bubblewrap = find_bubblewrap() if protected else None
        self.packages = tuple(packages)
        self.folder = Path(tempfile.mkdtemp(prefix="tito-sandbox-")).resolve()
        self.zygote: Peer | None = None
        self.process: subprocess.Popen | None = None
        self.nested, self.nestable = True, True
        self.warm = list(warm)
        if library is not None:
            library = Path(library).resolve()
            # a copy, because the box's user must be able to read it whatever the original's permissions are
            shutil.copytree(library, self.folder / "library" / library.name)
            if trusted_library:
                self.warm += sorted(module_names(library))
        (self.folder / "library").mkdir(exist_ok=True)
        (self.folder / "work").mkdir()
        for path in (self.folder / "library", *(self.folder / "library").rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Ends everything and leaves no file behind."""
        self._stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- the warm process

    def _command(self) -> list[str]:
        python = [interpreter(), "-I", "-S", "-B"]
        if not self.protected:
            paths = [
                str(self.folder / "library"),
                *sorted({str(path.parent) for path in package_files(self.packages).values()}),
            ]
            return [*python, str(Path(__file__).with_name("runner.py")), "FD", *paths]
        options = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
        options += [
            "--as-pid-1",
            "--die-with-parent",
            "--new-session",
            "--hostname",
            "box",
            "--clearenv",
            "--cap-drop",
            "ALL",
        ]
        if os.geteuid() == 0:
            for name in ("SYS_ADMIN", "SETUID", "SETGID"):  # for the warm process alone: boxes have none
                options += ["--cap-add", f"CAP_{name}"]
        else:
            options += ["--unshare-user"]
        for name, value in self.environment.items():
            options += ["--setenv", name, value]
        options += system_view()
        for name, path in package_files(self.packages).items():
            options += ["--ro-bind", str(path), f"/packages/{name}"]
        options += ["--ro-bind", str(self.folder / "library"), "/library"]
        options += ["--ro-bind", str(Path(__file__).with_name("runner.py")), "/runner.py"]
        options += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
        for place in ("/tmp", "/dev/shm"):
            options += ["--perms", "1777", "--size", str(self.limits.disk), "--tmpfs", place]
        options += ["--remount-ro", "/", "--chdir", "/"]
        return [self.bubblewrap, *options, *python, "/runner.py", "FD", "/library", "/packages"]

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        command = [str(theirs.fileno()) if part == "FD" else part for part in self._command()]
        environment = {} if self.protected else {**self.environment, "HOME": str(self.folder / "work")}
        environment |= (
            {} if self.protected else {name: str(self.folder / name) for name in ("IPYTHONDIR", "MPLCONFIGDIR")}
        )
        with tempfile.TemporaryFile() as complaints:
            self.process = subprocess.Popen(
                command,
                env=environment,
                cwd="/",
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                start_new_session=True,
            )
            theirs.close()
            self.zygote = Peer(ours, 2**16)
            uid = None
            if self.protected and os.geteuid() == 0:
                uid = 61184 + os.getpid() % 4336  # where systemd takes users for a while from, too
            work = "/tmp/work" if self.protected else str(self.folder / "work")
            try:
                config = {"protected": self.protected, "uid": uid, "cpu": self.cpu, "work": work}
                self.zygote.send({**config, "warm": self.warm, "pictures": self.pictures, "nestable": self.nestable})
                answer = self.zygote.receive(time.monotonic() + 60)
            except Gone:
                answer = None
            if answer is None:
                self._stop()
                complaints.seek(0)
                raise SandboxError(
                    "The sandbox does not start: " + complaints.read()[-2000:].decode(errors="replace").strip()
                )
        self.nested = bool(answer.get("nested")) or not self.protected
        if answer.get("unreadable"):
            self._stop()
            raise SandboxError(
                f"Other users must be able to read {answer['unreadable'][0]}: chmod -R o+rX there, or grade not as root."
            )

    def _stop(self) -> None:
        if self.zygote is not None:
            self.zygote.close()
            self.zygote = None
        if self.process is not None:
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def still_there(self) -> None:
        """A box that was lost together with its warm process was ended from outside, not by what ran in it."""
        if self.nested and self.process is not None:
            try:
                self.process.wait(0.1)
            except subprocess.TimeoutExpired:
                return
            raise SandboxError("The sandbox was ended from outside.")

    # -- a run

    def run(self, job: Job, slow_after: float = math.inf, when_slow: Callable[[], None] | None = None) -> Run:
        """Runs the cells in order, then the probes. `when_slow` is called once, when the run has lasted `slow_after` seconds:
        from then on it has the lowest priority, so that others can be given its core."""
        slow_at = time.monotonic() + slow_after
        try:
            return _Play(self, job, slow_at, when_slow).run()
        except SandboxError:
            self._stop()
            return _Play(self, job, slow_at, when_slow).run()


def module_names(package: Path) -> Iterable[str]:
    for path in package.rglob("*.py"):
        parts = (package.name, *path.relative_to(package).with_suffix("").parts)
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class _Box:
    """One box, from the outside: its warden, the process that runs the cells, and the snapshots."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.lost: Error | None = None  # why the whole box has ended, when it has
        self.closed = False
        for attempt in (1, 2):  # the warm process may have been ended by someone else
            if sandbox.zygote is None:
                sandbox._start()
            (warden, theirs), (main, mains) = socket.socketpair(), socket.socketpair()
            try:
                sandbox.zygote.send({"box": asdict(sandbox.limits)}, theirs, mains)
                self.warden, self.main = Peer(warden, 2**16), Peer(main, 4 * sandbox.limits.output_total)
                self.pid = self._hello(self.main, 30)
                return
            except Gone as error:
                reason = self._failure() if attempt == 2 else ""
                for sock in (warden, main):
                    sock.close()
                sandbox._stop()
                if attempt == 2:
                    raise SandboxError(f"The sandbox does not open a box: {reason or error}") from error

    def _failure(self) -> str:
        try:
            return str((self.warden.receive(time.monotonic() + 1) or {}).get("failed", ""))
        except (Gone, AttributeError):
            return ""

    def _hello(self, peer: Peer, seconds: float = 5.0) -> int:
        message = self.listen(peer, time.monotonic() + seconds)
        if message is None or type(message.get("pid")) is not int:
            raise Gone("does not answer")
        return message["pid"]

    def listen(self, peer: Peer, deadline: float) -> dict | None:
        """The next frame of `peer`, or None at the deadline. Gone when it, or the whole box, has ended."""
        while (message := peer.frame()) is None:
            ready = wait([peer, self.warden], deadline)
            if not ready:
                return None
            if self.warden in ready:
                self.hear()
                self.sandbox.still_there()
                raise Gone("has gone")
            peer.fill()
        return message

    def hear(self, seconds: float = 1.0) -> None:
        """What the warden has to say; all but `swept` means that the box is lost."""
        self.lost = self.lost or Error("Died", "ended every process of its box")
        try:
            notice = self.warden.receive(time.monotonic() + seconds) or {}
        except Gone:
            return
        if "memory" in notice:
            limit = self.sandbox.limits.memory / 2**30
            self.lost = Error("MemoryLimit", f"needed more memory than the limit of {limit:.3g} GiB")
        elif "swept" in notice:
            self.lost = None

    def fork(self, peer: Peer, longest: int) -> tuple[Peer, int]:
        """A paused copy of the process behind `peer`."""
        ours, theirs = socket.socketpair()
        fork = Peer(ours, longest)
        try:
            peer.send({"fork": True}, theirs)
            return fork, self._hello(fork)
        except Gone:
            fork.close()
            raise

    def ask(self, request: dict) -> None:
        try:
            self.warden.send(request)
        except Gone:
            self.hear()

    def sweep(self, keep: list[int]) -> None:
        """Ends all processes but these."""
        self.ask({"keep": keep})
        if self.lost is None:
            self.hear(5)

    def close(self) -> None:
        """Ends the box, and returns when nothing of it is left."""
        if self.closed:
            return
        self.closed = True
        self.main.close()
        self.warden.close()
        try:
            if self.sandbox.nested and self.sandbox.zygote.receive(time.monotonic() + 10):
                return
        except Gone:
            pass
        self.sandbox._stop()


class _Play:
    """One job: boxes until the notebook has run to its end, then the probes."""

    def __init__(self, sandbox: Sandbox, job: Job, slow_at: float, when_slow: Callable[[], None] | None) -> None:
        self.sandbox, self.limits, self.job = sandbox, sandbox.limits, job
        self.slow_at, self.when_slow = slow_at, when_slow
        self.result, self.kept = Run(), 0
        self.deadly: set[str] = set()  # cells that ended their process: left out from then on
        self.reached: set[str] = set()  # tasks whose snapshot was taken at least once
        self.deadline = time.monotonic() + self.limits.total_seconds

    def run(self) -> Run:
        box, snapshots = self.open(), {}
        try:
            deadly = self.cells(box, self.job.cells, snapshots)
            for _ in range(self.sandbox.replays):
                if deadly is None or not self.time_for_replay():
                    break
                box.close()
                box, snapshots = self.open(), {}
                deadly = self.cells(box, self.job.cells, snapshots)
            if deadly is not None:
                self.result.ended = "died"
            self.probes(box, snapshots)
        finally:
            box.close()
        return self.result

    def open(self) -> _Box:
        box = _Box(self.sandbox)
        if self.slow_at == -math.inf:
            box.ask({"lower": True})
        return box

    def time_for_replay(self) -> bool:
        honest = sum(seconds for cell, seconds in self.result.seconds.items() if cell not in self.deadly)
        return time.monotonic() + 1.2 * honest < self.deadline

    # -- cells

    def cells(self, box: _Box, cells: list[Cell], snapshots: dict[str, tuple[Peer, int]]) -> str | None:
        """Runs cells and keeps the snapshots; returns the id of a cell that ended the process, if one did."""
        for cell in cells:
            if cell.id not in self.deadly:
                if time.monotonic() > self.deadline:
                    self.result.ended = "timeout"
                    return None
                if not self.cell(box, cell):
                    self.deadly.add(cell.id)
                    return cell.id
            task = self.job.snapshots.get(cell.id)
            if task is not None:
                try:
                    try:
                        snapshots[task] = box.fork(box.main, self.limits.result)
                    except Gone:  # perhaps strays have taken all processes
                        box.sweep([box.pid, *(pid for _, pid in snapshots.values())])
                        snapshots[task] = box.fork(box.main, self.limits.result)
                    self.reached.add(task)
                except Gone:
                    self.result.errors[cell.id] = box.lost or Error("Died", "the process did not go on after this cell")
                    self.deadly.add(cell.id)
                    return cell.id
        return None

    def cell(self, box: _Box, cell: Cell) -> bool:
        """Runs one cell; False when the process that ran it is of no more use. Only its first run is recorded."""
        start = time.monotonic()
        limit = min(start + self.limits.cell_seconds, self.deadline)
        outputs, error, alive = [], None, True
        try:
            box.main.received = 0
            box.main.send({"cell": cell.source})
            done = self.done(box, limit, outputs)
            if done is None:
                error = Error("TimeLimit", f"ran longer than {limit - start:.3g} seconds")
                box.ask({"interrupt": True})
                alive = self.done(box, time.monotonic() + 1, outputs) is not None
            else:
                error = clean_error(done["done"])
        except Gone as gone:
            text = f"ended its own process ({gone})"
            error, alive = error or box.lost or Error("OutputLimit" if "too much" in str(gone) else "Died", text), False
        if cell.id not in self.result.seconds:
            self.result.seconds[cell.id] = time.monotonic() - start
            self.result.outputs[cell.id] = outputs
        if error is not None and (cell.id not in self.result.errors or not alive):
            self.result.errors[cell.id] = error
        return alive

    def done(self, box: _Box, deadline: float, outputs: list[dict]) -> dict | None:
        """Collects outputs until the cell is done; None when the deadline comes first."""
        while True:
            message = box.listen(box.main, min(deadline, self.slow_at) if self.slow_at > 0 else deadline)
            if message is None:
                if time.monotonic() >= self.slow_at > 0:
                    self.slow(box)
                if time.monotonic() >= deadline:
                    return None
            elif "done" in message:
                return message
            elif box.main.received > 2 * self.limits.output_total:
                raise Gone("sent too much")
            else:
                self.record(message.get("output"), outputs)

    def slow(self, box: _Box) -> None:
        self.slow_at = -math.inf
        box.ask({"lower": True})
        if self.when_slow is not None:
            self.when_slow()

    def record(self, output: Any, outputs: list[dict]) -> None:
        output = clean_output(output, self.limits.output + 100)
        if output is None:
            return
        size = len(json.dumps(output))
        if self.kept + size > self.limits.output_total:
            return
        self.kept += size
        last = outputs[-1] if outputs else {}
        if output["output_type"] == "stream" == last.get("output_type") and output["name"] == last["name"]:
            last["text"] += output["text"]
        else:
            outputs.append(output)

    # -- probes

    def probes(self, box: _Box, snapshots: dict[str, tuple[Peer, int]]) -> None:
        if not any(self.job.probes.values()):
            return
        self.deadline = time.monotonic() + self.limits.probe_total_seconds
        box.sweep([pid for _, pid in snapshots.values()])
        answers = {
            task: self.ask_all(box, snapshots, task, probes) if task in snapshots else None
            for task, probes in self.job.probes.items()
        }
        box.close()
        for task, probes in self.job.probes.items():
            values = answers[task]
            if values is None and task in self.reached:
                values = self.ask_again(task, probes)
            if values is None:
                values = [Error("NotRun", "the run ended before this task")] * len(probes)
            self.result.probes |= {(task, probe.name): value for probe, value in zip(probes, values, strict=True)}

    def ask_again(self, task: str, probes: list[Probe]) -> list[Any] | None:
        """The task's snapshot was lost to something that came after it: make it once more, and nothing after it."""
        last = max(index for index, cell in enumerate(self.job.cells) if self.job.snapshots.get(cell.id) == task)
        box, snapshots = self.open(), {}
        try:
            if self.cells(box, self.job.cells[: last + 1], snapshots) is not None or task not in snapshots:
                return None
            box.sweep([pid for _, pid in snapshots.values()])
            return self.ask_all(box, snapshots, task, probes)
        finally:
            box.close()

    def ask_all(
        self, box: _Box, snapshots: dict[str, tuple[Peer, int]], task: str, probes: list[Probe]
    ) -> list[Any] | None:
        """The values of a task's probes, each from a fork of its own; None when the snapshot is dead."""
        values, late = [], False
        for probe in probes:
            if late or time.monotonic() > self.deadline:
                values.append(Error("TimeLimit", "not run, because there was no time left"))
                continue
            try:
                fork, pid = box.fork(snapshots[task][0], self.limits.result)
            except Gone:
                if not values:
                    return None
                values.append(box.lost or Error("Died", "ended its own process"))
                continue
            value = self.ask(box, fork, probe)
            fork.close()
            values.append(value)
            if isinstance(value, Error) and value.kind in ("TimeLimit", "Died"):
                late = value.kind == "TimeLimit"
                box.ask({"kill": [pid], "keep": [pid for _, pid in snapshots.values()]})
                if box.lost is None:
                    box.hear(5)
        return values

    def ask(self, box: _Box, fork: Peer, probe: Probe) -> Any:
        limit = min(time.monotonic() + self.limits.probe_seconds, self.deadline)
        try:
            fork.send({"probe": probe.source, "name": probe.name, "seed": probe.seed})
            answer = box.listen(fork, limit)
        except Gone as gone:
            return box.lost or Error("Died", f"ended its own process ({gone})")
        if answer is None:
            return Error("TimeLimit", "took too long")
        if "error" in answer:
            return clean_error(answer["error"]) or Error("NoResult")
        try:
            return decode(answer["value"])
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, MemoryError):
            return Error("NoResult", "sent something else than plain values")

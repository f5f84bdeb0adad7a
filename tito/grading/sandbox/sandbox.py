"""Runs a student's notebook where it can do no harm, and brings back what it printed and what its probes returned.

    with Sandbox(library) as sandbox:
        run = sandbox.run(Job(cells, snapshots, probes))

This is the outside: no line of a student's code runs in this process, and nothing that comes from the inside is believed
to be more than text and numbers. The inside, and the protocol between the two, is inside/runner.py.

What protects: bubblewrap shows the box a file system that holds Python, a named list of packages and the library, and no network;
inside it every submission gets its own processes, its own /tmp in memory, limits, and a filter on system calls (see `box` in
inside/supervisor.py). When the box closes, the kernel ends everything in it.

What a submission cannot lose: after each cell named in `snapshots` the state is kept in a paused process. Probes are sent to these
only when the notebook has ended and everything else in the box is dead, so that no code of a student ever sees a hidden test while it
could still print. A cell that ends its own process (os._exit, SIGKILL, too much memory, a loop that ignores the interrupt) is left out
and the notebook runs again without it in a new box; a snapshot that the student's code killed is made again from the cells up to it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .bubblewrap import ENVIRONMENT, find_bubblewrap, plain_command, protected_command
from .channel import Gone, Peer
from .execution import Execution
from .job import Cell, Error, Job, Limits, Probe, Run, SandboxError

PREFIX = "tito-sandbox-"
PACKAGES = ("numpy", "ipython", "matplotlib")  # what a student's notebook may import, besides what these need

__all__ = ["Cell", "Error", "Job", "Limits", "Probe", "Run", "Sandbox", "SandboxError"]


class Sandbox:
    """Runs jobs, one at a time, each in a new box forked from one warm process. Use it in the thread that made it.

    `library` is the package that the notebook may import (by its folder's name), `trusted_library` lets the warm process import it
    once for all: never for a library that holds students' code.
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
        replays: int = 5,
    ) -> None:
        if not hasattr(os, "fork"):
            raise SandboxError("Grading needs fork(), which Windows does not have: run it in WSL.")
        self.limits, self.protected, self.replays = limits or Limits(), protected, replays
        if protected:
            find_bubblewrap()
        self.packages = tuple(packages)
        remove_folders_of_the_dead()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")).resolve()
        weakref.finalize(self, remove, self.folder)
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

    def _command(self) -> tuple[list[str], dict[str, str]]:
        """The command line and the environment of the warm process."""
        library, work = self.folder / "library", self.folder / "work"
        if self.protected:
            return protected_command(library, self.packages, ENVIRONMENT, self.limits), {}
        own = {"HOME": str(work), "IPYTHONDIR": str(work / "ipython"), "MPLCONFIGDIR": str(work / "matplotlib")}
        return plain_command(library, self.packages), {**ENVIRONMENT, **own}

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        command, environment = self._command()
        command = [str(theirs.fileno()) if part == "FD" else part for part in command]
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
                config = {"protected": self.protected, "uid": uid, "work": work}
                self.zygote.send({**config, "warm": self.warm, "nestable": self.nestable})
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

    def run(self, job: Job) -> Run:
        """Runs the cells in order, then the probes."""
        try:
            return Execution(self, job).run()
        except SandboxError:
            self._stop()
            return Execution(self, job).run()

    def run_variants(self, job: Job, endings: list[list[Cell]]) -> list[dict[str, Any] | None]:
        """What the probes of the job's one task return after its cells and each of these endings. The cells run once, each
        ending in a fork: many times quicker than a run for each, and only for code of the course's own. None for an ending
        that died or took too long: `run` says how."""
        ((task, probes),) = job.probes.items()
        found = Execution(self, job).variants(endings, task, probes)
        names = [probe.name for probe in probes]
        return [None if values is None else dict(zip(names, values, strict=True)) for values in found]


def remove(folder: Path) -> None:
    if folder.name.startswith(f"{PREFIX}{os.getpid()}-"):  # and not in a fork of its owner
        shutil.rmtree(folder, ignore_errors=True)


def remove_folders_of_the_dead() -> None:
    """A grader that was killed could not tidy up: the next one does."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).split("-")[0]
        try:
            if folder.stat().st_uid == os.getuid() and owner.isdecimal():
                os.kill(int(owner), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            pass


def module_names(package: Path) -> Iterable[str]:
    for path in package.rglob("*.py"):
        parts = (package.name, *path.relative_to(package).with_suffix("").parts)
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

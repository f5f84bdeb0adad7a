"""One box, from the outside: what it is asked, and how its end is noticed."""

from __future__ import annotations

import socket
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from .channel import Gone, Peer, wait
from .job import Error, SandboxError

if TYPE_CHECKING:
    from .sandbox import Sandbox


class Box:
    """One box, from the outside: its supervisor, the process that runs the cells, and the snapshots."""

    def __init__(self, sandbox: Sandbox, pictures: bool = True) -> None:
        self.sandbox = sandbox
        self.lost: Error | None = None  # why the whole box has ended, when it has
        self.closed = False
        self.turn = 0
        for attempt in (1, 2):  # the warm process may have been ended by someone else
            if sandbox.zygote is None:
                sandbox._start()
            (supervisor, theirs), (main, mains) = socket.socketpair(), socket.socketpair()
            try:
                sandbox.zygote.send({"box": {**asdict(sandbox.limits), "pictures": pictures}}, theirs, mains)
                self.supervisor, self.main = Peer(supervisor, 2**16), Peer(main, 4 * sandbox.limits.output_total)
                self.pid = self._hello(self.main, 30)
                return
            except Gone as error:
                reason = self._failure() if attempt == 2 else ""
                for sock in (supervisor, main):
                    sock.close()
                sandbox._stop()
                if attempt == 2:
                    raise SandboxError(f"The sandbox does not open a box: {reason or error}") from error

    def _failure(self) -> str:
        try:
            return str((self.supervisor.receive(time.monotonic() + 1) or {}).get("failed", ""))
        except (Gone, AttributeError):
            return ""

    def _hello(self, peer: Peer, seconds: float = 5.0) -> int:
        message = self.listen(peer, time.monotonic() + seconds)
        if message is None or type(message.get("pid")) is not int:
            raise Gone("does not answer")
        return message["pid"]

    def listen(self, peer: Peer, deadline: float) -> dict | None:
        """The next frame of `peer`, or None at the deadline or when the turn's processor time is used up.

        Gone when it, or the whole box, has ended.
        """
        while (message := peer.frame()) is None:
            ready = wait([peer, self.supervisor], deadline)
            if not ready:
                return None
            if self.supervisor in ready:
                notice = self.hear()
                if notice.get("late") == self.turn:
                    return None
                if "late" not in notice:
                    self.sandbox.still_there()
                    raise Gone("has gone")
            else:
                peer.fill()
        return message

    def hear(self, seconds: float = 1.0) -> dict:
        """What the supervisor has to say; all but `late` and `swept` means that the box is lost."""
        try:
            notice = self.supervisor.receive(time.monotonic() + seconds) or {}
        except Gone:
            notice = {}
        if "memory" in notice:
            limit = self.sandbox.limits.memory / 2**30
            self.lost = Error("MemoryLimit", f"needed more memory than the limit of {limit:.3g} GiB")
        elif not notice.keys() & {"late", "swept"}:
            self.lost = self.lost or Error("Died", "ended every process of its box")
        return notice

    def begin_turn(self, cpu_seconds: float) -> None:
        """From now on the box may use so much processor time, until the next turn begins."""
        self.turn += 1
        self.ask({"turn": self.turn, "cpu_seconds": cpu_seconds})

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
            self.supervisor.send(request)
        except Gone:
            self.hear()

    def sweep(self, keep: list[int]) -> None:
        """Ends all processes but these."""
        self.ask({"keep": keep})
        while self.lost is None and "late" in self.hear(5):
            pass  # said before it was asked

    def close(self) -> None:
        """Ends the box, and returns when nothing of it is left."""
        if self.closed:
            return
        self.closed = True
        self.main.close()
        self.supervisor.close()
        try:
            if self.sandbox.nested and self.sandbox.zygote.receive(time.monotonic() + 10):
                return
        except Gone:
            pass
        self.sandbox._stop()

"""The outside's end of the sockets into a box: nothing that comes through is believed to be more than text and numbers.

Frames are limited in size and in parts, waiting is limited by a deadline, and a peer that breaks the protocol is not listened to again.
The protocol is described in inside/runner.py.
"""

from __future__ import annotations

import json
import math
import re
import select
import socket
import time
from typing import Any

from .inside.codec import clean_text
from .job import Error


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
        data = bytes(self.buffer[4 : 4 + size])
        del self.buffer[: 4 + size]
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

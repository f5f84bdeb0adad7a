"""pytest on the course's own package: its report read line by line while it runs, or its own output on the screen."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TextIO

from .course import Course
from .files import scratch
from .running import Failure, Origin, environment
from .seconds import CELL_SECONDS

GRACE = 40
"""Seconds beyond the time limit before a run of pytest that says nothing is killed: it may be importing."""


def failure_of(line: dict) -> Failure:
    """The failure in one line of the plugin's report."""
    origins = tuple(Origin(kind, number, None, file, words) for kind, number, file, words in line.get("origins", ()))
    message = line.get("message", "").strip()
    origins += printed(message)
    if line.get("kind") == "AssertionError":
        message = message.split("\nassert ")[0] if not message.startswith("assert ") else message
    return Failure(line.get("kind", "Error"), message, origins)


def printed(text: str) -> tuple[Origin, ...]:
    """The blanks in a traceback that a test's own subprocess printed."""
    found, place = [], None
    # pytest indents what a test says, and quotes it, with \\n in it, where a pattern did not match
    mark = r'File "([^"]+)", line (\d+)|(?:^E? *|\\n *)(NotImplementedError)\b'
    for match in re.finditer(mark, text, re.MULTILINE):
        if match[3] and place:
            found.append(Origin("NotImplementedError", place[1], None, place[0]))
        elif match[1]:
            place = (match[1], int(match[2]))
    return tuple(found)


def name_of(test: str) -> tuple[str | None, str]:
    """(`01.3`, `adds two rows`) for `test_01_3_adds_two_rows`; no task for any other name."""
    name = test.split("::")[-1]
    match = re.match(r"test_(\d\d)_(\d+)_(.*)", name, re.DOTALL)
    if match:
        return f"{match[1]}.{int(match[2])}", match[3].replace("_", " ")
    return None, name.removeprefix("test_").replace("_", " ")


def run_pytest(
    course: Course, arguments: list[str], timeout: float = CELL_SECONDS, endless: Iterable[str] = ()
) -> Iterator[dict]:
    """Run pytest on the course's package; what the plugin reports, line by line, while it runs.

    A test may last `timeout` seconds; the functions named `endless` fail at once.
    """
    command = [sys.executable, "-m", "pytest", "-p", "tito.pytest_plugin", "-q", "--no-header", "-o", "addopts="]
    command += ["-p", "no:cacheprovider", "--rootdir", str(course.root), "--tb=native"]  # quick to make
    command += ["--tito-seconds", str(timeout), *(f"--tito-endless={name}" for name in endless)]
    if not hasattr(signal, "setitimer") and importlib.util.find_spec("pytest_timeout"):
        command += ["-p", "pytest_timeout", "--timeout", str(timeout)]  # Windows, where no test can be watched
    with scratch() as folder:
        report, log = folder / "report.jsonl", folder / "log.txt"
        report.touch()
        with open(log, "w", encoding="utf-8") as output, open(report, encoding="utf-8") as lines:
            process = subprocess.Popen(
                [*command, "--tito-report", str(report), *arguments],
                cwd=course.root,
                env={**environment(course), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
            stopped = False
            try:
                for line in _lines_of(process, lines, timeout):
                    stopped = "stopped" in line
                    yield line
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        if not stopped and process.returncode not in (
            0,
            1,
            2,
            5,
        ):  # 2: a file could not be imported, 5: nothing was selected
            tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
            yield {"stopped": f"pytest ended with exit code {process.returncode}: {' / '.join(tail)}"}


def _lines_of(process: subprocess.Popen, lines: TextIO, timeout: float) -> Iterator[dict]:
    """The report's lines until the process ends, or has said nothing for too long."""
    pending, progress = "", time.monotonic()
    while True:
        ended = process.poll() is not None
        pending += lines.read()
        *whole, pending = pending.split("\n")
        progress = time.monotonic() if whole else progress
        if time.monotonic() - progress > timeout + GRACE:
            yield {"stopped": f"a test did not end, and could not be interrupted after {timeout:g} s"}
            return
        yield from (json.loads(line) for line in whole)
        if ended:
            return
        time.sleep(0.05)


def suite(course: Course, arguments: list[str]) -> int:
    """Run pytest with its own output on the screen; its exit code."""
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=course.root, env=environment(course)).returncode


def workers() -> list[str]:
    """pytest's options for as many processes as there are cores, a file at a time."""
    return ["-n", str(os.cpu_count() or 1), "--dist", "loadfile"] if importlib.util.find_spec("xdist") else []

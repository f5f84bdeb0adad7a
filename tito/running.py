"""Run one notebook in a kernel of this Python and say, cell by cell, what happened."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import notebooks as nb
from .course import Course
from .files import scratch
from .kernel import SECONDS
from .seconds import CELL_SECONDS
from .selection import Sources, every_cell
from .watch import NOWHERE
from .watch import describe as not_ended

NET = 5
"""Seconds after which a cell is interrupted from outside that the kernel should have ended by itself."""

ANSI = re.compile(r"\x1b\[[0-9;]*m")
FRAME = re.compile(
    r"(?m)^(?P<last>(?P<kind>[A-Za-z_][\w.]*)(?::|$)(?!.*Traceback \(most recent))"
    r"|(?:Cell|Input) In ?\[(?P<count>\d+)\], line (?P<line>\d+)"
    r"|File (?P<file>[^\n]+?\.py):(?P<at>\d+)"
)


@dataclass(frozen=True)
class Origin:
    """Where an exception of a chain was raised: its type and the innermost line, in a cell or in a file."""

    kind: str
    line: int
    cell: int | None = None
    file: str | None = None
    message: str = ""


@dataclass(frozen=True)
class Failure:
    """One failure in words, with the origins of its exceptions, the one that was raised first in front."""

    kind: str
    message: str
    origins: tuple[Origin, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind


@dataclass(frozen=True)
class CellRun:
    """One code cell that was run: its index in the notebook, the time it took, and its failure if it had one."""

    index: int
    seconds: float
    failure: Failure | None


def environment(course: Course) -> dict[str, str]:
    """The environment in which the course's own package, and no other tinytorch, is imported."""
    before = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(course.root), *([before] if before else [])])
    return {**os.environ, "PYTHONPATH": path}


def run_cells(
    course: Course, path: Path, sources: Sources | None = None, timeout: float = CELL_SECONDS
) -> Iterator[CellRun]:
    """Run the notebook's code cells, or `sources`, one by one; a failing cell does not end the run, a dead kernel does.

    The kernel is this Python's own, whatever kernel specifications are installed, and starts in the notebook's folder
    as JupyterLab's does.
    """
    import nbformat
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    notebook = nb.clean(nb.read(path))
    sources = every_cell(notebook) if sources is None else sources
    for index, cell in enumerate(notebook["cells"]):
        cell["source"] = sources.get(index, nb.text(cell))
    client = _client(nbformat.from_dict(notebook), timeout)
    counts: dict[int, int] = {}
    with scratch() as home:
        env = {**environment(course), "IPYTHONDIR": str(home), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        env[SECONDS] = str(timeout)
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with client.setup_kernel(cwd=str(path.parent), env=env, **silent):
            for index in sorted(index for index, source in sources.items() if source.strip()):
                start = time.perf_counter()
                try:
                    done = client.execute_cell(client.nb.cells[index], index)
                except (DeadKernelError, CellTimeoutError) as error:
                    dead = isinstance(error, DeadKernelError)
                    words = "the kernel died" if dead else f"stopped after {timeout:g} s and could not be interrupted"
                    yield CellRun(index, time.perf_counter() - start, Failure(type(error).__name__, words))
                    return
                seconds = time.perf_counter() - start
                counts[done.get("execution_count") or -1] = index
                error = next((out for out in done.outputs if out["output_type"] == "error"), None)
                failure = error and describe(error, counts, index)
                if failure and failure.kind == "KeyboardInterrupt" and seconds >= timeout:
                    failure = Failure("EndlessLoop", not_ended("this", timeout))
                yield CellRun(index, seconds, failure)
                if failure and failure.message.startswith(NOWHERE):
                    return  # no function was found that could be closed: the next cell may cost as much


def _client(node, timeout: float):
    """An nbclient for the notebook, with a kernel of this Python that ends a cell by itself after `timeout` seconds."""
    import logging

    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    logging.getLogger("traitlets").setLevel(logging.CRITICAL)
    manager = AsyncKernelManager()
    manager._kernel_spec = KernelSpec(argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"])
    client = NotebookClient(node, km=manager, timeout=timeout + NET, interrupt_on_timeout=True, allow_errors=True)
    client.log.setLevel(logging.CRITICAL)
    client.owns_km, client.shutdown_kernel = True, "immediate"
    client.extra_arguments = ["--HistoryManager.enabled=False", "--InteractiveShellApp.extra_extensions=tito.kernel"]
    return client


def describe(error: dict, counts: dict[int, int], index: int) -> Failure:
    """The failure that a kernel's error message tells of; `counts` gives the cell that had an execution count."""
    text = ANSI.sub("", "\n".join(error.get("traceback", ())))
    origins, last = [], None
    for match in FRAME.finditer(text):
        if match["count"]:
            last = (int(match["line"]), counts.get(int(match["count"]), index), None)
        elif match["file"]:
            last = (int(match["at"]), None, str(Path(match["file"]).expanduser()))
        elif last:
            origins.append(Origin(match["kind"], *last))
            last = None
    message = ANSI.sub("", error.get("evalue", "")).strip()
    return Failure(error.get("ename", "Error"), message, tuple(origins))

"""Run one notebook in a kernel of this Python and say, cell by cell, what happened."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import notebooks as nb
from .course import Course
from .files import scratch

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
    course: Course, path: Path, wanted: Callable[[int, dict], bool] = lambda index, cell: True, timeout: float = 300
) -> Iterator[CellRun]:
    """Run the notebook's code cells one by one; a failing cell does not end the run, a dead kernel does.

    The kernel is this Python's own, whatever kernel specifications are installed, and starts in the notebook's folder
    as JupyterLab's does.
    """
    import logging

    import nbformat
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    logging.getLogger("traitlets").setLevel(logging.CRITICAL)
    notebook = nb.clean(nb.read(path))
    node = nbformat.from_dict({**notebook, "cells": [{**cell, "source": nb.text(cell)} for cell in notebook["cells"]]})
    manager = AsyncKernelManager()
    manager._kernel_spec = KernelSpec(argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"])
    client = NotebookClient(node, km=manager, timeout=timeout, interrupt_on_timeout=True, allow_errors=True)
    client.log.setLevel(logging.CRITICAL)
    client.owns_km, client.shutdown_kernel = True, "immediate"
    with scratch() as home:
        env = {**environment(course), "IPYTHONDIR": str(home), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        client.extra_arguments = [
            "--HistoryManager.enabled=False",
            "--InteractiveShellApp.extra_extensions=tito.kernel",
        ]
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with client.setup_kernel(cwd=str(path.parent), env=env, **silent):
            counts: dict[int, int] = {}
            for index, cell in enumerate(node.cells):
                if cell.cell_type != "code" or not cell.source.strip() or not wanted(index, notebook["cells"][index]):
                    continue
                start = time.perf_counter()
                try:
                    done = client.execute_cell(cell, index)
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
                    failure = Failure("Timeout", f"still running after {timeout:g} s: is there a loop without an end?")
                yield CellRun(index, seconds, failure)


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

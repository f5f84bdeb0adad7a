"""What the sandbox is asked for, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...seconds import CELL_SECONDS


class SandboxError(RuntimeError):
    """The sandbox itself could not work; says nothing about a submission."""


@dataclass(frozen=True)
class Limits:
    cell_seconds: float = CELL_SECONDS
    cell_cpu_seconds: float = 3.0  # of processor time, which waiting does not use up; the slowest reference needs 0.3
    total_seconds: float = 120.0  # all cells of one notebook
    probe_seconds: float = 10.0
    probe_cpu_seconds: float = 3.0
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
    pictures: bool = True  # False draws no figure, which saves most of the time of a notebook that has some


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

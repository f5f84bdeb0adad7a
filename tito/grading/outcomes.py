"""What probes hand back: plain values or errors, compared with the reference's and kept in files."""

from __future__ import annotations

from typing import Any

from ..notebooks.tasks import Task
from .disclosure import masked
from .judge import same
from .sandbox import Error, Run
from .sandbox.inside.codec import decode, encode

LIMITS = {
    "TimeLimit": "Your code did not end within the time limit here.",
    "MemoryLimit": "Your code needed more memory than it may have here.",
    "OutputLimit": "Your code wrote more than it may here.",
    "Died": "Your code ended its own process here.",
    "NotRun": "The notebook ended before this test was reached.",
    "NotReached": "The notebook ended before this test was reached.",
    "NoResult": "Your code handed back nothing that could be read here.",
}

Outcomes = dict[str, Any]
"""What a task's probes handed back: probe name -> plain value or Error."""


def outcomes(run: Run, task: Task) -> Outcomes:
    """What the task's probes handed back in a run; an Error for each that never got so far."""
    missing = Error("NotReached", run.ended)
    return {probe.name: run.probes.get((task.id, probe.name), missing) for probe in task.probes}


def same_outcome(expected: Any, came: Any) -> bool:
    """Whether two outcomes agree. Two errors do when they say the same, but for what was filled in: of one type alone they may
    come from different mistakes."""
    if isinstance(expected, Error) or isinstance(came, Error):
        both = isinstance(expected, Error) and isinstance(came, Error) and expected.kind == came.kind
        return both and (expected.kind in LIMITS or masked(expected.message)[0] == masked(came.message)[0])
    return same(expected, came)


def passed(expected: Outcomes, found: Outcomes) -> int:
    return sum(same_outcome(expected[name], value) for name, value in found.items())


STUCK = ("TimeLimit", "MemoryLimit", "Died")


def is_stuck(error: Error) -> bool:
    return error.kind in STUCK


def stuck(run: Run) -> frozenset[str]:
    """Cells that never ended by themselves."""
    return frozenset(id for id, error in run.errors.items() if is_stuck(error))


def pack(results: Outcomes) -> dict:
    return {
        name: {"error": [value.kind, value.message, value.line, value.text]}
        if isinstance(value, Error)
        else {"value": encode(value)}
        for name, value in results.items()
    }


def unpack(results: dict) -> Outcomes:
    return {
        name: Error(*value["error"]) if "error" in value else decode(value["value"]) for name, value in results.items()
    }

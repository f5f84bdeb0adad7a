"""Which cases of a long table one run takes, so that `make test` costs the same however many modules there are.

A table (misconceptions, mutants, hostile work, gutted tasks, planted faults) is sampled for the course as a whole, not
for each module. Half of the sample is drawn from the modules that changed within the last day of commits, the rest from all;
the draw follows from TEST_SEED, by default the commit, so that one commit always runs the same cases. What is not drawn
is marked slow: `make test-slow` runs it.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DAY = 24 * 60 * 60


def git(*arguments: str) -> str:
    """What git answers, "" where there is no repository."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@cache
def seed() -> str:
    """TEST_SEED, or the commit."""
    return os.environ.get("TEST_SEED") or git("rev-parse", "--short=12", "HEAD") or "0"


@cache
def changed() -> frozenset[str]:
    """The module folders (`07_training`) in whose files something changed within the last day of commits, or is not
    committed yet."""
    if not (now := git("log", "-1", "--format=%ct")):
        return frozenset()
    before = git("rev-list", "-1", f"--before={int(now) - DAY}", "HEAD")
    paths = git("diff", "--name-only", before) if before else ""
    return frozenset(re.findall(r"^(?:solutions|tests|tests/grading)/(\d\d_\w+)/", paths, re.MULTILINE))


def rank(key: str) -> str:
    """Sorts keys in an order that the seed decides."""
    return hashlib.sha256(f"{seed()} {key}".encode()).hexdigest()


def draw(keys: Iterable[str], count: int) -> set[str]:
    """`count` of these keys, half of them from modules that changed; a key names its module's folder."""
    ordered = sorted(keys, key=rank)
    first = [key for key in ordered if any(folder in key for folder in changed())][: count // 2]
    return set(first + [key for key in ordered if key not in first][: count - len(first)])


def sample(cases: Iterable, count: int, key: Callable[[object], str]) -> list:
    """The cases as pytest parameters (a tuple is several arguments): `count` of them in every run, the others marked slow."""
    cases = list(cases)
    drawn = draw(map(key, cases), count)
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)), marks=() if key(case) in drawn else pytest.mark.slow
        )
        for case in cases
    ]


def pytest_report_header(config):
    return f"sample: TEST_SEED={seed()}; changed lately: {', '.join(sorted(changed())) or 'no module'}"


def part_of(nodeid: str) -> str:
    """The module that a test belongs to (`07_training`), or the folder of a test of the whole course."""
    modules = re.findall(r"\b\d\d_[a-z_]*[a-z]", nodeid)
    return modules[0] if modules else "/".join(nodeid.split("::")[0].split("/")[:2])


def pytest_terminal_summary(terminalreporter):
    """How long each module's part took, all its tests together."""
    seconds, tests = {}, {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if hasattr(report, "duration") and hasattr(report, "when"):
                part = part_of(report.nodeid)
                seconds[part] = seconds.get(part, 0) + report.duration
                tests[part] = tests.get(part, 0) + (report.when == "call")
    if seconds:
        terminalreporter.section("seconds of each part, summed over the processes")
        for part in sorted(seconds):
            terminalreporter.write_line(f"{part:24} {tests[part]:6} tests {seconds[part]:8.1f} s")

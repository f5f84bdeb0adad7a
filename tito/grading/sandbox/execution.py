"""One job in the sandbox: which box runs what, what is kept when something goes wrong, and the probes at the end."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any

from .box import Box
from .channel import Gone, Peer, clean_error, clean_output
from .inside.codec import decode
from .job import Cell, Error, Job, Probe, Run

if TYPE_CHECKING:
    from .sandbox import Sandbox


class Execution:
    """One job: boxes until the notebook has run to its end, then the probes."""

    def __init__(self, sandbox: Sandbox, job: Job) -> None:
        self.sandbox, self.limits, self.job = sandbox, sandbox.limits, job
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

    def open(self) -> Box:
        return Box(self.sandbox, self.job.pictures)

    def time_for_replay(self) -> bool:
        honest = sum(seconds for cell, seconds in self.result.seconds.items() if cell not in self.deadly)
        return time.monotonic() + 1.2 * honest < self.deadline

    # -- cells

    def cells(self, box: Box, cells: list[Cell], snapshots: dict[str, tuple[Peer, int]]) -> str | None:
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

    def cell(self, box: Box, cell: Cell) -> bool:
        """Runs one cell; False when the process that ran it is of no more use. Only its first run is recorded."""
        start = time.monotonic()
        limit = min(start + self.limits.cell_seconds, self.deadline)
        outputs, error, alive = [], None, True
        try:
            box.main.received = 0
            box.begin_turn(self.limits.cell_cpu_seconds)
            box.main.send({"cell": cell.source})
            done = self.done(box, limit, outputs)
            if done is None:
                late = time.monotonic() >= limit
                used = f"{limit - start:.3g} seconds" if late else f"{self.limits.cell_cpu_seconds:g} processor seconds"
                error = Error("TimeLimit", f"ran longer than {used}")
                box.begin_turn(math.inf)
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

    def done(self, box: Box, deadline: float, outputs: list[dict]) -> dict | None:
        """Collects outputs until the cell is done; None when its time is up first."""
        while (message := box.listen(box.main, deadline)) is not None and "done" not in message:
            if box.main.received > 2 * self.limits.output_total:
                raise Gone("sent too much")
            self.record(message.get("output"), outputs)
        return message

    def record(self, output: Any, outputs: list[dict]) -> None:
        output = clean_output(output, self.limits.output + 100)
        if output is None:
            return
        size = len(json.dumps(output))
        if self.kept + size > self.limits.output_total:
            size = self.limits.output_total
            output = {
                "output_type": "stream",
                "name": "stderr",
                "text": "[the notebook's further output is left out]\n",
            }
        if self.kept >= self.limits.output_total:
            return
        self.kept += size
        last = outputs[-1] if outputs else {}
        if output["output_type"] == "stream" == last.get("output_type") and output["name"] == last["name"]:
            last["text"] += output["text"]
        else:
            outputs.append(output)

    # -- variants

    def variants(self, endings: list[list[Cell]], task: str, probes: list[Probe]) -> list[list[Any] | None]:
        """The job's cells once; then, for each ending, its cells and the probes in a fork. None where that was too much."""
        box = self.open()
        try:
            if self.cells(box, self.job.cells, {}) is not None:
                return [None] * len(endings)
            return [self.variant(box, cells, task, probes) for cells in endings]
        finally:
            box.close()

    def variant(self, box: Box, cells: list[Cell], task: str, probes: list[Probe]) -> list[Any] | None:
        self.deadline = time.monotonic() + self.limits.probe_total_seconds
        try:
            fork, pid = box.fork(box.main, self.limits.result)
            for cell in cells:
                box.begin_turn(self.limits.cell_cpu_seconds)
                fork.send({"cell": cell.source})
                if box.listen(fork, time.monotonic() + self.limits.cell_seconds) is None:
                    box.ask({"kill": [pid]})
                    return None
        except Gone:
            return None
        return self.ask_all(box, {"main": (box.main, box.pid), task: (fork, pid)}, task, probes)

    # -- probes

    def probes(self, box: Box, snapshots: dict[str, tuple[Peer, int]]) -> None:
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
        self, box: Box, snapshots: dict[str, tuple[Peer, int]], task: str, probes: list[Probe]
    ) -> list[Any] | None:
        """The values of a task's probes, in one fork of the snapshot while all goes well; None when the snapshot was dead before.

        Whatever fails may leave things as they should not be: the probe after it gets a fork of its own.
        """
        peer, _ = snapshots.pop(task)
        values, fork, late = [], None, False
        for probe in probes:
            if late or time.monotonic() > self.deadline:
                values.append(Error("TimeLimit", "not run, because there was no time left"))
                continue
            if fork is None:
                try:
                    fork, pid = box.fork(peer, self.limits.result)
                except Gone:
                    if not values:
                        return None
                    values.append(box.lost or Error("Died", "ended its own process"))
                    continue
            values.append(self.ask(box, fork, probe))
            if isinstance(values[-1], Error):
                late = values[-1].kind == "TimeLimit"
                box.ask({"kill": [pid]})
                fork.close()
                fork = None
        for process in filter(None, (fork, peer)):
            process.close()
        if box.lost is None and any(isinstance(value, Error) for value in values):
            box.sweep([pid for _, pid in snapshots.values()])  # nothing of what failed is left beside the next task
        return values

    def ask(self, box: Box, fork: Peer, probe: Probe) -> Any:
        limit = min(time.monotonic() + self.limits.probe_seconds, self.deadline)
        box.begin_turn(self.limits.probe_cpu_seconds)
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

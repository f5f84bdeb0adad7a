"""How the benchmarks are measured.

Each framework runs a task in a process of its own; all processes are pinned to one core with one thread, and their rounds are
interleaved in a random order, so that whatever slows the machine down meets all of them. The results are compared before a clock
is started. The clock is that of the process, so that programs that happen to run beside it are not counted (the
wall's where a task has processes of its own). Figures are medians over the rounds; the spread is half the range between the quartiles, in percent of the median.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from statistics import median, quantiles

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
FRAMEWORKS = ("numpy", "tinytorch", "torch")
THREADS = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# Freed blocks go back to the process's own heap and not to the kernel. Without it every large array is mapped and cleared
# anew, which costs PyTorch up to half of its speed on small networks; all three frameworks get it.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
}


@dataclass
class Row:
    """One line of the table: samples by framework, in seconds or in another unit."""

    title: str
    samples: dict
    unit: str = "s"
    reach: float | str | None = None
    note: str = ""
    met: bool | None = None
    ratios: list = field(default_factory=list)

    def __post_init__(self):
        if self.unit == "s" and "torch" in self.samples:
            self.ratios = [a / b for a, b in zip(self.samples["tinytorch"], self.samples["torch"])]
        if isinstance(self.reach, float) and self.ratios:
            self.met = median(self.ratios) <= self.reach

    def median(self, name):
        return median(self.samples[name])

    def spread(self, name):
        values = self.samples[name]
        if len(values) < 4 or not self.median(name):
            return 0.0
        low, _, high = quantiles(values, n=4)
        return (high - low) / 2 / self.median(name)


class Worker:
    """A process that runs one framework; it obeys one line of JSON at a time."""

    def __init__(self, framework, core, malloc):
        environment = os.environ | THREADS | (MALLOC if malloc else {}) | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "benchmarks.worker", framework, str(core)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment, cwd=ROOT)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"a worker stopped: {request}")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)


@dataclass
class Bench:
    rounds: int = 15
    seconds: float = 0.15  # how long one framework's round lasts, about
    malloc: bool = True
    frameworks: tuple = FRAMEWORKS
    core: int = field(default_factory=lambda: max(os.sched_getaffinity(0)))
    dice: random.Random = field(default_factory=lambda: random.Random(0))

    def shuffled(self):
        return self.dice.sample(self.frameworks, len(self.frameworks))

    def workers(self, names=None):
        return {name: Worker(name, self.core, self.malloc) for name in names or self.frameworks}

    def rounds_of(self, workers, seconds, clock="process"):
        """Interleaved rounds: seconds for one step, by framework."""
        counts = {}
        for name, worker in workers.items():
            once = worker.ask(do="time", count=3, clock=clock)["seconds"]
            counts[name] = max(1, int(seconds / max(once, 1e-9)))
            worker.ask(do="time", count=max(1, counts[name] // 3), clock=clock)
        times = {name: [] for name in workers}
        for _ in range(self.rounds):
            for name in self.dice.sample(list(workers), len(workers)):
                times[name].append(workers[name].ask(do="time", count=counts[name], clock=clock)["seconds"])
        return times

    def task(self, name):
        """The row of a timed task, after its results were compared."""
        module = import_module(f"benchmarks.tasks.{name}")
        workers = self.workers(getattr(module, "frameworks", None))  # not all tasks are worth writing in NumPy by hand
        try:
            with tempfile.TemporaryDirectory() as folder:
                for framework, worker in workers.items():
                    worker.ask(do="load", task=name)
                    worker.ask(do="results", file=f"{folder}/{framework}.npz")
                results = {f: list(np.load(f"{folder}/{f}.npz").values()) for f in workers}
            agree(name, results)
            return Row(
                module.__doc__.strip(), self.rounds_of(workers, self.seconds), reach=getattr(module, "reach", None)
            )
        finally:
            for worker in workers.values():
                worker.close()

    def compare(self, function, options, length=1, clock="process"):
        """Times of `function(t, **options)()` for the two libraries, divided by `length`; clock: of the process or the wall."""
        workers = self.workers(("tinytorch", "torch"))
        try:
            for worker in workers.values():
                worker.ask(do="make", function=function, options=options)
            times = self.rounds_of(workers, self.seconds, clock)
            return {name: [t / length for t in found] for name, found in times.items()}
        finally:
            for worker in workers.values():
                worker.close()

    def ask(self, framework, function, options):
        """What `function(**options)` returns in a fresh process of the framework."""
        worker = Worker(framework, self.core, self.malloc)
        try:
            return worker.ask(do="call", function=function, options=options)["value"]
        finally:
            worker.close()

    def rows(self, name):
        module = import_module(f"benchmarks.tasks.{name}")
        return module.rows(self) if hasattr(module, "rows") else [self.task(name)]


def agree(name, results):
    """Speed is worth nothing when the numbers differ: all results within 1e-4 of the largest value of PyTorch's."""
    for framework in results:
        assert len(results[framework]) == len(results["torch"]), f"{name}: results of {framework}"
        for i, (a, b) in enumerate(zip(results[framework], results["torch"])):
            worst = np.abs(a - b).max() / max(np.abs(b).max(), 1e-12)
            if a.shape != b.shape or not worst < 1e-4:
                raise SystemExit(f"{name}: result {i} of {framework} differs from PyTorch's by {worst:.1e}; not timed")


def names():
    return sorted(path.stem for path in (ROOT / "benchmarks" / "tasks").glob("*.py") if path.stem != "__init__")

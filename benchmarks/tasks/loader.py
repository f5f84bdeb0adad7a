"""DataLoader, digits, batch 64: an epoch"""

import os
import warnings
from pathlib import Path

import numpy as np

from benchmarks.harness import Row
from benchmarks.worker import library

DIGITS = Path(__file__).resolve().parents[2] / "data" / "digits" / "digits.npz"


def digits():
    with np.load(DIGITS) as file:
        return file["images"].reshape(len(file["images"]), -1).astype("float32") / 16, file["labels"].astype("int64")


class Rows:
    """A dataset of one's own, sample by sample."""

    def __init__(self, images, labels):
        self.images, self.labels = images, labels.tolist()

    def __getitem__(self, index):
        return self.images[index], self.labels[index]

    def __len__(self):
        return len(self.labels)


def loader(t, workers, shuffle=True, rows=False):
    images, labels = map(t.tensor, digits())
    data = Rows(images, labels) if rows else t.utils.data.TensorDataset(images, labels)
    if workers:  # its processes may use all cores, for each library alike
        os.sched_setaffinity(0, range(os.cpu_count()))
        warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)
    return t.utils.data.DataLoader(data, batch_size=64, shuffle=shuffle, num_workers=workers)


def epoch(t, workers, rows):
    """One epoch of the loader, to be timed."""
    batches = loader(t, workers, rows=rows)

    def step():
        for _ in batches:
            pass

    return step


def content(framework, workers, rows):
    """What the batches hold, in order: all of it must be the same before a clock is started."""
    batches = loader(library(framework), workers, shuffle=False, rows=rows)
    return [[x.tolist(), y.tolist(), str(x.dtype).removeprefix("torch.")] for x, y in batches]


def rows(bench):
    for workers, single in ((0, False), (2, False), (0, True)):
        options = dict(workers=workers, rows=single)
        ask = "benchmarks.tasks.loader:content"
        found = [bench.ask(name, ask, options | {"framework": name}) for name in ("tinytorch", "torch")]
        if found[0] != found[1]:
            raise SystemExit(f"loader: the batches with {workers} workers differ; not timed")
        times = bench.compare("benchmarks.tasks.loader:epoch", options, clock="wall")
        title = "own dataset" if single else f"{workers} workers"
        row = Row(f"DataLoader, digits, batch 64, {title}", times, reach=None if single else 1.0)
        mine, theirs = (len(digits()[1]) / row.median(name) for name in ("tinytorch", "torch"))
        row.note = f"an epoch: {mine:,.0f} samples a second, PyTorch {theirs:,.0f}"
        yield row

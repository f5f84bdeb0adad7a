"""Trainers for the tests of module 07, and what has to be equal after a resumed run. Nothing here needs a module after 07."""

import numpy as np

from tinytorch.data import DataLoader, TensorDataset
from tinytorch.nn.activation import ReLU
from tinytorch.nn.layers import Linear, Module, Sequential
from tinytorch.nn.losses import mse_loss
from tinytorch.optim import SGD, Adam, ExponentialLR
from tinytorch.tensor import Tensor, manual_seed, rand, randn, tensor, zeros
from tinytorch.training import Callback, Trainer


def noise_free_line(n=64):
    """y = 2 a - 3 b + 0.5."""
    manual_seed(0)
    x = randn(n, 2)
    return TensorDataset(x, x @ tensor([[2.0], [-3.0]]) + 0.5)


class Dropout(Module):
    """Draws from the global random state, as module 08's does."""

    def forward(self, x):
        return x * (rand(*x.shape) > 0.2) / 0.8 if self.training else x


class Centre(Module):
    """Subtracts the mean, of the batch or the running one: a buffer that every forward pass changes."""

    def __init__(self, features):
        super().__init__()
        self.register_buffer("running_mean", zeros(features))

    def forward(self, x):
        if not self.training:
            return x - self.running_mean
        mean = x.mean(0)
        self.running_mean.array[...] = 0.9 * self.running_mean.array + 0.1 * mean.detach().array
        return x - mean


def linear_trainer(lr=0.1, **options):
    manual_seed(1)
    model = Linear(2, 1)
    return Trainer(model, mse_loss, SGD(model.parameters(), lr=lr), **options)


def deep_trainer(folder=None, loss_fn=mse_loss, **options):
    """Dropout, a buffer, Adam, a schedule and accumulation: everything that has a state."""
    manual_seed(2)
    model = Sequential(Linear(2, 16), Centre(16), ReLU(), Dropout(), Linear(16, 1))
    optimizer = Adam(model.parameters(), lr=0.01)
    options = {"scheduler": ExponentialLR(optimizer, 0.9), "accumulate": 2, "checkpoint_every": 2, **options}
    return Trainer(model, loss_fn, optimizer, folder=folder, **options)


def shuffled(data, **options):
    manual_seed(3)
    return DataLoader(data, batch_size=8, shuffle=True, **options)


class At(Callback):
    """Does something when a step is done; by default it crashes, as a machine would."""

    def __init__(self, step, action=None):
        self.step, self.action = step, action or self.crash

    def crash(self, trainer):
        raise RuntimeError("crash")

    def on_step_end(self, trainer):
        if trainer.step == self.step:
            self.action(trainer)


def weights(trainer):
    return {name: value.detach().numpy().copy() for name, value in trainer.model.state_dict().items()}


def same(a, b):
    """Equal to the bit: weights, buffers, optimizer, schedule, history, callbacks, random state, place in the data."""
    differing = list(differences(a.state_dict(), b.state_dict()))
    assert not differing, f"not equal: {differing}"


def differences(a, b, path=""):
    """The places at which two trees of dicts, lists, arrays and numbers differ."""
    a, b = (x.array if isinstance(x, Tensor) else x for x in (a, b))
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        for key in a:
            yield from differences(a[key], b[key], f"{path}.{key}")
    elif isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            yield from differences(x, y, f"{path}.{i}")
    elif not np.array_equal(a, b):
        yield path

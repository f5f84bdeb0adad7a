"""Trainers for the tests of module 07, and what has to be equal after a resumed run."""

from tinytorch.data import DataLoader
from tinytorch.nn.layers import Linear, ReLU, Sequential
from tinytorch.nn.losses import mse_loss
from tinytorch.nn.normalization import BatchNorm1d, Dropout
from tinytorch.optim import SGD, Adam, ExponentialLR
from tinytorch.tensor import manual_seed
from tinytorch.training import Trainer


def linear_trainer(lr=0.1, **options):
    manual_seed(1)
    model = Linear(2, 1)
    return Trainer(model, mse_loss, SGD(model.parameters(), lr=lr), **options)


def deep_trainer(folder=None, **options):
    """Dropout, batch norm, Adam, a schedule and accumulation: everything that has a state."""
    manual_seed(2)
    model = Sequential(Linear(2, 16), BatchNorm1d(16), ReLU(), Dropout(0.2), Linear(16, 1))
    optimizer = Adam(model.parameters(), lr=0.01)
    options = {"scheduler": ExponentialLR(optimizer, 0.9), "accumulate": 2, "checkpoint_every": 2, **options}
    return Trainer(model, mse_loss, optimizer, folder=folder, **options)


def shuffled(data):
    manual_seed(3)
    return DataLoader(data, batch_size=8, shuffle=True)


def weights(trainer):
    return {name: value.detach().numpy().copy() for name, value in trainer.model.state_dict().items()}


def same(a, b):
    """Equal to the bit: weights, buffers, history and the optimizer's arrays."""
    for name, value in weights(a).items():
        assert (value == weights(b)[name]).all(), name
    assert a.history == b.history
    ours, theirs = a.optimizer.state_dict()["state"], b.optimizer.state_dict()["state"]
    for index, state in ours.items():
        for name, value in state.items():
            assert (value == theirs[index][name]) if isinstance(value, int) else (value == theirs[index][name]).all(), (
                name
            )

"""Accumulation weighs by what the loss takes its mean over; EarlyStopping with no patience."""

import math

import numpy as np
import pytest

from tinytorch.nn.layers import Linear
from tinytorch.nn.losses import CrossEntropyLoss
from tinytorch.optim import SGD
from tinytorch.random import manual_seed, randn
from tinytorch.tensor import tensor
from tinytorch.training import Callback, EarlyStopping, NonFiniteError, Trainer


def fitted(loss_fn, targets, size, **options):
    """Weights, and the loss in the history, of two steps on eight samples in batches of this size."""
    manual_seed(0)
    model, inputs = Linear(3, 3), randn(8, 3)
    batches = [(inputs[i : i + size], tensor(targets[i : i + size])) for i in range(0, 8, size)]
    trainer = Trainer(model, loss_fn, SGD(model.parameters(), lr=0.5), accumulate=8 // size, **options)
    history = trainer.fit(batches, epochs=2)
    return [model.weight.detach().numpy(), history[-1]["train_loss"]]


@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 5.0]])
def test_07_1_ignored_targets_and_class_weights(weight):
    loss_fn = CrossEntropyLoss(weight=None if weight is None else tensor(weight), ignore_index=-100)
    targets = [0, -100, -100, 1, 2, 2, 1, -100]
    whole = fitted(loss_fn, targets, 8)
    for size in (2, 4):
        for a, b in zip(fitted(loss_fn, targets, size), whole):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_07_1_a_small_batch_of_which_all_is_ignored_changes_nothing():
    targets = [0, 1, -100, -100, 2, 2, 1, -100]
    for a, b in zip(fitted(CrossEntropyLoss(), targets, 2), fitted(CrossEntropyLoss(), targets, 8)):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_07_1_when_all_is_ignored_the_loss_is_nan_as_ever():
    with pytest.raises(NonFiniteError, match="loss is nan"):
        fitted(CrossEntropyLoss(), [-100] * 8, 4)


class Losses(Callback):
    """Puts these validation losses into the history."""

    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, trainer):
        trainer.history[-1]["val_loss"] = self.values[trainer.epoch - 1]


@pytest.mark.parametrize("patience, epochs", [(0, 3), (1, 3), (2, 4), (9, 6)])
def test_07_6_patience(patience, epochs):
    """With no patience the run ends at the first epoch that is no better, and not before the first one."""
    manual_seed(0)
    model, losses = Linear(3, 3), Losses([3.0, 2.0, 2.5, 2.4, 1.0, 3.0])
    stopping = EarlyStopping(patience=patience)
    trainer = Trainer(model, CrossEntropyLoss(), SGD(model.parameters(), lr=0.1), callbacks=[losses, stopping])
    batches = [(randn(4, 3), tensor([0, 1, 2, 0]))]
    assert len(trainer.fit(batches, epochs=6)) == epochs
    assert not math.isnan(trainer.last_loss)


def test_a_negative_patience_is_refused():
    with pytest.raises(ValueError, match="got -1"):
        EarlyStopping(patience=-1)

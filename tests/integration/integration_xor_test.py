"""Scenario: XOR is learned, with a training loop written by hand and by the Trainer.

The oldest test of a neural network. No line separates the four points, so it fails when the hidden layer, its activation or the
gradient through either is broken; and it is small enough to be read to the end.
"""

import numpy as np
import pytest

import tinytorch
from tinytorch import nn

pytestmark = [pytest.mark.integration, pytest.mark.modules(1, 2, 3)]

X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
Y = [[0.0], [1.0], [1.0], [0.0]]


def train(model, steps, rate=0.3):
    """Full-batch gradient descent on the squared error; the losses."""
    x, y = tinytorch.tensor(X), tinytorch.tensor(Y)
    losses = []
    for _ in range(steps):
        loss = (model(x) - y).square().mean()
        model.zero_grad()
        loss.backward()
        with tinytorch.no_grad():
            for parameter in model.parameters():
                parameter -= rate * parameter.grad
        losses.append(loss.item())
    return losses


def answers(model):
    with tinytorch.no_grad():
        return (model(tinytorch.tensor(X)) > 0.5).int().tolist()


def network(width=8):
    return nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 1))


def test_quick_the_loss_falls():
    losses = train(network(), 300)
    assert losses[-1] < 0.1, f"the loss went from {losses[0]:.4f} to {losses[-1]:.4f}"


@pytest.mark.parametrize("seed", range(5))
def test_xor_is_learned_from_any_start(seed):
    """From every one of five seeds: a loss below 0.005 in 600 steps, and all four answers right."""
    tinytorch.manual_seed(seed)
    model = network()
    losses = train(model, 600)
    assert losses[-1] < 0.005, f"seed {seed}: the loss went from {losses[0]:.4f} to {losses[-1]:.4f}"
    assert answers(model) == [[0], [1], [1], [0]]


def test_no_line_can_do_it():
    """Without a hidden layer the best is 0.25: to answer 0.5 everywhere. So the hidden layer above did the work."""
    model = nn.Linear(2, 1)
    assert abs(train(model, 600)[-1] - 0.25) < 1e-3


def test_with_logits_and_sigmoid():
    """The same by maximum likelihood, with the loss composed from operations of 01."""
    model, x, y = network(), tinytorch.tensor(X), tinytorch.tensor(Y)
    for _ in range(500):
        p = model(x).sigmoid().clamp(1e-6, 1 - 1e-6)
        loss = -(y * p.log() + (1 - y) * (1 - p).log()).mean()
        model.zero_grad()
        loss.backward()
        with tinytorch.no_grad():
            for parameter in model.parameters():
                parameter -= parameter.grad
    assert loss.item() < 0.02
    assert np.abs(model(x).sigmoid().detach().numpy() - np.array(Y)).max() < 0.1


@pytest.mark.modules(3, 4, 5, 6, 7)
@pytest.mark.parametrize("seed", range(3))
def test_with_the_trainer(seed):
    """Adam, mini-batches in random order, accumulated by two: a loss below 0.005 in 150 epochs, from each of three seeds."""
    from tinytorch.data import DataLoader, TensorDataset
    from tinytorch.nn.losses import mse_loss
    from tinytorch.optim import Adam
    from tinytorch.training import Trainer

    tinytorch.manual_seed(seed)
    data = TensorDataset(tinytorch.tensor(X), tinytorch.tensor(Y))
    model = network()
    trainer = Trainer(model, mse_loss, Adam(model.parameters(), lr=0.05), accumulate=2)
    history = trainer.fit(DataLoader(data, batch_size=2, shuffle=True), DataLoader(data, batch_size=4), epochs=150)
    assert history[-1]["val_loss"] < 0.005, (
        f"seed {seed}: {history[0]['val_loss']:.4f} to {history[-1]['val_loss']:.4f}"
    )
    assert answers(model) == [[0], [1], [1], [0]]

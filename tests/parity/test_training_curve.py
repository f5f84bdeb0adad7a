"""Ten steps of training, side by side: the same start, the same data, the same losses to 1e-5."""

import numpy as np
import pytest
import torch
from oracle import array_of

import tinytorch

STEPS = 10


def problem(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((64, 20)).astype(np.float32)
    labels = rng.integers(0, 5, 64)
    return x, labels


def start(seed, *widths):
    rng = np.random.default_rng(seed)
    for i, o in zip(widths, widths[1:]):
        yield (rng.standard_normal((o, i)) / np.sqrt(i)).astype(np.float32)
        yield np.zeros(o, dtype=np.float32)


def nll(t, logits, labels):
    return -t.log_softmax(logits, dim=1).gather(1, t.tensor(labels).unsqueeze(1)).mean()


def curve_by_hand(t, rate=0.5):
    """Weights as plain tensors, the update under no_grad."""
    x, labels = problem()
    w1, b1, w2, b2 = parameters = [t.tensor(p).requires_grad_() for p in start(1, 20, 32, 5)]
    losses = []
    for _ in range(STEPS):
        loss = nll(t, t.relu(t.tensor(x) @ w1.t() + b1) @ w2.t() + b2, labels)
        loss.backward()
        with t.no_grad():
            for p in parameters:
                p -= rate * p.grad
                p.grad = None
        losses.append(loss.item())
    return losses, [array_of(t, p) for p in parameters]


def model_of(t, activation):
    return t.nn.Sequential(
        t.nn.Linear(20, 32), activation(t), t.nn.Sequential(t.nn.Linear(32, 16), activation(t)), t.nn.Linear(16, 5)
    )


def curve_of_modules(t, activation, rate=0.2):
    """A model of modules whose weights are loaded from a state dict; gradients cleared with zero_grad."""
    x, labels = problem(2)
    model = model_of(t, activation)
    weights = dict(zip(model.state_dict(), start(3, 20, 32, 16, 5)))
    model.load_state_dict({name: t.tensor(w) for name, w in weights.items()})
    losses = []
    for _ in range(STEPS):
        model.zero_grad()
        loss = nll(t, model(t.tensor(x)), labels)
        loss.backward()
        with t.no_grad():
            for p in model.parameters():
                p.sub_(rate * p.grad)
        losses.append(loss.item())
    return losses, [array_of(t, p) for p in model.parameters()]


def assert_same_curves(ours, theirs):
    assert theirs[0][-1] < 0.9 * theirs[0][0], "the problem must be one that is learned"
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5)
    for a, b in zip(ours[1], theirs[1]):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_mlp_by_hand():
    assert_same_curves(curve_by_hand(tinytorch), curve_by_hand(torch))


ACTIVATIONS = {
    "ReLU": lambda t: t.nn.ReLU(),
    "Tanh": lambda t: t.nn.Tanh(),
    "GELU": lambda t: t.nn.GELU(),
    "SiLU": lambda t: t.nn.SiLU(),
    "LeakyReLU": lambda t: t.nn.LeakyReLU(0.1),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_mlp_of_modules(name):
    assert_same_curves(curve_of_modules(tinytorch, ACTIVATIONS[name]), curve_of_modules(torch, ACTIVATIONS[name]))

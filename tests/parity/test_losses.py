"""Every loss of module 04 against PyTorch: values and gradients, for each reduction and option, at ordinary and extreme inputs."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import tinytorch
from tinytorch.nn import losses

REDUCTIONS = ("none", "mean", "sum")
SHAPES = [(5,), (6, 5), (6, 5, 3), (2, 5, 3, 4)]


def both(array, grad=True):
    return torch.tensor(array, requires_grad=grad), tinytorch.tensor(array, requires_grad=grad)


def agree(ours, theirs, scale=1.0):
    np.testing.assert_allclose(
        ours.detach().numpy() / scale, theirs.detach().numpy() / scale, rtol=1e-5, atol=1e-6, equal_nan=True
    )


def optional(value, module):
    return None if value is None else module.tensor(value)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("scale", [1, 1e4])
def test_cross_entropy_of_indices(shape, scale):
    rng = np.random.default_rng(len(shape))
    x = (scale * rng.standard_normal(shape)).astype("f")
    places = shape[:1] + shape[2:] if len(shape) > 1 else ()
    y = np.where(rng.random(places) < 0.3, 2, rng.integers(0, 5, places))
    w = (rng.random(5) + 0.5).astype("f")
    for reduction, smoothing, weight, ignore in itertools.product(REDUCTIONS, (0, 0.1), (None, w), (-100, 2)):
        options = dict(ignore_index=ignore, reduction=reduction, label_smoothing=smoothing)
        tx, mx = both(x)
        theirs = F.cross_entropy(tx, torch.tensor(y), optional(weight, torch), **options)
        ours = losses.cross_entropy(mx, tinytorch.tensor(y), optional(weight, tinytorch), **options)
        agree(ours, theirs, scale)
        if torch.isfinite(theirs).all():
            theirs.sum().backward(), ours.sum().backward()
            agree(mx.grad, tx.grad)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cross_entropy_of_distributions(shape):
    rng = np.random.default_rng(len(shape))
    x = rng.standard_normal(shape).astype("f")
    places = shape[:1] + shape[2:] if len(shape) > 1 else ()
    p = np.moveaxis(rng.dirichlet(np.ones(5), size=places).astype("f"), -1, min(1, len(shape) - 1)).copy()
    w = (rng.random(5) + 0.5).astype("f")
    for reduction, smoothing, weight in itertools.product(REDUCTIONS, (0, 0.1), (None, w)):
        tx, mx = both(x)
        theirs = F.cross_entropy(
            tx, torch.tensor(p), optional(weight, torch), reduction=reduction, label_smoothing=smoothing
        )
        ours = losses.cross_entropy(
            mx, tinytorch.tensor(p), optional(weight, tinytorch), reduction=reduction, label_smoothing=smoothing
        )
        agree(ours, theirs)
        theirs.sum().backward(), ours.sum().backward()
        agree(mx.grad, tx.grad)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(), (4,), (3, 2), (2, 3, 4)], ids=str)
@pytest.mark.parametrize(
    "name, options",
    [
        ("mse_loss", {}),
        ("l1_loss", {}),
        ("smooth_l1_loss", {"beta": 0.5}),
        ("smooth_l1_loss", {"beta": 0.0}),
        ("huber_loss", {"delta": 0.7}),
        ("binary_cross_entropy", {}),
        ("binary_cross_entropy_with_logits", {}),
        ("kl_div", {}),
        ("kl_div", {"log_target": True}),
    ],
    ids=str,
)
def test_elementwise_losses(name, options, shape, reduction):
    rng = np.random.default_rng(0)
    x, y = (3 * rng.standard_normal(shape)).astype("f"), rng.random(shape).astype("f")
    x = np.asarray(1 / (1 + np.exp(-x)) if name == "binary_cross_entropy" else x)
    tx, mx = both(x)
    theirs = getattr(F, name)(tx, torch.tensor(np.asarray(y)), reduction=reduction, **options)
    ours = getattr(losses, name)(mx, tinytorch.tensor(np.asarray(y)), reduction=reduction, **options)
    agree(ours, theirs)
    theirs.sum().backward(), ours.sum().backward()
    agree(mx.grad, tx.grad)


def test_finite_at_extremes():
    huge = tinytorch.tensor(np.float32([[1e4, -1e4, 0]]))
    for target in range(3):
        assert np.isfinite(losses.cross_entropy(huge, tinytorch.tensor(np.array([target]))).item())
    certain = tinytorch.tensor(np.float32([0, 1, 0, 1]))
    agree(
        losses.binary_cross_entropy(certain, tinytorch.tensor(np.float32([0, 1, 1, 0]))),
        F.binary_cross_entropy(torch.tensor([0.0, 1, 0, 1]), torch.tensor([0.0, 1, 1, 0])),
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_nll_loss(shape):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype("f")
    places = shape[:1] + shape[2:] if len(shape) > 1 else ()
    y, w = rng.integers(0, 5, places), (rng.random(5) + 0.5).astype("f")
    for reduction, weight, ignore in itertools.product(REDUCTIONS, (None, w), (-100, 2)):
        tx, mx = both(x)
        theirs = F.nll_loss(tx, torch.tensor(y), optional(weight, torch), ignore_index=ignore, reduction=reduction)
        ours = losses.nll_loss(mx, tinytorch.tensor(y), optional(weight, tinytorch), ignore, reduction)
        agree(ours, theirs)


MODULES = {
    "MSELoss": {},
    "L1Loss": {},
    "SmoothL1Loss": {"beta": 0.5},
    "HuberLoss": {"delta": 2.0},
    "BCEWithLogitsLoss": {"pos_weight": [1.0, 2.0, 3.0]},
    "BCELoss": {},
    "KLDivLoss": {"reduction": "batchmean"},
    "CrossEntropyLoss": {"label_smoothing": 0.2},
    "NLLLoss": {},
}


@pytest.mark.parametrize("name", MODULES)
def test_modules(name):
    rng = np.random.default_rng(0)
    x, y = rng.random((4, 3)).astype("f"), rng.random((4, 3)).astype("f")
    y = rng.integers(0, 3, 4) if name in ("CrossEntropyLoss", "NLLLoss") else y

    def made(module):
        options = {k: module.tensor(v) if isinstance(v, list) else v for k, v in MODULES[name].items()}
        return getattr(module.nn, name)(**options)(module.tensor(x), module.tensor(y))

    agree(made(tinytorch), made(torch))

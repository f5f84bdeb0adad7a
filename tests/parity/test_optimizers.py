"""Twenty steps of every optimizer and option, and every schedule, equal to PyTorch's."""

import numpy as np
import pytest
import torch

import tinytorch
from tinytorch import optim

OPTIONS = {
    "SGD": [
        dict(lr=0.1),
        dict(lr=0.1, momentum=0.9),
        dict(lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.1),
        dict(lr=0.1, momentum=0.9, nesterov=True),
        dict(lr=0.1, maximize=True, weight_decay=0.1),
        dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01, maximize=True),
    ],
    "Adam": [
        {},
        dict(lr=0.1, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.1),
        dict(lr=0.1, maximize=True, weight_decay=0.1),
    ],
    "AdamW": [{}, dict(lr=0.1, weight_decay=0.3), dict(lr=0.1, maximize=True)],
    "RMSprop": [
        {},
        dict(lr=0.1, momentum=0.9, centered=True, weight_decay=0.1),
        dict(centered=True, alpha=0.9),
        dict(momentum=0.5, maximize=True),
    ],
    "Adagrad": [{}, dict(lr=0.1, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.3), dict(maximize=True)],
    "Adadelta": [{}, dict(lr=0.5, rho=0.8, weight_decay=0.1), dict(maximize=True)],
}
CASES = [(name, options) for name, cases in OPTIONS.items() for options in cases]


def pair(name, options, seed=0):
    rng = np.random.default_rng(seed)
    values = [rng.standard_normal(shape).astype("f") for shape in ((3, 2), (4,), ())]
    theirs = [torch.tensor(v, requires_grad=True) for v in values]
    ours = [tinytorch.tensor(v, requires_grad=True) for v in values]
    return rng, theirs, ours, getattr(torch.optim, name)(theirs, **options), getattr(optim, name)(ours, **options)


def give_gradients(rng, theirs, ours):
    for a, b in zip(theirs, ours):
        g = np.asarray(rng.standard_normal(a.shape), "f")
        a.grad, b.grad = torch.tensor(g), tinytorch.tensor(g)


@pytest.mark.parametrize("name, options", CASES, ids=str)
def test_twenty_steps(name, options):
    rng, theirs, ours, torch_optimizer, optimizer = pair(name, options)
    schedule, torch_schedule = (
        optim.ExponentialLR(optimizer, 0.95),
        torch.optim.lr_scheduler.ExponentialLR(torch_optimizer, 0.95),
    )
    for _ in range(20):
        give_gradients(rng, theirs, ours)
        torch_optimizer.step(), optimizer.step(), torch_schedule.step(), schedule.step()
    for a, b in zip(theirs, ours):
        np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", OPTIONS)
def test_state_dict_goes_on_exactly(name):
    rng, _, ours, _, optimizer = pair(name, {})
    fresh = [tinytorch.tensor(p.detach().numpy().copy(), requires_grad=True) for p in ours]
    for step in range(6):
        if step == 3:
            fresh = [tinytorch.tensor(p.detach().numpy().copy(), requires_grad=True) for p in ours]
            resumed = getattr(optim, name)(fresh)
            resumed.load_state_dict(optimizer.state_dict())
        for p in ours:
            p.grad = tinytorch.tensor(np.asarray(rng.standard_normal(p.shape), "f"))
        optimizer.step()
        if step >= 3:
            for a, b in zip(fresh, ours):
                a.grad = b.grad
            resumed.step()
    assert all((a.array == b.array).all() for a, b in zip(fresh, ours))


def test_groups():
    rng, theirs, ours, _, _ = pair("SGD", dict(lr=0.1))
    a = torch.optim.SGD([{"params": theirs[:1]}, {"params": theirs[1:], "lr": 0.01}], lr=0.1, momentum=0.9)
    b = optim.SGD([{"params": ours[:1]}, {"params": ours[1:], "lr": 0.01}], lr=0.1, momentum=0.9)
    for _ in range(3):
        give_gradients(rng, theirs, ours)
        a.step(), b.step()
    for x, y in zip(theirs, ours):
        np.testing.assert_allclose(y.detach().numpy(), x.detach().numpy(), rtol=1e-6)


def test_after_the_first_step_nothing_is_allocated():
    import tracemalloc

    for name in OPTIONS:
        p = tinytorch.tensor(np.ones((500, 500), "f"), requires_grad=True)
        p.grad = tinytorch.tensor(np.ones((500, 500), "f"))
        optimizer = getattr(optim, name)([p], lr=0.1, weight_decay=0.1)
        optimizer.step()
        tracemalloc.start()
        optimizer.step()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 100_000, f"{name} allocated {peak} bytes for an array of 1,000,000"


SCHEDULES = [
    ("StepLR", dict(step_size=3, gamma=0.3)),
    ("MultiStepLR", dict(milestones=[2, 5, 5], gamma=0.3)),
    ("ExponentialLR", dict(gamma=0.9)),
    ("CosineAnnealingLR", dict(T_max=7, eta_min=0.01)),
    ("LinearLR", dict(start_factor=0.2, total_iters=5)),
    ("OneCycleLR", dict(max_lr=0.3, total_steps=20)),
    ("LambdaLR", dict(lr_lambda=lambda t: 0.9**t)),
]


@pytest.mark.parametrize("name, options", SCHEDULES, ids=lambda v: v if isinstance(v, str) else "")
def test_schedules(name, options):
    _, _, _, theirs, ours = pair("SGD", dict(lr=0.1))
    extra = {"cycle_momentum": False} if name == "OneCycleLR" else {}
    a, b = (
        getattr(torch.optim.lr_scheduler, name)(theirs, **options, **extra),
        getattr(optim.lr_scheduler, name)(ours, **options),
    )
    for _ in range(19):
        np.testing.assert_allclose(b.get_last_lr(), a.get_last_lr(), rtol=1e-9)
        theirs.step(), a.step(), b.step()


@pytest.mark.parametrize("mode", ["min", "max"])
def test_reduce_on_plateau(mode):
    rng, _, _, theirs, ours = pair("SGD", dict(lr=0.1))
    options = dict(patience=2, cooldown=2, factor=0.5)
    a, b = (
        torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, mode, **options),
        optim.ReduceLROnPlateau(ours, mode, **options),
    )
    for _ in range(60):
        metric = float(rng.integers(1, 5))
        a.step(metric), b.step(metric)
        np.testing.assert_allclose(b.get_last_lr(), [g["lr"] for g in theirs.param_groups], rtol=1e-9)


def test_sequential():
    _, _, _, theirs, ours = pair("SGD", dict(lr=0.1))
    s = torch.optim.lr_scheduler
    a = s.SequentialLR(theirs, [s.LinearLR(theirs, 0.1, total_iters=4), s.CosineAnnealingLR(theirs, 10)], [4])
    b = optim.SequentialLR(ours, [optim.LinearLR(ours, 0.1, total_iters=4), optim.CosineAnnealingLR(ours, 10)], [4])
    for _ in range(12):
        np.testing.assert_allclose(b.get_last_lr(), [g["lr"] for g in theirs.param_groups], rtol=1e-9)
        theirs.step(), a.step(), b.step()


@pytest.mark.parametrize("norm_type", [1, 2, float("inf")])
def test_clipping(norm_type):
    rng, theirs, ours, _, _ = pair("SGD", dict(lr=0.1))
    give_gradients(rng, theirs, ours)
    a, b = torch.nn.utils.clip_grad_norm_(theirs, 0.5, norm_type), optim.clip_grad_norm_(ours, 0.5, norm_type)
    np.testing.assert_allclose(b.item(), a.item(), rtol=1e-6)
    for x, y in zip(theirs, ours):
        np.testing.assert_allclose(y.grad.numpy(), x.grad.numpy(), rtol=1e-6)
    torch.nn.utils.clip_grad_value_(theirs, 0.05), optim.clip_grad_value_(ours, 0.05)
    for x, y in zip(theirs, ours):
        np.testing.assert_allclose(y.grad.numpy(), x.grad.numpy(), rtol=1e-6)

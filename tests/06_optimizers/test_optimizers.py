"""Module 06, one idea each: steps, decay, clipping, schedules, state."""

import math

import numpy as np
import pytest

from tinytorch import optim
from tinytorch.tensor import Tensor


def parameter(value, grad):
    p = Tensor(value, requires_grad=True)
    p.grad = Tensor(grad)
    return p


def test_06_1_sgd_moves_against_the_gradient():
    p = parameter([1.0], [2.0])
    optim.SGD([p], lr=0.1).step()
    assert np.allclose(p.tolist(), [0.8])


def test_06_2_adams_first_step_is_the_learning_rate():
    for size in (1e-3, 1e3):
        p = parameter([0.0], [size])
        optim.Adam([p], lr=0.1).step()
        assert np.allclose(p.tolist(), [-0.1], atol=1e-4)


def test_06_3_rmsprop_forgets():
    p = parameter([0.0], [1.0])
    optimizer = optim.RMSprop([p], lr=0.1, alpha=0.5)
    for _ in range(60):
        optimizer.step()
    before = p.item()
    optimizer.step()
    assert math.isclose(before - p.item(), 0.1, rel_tol=1e-3)


def test_06_4_adagrad_slows_down():
    p = parameter([0.0], [1.0])
    optimizer, places = optim.Adagrad([p], lr=0.1), []
    for _ in range(4):
        optimizer.step()
        places.append(p.item())
    assert np.allclose(np.diff([0, *places]), [-0.1 / math.sqrt(t) for t in (1, 2, 3, 4)], atol=1e-5)


def test_06_5_decoupled_decay_ignores_the_gradients_size():
    places = []
    for size in (1.0, 100.0):
        p = parameter([10.0], [size])
        optim.AdamW([p], lr=0.1, weight_decay=0.5).step()
        places.append(p.item())
    assert math.isclose(*places, rel_tol=1e-6)


def test_06_6_clipping_keeps_the_direction():
    a, b = parameter([0.0], [30.0]), parameter([0.0], [40.0])
    assert math.isclose(optim.clip_grad_norm_([a, b], 1.0).item(), 50, rel_tol=1e-6)
    assert np.allclose([a.grad.item(), b.grad.item()], [0.6, 0.8], atol=1e-5)
    a.grad = Tensor([math.nan])
    with pytest.raises(RuntimeError, match="nan"):
        optim.clip_grad_norm_([a, b], 1.0, error_if_nonfinite=True)


def test_06_7_schedules():
    optimizer = optim.SGD([parameter([0.0], [0.0])], lr=1.0)
    schedule, rates = optim.StepLR(optimizer, step_size=2, gamma=0.5), []
    for _ in range(5):
        rates += schedule.get_last_lr()
        schedule.step()
    assert rates == [1.0, 1.0, 0.5, 0.5, 0.25]


def test_06_8_one_cycle_ends_where_it_should():
    optimizer = optim.SGD([parameter([0.0], [0.0])], lr=1.0)
    schedule = optim.OneCycleLR(optimizer, max_lr=0.5, total_steps=10)
    for _ in range(9):
        schedule.step()
    assert math.isclose(schedule.get_last_lr()[0], 0.5 / 25 / 1e4, rel_tol=1e-6)
    schedule.step()  # after the last batch
    with pytest.raises(ValueError, match="11 times.* total steps is 10"):
        schedule.step()


def test_06_9_plateau():
    optimizer = optim.SGD([parameter([0.0], [0.0])], lr=1.0)
    schedule = optim.ReduceLROnPlateau(optimizer, patience=1)
    for metric in (3.0, 3.0, 3.0):
        schedule.step(metric)
    assert math.isclose(schedule.get_last_lr()[0], 0.1)


def test_zero_grad_drops_or_fills():
    p = parameter([1.0], [2.0])
    optimizer = optim.SGD([p], lr=0.1)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0.0]
    optimizer.zero_grad()
    assert p.grad is None
    optimizer.step()
    assert p.tolist() == [1.0], "a parameter without a gradient stays"


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda p: optim.SGD([], lr=0.1), ValueError, "empty"),
        (lambda p: optim.SGD(p, lr=0.1), TypeError, r"\[tensor\]"),
        (lambda p: optim.SGD([p, p], lr=0.1), ValueError, "twice"),
        (lambda p: optim.SGD([p * 2], lr=0.1), ValueError, "non-leaf"),
        (lambda p: optim.SGD([1.0], lr=0.1), TypeError, "float"),
        (lambda p: optim.SGD([p], lr=-1), ValueError, "lr"),
        (lambda p: optim.Adam([p], betas=(0.9, 1.0)), ValueError, "betas"),
        (lambda p: optim.SGD([p], lr=0.1, nesterov=True), ValueError, "momentum"),
        (lambda p: optim.StepLR(p, 2), TypeError, "Optimizer"),
        (lambda p: optim.ReduceLROnPlateau(optim.SGD([p]), mode="best"), ValueError, "best"),
    ],
)
def test_refused(make, error, words):
    with pytest.raises(error, match=words):
        make(Tensor([1.0], requires_grad=True))


def test_state_of_another_model_is_refused():
    one = optim.Adam([parameter([1.0], [1.0])])
    two = optim.Adam([parameter([1.0], [1.0]), parameter([1.0], [1.0])])
    with pytest.raises(ValueError, match=r"\[1\].*\[2\]"):
        two.load_state_dict(one.state_dict())

"""Module 04, one idea each: reductions, shapes, stability, weights."""

import math

import numpy as np
import pytest

from tinytorch.nn import losses
from tinytorch.tensor import tensor


def test_04_1_reduce():
    values = tensor([[1.0, 2.0], [3.0, 6.0]])
    assert losses.reduce(values, "mean").item() == 3 and losses.reduce(values, "sum").item() == 12
    with pytest.raises(ValueError, match="'none', 'sum' or 'mean'"):
        losses.reduce(values, "average")


def test_04_2_mse_refuses_shapes_that_would_broadcast():
    with pytest.raises(ValueError, match=r"\(3, 1\).*\(3,\).*squeeze"):
        losses.mse_loss(tensor([[1.0], [2.0], [3.0]]), tensor([1.0, 2.0, 3.0]))


def test_04_2_mse_has_the_slope_of_a_parabola():
    x = tensor([3.0, 0.0], requires_grad=True)
    losses.mse_loss(x, tensor([1.0, 1.0])).backward()
    assert x.grad.tolist() == [2.0, -1.0]


def test_04_3_huber_is_linear_far_away():
    x = tensor([100.0, -100.0, 0.1], requires_grad=True)
    losses.huber_loss(x, tensor([0.0, 0.0, 0.0]), reduction="sum", delta=2.0).backward()
    assert np.allclose(x.grad.numpy(), [2, -2, 0.1])


def test_04_4_cross_entropy_is_finite_and_exact():
    for scale in (1, 1e4):
        loss = losses.cross_entropy(tensor([[scale, 0.0]]), tensor(np.array([1]))).item()
        assert math.isclose(loss, scale + math.log1p(math.exp(-scale)), rel_tol=1e-6)


def test_04_4_cross_entropy_gradient_sums_to_zero():
    x = tensor(np.random.default_rng(0).standard_normal((5, 4)).astype("f"), requires_grad=True)
    losses.cross_entropy(x, tensor(np.array([0, 1, 2, 3, 0]))).backward()
    assert np.abs(x.grad.numpy().sum(1)).max() < 1e-6 and np.abs(x.grad.numpy()).max() > 0.01


def test_04_5_padding_changes_nothing():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((6, 3)).astype("f"), np.array([0, 1, 2, 0, 1, 2])
    kept = losses.cross_entropy(tensor(x[:4]), tensor(y[:4])).item()
    y[4:] = -100
    assert math.isclose(losses.cross_entropy(tensor(x), tensor(y)).item(), kept, rel_tol=1e-6)


def test_04_6_smoothing_one_is_the_uniform_distribution():
    x = tensor([[2.0, 0.0, -1.0]])
    smooth = losses.cross_entropy(x, tensor(np.array([0])), label_smoothing=1.0).item()
    assert math.isclose(smooth, -np.log(np.exp(x.numpy()) / np.exp(x.numpy()).sum()).mean(), rel_tol=1e-6)


def test_04_7_bce_with_logits_far_out():
    x = tensor([1e4, -1e4], requires_grad=True)
    loss = losses.binary_cross_entropy_with_logits(x, tensor([0.0, 0.0]), reduction="sum")
    loss.backward()
    assert loss.item() == 1e4 and x.grad.tolist() == [1.0, 0.0]


def test_04_7_softplus_has_slope_a_half_at_0():
    x = tensor([0.0, 0.0], requires_grad=True)
    losses.binary_cross_entropy_with_logits(x, tensor([1.0, 0.0]), reduction="sum").backward()
    assert x.grad.tolist() == [-0.5, 0.5]


def test_04_4_backward_twice_through_a_kept_graph():
    x = tensor([[1.0, 2.0, 0.5]], requires_grad=True)
    loss = losses.cross_entropy(x, tensor(np.array([1])))
    loss.backward(retain_graph=True)
    once = x.grad.numpy().copy()
    loss.backward()
    assert np.allclose(x.grad.numpy(), 2 * once) and abs(once.sum()) < 1e-6


def test_04_8_kl_of_equal_distributions_is_zero():
    p = tensor([[0.2, 0.3, 0.5]])
    assert abs(losses.kl_div(p.log(), p, reduction="batchmean").item()) < 1e-7


def test_04_9_focal_loss_without_focus_is_cross_entropy():
    x, y = tensor([1.0, -2.0]), tensor([1.0, 1.0])
    plain = losses.binary_cross_entropy_with_logits(x, y, reduction="none").tolist()
    assert np.allclose(losses.sigmoid_focal_loss(x, y, alpha=-1, gamma=0.0).tolist(), plain)


@pytest.mark.parametrize(
    "target, error, words",
    [
        (tensor([0.5, 1.5]), RuntimeError, r"\(2, 3\).*\(2,\).*long"),
        (tensor(np.array([0, 7])), IndexError, "0 to 2"),
        (tensor(np.array([[0], [1]])), RuntimeError, r"\(2,\)"),
        (tensor(np.array([True, False])), RuntimeError, "long"),
    ],
    ids=["float of another shape", "out of range", "column", "bool"],
)
def test_targets_that_do_not_fit(target, error, words):
    with pytest.raises(error, match=words):
        losses.cross_entropy(tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]), target)

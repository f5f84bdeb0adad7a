"""Module 08, one idea each."""

import numpy as np
import pytest

from tinytorch.autograd import grad
from tinytorch.nn import normalization as n
from tinytorch.nn.activation import Tanh
from tinytorch.nn.layers import Linear, Sequential
from tinytorch.tensor import Tensor, manual_seed, ones, randn, tensor


def test_08_1_standardised_rows_have_mean_0_and_variance_1():
    xhat, _, _ = n.standardize_forward(
        (np.random.default_rng(0).standard_normal((4, 100)) * 5 + 1000).astype("f"), (1,), 1e-5
    )
    assert np.abs(xhat.mean(1)).max() < 1e-4 and np.abs(xhat.var(1) - 1).max() < 1e-3


def test_08_2_the_gradient_is_right_by_finite_differences():
    rng = np.random.default_rng(0)
    x, g, v = rng.standard_normal((3, 4, 6))
    xhat, _, var = n.standardize_forward(x, (1,), 1e-5)
    ahead, behind = (n.standardize_forward(x + s * 1e-6 * v, (1,), 1e-5)[0] for s in (1, -1))
    assert np.isclose(
        ((ahead - behind) * g).sum() / 2e-6, (n.standardize_backward(g, xhat, var, (1,), 1e-5) * v).sum(), rtol=1e-5
    )


def test_08_3_layer_norm_does_not_feel_the_batch():
    x, layer = randn(8, 5), n.LayerNorm(5)
    np.testing.assert_allclose(layer(x).tolist()[0], layer(x[:1]).tolist()[0], rtol=1e-5)


def test_08_3_rms_norm_keeps_the_sign_of_a_constant():
    assert np.allclose(n.rms_norm(tensor([[-3.0, -3.0]]), (2,)).tolist(), [[-1, -1]], atol=1e-4)


def test_08_3_backward_twice_through_a_kept_graph():
    layer, x = n.LayerNorm(5), randn(3, 5, requires_grad=True)
    loss = (layer(x) ** 3).sum()
    loss.backward(retain_graph=True)
    once = x.grad.numpy().copy()
    loss.backward()
    assert np.allclose(x.grad.numpy(), 2 * once, atol=1e-6) and np.abs(once).max() > 0.01


def test_08_4_one_value_per_channel_has_no_variance():
    for shape in ((1, 3), (1, 3, 1)):
        with pytest.raises(ValueError, match="larger batch"):
            n.BatchNorm1d(3)(randn(*shape))
    assert n.BatchNorm1d(3).eval()(randn(1, 3)).shape == (1, 3)


def test_08_4_batch_norm_has_two_lives():
    manual_seed(0)
    layer, x = n.BatchNorm1d(3), randn(64, 3) * 4 + 10
    for _ in range(200):
        layer(x)
    trained = layer(x).tolist()
    layer.eval()
    np.testing.assert_allclose(layer(x).tolist(), trained, atol=0.05)
    np.testing.assert_allclose(layer(x[:1]).tolist(), layer(x).tolist()[:1], atol=1e-5)


def test_08_5_dropout_is_off_in_evaluation():
    layer, x = n.Dropout(0.5), ones(100)
    assert (layer(x).numpy() == 0).any()
    assert layer.eval()(x) is x


def test_08_6_a_dead_body_lets_the_gradient_through():
    x = Tensor([1.0, 2.0], requires_grad=True)
    n.Residual(Sequential(Linear(2, 2)))  # has parameters
    n.residual(x, lambda x: x * 0).sum().backward()
    assert x.grad.tolist() == [1, 1]


def test_08_7_checkpointing_without_inputs_that_want_a_gradient():
    manual_seed(0)
    block, x = Sequential(Linear(4, 4), Tanh()), randn(3, 4)
    n.checkpoint(block, x).sum().backward()
    kept = [p.grad.numpy().copy() for p in block.parameters()]
    block.zero_grad()
    block(x).sum().backward()
    assert all((p.grad.numpy() == g).all() for p, g in zip(block.parameters(), kept))


def test_08_7_grad_through_a_checkpoint_is_refused():
    block, x = Sequential(Linear(4, 4), Tanh()), randn(3, 4, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"call backward\(\)"):
        grad(n.checkpoint(block, x).sum(), [x])


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: n.LayerNorm(4)(randn(2, 3)), RuntimeError, r"\[4\].*\[2, 3\]"),
        (lambda: n.GroupNorm(2, 3), ValueError, "divisible"),
        (lambda: n.BatchNorm1d(3)(randn(1, 3)), ValueError, "more than 1 value"),
        (lambda: n.BatchNorm1d(3)(randn(4, 5)), RuntimeError, "3 channels.*5"),
        (lambda: n.BatchNorm2d(3)(randn(4, 3)), ValueError, "4D"),
        (lambda: n.Dropout(1.5), ValueError, "1.5"),
        (lambda: n.residual(randn(3, 1), lambda x: randn(3, 4)), RuntimeError, r"\(3, 1\).*\(3, 4\)"),
    ],
)
def test_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()

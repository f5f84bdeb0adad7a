"""Tasks 03.1 to 03.4: linear, the activations and softmax, values and gradients."""

import math
import warnings

import numpy as np
import pytest

import tinytorch as torch
from tinytorch.autograd import grad, gradcheck, gradgradcheck
from tinytorch.nn import functional as F


def numbers(*shape, seed=0, scale=1.0):
    """Normal random float64 numbers that require grad."""
    return torch.tensor(scale * np.random.default_rng(seed).standard_normal(shape)).requires_grad_()


# 03.1


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4), (0, 4), (2, 0, 4)])
def test_03_1_linear_keeps_all_but_the_last_dimension(shape):
    x, w, b = numbers(*shape), numbers(5, 4, seed=1), numbers(5, seed=2)
    out = F.linear(x, w, b)
    assert out.shape == (*shape[:-1], 5)
    assert np.allclose(out.detach(), x.detach().numpy() @ w.detach().numpy().T + b.detach().numpy())


def test_03_1_linear_without_a_bias():
    x, w = numbers(3, 4), numbers(5, 4)
    assert np.allclose(F.linear(x, w).detach(), x.detach().numpy() @ w.detach().numpy().T)


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
def test_03_1_linear_gradients(shape):
    assert gradcheck(F.linear, (numbers(*shape), numbers(5, 4, seed=1), numbers(5, seed=2)))


def test_03_1_linear_second_derivatives():
    assert gradgradcheck(F.linear, (numbers(2, 3, 4), numbers(5, 4, seed=1), numbers(5, seed=2)))


def test_03_1_linear_gradient_of_what_is_not_contiguous():
    x, w = numbers(4, 3, 2), numbers(5, 4)
    F.linear(x.permute(2, 1, 0), w).sum().backward()
    assert np.allclose(x.grad, np.broadcast_to(w.detach().numpy().sum(0)[:, None, None], (4, 3, 2)))


def test_03_1_linear_changes_nothing_that_comes_in():
    arrays = [np.ones((2, 3)), np.ones((4, 3)), np.ones(4)]
    F.linear(*map(torch.from_numpy, arrays))
    assert all((a == 1).all() for a in arrays)


def test_03_1_linear_says_what_does_not_fit():
    with pytest.raises(RuntimeError, match=r"cannot be multiplied \(2x3 and 4x5\).*\(2, 3\).*\(5, 4\).*try"):
        F.linear(torch.zeros(2, 3), torch.zeros(5, 4))
    with pytest.raises(RuntimeError, match=r"bias must have shape \(5,\).*got \(4,\)"):
        F.linear(torch.zeros(2, 4), torch.zeros(5, 4), torch.zeros(4))


# 03.2


def test_03_2_relu_at_the_special_points():
    out = F.relu(torch.tensor([-math.inf, -1.0, 0.0, 1.0, math.inf, math.nan])).tolist()
    assert out[:5] == [0, 0, 0, 1, math.inf] and math.isnan(out[5])


def test_03_2_relu_has_no_gradient_at_zero():
    x = torch.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    F.relu(x).backward(torch.tensor([3.0, 3.0, 3.0]))
    assert x.grad.tolist() == [0, 0, 3]


def test_03_2_relu_keeps_its_output_only():
    node = F.relu(numbers(3)).grad_fn
    assert len(node.saved) == 1


@pytest.mark.parametrize("slope", [0.01, 0.0, 1.5, -0.5])
def test_03_2_leaky_relu(slope):
    x = numbers(6)
    assert np.allclose(F.leaky_relu(x, slope).detach(), [v if v > 0 else slope * v for v in x.tolist()])
    assert gradcheck(lambda x: F.leaky_relu(x, slope), (x,))


def test_03_2_inplace_overwrites_and_still_differentiates():
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    y = x * 1
    assert F.relu(y, inplace=True) is y and y.tolist() == [0, 2]
    y.sum().backward()
    assert x.grad.tolist() == [0, 1]


# 03.3


def test_03_3_erf_to_the_last_bits():
    x = np.linspace(-7, 7, 5001)
    assert np.abs(torch.erf(torch.from_numpy(x)).numpy() - [math.erf(v) for v in x]).max() < 4e-16


def test_03_3_erf_in_float32():
    x = np.linspace(-5, 5, 5001).astype("float32")
    exact = np.array([math.erf(v) for v in x])
    assert np.abs(torch.erf(torch.from_numpy(x)).numpy() / np.where(exact == 0, 1, exact) - (exact != 0)).max() < 5e-7


def test_03_3_silu():
    x = numbers(8, scale=3)
    assert np.allclose(F.silu(x).detach(), [v / (1 + math.exp(-v)) for v in x.tolist()])
    assert gradcheck(F.silu, (x,)) and gradgradcheck(F.silu, (x,))


def test_03_3_gelu():
    x = numbers(8, scale=2)
    assert np.allclose(F.gelu(x).detach(), [v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x.tolist()])
    assert gradcheck(F.gelu, (x,)) and gradgradcheck(F.gelu, (x,))


def test_03_3_gelu_tanh():
    x = numbers(8, scale=2)
    u = [math.sqrt(2 / math.pi) * (v + 0.044715 * v**3) for v in x.tolist()]
    assert np.allclose(
        F.gelu(x, approximate="tanh").detach(), [v * (1 + math.tanh(t)) / 2 for v, t in zip(x.tolist(), u)]
    )
    assert gradcheck(lambda x: F.gelu(x, approximate="tanh"), (x,))
    assert gradgradcheck(lambda x: F.gelu(x, approximate="tanh"), (x,))


def test_03_3_gelu_refuses_another_form():
    with pytest.raises(RuntimeError, match="none or tanh"):
        F.gelu(torch.zeros(1), approximate="fast")


@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3), (40_000,)])
def test_03_3_gelu_of_any_shape(shape):
    x = torch.tensor(np.random.default_rng(0).standard_normal(shape).astype("float32"))
    out = F.gelu(x)
    assert out.shape == shape and out.dtype == torch.float32
    exact = [v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x.numpy().ravel().tolist()]
    assert np.allclose(out.numpy().ravel(), exact, atol=1e-6)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_03_3_gelu_in_many_blocks(approximate, dtype):
    """Blocks are an implementation: 100,000 numbers get what each would get by itself, also as a transposed view."""
    array = (3 * np.random.default_rng(0).standard_normal((250, 400))).astype(dtype)
    x = torch.tensor(array, requires_grad=True)
    g = torch.tensor(np.random.default_rng(1).standard_normal((400, 250)).astype(dtype))
    y = F.gelu(x.T, approximate)
    y.backward(g)
    row = torch.tensor(array[7], requires_grad=True)
    y_row = F.gelu(row, approximate)
    y_row.backward(g[:, 7])
    assert np.array_equal(y.detach().numpy()[:, 7], y_row.detach().numpy())
    assert np.array_equal(x.grad.numpy()[7], row.grad.numpy())


def test_03_3_gelu_goes_back_twice():
    x = numbers(6)
    loss = (3 * F.gelu(x)).sum()
    for _ in range(2):
        loss.backward(retain_graph=True)
    once = numbers(6)
    (3 * F.gelu(once)).sum().backward()
    assert np.allclose(x.grad, 2 * once.grad.numpy(), rtol=1e-12)


def test_03_3_gelu_far_out():
    x = torch.tensor([-1e30, -40.0, 40.0, 1e30], requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = F.gelu(x)
        y.sum().backward()
    assert y.tolist()[:2] == [0, 0] and y.tolist()[2:] == x.tolist()[2:] and x.grad.tolist() == [0, 0, 1, 1]


# 03.4


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_03_4_softmax_sums_to_one(dim):
    p = torch.softmax(numbers(2, 3, 4), dim).detach().numpy()
    assert (p > 0).all() and np.allclose(p.sum(dim), 1)


def test_03_4_softmax_does_not_overflow():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.softmax(torch.tensor([1e4, 1e4, -1e4]), 0).tolist() == [0.5, 0.5, 0]
        assert torch.log_softmax(torch.tensor([1e4, -1e4]), 0).tolist() == [0, -2e4]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_03_4_softmax_of_numbers_of_any_size(dtype):
    """Rows whose exponentials overflow, vanish, or neither; alone and together."""
    rows = np.array([[0, 1, 2], [100, 101, 102], [-1000, -999, -998], [-30, -29, -28], [11, 12, 13]], dtype)
    expected = np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for x in (rows, *rows, *(np.tile(row, (3000, 1)) for row in (rows, *rows))):
            assert np.allclose(torch.softmax(torch.tensor(x), -1), expected, rtol=2e-3 if dtype == "float16" else 1e-5)
        assert np.allclose(torch.softmax(torch.tensor(rows.T), 0), expected[:, None], rtol=2e-3)


def test_03_4_softmax_with_masked_positions():
    rows = np.float32([[0, -math.inf, 0], [-math.inf, -math.inf, 500]])
    for x in (rows, np.tile(rows, (2000, 1)), np.tile(rows[:1], (2000, 1))):
        assert set(map(tuple, torch.softmax(torch.tensor(x), -1).tolist())) <= {(0.5, 0, 0.5), (0, 0, 1)}


def test_03_4_a_row_of_minus_infinity_is_nan_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.softmax(torch.tensor([-math.inf, -math.inf]), 0).isnan().numpy().all()


@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_03_4_gradients(function, dim):
    assert gradcheck(lambda x: function(x, dim), (numbers(2, 3, 4),))
    assert gradgradcheck(lambda x: function(x, dim), (numbers(2, 3, 4),))


@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
def test_03_4_odd_shapes_dtypes_and_dimensions(function):
    assert function(torch.tensor(3.0), 0).item() == {F.softmax: 1, F.log_softmax: 0}[function]
    assert function(torch.zeros(0, 3), 0).shape == (0, 3)
    assert function(torch.tensor([1, 2]), 0, dtype=torch.float64).dtype == torch.float64
    with pytest.raises(RuntimeError, match="floating-point.*int64"):
        function(torch.tensor([1, 2]), 0)
    with pytest.raises(IndexError):
        function(torch.zeros(2, 3), 2)
    with pytest.warns(UserWarning, match="Implicit dimension choice"):
        assert function(torch.zeros(2, 3)).shape == (2, 3)


def test_03_4_second_derivative_by_name():
    x = numbers(3)
    (first,) = grad(torch.softmax(x, dim=0)[0], x, create_graph=True)
    (second,) = grad(first[0], x)
    p = torch.softmax(x.detach(), dim=0).numpy()
    assert np.isclose(second.numpy()[0], p[0] * (1 - p[0]) * (1 - 2 * p[0]))

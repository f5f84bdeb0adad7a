"""Tasks 02.9 and 02.10: no_grad and its kin, second derivatives, gradcheck, and custom Functions."""

import threading

import numpy as np
import pytest

import tinytorch as torch
from tinytorch import autograd
from tinytorch.autograd import grad, gradcheck, gradgradcheck
from tinytorch.autograd.engine import directional_derivatives


def leaf(*values):
    return torch.tensor(values, requires_grad=True)


# 02.9


def test_02_9_blocks_nest_and_end_where_they_began():
    x, seen = leaf(1.0), []
    with torch.no_grad():
        seen.append((x * 2).requires_grad)
        with torch.enable_grad():
            seen.append((x * 2).requires_grad)
        seen.append((x * 2).requires_grad)
    assert [*seen, (x * 2).requires_grad] == [False, True, False, True]


def test_02_9_an_error_switches_back_and_goes_on():
    with pytest.raises(KeyError), torch.no_grad():
        raise KeyError("x")
    assert torch.is_grad_enabled()


def test_02_9_decorators():
    @torch.no_grad()
    def with_parentheses(x):
        return x * 2

    @torch.no_grad
    def without(x):
        return x * 2

    x = leaf(1.0)
    assert (
        not with_parentheses(x).requires_grad and not with_parentheses(x).requires_grad and not without(x).requires_grad
    )


def test_02_9_set_grad_enabled_works_at_once_and_as_a_block():
    torch.set_grad_enabled(False)
    try:
        assert not torch.is_grad_enabled()
        with torch.set_grad_enabled(True):
            assert torch.is_grad_enabled()
        assert not torch.is_grad_enabled()
    finally:
        torch.set_grad_enabled(True)
    with torch.inference_mode():
        assert not torch.is_grad_enabled()


def test_02_9_each_thread_has_its_own_switch():
    seen = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_02_9_detach_cuts():
    x = leaf(3.0)
    (x.detach() * x).backward()
    assert x.grad.tolist() == [3.0]


def test_02_9_updates_in_place():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="leaf"):
        x += 1
    with torch.no_grad():
        x += 1
    assert x.tolist() == [2.0] and x.requires_grad and x.is_leaf


def test_02_9_in_place_operations_have_gradients():
    x = leaf(1.0, 2.0)
    h = x * 2
    h *= x
    h.add_(1).exp_()
    h[0] = 0.0
    h.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [0.0, 8 * np.exp(9)], rtol=1e-5)


# second derivatives


def test_02_10_derivatives_of_derivatives():
    x = leaf(2.0)
    y, values = x**4, []
    for _ in range(5):
        (y,) = grad(y, x, create_graph=True) if y.requires_grad else (y,)
        values.append(y.item())
    assert values == [32.0, 48.0, 48.0, 24.0, 0.0]


def test_02_10_a_gradient_penalty_trains():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (g,) = grad((x * w * w).sum(), x, create_graph=True)  # w^2
    g.square().sum().backward()
    assert w.grad.tolist() == [4 * 27.0, 4 * 64.0]


def test_02_10_backward_with_create_graph():
    x = leaf(2.0)
    (x**3).backward(create_graph=True)
    first, x.grad = x.grad, None
    first.backward()
    assert first.tolist() == [12.0] and x.grad.tolist() == [12.0]


def test_02_10_hessian_vector_product():
    a = torch.tensor(np.random.default_rng(0).standard_normal((3, 3)))
    x, v = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True), torch.ones(3, dtype=torch.float64)
    (g,) = grad(x @ a @ x, x, create_graph=True)
    (hv,) = grad(g @ v, x)
    np.testing.assert_allclose(hv.numpy(), (a + a.T).numpy().sum(1), rtol=1e-12)


def test_02_10_changes_are_noticed_in_the_second_order_too():
    x = leaf(2.0)
    h = x * 1
    (g,) = grad(h * h * h, h, create_graph=True)
    h.add_(1)
    with pytest.raises(RuntimeError):
        g.backward()


# 02.10


def test_02_10_slopes_measure_and_claim():
    x = torch.tensor(np.array([1.0, 2.0]), requires_grad=True)
    measured, claimed = directional_derivatives(lambda x: (x * x * x).sum(), [x], [torch.tensor(np.array([1.0, 0.5]))])
    assert claimed == 9.0 and measured == pytest.approx(9.0, abs=1e-7)


def test_02_10_gradcheck_finds_a_wrong_gradient():
    class Wrong(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x = torch.tensor(np.array([1.0, 2.0]), requires_grad=True)
    with pytest.raises(autograd.GradcheckError, match="claims.*measured"):
        gradcheck(Wrong.apply, x)
    assert gradcheck(Wrong.apply, x, raise_exception=False) is False


def test_02_10_gradcheck_wants_float64():
    with pytest.raises(ValueError, match=r"float64.*float32.*double\(\)"):
        gradcheck(torch.exp, leaf(1.0))


def test_02_10_gradcheck_of_several_inputs_and_results():
    x, w = (torch.tensor(np.random.default_rng(i).standard_normal((2, 2)), requires_grad=True) for i in range(2))
    assert gradcheck(lambda x, w, k: (x @ w, torch.tanh(x) * k), (x, w, 3.0))
    assert gradgradcheck(lambda x, w: (x @ w, torch.tanh(x)), (x, w))


# Function


class Exp(autograd.Function):
    """Saves its result."""

    @staticmethod
    def forward(ctx, x, scale):
        out = (x * scale).exp()
        ctx.scale = scale
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0] * ctx.scale, None


def test_02_10_a_custom_function_in_first_and_second_order():
    x = torch.tensor(np.array([0.5, -1.0]), requires_grad=True)
    assert gradcheck(lambda x: Exp.apply(x, 2.0), x) and gradgradcheck(lambda x: Exp.apply(x, 2.0), x)


def test_02_10_a_custom_function_is_checked_and_freed_like_others():
    y = Exp.apply(leaf(1.0), 1.0)
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()
    y = Exp.apply(leaf(1.0), 1.0)
    z = y + 0
    y.zero_()
    with pytest.raises(RuntimeError, match="Exp.*tensor 0"):
        z.backward()


def test_02_10_a_custom_function_must_answer_for_every_input():
    class Short(autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(RuntimeError, match="1 gradients for 2 inputs"):
        Short.apply(leaf(1.0), leaf(1.0)).backward()

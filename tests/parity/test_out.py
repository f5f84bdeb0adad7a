"""`out=`: the result goes into the given tensor, which is returned; what PyTorch refuses is refused."""

import warnings

import pytest
import torch

import tinytorch

CASES = {
    "fits": lambda t, x: t.exp(x, out=t.zeros(3)),
    "is returned": lambda t, x: [o := t.zeros(3), t.mul(x, 2, out=o) is o][1],
    "is seen by views": lambda t, x: [o := t.zeros(6), t.exp(x, out=o[::2]), o][2],
    "wider dtype": lambda t, x: t.exp(x, out=t.zeros(3, dtype=t.float64)),
    "narrower dtype": lambda t, x: t.exp(x, out=t.zeros(3, dtype=t.int64)),
    "float16": lambda t, x: t.exp(x, out=t.zeros(3, dtype=t.float16)),
    "empty is resized": lambda t, x: t.exp(x, out=t.empty(0)),
    "other shape is resized": lambda t, x: t.exp(x, out=t.zeros(2, 2)),
    "inputs that require grad": lambda t, x: t.exp(x.clone().requires_grad_(), out=t.zeros(3)),
    "under no_grad": lambda t, x: t.no_grad()(lambda: t.exp(x.clone().requires_grad_(), out=t.zeros(3)))(),
    "two results": lambda t, x: t.sort(x, out=(t.zeros(3), t.zeros(3, dtype=t.int64))),
    "aliasing": lambda t, x: [y := x.clone(), t.add(y, y, out=y), y][2],
    "composition": lambda t, x: t.add(x, x, alpha=3, out=t.zeros(3)),
    "no tensor": lambda t, x: t.exp(x, out=3),
}


def told(t, name):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            found = CASES[name](t, t.tensor([3.0, 1.0, 2.0]))
        except (RuntimeError, TypeError) as error:
            return type(error).__name__
    found = found if isinstance(found, (tuple, list)) else [found]
    return [plain(v) if isinstance(v, t.Tensor) else v for v in found], len(seen)


def plain(tensor):
    """dtype and numbers, to a digit that both libraries agree on."""
    digits = 2 if str(tensor.dtype).endswith("float16") else 4
    return str(tensor.dtype).removeprefix("torch."), [round(v, digits) for v in tensor.reshape(-1).tolist()]


@pytest.mark.parametrize("name", CASES)
def test_out_does_as_in_pytorch(name):
    assert told(tinytorch, name) == told(torch, name)


def test_a_change_by_out_is_noticed():
    x = tinytorch.ones(3).requires_grad_()
    y = x * 2
    z = (y * y).sum()
    tinytorch.mul(y.detach(), 3, out=y.detach())
    with pytest.raises(RuntimeError, match="in-place"):
        z.backward()


def test_the_function_is_still_the_operation():
    assert tinytorch.exp.name == "exp" and "operation exp" in repr(tinytorch.exp)
    assert tinytorch.exp.__doc__

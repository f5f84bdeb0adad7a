"""What a tensor answers about itself, in both libraries: attributes, conversions, the number protocol, flags of autograd."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from oracle import Source, flat, numbers

import tinytorch


def as_plain(t, value):
    """Tensors as arrays, dtypes and devices as text, everything else as it is."""
    if isinstance(value, t.Tensor):
        return np.array(value.detach().numpy())
    if isinstance(value, (t.dtype if t is torch else np.dtype)):
        return str(value).removeprefix("torch.")
    if type(value).__name__ == "device":
        return str(value)
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, (tuple, list)):
        return [as_plain(t, v) for v in value]
    return value


def retained(t, x):
    y = x * 2
    y.retain_grad()
    (y * y).sum().backward()
    return y.grad


def hooked(t, x):
    """A hook sees the gradient and may replace it; removed, it does nothing."""
    x = (x * 1).detach().requires_grad_()
    seen = []
    handle = x.register_hook(lambda g: seen.append(g.sum().item()))
    doubled = x.register_hook(lambda g: g * 2)
    (x * 3).sum().backward()
    handle.remove()
    doubled.remove()
    (x * 3).sum().backward()
    return seen, x.grad


def hooked_in_the_middle(t, x):
    x = x.detach().requires_grad_()
    y = x * 2
    y.register_hook(lambda g: g * 10)
    (y * y).sum().backward()
    return x.grad


def accumulated(t, x):
    x = x.detach().requires_grad_()
    for _ in range(3):
        (x * x).sum().backward()
    return x.grad


def shared(t, x):
    """Writes through one view are seen by the others."""
    x = x.detach().clone()
    x.view(-1)[0] = 7
    x.t()[1, 0] = 8
    x[1].add_(1)
    x.detach()[0, 2] = 9
    return x


def frozen(t, x):
    with t.no_grad():
        y = x * 2
        with t.enable_grad():
            z = x.detach().requires_grad_() * 2
    return y.requires_grad, z.requires_grad, (x.detach().requires_grad_() * 2).requires_grad


def switched(t, x):
    x = x.detach().requires_grad_()
    with t.set_grad_enabled(False):
        a = x * 2
    with t.inference_mode():
        b = x * 2
    return a.requires_grad, b.requires_grad, t.is_grad_enabled()


def decorated(t, x):
    @t.no_grad()
    def double(x):
        return x * 2

    return double(x.detach().requires_grad_()).requires_grad


def twice_through_a_kept_graph(t, x):
    x = x.detach().requires_grad_()
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


def partial_grad(t, x):
    x = x.detach().requires_grad_()
    y = x.detach().requires_grad_()
    unused = x.detach().requires_grad_()
    found = t.autograd.grad((x * y).sum(), (x, unused), allow_unused=True)
    return found[0], found[1] is None, x.grad is None


def grad_of_several(t, x):
    x = x.detach().requires_grad_()
    return t.autograd.grad((x * 2, x * x), x, grad_outputs=(t.ones_like(x), x.detach()))


def deep_copied(t, x):
    x = x.detach().requires_grad_()
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    y.grad.zero_()
    return y, y.requires_grad, y.is_leaf, x.grad


def pickled(t, x):
    y = pickle.loads(pickle.dumps(x.detach()[:, ::2].requires_grad_()))
    return y, y.requires_grad


def leaf_flags(t, x):
    x = x.detach().requires_grad_()
    y = x * 2
    return x.is_leaf, y.is_leaf, y.detach().is_leaf, y.grad_fn is None, x.grad_fn is None, x.detach().requires_grad


def custom_function(t, x):
    class Cube(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            ctx.save_for_backward(x)
            ctx.scale = scale
            return x * x * x * scale

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x * x * ctx.scale, None

    x = x.detach().requires_grad_()
    y = Cube.apply(x * 1, 2.0)
    y.sum().backward()
    return y, x.grad


ANSWERS = {
    "shape": lambda t, x: list(x.shape),
    "size()": lambda t, x: list(x.size()),
    "size(axis)": lambda t, x: [x.size(0), x.size(-1), x.size(dim=1)],
    "ndim": lambda t, x: [x.ndim, x.dim()],
    "dtype": lambda t, x: x.dtype,
    "device": lambda t, x: x.device,
    "numel": lambda t, x: x.numel(),
    "stride": lambda t, x: list(x.stride()),
    "stride of views": lambda t, x: [
        list(v.stride()) for v in (x.t(), x[:, ::2], x.unsqueeze(1).expand(2, 5, 3), x[None])
    ][:3],
    "stride(axis)": lambda t, x: [x.stride(0), x.stride(-1)],
    "is_contiguous": lambda t, x: [
        v.is_contiguous() for v in (x, x.t(), x[:, ::2], x[1:], x[:, 1:], x.t().contiguous())
    ],
    "element_size": lambda t, x: [x.element_size(), x.half().element_size(), x.bool().element_size()],
    "itemsize": lambda t, x: [x.itemsize, x.double().itemsize],
    "is_cuda": lambda t, x: x.is_cuda,
    "data_ptr": lambda t, x: [
        x.data_ptr() == x.view(6).data_ptr(),
        x[1].data_ptr() - x.data_ptr(),
        x.clone().data_ptr() != x.data_ptr(),
    ],
    "new_empty": lambda t, x: [list(x.new_empty(2, 3).shape), x.double().new_empty((2,)).dtype],
    "numel of a tensor": lambda t, x: t.numel(x),
    "constants": lambda t, x: [t.pi, t.e, t.inf, t.isnan(t.tensor(t.nan)).item()],
    "nbytes": lambda t, x: x.nbytes,
    "T": lambda t, x: x.T,
    "mT": lambda t, x: x.unsqueeze(0).mT,
    "data": lambda t, x: (x.data, x.data.requires_grad),
    "item": lambda t, x: [x[0, 0].item(), x[:1, :1].item(), x.long()[0, 0].item(), (x > 0)[0, 0].item()],
    "tolist": lambda t, x: [x.double().tolist(), x[0, 0].double().tolist(), x.long().tolist(), (x > 0).tolist()],
    "numpy": lambda t, x: x.numpy(),
    "__array__": lambda t, x: np.asarray(x) + np.float32(1),
    "__len__": lambda t, x: len(x),
    "__iter__": lambda t, x: [row for row in x],
    "__bool__": lambda t, x: [bool(x[0, 0]), bool(x[0, 0] * 0), bool(x[:1, :1] > 100)],
    "__float__": lambda t, x: [float(x[0, 0]), math.floor(float(x[1, 1]))],
    "__int__": lambda t, x: [int(x[0, 0] * 10), int(x.long()[0, 0])],
    "__index__": lambda t, x: [5, 6, 7][t.tensor(1)],
    "__contains__": lambda t, x: [x[0, 0].item() in x, 12345.0 in x],
    "__deepcopy__": deep_copied,
    "pickle": pickled,
    "is_leaf": leaf_flags,
    "requires_grad_": lambda t, x: [x.requires_grad_().requires_grad, x.requires_grad_(False).requires_grad],
    "detach_": lambda t, x: [(x.detach().requires_grad_() * 2).detach_().requires_grad],
    "register_hook": hooked,
    "register_hook in the middle": hooked_in_the_middle,
    "retain_grad": lambda t, x: retained(t, x.detach().requires_grad_()),
    "backward accumulates": accumulated,
    "views share memory": shared,
    "no_grad, enable_grad": frozen,
    "set_grad_enabled, inference_mode": switched,
    "no_grad as a decorator": decorated,
    "retain_graph": twice_through_a_kept_graph,
    "autograd.grad": partial_grad,
    "autograd.grad of several": grad_of_several,
    "autograd.Function": custom_function,
    "is_tensor": lambda t, x: [t.is_tensor(x), t.is_tensor(3)],
    "is_floating_point": lambda t, x: [t.is_floating_point(x), x.long().is_floating_point()],
    "numpy shares memory": lambda t, x: (x.detach().numpy().__setitem__((0, 0), 42.0), x),
    "from_numpy shares memory": lambda t, x: shares_with_numpy(t),
    "tensor copies": lambda t, x: copies_from_numpy(t),
    "unpacking": lambda t, x: [max_names(t, x)],
    "allclose": lambda t, x: [t.allclose(x, x + 1e-9), t.allclose(x, x + 1), t.equal(x, x), t.equal(x, x[:1])],
    "format": lambda t, x: [f"{x[0, 0].double().item():.3f}", f"{x[0, 0]:.2f}"],
}


def shares_with_numpy(t):
    array = np.zeros(3)
    x = t.from_numpy(array)
    array[1] = 5
    x[2] = 6
    return x, array


def copies_from_numpy(t):
    array = np.zeros(3)
    x = t.tensor(array)
    array[1] = 5
    return x


def max_names(t, x):
    """Results with two parts can be read by position and by name."""
    values, indices = x.max(dim=1)
    again, top, order = x.max(dim=1), x.topk(2), x.sort()
    return [values, again.values, indices, again.indices, top.values, top.indices, order.values, order.indices]


@pytest.mark.parametrize("name", ANSWERS)
def test_answers(name):
    source = Source(numbers(np.random.default_rng(3), (2, 3), "float32"))
    ours, theirs = (ANSWERS[name](t, source.build(t)[1]) for t in (tinytorch, torch))
    ours, theirs = (flat(t, as_plain(t, [v])) for t, v in ((tinytorch, ours), (torch, theirs)))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert type(a) is type(b), f"{type(a)}, PyTorch has {type(b)}"
        if isinstance(b, (np.ndarray, float)):
            np.testing.assert_allclose(a, b, rtol=1e-6)
            assert not isinstance(b, np.ndarray) or a.dtype == b.dtype
        else:
            assert a == b


VIEWS = {
    "transpose": lambda x: x.transpose(0, 2),
    "permute": lambda x: x.permute(2, 0, 1),
    "slice": lambda x: x[:, ::2, 1:],
    "select": lambda x: x[:, 1],
    "narrow": lambda x: x.narrow(2, 1, 2),
    "view": lambda x: x.view(6, 4),
    "reshape of a transpose that needs no copy": lambda x: x.transpose(1, 2).unsqueeze(1).reshape(2, 4, 3),
    "unsqueeze": lambda x: x.unsqueeze(2),
    "squeeze": lambda x: x[:1].squeeze(0),
    "expand": lambda x: x[:, :1].expand(2, 5, 4),
    "diagonal": lambda x: x.diagonal(dim1=1, dim2=2),
    "movedim": lambda x: x.movedim(0, -1),
    "flatten": lambda x: x.flatten(1),
    "unbind": lambda x: x.unbind(1)[2],
    "split": lambda x: x.split(2, dim=2)[1],
    "chunk": lambda x: x.chunk(2, dim=2)[1],
    "detach": lambda x: x.detach(),
    "T of slice": lambda x: x[0].T,
    "view of a dtype that is the same": lambda x: x.to(x.dtype),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_have_the_same_strides_and_share_memory(name):
    array = numbers(np.random.default_rng(3), (2, 3, 4), "float64")
    bases = [t.tensor(array) for t in (tinytorch, torch)]
    ours, theirs = (VIEWS[name](x) for x in bases)
    sides = [(s, u) for n, s, u in zip(theirs.shape, ours.stride(), theirs.stride()) if n > 1]
    assert all(s == u for s, u in sides), f"strides {ours.stride()}, PyTorch has {theirs.stride()}"
    assert ours.is_contiguous() == theirs.is_contiguous()
    for base in bases:
        base.mul_(2)
        base[0, 1, 1:] = -1.0
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


COPIES = {
    "clone": lambda x: x.clone(),
    "reshape of a transpose": lambda x: x.transpose(0, 2).reshape(24),
    "contiguous of a transpose": lambda x: x.transpose(0, 2).contiguous(),
    "integer index": lambda x: x[[0, 1]],
    "mask": lambda x: x[x == x],
    "flip": lambda x: x.flip((0,)),
    "roll": lambda x: x.roll(1, 0),
    "repeat": lambda x: x.repeat(1, 1, 1),
    "cast": lambda x: x.float(),
    "flatten of a transpose": lambda x: x.transpose(0, 2).flatten(),
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_do_not_share_memory(name):
    array = numbers(np.random.default_rng(3), (2, 3, 4), "float64")
    for t in (tinytorch, torch):
        base = t.tensor(array)
        copied = COPIES[name](base)
        before = copied.numpy().copy()
        base.zero_()
        np.testing.assert_array_equal(copied.numpy(), before, err_msg=t.__name__)


def test_view_refuses_what_reshape_copies():
    for t in (tinytorch, torch):
        x = t.zeros(2, 3).t()
        with pytest.raises(RuntimeError):
            x.view(6)
        assert x.reshape(6).shape == (6,)


def test_a_saved_tensor_that_was_changed_is_found():
    for t in (tinytorch, torch):
        x = t.ones(3).requires_grad_()
        y = x * 1
        z = y * y
        y.add_(1)
        with pytest.raises(RuntimeError, match="in-?place operation"):
            z.sum().backward()


def test_a_change_that_no_derivative_needs_is_allowed():
    for t in (tinytorch, torch):
        x = t.ones(3).requires_grad_()
        y = x * 1
        z = y + 1
        y.add_(1)
        (z + y).sum().backward()
        assert x.grad.tolist() == [2.0, 2.0, 2.0]

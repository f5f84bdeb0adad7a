"""Composite expressions against PyTorch: what single operations get right may still break when they are chained.

Views of views, reused tensors, diamonds, writes into views, and small pieces of real networks. Each is run on inputs
in every layout; values, gradients and second derivatives are compared.
"""

import numpy as np
import pytest
from oracle import LAYOUTS, Call, Source, compare, compare_twice, numbers


def attention(t, x, w):
    q, k, v = (x @ w).split(4, dim=-1)
    scores = q @ k.transpose(-2, -1) / 2.0
    mask = t.triu(t.ones(3, 3), 1).bool()
    return t.softmax(scores.masked_fill(mask, float("-inf")), dim=-1) @ v


def layer_norm(t, x, w):
    centred = x - x.mean(-1, keepdim=True)
    return centred * (centred.square().mean(-1, keepdim=True) + 1e-5).rsqrt() * w[:, 0]


def cross_entropy(t, x, w):
    target = t.tensor([[0, 3, 1], [2, 2, 0]])
    return -t.log_softmax(x, dim=-1).gather(-1, target.unsqueeze(-1)).squeeze(-1).mean()


def write_into_rows(t, x, w):
    y = x * 2
    y[:, 1] = w[0, :4] * 3
    y[0, ::2, -1] = 5.0
    return y * x


def grow_in_place(t, x, w):
    y = x.clone()
    y += x
    y *= 3
    return y.sum(0) * y[0]


def recurrent(t, x, w):
    state = t.zeros(2, 4, dtype=x.dtype)
    for step in range(x.shape[1]):
        state = t.tanh(x[:, step] + state @ w[:, :4])
    return state


def power_iteration(t, x, w):
    v = w[:, 0]
    for _ in range(3):
        v = x[0].t() @ (x[0] @ v)
        v = v / v.norm()
    return v


def fan_out(t, x, w):
    """One tensor reused at every depth."""
    y = x
    for _ in range(8):
        y = (y + x) / 2 * y.sigmoid()
    return y


def scatter_histogram(t, x, w):
    index = t.tensor([0, 1, 0, 2, 1, 0])
    return t.zeros(3, 4, dtype=x.dtype).scatter_add(0, index.unsqueeze(1).expand(6, 4), x.reshape(6, 4)).square()


EXPRESSIONS = {
    "view of permute of slice": lambda t, x, w: x[:, 1:].permute(2, 0, 1).reshape(4, -1)[::2].reshape(2, 2, 2),
    "slice of slice of slice": lambda t, x, w: x[:, ::2][1:][..., 1::2] ** 2,
    "transpose twice is itself": lambda t, x, w: x.transpose(0, 2).transpose(0, 2) * x,
    "reshape of transpose copies": lambda t, x, w: x.transpose(1, 2).reshape(2, 12).view(2, 3, 4) * x,
    "unsqueeze, expand, sum": lambda t, x, w: x.unsqueeze(1).expand(2, 5, 3, 4).sum((0, 2)),
    "expand, permute, reshape": lambda t, x, w: w.unsqueeze(0).expand(3, 4, 12).permute(2, 0, 1).reshape(6, -1).exp(),
    "diamond": lambda t, x, w: x.exp() * x.sin() + x.exp(),
    "the same tensor as both operands": lambda t, x, w: x * x + x.maximum(x) + x / x.abs().add(1),
    "fan out": fan_out,
    "select, stack, unbind": lambda t, x, w: t.stack([r * i for i, r in enumerate(x.unbind(1))], dim=-1).select(0, 1),
    "split and cat in another order": lambda t, x, w: t.cat(tuple(reversed(x.split([1, 3], dim=2))), dim=2) * x,
    "roll and flip": lambda t, x, w: (x.roll(1, 2) - x.flip((1,))).abs(),
    "narrow and pad by cat": lambda t, x, w: t.cat([t.zeros(2, 1, 4, dtype=x.dtype), x.narrow(1, 0, 2)], 1) * x,
    "repeat against broadcasting": lambda t, x, w: x.repeat(1, 2, 1).reshape(2, 2, 3, 4) * x[:, None],
    "mask, then index by it": lambda t, x, w: x[x > 0].sum() + x[x <= 0].square().sum(),
    "where over a broadcast": lambda t, x, w: t.where(x[:1] > 0, x, -x[:, :, :1]).cumsum(1),
    "gather after sort": lambda t, x, w: x.gather(2, x.sort(2, descending=True)[1][..., :2]).prod(-1),
    "integer index used twice": lambda t, x, w: x[[0, 1, 0]][:, [2, 2, 0], [0, 1, 1]].exp(),
    "diagonal of a product": lambda t, x, w: (x @ x.transpose(1, 2)).diagonal(dim1=1, dim2=2).log1p(),
    "write into rows": write_into_rows,
    "grow in place": grow_in_place,
    "attention with a causal mask": attention,
    "layer norm": layer_norm,
    "cross entropy": cross_entropy,
    "logsumexp by hand": lambda t, x, w: (x - x.amax(-1, keepdim=True).detach()).exp().sum(-1).log() - x.logsumexp(-1),
    "two linear layers": lambda t, x, w: (t.relu(x @ w) @ w.t()).mean(),
    "gelu by erf": lambda t, x, w: x * 0.5 * (1 + t.erf(x / 2**0.5)),
    "recurrent": recurrent,
    "power iteration": power_iteration,
    "scatter histogram": scatter_histogram,
    "einsum against its factors": lambda t, x, w: t.einsum("bij,jk,bil->bkl", x, w[:, :5], x).tanh(),
    "standardise and take quantiles": lambda t, x, w: ((x - x.mean()) / x.std()).flatten().topk(5)[0],
    "a scalar through many shapes": lambda t, x, w: x.sum().view(1, 1).expand(3, 4).t().reshape(-1)[1::3] * w[0, :4],
    "detach stops one branch": lambda t, x, w: x.detach() * x + (x * 2).detach(),
}


def inputs(layout, dtype):
    rng = np.random.default_rng(7)
    x, w = numbers(rng, (2, 3, 4), dtype), numbers(rng, (4, 12), dtype)
    if layout == "expanded":
        x, w = np.broadcast_to(x[:1], x.shape).copy(), np.broadcast_to(w[:1], w.shape).copy()
    return Source(x, layout, grad=True), Source(w, layout, grad=True)


def test_there_are_thirty():
    assert len(EXPRESSIONS) >= 30


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_values_and_gradients(name, layout, dtype):
    loose = 25 if name in ("power iteration", "standardise and take quantiles") else 5
    compare(Call(name, inputs(layout, dtype), function=EXPRESSIONS[name]), layout=layout, loose=loose)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_second_derivative(name):
    compare_twice(Call(name, inputs("transposed", "float64"), function=EXPRESSIONS[name]))

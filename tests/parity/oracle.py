"""One call, two libraries: how a call is drawn, run on tinytorch and on PyTorch, and compared.

A `Source` is a tensor before it belongs to a library: the values it must show and the layout in memory it must have.
A `Call` is an operation on sources. `outcome` runs it in one library; `compare` runs it in both and asserts that
values, dtypes, shapes, gradients and error types are the same.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from hypothesis import reject
from hypothesis import strategies as st

import tinytorch

FLOATS = ("float64", "float32", "float16")
INTEGERS = ("int64", "int32", "int16", "int8", "uint8")
NUMBERS = FLOATS + INTEGERS
ANY = NUMBERS + ("bool",)
LAYOUTS = ("contiguous", "transposed", "stepped", "negative", "expanded")
TOLERANCE = {"float64": 1e-11, "float32": 4e-6, "float16": 4e-3}


@dataclass(frozen=True)
class DType:
    """A dtype by name; each library has its own object for it."""

    name: str

    def __repr__(self):
        return self.name


@dataclass
class Source:
    """The values that a tensor shall show, and how they shall lie in memory."""

    array: np.ndarray
    layout: str = "contiguous"
    grad: bool = False

    def __repr__(self):
        grad = ", grad" if self.grad else ""
        return f"<{self.array.dtype}{list(self.array.shape)} {self.layout}{grad}: {self.array.tolist()}>"

    def _repr_pretty_(self, printer, cycle):
        printer.text(repr(self))

    def build(self, t):
        """(leaf, tensor): the tensor in the wished layout, and the leaf it is a view of."""
        array, shape = self.array, self.array.shape
        if self.layout == "transposed":
            leaf = self._leaf(t, np.ascontiguousarray(array.transpose()))
            return leaf, leaf.permute(*reversed(range(array.ndim)))
        if self.layout == "stepped":
            wide = array
            for axis in range(array.ndim):
                wide = np.repeat(wide, 2, axis)
            leaf = self._leaf(t, wide)
            return leaf, leaf[(slice(1, None, 2),) * array.ndim]
        if self.layout == "expanded":
            leaf = self._leaf(t, array[:1].copy())
            return leaf, leaf.expand(*shape)
        if self.layout == "negative" and t is not torch:  # PyTorch has no negative strides
            backwards = (slice(None, None, -1),) * array.ndim
            leaf = t.from_numpy(array[backwards].copy()[backwards])
            assert 0 in shape or max(shape) == 1 or min(leaf.stride()) < 0, "the layout under test was not built"
            if self.grad:
                leaf.requires_grad_()
            return leaf, leaf
        leaf = self._leaf(t, array)
        return leaf, leaf

    def _leaf(self, t, array):
        leaf = t.tensor(array)
        if self.grad:
            leaf.requires_grad_()
        return leaf


@dataclass
class Call:
    """An operation by name (or any function of a library and the arguments), with its arguments."""

    name: str
    arguments: tuple = ()
    options: dict = field(default_factory=dict)
    method: bool = False
    function: Callable | None = None

    def __repr__(self):
        arguments = [repr(a) for a in self.arguments] + [f"{k}={v!r}" for k, v in self.options.items()]
        return f"{'Tensor.' if self.method else ''}{self.name}({', '.join(arguments)})"

    def _repr_pretty_(self, printer, cycle):
        printer.text(repr(self))

    def run(self, t, leaves):
        arguments = [bind(t, a, leaves) for a in self.arguments]
        options = {k: bind(t, a, leaves) for k, a in self.options.items()}
        if self.function:
            return self.function(t, *arguments, **options)
        if self.method:
            return getattr(arguments[0], self.name.rpartition(".")[2])(*arguments[1:], **options)
        function = t
        for part in self.name.split("."):
            function = getattr(function, part)
        return function(*arguments, **options)


def bind(t, value, leaves):
    """The value with each Source made a tensor of the library and each DType its dtype; leaves are collected."""
    if isinstance(value, Source):
        leaf, tensor = value.build(t)
        leaves.append(leaf)
        return tensor
    if isinstance(value, DType):
        return getattr(t, value.name)
    if type(value) in (list, tuple):
        return type(value)(bind(t, v, leaves) for v in value)
    return value


def flat(t, value):
    """The tensors and plain values in a result, in order."""
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return [x for v in value for x in flat(t, v)]
    if isinstance(value, torch.Size):
        return [tuple(value)]
    return [value]


@dataclass
class Outcome:
    values: list
    wants_grad: list
    gradients: list
    error: Exception | None = None


def weights_for(values, seed, layout):
    """What is handed to backward, as sources: one for every output that takes a gradient."""
    rng = np.random.default_rng(seed)
    found = []
    for value in values:
        weight = rng.standard_normal(value.shape).astype(value.dtype)
        if layout == "expanded" and weight.ndim and weight.shape[0]:
            weight = np.broadcast_to(weight[:1], weight.shape).copy()
        found.append(Source(weight, layout if weight.ndim and weight.shape[0] else "contiguous"))
    return found


def array_of(t, value):
    if not isinstance(value, t.Tensor):
        return str(value).removeprefix("torch.") if isinstance(value, (torch.dtype, np.dtype)) else value
    return value.numpy(force=True).copy() if t is torch else np.array(value.detach().numpy())


def outcome(t, call, seed=0, layout="contiguous", backward=True):
    """Run the call in library `t`, then its backward with random weights."""
    leaves = []
    try:
        outputs = flat(t, call.run(t, leaves))
        values = [array_of(t, v) for v in outputs]
        wants = [isinstance(v, t.Tensor) and v.requires_grad for v in outputs]
        if backward and any(wants):
            taking = [v for v, w in zip(outputs, wants) if w]
            weights = weights_for([v for v, w in zip(values, wants) if w], seed, layout)
            weights = [w.build(t)[1] for w in weights]
            if len(taking) == 1:
                taking[0].backward(weights[0])
            else:
                sum((v * w).sum() for v, w in zip(taking, weights)).backward()
        gradients = [None if leaf.grad is None else array_of(t, leaf.grad) for leaf in leaves]
        return Outcome(values, wants, gradients)
    except Exception as error:
        return Outcome([], [], [], error)


def second_derivative(t, call, seed=0):
    """Gradients of a random combination of the call's gradients: for the leaves, then for the weights."""
    leaves = []
    outputs = [v for v in flat(t, call.run(t, leaves)) if isinstance(v, t.Tensor) and v.requires_grad]
    leaves = [leaf for leaf in leaves if leaf.requires_grad]
    if not outputs or not leaves:
        return []
    weights = weights_for([array_of(t, v) for v in outputs], seed, "contiguous")
    weights = [Source(w.array, grad=True).build(t)[0] for w in weights]
    total = sum((v * w).sum() for v, w in zip(outputs, weights))
    first = t.autograd.grad(total, leaves, create_graph=True, allow_unused=True)
    again = {i: g for i, g in enumerate(first) if g is not None and g.requires_grad}
    if not again:
        return []
    directions = {i: np.random.default_rng([seed, i]).standard_normal(tuple(g.shape)) for i, g in again.items()}
    total = sum((g * t.tensor(directions[i])).sum() for i, g in again.items())
    second = t.autograd.grad(total, leaves + weights, allow_unused=True)
    zeros = [np.zeros(tuple(x.shape)) for x in leaves + weights]
    return [z if g is None else array_of(t, g) for g, z in zip(second, zeros)]


def compare_twice(call, seed=0):
    """Assert that both libraries agree on the second derivative."""
    with np.errstate(all="ignore"):
        try:
            theirs = second_derivative(torch, call, seed)
        except (RuntimeError, IndexError):
            reject()  # a call that is wrong; test_values_and_gradients compares the errors
        ours = second_derivative(tinytorch, call, seed)
    if len(ours) != len(theirs):  # where PyTorch knows that there is none, a graph of zeros is right as well
        assert not (ours and theirs) and not any(g.any() for g in ours + theirs), f"{ours}, PyTorch has {theirs}"
    for i, (a, b) in enumerate(zip(ours, theirs)):
        same(a, b, f"second derivative {i}", 100)


def compare(call, seed=0, layout="contiguous", backward=True, loose=1.0):
    """Assert that both libraries do the same with the call, its backward included."""
    with np.errstate(all="ignore"):
        theirs = outcome(torch, call, seed, layout, backward)
        if theirs.error is not None:
            if isinstance(theirs.error, NotImplementedError) or "not implemented for" in str(theirs.error):
                reject()  # a dtype that PyTorch has no kernel for binds nobody
            if "Autograd not support dtype" in str(theirs.error):
                reject()  # x.sum(dtype=int64) of an x that wants a gradient: here the result has none
        ours = outcome(tinytorch, call, seed, layout, backward)
    if theirs.error is not None or ours.error is not None:
        assert same_error(ours.error, theirs.error), f"ours: {ours.error!r}, PyTorch's: {theirs.error!r}"
        return
    assert len(ours.values) == len(theirs.values), f"{len(ours.values)} results, PyTorch has {len(theirs.values)}"
    coarsest = max((TOLERANCE.get(x.dtype.name, 0) for x in sources(call.arguments)), default=0)
    for i, (a, b) in enumerate(zip(ours.values, theirs.values)):
        same(a, b, f"result {i}", loose, coarsest)
    assert ours.wants_grad == theirs.wants_grad, f"requires_grad {ours.wants_grad}, PyTorch has {theirs.wants_grad}"
    for i, (a, b) in enumerate(zip(ours.gradients, theirs.gradients)):
        assert (a is None) == (b is None), f"gradient {i} is {a}, PyTorch has {b}"
        if a is not None:
            same(a, b, f"gradient {i}", 4 * loose, coarsest)


def sources(value):
    """The arrays of all sources among the arguments."""
    if isinstance(value, (list, tuple)):
        return [x for v in value for x in sources(v)]
    return [value.array] if isinstance(value, Source) else []


def same_error(ours, theirs):
    return ours is not None and theirs is not None and isinstance(ours, type(theirs))


def same(ours, theirs, what="result", loose=1.0, coarsest=0.0):
    """Equal type, shape and dtype; equal values, floats within the dtype's tolerance, or the coarsest input's."""
    if not isinstance(theirs, np.ndarray):
        if isinstance(theirs, float):
            assert isinstance(ours, float), f"{what}: {type(ours).__name__}, PyTorch has float"
            np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7, err_msg=what)
        else:
            assert type(ours) is type(theirs) and ours == theirs, f"{what}: {ours!r}, PyTorch has {theirs!r}"
        return
    assert isinstance(ours, np.ndarray), f"{what}: {type(ours).__name__}, PyTorch has a tensor"
    assert ours.shape == theirs.shape, f"{what}: shape {ours.shape}, PyTorch has {theirs.shape}"
    assert ours.dtype == theirs.dtype, f"{what}: dtype {ours.dtype}, PyTorch has {theirs.dtype}"
    if theirs.dtype.kind != "f":
        np.testing.assert_array_equal(ours, theirs, err_msg=what)
        return
    finite = np.abs(theirs[np.isfinite(theirs)])
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    tolerance = max(TOLERANCE[theirs.dtype.name], coarsest) * loose
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * scale, err_msg=what)


class Draw:
    """Draws the parts of a call: shapes, axes, tensors with values and a layout."""

    def __init__(self, draw, name, twice=False):
        self.draw, self.name, self.gradients = draw, name, True
        self.twice = twice  # for second derivatives: float64 wherever floats are allowed, and always with gradient

    def choice(self, *options) -> Any:
        return self.draw(st.sampled_from(options))

    def integer(self, low, high):
        return self.draw(st.integers(low, high))

    def flag(self):
        return self.draw(st.booleans())

    def shape(self, low=0, high=4, sides=(2, 3, 1, 4, 0)):
        return tuple(self.draw(st.lists(st.sampled_from(sides), min_size=low, max_size=high)))

    def full_shape(self, low=0, high=4):
        """A shape with no side of length zero."""
        return self.shape(low, high, (2, 3, 1, 4))

    def axis(self, ndim):
        """A valid axis, from either end; a 0-d tensor takes 0 and -1."""
        return self.integer(-max(ndim, 1), max(ndim, 1) - 1)

    def axes(self, ndim):
        """Some different axes in any order, a few of them counted from the end."""
        chosen = self.draw(st.lists(st.integers(0, max(ndim - 1, 0)), unique=True, min_size=1, max_size=max(ndim, 1)))
        return tuple(a - ndim if ndim and self.flag() else a for a in chosen)

    def dtype(self, dtypes):
        """A dtype; the two that carry gradients come up more often."""
        wide = [name for name in dtypes if name in ("float64", "float32")]
        return self.draw(st.sampled_from(wide * max(1, len(dtypes) // 2) + list(dtypes)))

    def broadcastable(self, shape):
        """A shape that broadcasts to `shape`: sides squeezed to one, leading sides dropped."""
        drop = self.integer(0, len(shape))
        return tuple(1 if self.flag() and self.flag() else n for n in shape[drop:])

    def layout(self, shape):
        if not shape:
            return "contiguous"
        layout = self.draw(st.sampled_from(LAYOUTS))
        return "contiguous" if layout == "expanded" and shape[0] == 0 else layout

    def tensor(self, shape=None, dtypes=FLOATS, domain="any", grad=None, layout=None):
        shape = self.shape() if shape is None else shape
        dtype = self.dtype(dtypes)
        if self.twice and "float64" in dtypes:
            dtype, domain, grad = "float64", "any" if domain == "special" else domain, True
        rng = np.random.default_rng(self.integer(0, 10_000))
        array = numbers(rng, shape, dtype, self.choice("normal", "lattice") if domain == "any" else domain)
        layout = layout or self.layout(shape)
        if layout == "expanded":
            array = np.broadcast_to(array[:1], shape).copy()
        if grad is None:
            grad = self.gradients and dtype in FLOATS and domain != "special" and self.integer(0, 4) > 0
        return Source(array, layout, grad)

    def indices(self, shape, below, negative=False):
        rng = np.random.default_rng(self.integer(0, 10_000))
        array = rng.integers(-below if negative and below else 0, max(below, 1), shape)
        layout = self.layout(shape)
        if layout == "expanded":
            array = np.broadcast_to(array[:1], shape).copy()
        return Source(np.asarray(array, dtype=np.int64), layout)

    def mask(self, shape):
        return self.tensor(shape, ("bool",))

    def call(self, *arguments, **options):
        """The call as a function or, where PyTorch has one, as a method."""
        short = self.name.rpartition(".")[2]
        both = hasattr(torch.Tensor, short) and hasattr(tinytorch.Tensor, short)
        can = isinstance(arguments[0], Source) and "." not in self.name and both
        must = can and not hasattr(torch, self.name)
        return Call(self.name, arguments, options, method=must or (can and self.flag()))


def numbers(rng, shape, dtype, domain="normal"):
    """Random values of a dtype; `lattice` has ties and zeros, `special` has infinities and NaN."""
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype in INTEGERS:
        low = 1 if domain in ("positive", "nonzero") else 0 if dtype == "uint8" else -5
        return np.asarray(rng.integers(low, 6, shape), dtype=dtype)
    if domain == "normal":
        array = 2 * rng.standard_normal(shape)
    elif domain == "lattice":
        array = rng.integers(-2, 3, shape)
    elif domain == "distinct":
        array = rng.permutation(int(np.prod(shape, dtype=int))).reshape(shape) * 0.5 - 3
    elif domain == "positive":
        array = np.exp(rng.standard_normal(shape))
    elif domain == "nonzero":
        array = np.exp(rng.standard_normal(shape)) * rng.choice([-1, 1], shape)
    elif domain == "unit":
        array = rng.uniform(-0.9, 0.9, shape)
    else:
        array = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.5, 3.0], shape)
    return np.asarray(array, dtype=dtype)

"""The table of operations: for each public name, how to draw a call of it.

`TABLE` maps a dotted name (`sum`, `nn.functional.gelu`) to a function that draws a `Call`. A row may serve many names.
The names are PyTorch's: the same call is run on both libraries.
"""

import operator

import numpy as np
from hypothesis import strategies as st
from oracle import ANY, FLOATS, INTEGERS, NUMBERS, Call, Draw, DType, Source, numbers

TABLE = {}
SMOOTH = {}  # the names whose second derivative is compared too
IN_PLACE = {}  # methods that change their tensor
CREATION = {}  # names that take no tensor, or copy what they are given


def row(names, table=TABLE, smooth=False):
    def register(draws):
        for name in names.split():
            table[name] = draws
            if smooth:
                SMOOTH[name] = draws
        return draws

    return register


def smooth(names):
    return row(names, smooth=True)


# ---------------------------------------------------------------- one tensor, element by element


@smooth("exp expm1 sin cos tan sinh cosh tanh sigmoid erf square neg negative")
def anywhere(d: Draw):
    domain = d.choice("normal", "lattice", "positive", "special")
    return d.call(d.tensor(dtypes=NUMBERS, domain=domain))


@smooth("log log2 log10 log1p sqrt rsqrt")
def positive(d: Draw):
    return d.call(d.tensor(dtypes=NUMBERS, domain=d.choice("positive", "positive", "special")))


@smooth("reciprocal")
def reciprocal(d: Draw):
    return d.call(d.tensor(dtypes=FLOATS, domain=d.choice("nonzero", "nonzero", "special")))


@smooth("abs absolute relu sign")
def kinked(d: Draw):
    return d.call(d.tensor(dtypes=NUMBERS, domain=d.choice("normal", "lattice", "positive", "special")))


@row("floor ceil round trunc fix")
def rounding(d: Draw):
    return d.call(d.tensor(dtypes=NUMBERS, domain=d.choice("normal", "lattice", "positive", "special")))


@smooth("frac")
def frac(d: Draw):
    return d.call(d.tensor(dtypes=FLOATS))


@row("nan_to_num")
def nan_to_num(d: Draw):
    x = d.tensor(dtypes=("float64", "float32"), domain=d.choice("special", "normal"))
    return d.call(x, **d.choice({}, {"nan": 1.0}, {"nan": 0.5, "posinf": 9.0, "neginf": -9.0}))


@row("isnan isinf isfinite logical_not")
def questions(d: Draw):
    return d.call(d.tensor(dtypes=ANY, domain=d.choice("normal", "lattice", "positive", "special")))


@smooth("clamp clip")
def clamp(d: Draw):
    x = d.tensor(dtypes=("float64", "float32", "int64"))
    bounds = d.choice({"min": -1}, {"max": 1}, {"min": -1, "max": 1}, {"min": 1, "max": -1}, {"min": -0.5, "max": 1.0})
    return d.call(x, **bounds)


# ---------------------------------------------------------------- two tensors, element by element


def pair(d: Draw, dtypes=NUMBERS, left="any", right="any", scalars=True):
    """Two operands that broadcast; one of them may be a Python number."""
    shape = d.shape()
    x = d.tensor(d.broadcastable(shape), dtypes, left)
    if scalars and d.integer(0, 3) == 0:
        return x, d.choice(2, -3, 0.5, 1.0) if right == "any" else d.choice(2, 0.5, 3.0)
    return x, d.tensor(d.broadcastable(shape), dtypes, right)


@smooth("add sub subtract mul multiply")
def arithmetic(d: Draw):
    return d.call(*pair(d, ANY if d.name not in ("sub", "subtract") else NUMBERS))


@smooth("div divide true_divide")
def division(d: Draw):
    if d.name == "true_divide" or d.flag():
        return d.call(*pair(d, NUMBERS, "any", "nonzero"))
    return d.call(*pair(d, NUMBERS, "any", "nonzero"), rounding_mode=d.choice(None, "floor", "trunc"))


@row("remainder floor_divide")
def modulo(d: Draw):
    d.gradients = d.name == "remainder"
    return d.call(*pair(d, ("float64", "int64", "int32", "uint8"), "any", "nonzero"))


@smooth("pow")
def power(d: Draw):
    kind = d.integer(0, 3)
    if kind == 0:
        return d.call(d.tensor(dtypes=FLOATS, domain="positive"), d.choice(2, 0.5, -1, 3.0, 0, 1))
    if kind == 1:
        return d.call(d.tensor(dtypes=FLOATS, domain="lattice"), d.choice(2, 3, 1, 0, 2.0))
    if kind == 2:
        return d.call(d.tensor(dtypes=("int64", "int32")), d.choice(2, 3, 0, 1))
    shape = d.shape()
    x = d.tensor(d.broadcastable(shape), FLOATS, "positive")
    return d.call(x, d.tensor(d.broadcastable(shape), ("float64", "float32", "int64")))


@smooth("maximum minimum")
def extremum(d: Draw):
    return d.call(*pair(d, NUMBERS, scalars=False))


@row("eq ne lt le gt ge not_equal less less_equal greater greater_equal")
def comparison(d: Draw):
    if d.integer(0, 4) == 0:
        return d.call(d.tensor(domain="special"), d.choice(0, float("nan"), float("inf")))
    return d.call(*pair(d, ANY))


@row("logical_and logical_or logical_xor")
def logic(d: Draw):
    return d.call(*pair(d, ANY, scalars=False))


@row("bitwise_and bitwise_or bitwise_xor")
def bits(d: Draw):
    return d.call(*pair(d, INTEGERS + ("bool",), scalars=False))


@row("bitwise_not")
def bits_not(d: Draw):
    return d.call(d.tensor(dtypes=INTEGERS + ("bool",)))


@smooth("where")
def where(d: Draw):
    shape = d.shape()
    mask, x = d.mask(d.broadcastable(shape)), d.tensor(d.broadcastable(shape), ANY)
    other = d.choice(0.0, 1, -2.5) if d.integer(0, 2) == 0 else d.tensor(d.broadcastable(shape), ANY)
    if not isinstance(other, Source) and d.flag():
        return Call("where", (mask, other, x))
    return Call("where", (mask, x, other))


@smooth("masked_fill")
def masked_fill(d: Draw):
    shape = d.shape()
    x = d.tensor(shape, ("float64", "float32", "int64"))
    return d.call(x, d.mask(d.broadcastable(shape)), d.choice(0, -1, 7, float("-inf")) if d.flag() else d.choice(0, 3))


@row("isclose")
def isclose(d: Draw):
    shape = d.shape()
    x, y = d.tensor(shape, ("float64", "float32"), "lattice"), d.tensor(shape, ("float64",), "lattice")
    y = Source(y.array.astype(x.array.dtype), "contiguous")
    return d.call(x, y, rtol=d.choice(1e-5, 0.5), atol=d.choice(1e-8, 1.0))


@row("allclose equal")
def whole_comparison(d: Draw):
    shape = d.shape()
    x = d.tensor(shape, ("float64", "int64"), "lattice")
    other = d.shape() if d.name == "equal" and d.flag() else shape
    y = x if d.flag() else d.tensor(other, (x.array.dtype.name,), "lattice")
    return d.call(x, Source(y.array, d.layout(y.array.shape) if y is not x else "contiguous"))


@smooth("addcmul addcdiv")
def addc(d: Draw):
    shape = d.shape()
    x, y = (d.tensor(d.broadcastable(shape), ("float64",)) for _ in range(2))
    return d.call(x, y, d.tensor(d.broadcastable(shape), ("float64",), "nonzero"), **d.choice({}, {"value": -0.5}))


@smooth("lerp")
def lerp(d: Draw):
    shape = d.shape()
    x, y = (d.tensor(d.broadcastable(shape), ("float64",)) for _ in range(2))
    return d.call(x, y, d.choice(0.0, 0.25, 0.9) if d.flag() else d.tensor(d.broadcastable(shape), ("float64",)))


OPERATORS = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "pow": operator.pow,
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "matmul": operator.matmul,
    "neg": operator.neg,
    "pos": operator.pos,
    "abs": abs,
    "invert": operator.invert,
}


def plain(function):
    """An operator as a function of a library, which it ignores."""
    return lambda t, *arguments: function(*arguments)


@row(" ".join(f"operator.{name}" for name in OPERATORS))
def operators(d: Draw):
    name = d.name.rpartition(".")[2]
    function = plain(OPERATORS[name])
    if name in ("neg", "pos", "abs", "invert"):
        dtypes = ("int64", "bool", "uint8") if name == "invert" else NUMBERS
        return Call(d.name, (d.tensor(dtypes=dtypes),), function=function)
    if name in ("and", "or", "xor"):
        shape = d.shape()
        dtype = d.choice("bool", "int64")
        x, y = d.tensor(d.broadcastable(shape), (dtype,)), d.tensor(d.broadcastable(shape), (dtype,))
        return Call(d.name, (x, y), function=function)
    if name == "matmul":
        return Call(d.name, matrices(d), function=function)
    d.gradients = name not in ("floordiv", "mod")
    if name == "pow":
        x, y = d.tensor(domain="positive"), d.choice(2, 0.5, 3, 2.0)
    else:
        x, y = pair(d, ("float64", "float32", "int64"), "nonzero", "nonzero")
    swap = not isinstance(y, Source) and d.flag()
    return Call(d.name, (y, x) if swap else (x, y), function=function)


# ---------------------------------------------------------------- shapes


def factors(d: Draw, count, parts):
    """A shape of `parts` sides that holds `count` elements."""
    sides = []
    for _ in range(parts - 1):
        side = d.choice(*[n for n in range(1, max(count, 1) + 1) if max(count, 1) % n == 0])
        sides.append(side)
        count = count // side
    return tuple(sides) + (count,)


def new_shape(d: Draw, shape):
    """A shape with as many elements, with or without one side left open."""
    count = int(np.prod(shape, dtype=int))
    if count == 0:
        return shape[::-1]
    sides = list(factors(d, count, d.integer(1, 4)))
    if d.flag():
        sides[d.integer(0, len(sides) - 1)] = -1
    return tuple(sides)


def spread(d: Draw, x, sizes):
    """A method's sizes as separate numbers or as one tuple; the function takes the tuple."""
    call = d.call(x, sizes)
    if call.method and sizes and d.flag():
        call.arguments = (x, *sizes)
    return call


@smooth("reshape view")
def reshape(d: Draw):
    x = d.tensor(dtypes=("float64", "float32", "int64", "bool"))
    return spread(d, x, new_shape(d, x.array.shape))


@smooth("flatten")
def flatten(d: Draw):
    x = d.tensor(d.shape(0, 4))
    first, last = d.axis(x.array.ndim), d.axis(x.array.ndim)
    return d.call(x, first, last) if d.flag() else d.call(x)


@smooth("ravel")
def ravel(d: Draw):
    return d.call(d.tensor())


@smooth("view_as reshape_as")
def reshape_as(d: Draw):
    x = d.tensor(d.full_shape())
    shape = factors(d, x.array.size, d.integer(1, 3))
    return d.call(x, d.tensor(shape, ("int64",)))


@smooth("expand_as")
def expand_as(d: Draw):
    shape = d.shape()
    return d.call(d.tensor(d.broadcastable(shape)), d.tensor(shape))


@row("broadcast_tensors")
def broadcast_tensors(d: Draw):
    shape = d.shape()
    return Call(d.name, tuple(d.tensor(d.broadcastable(shape), ("float64",)) for _ in range(d.integer(1, 3))))


@row("broadcast_shapes")
def broadcast_shapes(d: Draw):
    shape = d.shape()
    shapes = [d.broadcastable(shape) if d.integer(0, 5) else d.shape() for _ in range(d.integer(1, 3))]
    return Call(d.name, tuple(shapes), function=lambda t, *shapes: str(tuple(t.broadcast_shapes(*shapes))))


@smooth("as_strided")
def as_strided(d: Draw):
    x = d.tensor((3, 4), ("float64",), layout="contiguous")
    size = tuple(d.choice(1, 2, 3) for _ in range(d.integer(1, 2)))
    return d.call(x, size, tuple(d.choice(0, 1, 2) for _ in size), d.integer(0, 3))


@smooth("unfold")
def unfold(d: Draw):
    x = d.tensor(d.full_shape(1, 3))
    axis = d.axis(x.array.ndim)
    return d.call(x, axis, d.integer(1, x.array.shape[axis]), d.integer(1, 3))


@smooth("diag")
def diag(d: Draw):
    return d.call(d.tensor(d.shape(1, 2)), d.integer(-2, 2))


@row("meshgrid")
def meshgrid(d: Draw):
    parts = [d.tensor(d.shape(1, 1), ("float64",)) for _ in range(d.integer(1, 3))]
    return Call(d.name, tuple(parts), {"indexing": d.choice("ij", "xy")})


@smooth("unflatten")
def unflatten(d: Draw):
    x = d.tensor(d.full_shape(1))
    axis = d.axis(x.array.ndim)
    return d.call(x, axis, factors(d, x.array.shape[axis], d.integer(1, 3)))


@smooth("transpose swapaxes swapdims")
def transpose(d: Draw):
    x = d.tensor()
    return d.call(x, d.axis(x.array.ndim), d.axis(x.array.ndim))


@smooth("permute")
def permute(d: Draw):
    x = d.tensor(d.shape(1))
    order = d.draw(st.permutations(range(x.array.ndim)))
    return spread(d, x, tuple(a - x.array.ndim if d.flag() else a for a in order))


@smooth("t")
def matrix_transpose(d: Draw):
    return d.call(d.tensor(d.shape(0, 2)))


@smooth("squeeze")
def squeeze(d: Draw):
    x = d.tensor(d.shape(sides=(1, 2, 1, 3)))
    return d.call(x, d.axis(x.array.ndim)) if d.flag() else d.call(x)


@smooth("unsqueeze")
def unsqueeze(d: Draw):
    x = d.tensor()
    return d.call(x, d.integer(-x.array.ndim - 1, x.array.ndim))


@smooth("expand broadcast_to")
def expand(d: Draw):
    x = d.tensor(d.shape(sides=(1, 2, 1, 3)))
    shape = x.array.shape
    sizes = tuple(d.choice(2, 3, 1) for _ in range(d.integer(0, 2)))
    sizes += tuple(d.choice(3, 4) if n == 1 and d.flag() else d.choice(n, -1) for n in shape)
    return spread(d, x, sizes)


@smooth("narrow")
def narrow(d: Draw):
    x = d.tensor(d.full_shape(1))
    axis = d.axis(x.array.ndim)
    start = d.integer(0, x.array.shape[axis] - 1)
    return d.call(x, axis, start, d.integer(0, x.array.shape[axis] - start))


@smooth("select")
def select(d: Draw):
    x = d.tensor(d.full_shape(1))
    axis = d.axis(x.array.ndim)
    n = x.array.shape[axis]
    return d.call(x, axis, d.integer(-n, n - 1))


@smooth("movedim moveaxis")
def movedim(d: Draw):
    x = d.tensor(d.shape(1))
    return d.call(x, d.axis(x.array.ndim), d.axis(x.array.ndim))


@smooth("diagonal")
def diagonal(d: Draw):
    x = d.tensor(d.shape(2))
    if d.flag():
        return d.call(x, d.integer(-2, 2))
    n = x.array.ndim
    first = d.integer(0, n - 1)
    second = d.choice(*[a for a in range(n) if a != first])
    return d.call(x, offset=d.integer(-2, 2), dim1=first - n if d.flag() else first, dim2=second)


@smooth("tril triu")
def triangle(d: Draw):
    x = d.tensor(d.shape(2), ("float64", "float32", "int64", "bool"))
    return d.call(x, d.integer(-2, 2)) if d.flag() else d.call(x)


@smooth("contiguous clone detach")
def copies(d: Draw):
    return Call(d.name, (d.tensor(dtypes=ANY),), method=True)


@smooth("flip")
def flip(d: Draw):
    x = d.tensor(d.shape(1))
    axes = d.axes(x.array.ndim)
    return d.call(x, list(axes)) if d.flag() else d.call(x, axes)


@smooth("roll")
def roll(d: Draw):
    x = d.tensor(d.shape(1))
    kind = d.integer(0, 2)
    if kind == 0:
        return d.call(x, d.integer(-3, 3))
    if kind == 1:
        return d.call(x, d.integer(-3, 3), d.axis(x.array.ndim))
    axes = d.axes(x.array.ndim)
    return d.call(x, tuple(d.integer(-3, 3) for _ in axes), axes)


@smooth("repeat")
def repeat(d: Draw):
    x = d.tensor(d.shape(0, 3))
    sizes = tuple(d.choice(1, 2, 3, 0) for _ in range(x.array.ndim + d.integer(0, 1)))
    return spread(d, x, sizes or (2,))


@smooth("tile")
def tile(d: Draw):
    x = d.tensor(d.shape(0, 3))
    return d.call(x, tuple(d.choice(1, 2, 3) for _ in range(d.integer(0, 3))))


@smooth("repeat_interleave")
def repeat_interleave(d: Draw):
    x = d.tensor(d.shape(1, 3))
    return d.call(x, d.integer(0, 3), d.axis(x.array.ndim)) if d.flag() else d.call(x, d.integer(1, 3))


@smooth("split")
def split(d: Draw):
    x = d.tensor(d.full_shape(1))
    axis = d.axis(x.array.ndim)
    n = x.array.shape[axis]
    sizes = d.integer(1, n + 1)
    if d.flag():
        first = d.integer(0, n)
        sizes = [first, n - first]
    return d.call(x, sizes, axis) if d.flag() else d.call(x, sizes, dim=axis)


@smooth("chunk")
def chunk(d: Draw):
    x = d.tensor(d.full_shape(1))
    return d.call(x, d.integer(1, 5), d.axis(x.array.ndim))


@smooth("unbind")
def unbind(d: Draw):
    x = d.tensor(d.full_shape(1))
    return d.call(x, d.axis(x.array.ndim))


@smooth("cat concat concatenate")
def cat(d: Draw):
    shape = d.shape(1)
    axis = d.axis(len(shape))
    parts = []
    for _ in range(d.integer(1, 3)):
        sides = list(shape)
        sides[axis] = d.integer(0, 3)
        parts.append(d.tensor(tuple(sides), ("float64", "float32", "int64")))
    return Call(d.name, (parts if d.flag() else tuple(parts), axis))


@smooth("stack")
def stack(d: Draw):
    shape = d.shape(0, 3)
    parts = [d.tensor(shape, ("float64", "float32", "int64")) for _ in range(d.integer(1, 3))]
    return Call("stack", (parts,), {"dim": d.integer(-len(shape) - 1, len(shape))})


@smooth("hstack vstack")
def stack_rows(d: Draw):
    shape = d.shape(1, 3)
    return Call(d.name, ([d.tensor(shape, ("float64",)) for _ in range(d.integer(1, 3))],))


# ---------------------------------------------------------------- indexing


def basic_key(d: Draw, shape):
    """Whole numbers, slices with steps, None and an ellipsis."""
    key, ellipsis = [], False
    for n in shape:
        kind = d.integer(0, 6)
        if kind == 0 and n:
            key.append(d.integer(-n, n - 1))
        elif kind == 1:
            key.append(None)
        elif kind == 2 and not ellipsis:
            key.append(Ellipsis)
            ellipsis = True
            break
        else:
            bounds = [d.choice(None, 0, 1, -1, 2, -3, 5) for _ in range(2)]
            key.append(slice(*bounds, d.choice(None, 1, 2, 3)))
    return key[0] if len(key) == 1 and d.flag() else tuple(key)


def advanced_key(d: Draw, shape):
    """Integer tensors or lists for some axes, slices for others, or one mask."""
    kind = d.integer(0, 4)
    if kind == 0:
        return d.mask(shape)
    if kind == 1:
        return d.mask(shape[: d.integer(1, len(shape))])
    common = d.shape(0, 2, (2, 3, 1))
    key = []
    for n in shape:
        kind = d.integer(0, 3)
        if kind <= 1:
            key.append(d.indices(d.broadcastable(common), n, negative=True))
        elif kind == 2:
            key.append(d.choice(slice(None), slice(1, None), slice(None, None, 2), None))
        else:
            key.append(d.integer(-n, n - 1))
    if len(key) == 1:
        return [0, -1] if d.flag() else key[0]
    return tuple(key)


def read(t, x, key):
    return x[key]


@row("getitem", smooth=True)
def getitem(d: Draw):
    if d.flag():
        x = d.tensor(dtypes=("float64", "float32", "int64", "bool"))
        return Call("getitem", (x, basic_key(d, x.array.shape)), function=read)
    x = d.tensor(d.full_shape(1))
    return Call("getitem", (x, advanced_key(d, x.array.shape)), function=read)


def write(t, x, key, value):
    """Assignment into a tensor that is not a leaf, so that gradients pass through it."""
    y = x * 1
    y[key] = value
    return y


@row("setitem", smooth=True)
def setitem(d: Draw):
    x = d.tensor(d.full_shape(1), ("float64", "float32"))
    basic = d.flag()
    key = basic_key(d, x.array.shape) if basic else advanced_key(d, x.array.shape)
    probe = x.array[numpy_key(key)]
    shape = d.broadcastable(probe.shape)
    if not basic and isinstance(key, Source) and key.array.dtype == bool:
        shape = shape[1:] if shape and shape[0] != 1 else ()
        shape = d.broadcastable(probe.shape[1:])
    elif not basic:
        key = unique_key(key, x.array.shape)
    value = d.choice(0.0, 2, -1.5) if d.flag() else d.tensor(shape, (x.array.dtype.name,))
    return Call("setitem", (x, key, value), function=write)


def numpy_key(key):
    if isinstance(key, tuple):
        return tuple(numpy_key(k) for k in key)
    return key.array if isinstance(key, Source) else key


def unique_key(key, shape):
    """With an index twice, which value stays is not defined: draw a key that has none twice."""
    keys = list(key) if isinstance(key, tuple) else [key]
    axis, found, first = 0, [], True
    for k in keys:
        if isinstance(k, Source):
            k = 0 if not first else Source(np.arange(min(2, shape[axis]))) if k.array.ndim else 0
            first = False
        elif isinstance(k, list):
            k = [0]
        found.append(k)
        axis += k is not None
    return tuple(found) if isinstance(key, tuple) else found[0]


@smooth("index_select")
def index_select(d: Draw):
    x = d.tensor(d.full_shape(1))
    axis = d.axis(x.array.ndim)
    return d.call(x, axis, d.indices((d.integer(0, 4),), x.array.shape[axis]))


def gather_parts(d: Draw, dtypes=FLOATS):
    """A tensor, an axis, and an index that fits into the tensor on all other axes."""
    x = d.tensor(d.full_shape(1, 3), dtypes)
    axis = d.axis(x.array.ndim)
    sides = [d.integer(0, n) for n in x.array.shape]
    sides[axis] = d.integer(0, 5)
    return x, axis, d.indices(tuple(sides), x.array.shape[axis])


@smooth("gather")
def gather(d: Draw):
    return d.call(*gather_parts(d))


@smooth("scatter_add")
def scatter_add(d: Draw):
    x, axis, index = gather_parts(d)
    return d.call(x, axis, index, d.tensor(index.array.shape, (x.array.dtype.name,)))


@smooth("scatter")
def scatter(d: Draw):
    x = d.tensor(d.full_shape(1, 3), ("float64", "float32"))
    axis, shape = d.axis(x.array.ndim), x.array.shape
    rng = np.random.default_rng(d.integer(0, 1000))
    order = np.argsort(rng.random(shape), axis)  # an index without repetition along the axis
    index = Source(order[tuple(slice(0, d.integer(0, n)) for n in shape)].copy())
    if d.flag():
        return d.call(x, axis, index, d.choice(0.0, 1, 2.5))
    return d.call(x, axis, index, d.tensor(index.array.shape, (x.array.dtype.name,)))


@smooth("take_along_dim")
def take_along_dim(d: Draw):
    x = d.tensor(d.full_shape(1, 3))
    axis = d.axis(x.array.ndim)
    sides = list(x.array.shape)
    sides[axis] = d.integer(0, 4)
    return d.call(x, d.indices(tuple(sides), x.array.shape[axis]), axis)


@smooth("index_add index_fill")
def index_add(d: Draw):
    x = d.tensor(d.full_shape(1, 3), ("float64", "float32"))
    axis, sides = d.axis(x.array.ndim), list(x.array.shape)
    index = d.indices((d.integer(0, 4),), sides[axis])
    if d.name == "index_fill":
        return d.call(x, axis, index, d.choice(0.0, 2, -1.5))
    sides[axis] = index.array.size
    return d.call(x, axis, index, d.tensor(tuple(sides), (x.array.dtype.name,)))


@row("searchsorted")
def searchsorted(d: Draw):
    rng = np.random.default_rng(d.integer(0, 1000))
    edges = np.sort(numbers(rng, d.shape(1, 1), "float64", "lattice"))
    return Call(
        d.name, (Source(edges), d.tensor(dtypes=("float64",), domain="lattice", grad=False)), {"right": d.flag()}
    )


@row("bincount")
def bincount(d: Draw):
    x = d.indices(d.shape(1, 1), 5)
    if d.flag():
        return d.call(x, minlength=d.integer(0, 7))
    return d.call(x, d.tensor(x.array.shape, ("float64",), grad=False))


@row("unique")
def unique(d: Draw):
    x = d.tensor(dtypes=("float64", "int64", "bool"), domain="lattice", grad=False)
    return d.call(x, return_inverse=d.flag(), return_counts=d.flag())


@smooth("masked_select")
def masked_select(d: Draw):
    shape = d.shape()
    return d.call(d.tensor(d.broadcastable(shape)), d.mask(d.broadcastable(shape)))


@row("nonzero")
def nonzero(d: Draw):
    return d.call(d.tensor(dtypes=("float64", "int64", "bool"), domain="lattice"))


# ---------------------------------------------------------------- reductions


def reduce(d: Draw, x, several=True):
    """No axis, one axis, or several; kept or not; by position or by keyword."""
    ndim = x.array.ndim
    kind = d.integer(0, 3)
    if kind == 0:
        return d.call(x)
    dim = d.axes(ndim) if several and kind == 1 and ndim else d.axis(ndim)
    if d.flag():
        return (
            d.call(x, dim, d.flag()) if d.name not in ("var", "std", "var_mean") else d.call(x, dim, keepdim=d.flag())
        )
    return d.call(x, dim=dim, keepdim=d.flag())


@smooth("sum")
def total(d: Draw):
    call = reduce(d, d.tensor(dtypes=ANY))
    if d.integer(0, 4) == 0:
        call.options["dtype"] = DType(d.choice("float64", "float32", "int64"))
    return call


@smooth("nansum")
def nansum(d: Draw):
    return reduce(d, d.tensor(dtypes=("float64", "float32"), domain=d.choice("special", "normal")))


@row("count_nonzero")
def count_nonzero(d: Draw):
    x = d.tensor(dtypes=("float64", "int64", "bool"), domain="lattice")
    return d.call(x, dim=d.axis(x.array.ndim)) if d.flag() else d.call(x)


@smooth("trace")
def trace(d: Draw):
    return d.call(d.tensor(d.shape(2, 2), ("float64", "int64")))


@smooth("median")
def median(d: Draw):
    return reduce(d, d.tensor(d.full_shape(), ("float64", "int64"), "distinct", layout="contiguous"), several=False)


@smooth("mean")
def mean(d: Draw):
    return reduce(d, d.tensor(d.full_shape(), FLOATS + ("float64", "int64")))


@smooth("logsumexp")
def logsumexp(d: Draw):
    x = d.tensor(d.full_shape(), FLOATS, d.choice("normal", "lattice"))
    dim = d.axes(x.array.ndim) if x.array.ndim and d.flag() else d.axis(x.array.ndim)
    return d.call(x, dim, d.flag()) if d.flag() else d.call(x, dim=dim)


@smooth("amax amin")
def amax(d: Draw):
    return reduce(d, d.tensor(d.full_shape(), NUMBERS, d.choice("normal", "lattice")))


@smooth("max min")
def maximum_over(d: Draw):
    x = d.tensor(d.full_shape(), NUMBERS, d.choice("normal", "lattice"))
    if d.integer(0, 5) == 0:
        return d.call(x, d.tensor(x.array.shape, NUMBERS))
    return reduce(d, x, several=False)


@row("argmax argmin")
def argmax(d: Draw):
    return reduce(d, d.tensor(d.full_shape(), NUMBERS, d.choice("normal", "lattice")), several=False)


@row("any all")
def any_all(d: Draw):
    return reduce(d, d.tensor(dtypes=ANY, domain="lattice"))


@smooth("prod")
def prod(d: Draw):
    return reduce(d, d.tensor(d.shape(0, 3), NUMBERS, d.choice("normal", "lattice")), several=False)


@smooth("var std var_mean")
def variance(d: Draw):
    # a constant has no second derivative of std: PyTorch says NaN
    x = d.tensor(d.shape(1, 4, (3, 2, 4)), FLOATS[:2], "normal", layout="transposed" if d.twice else None)
    call = reduce(d, x)
    kind = d.integer(0, 3)
    if kind == 0:
        call.options["correction"] = d.choice(0, 1)
    elif kind == 1 and d.name != "var_mean":
        call.options["unbiased"] = d.flag()
        call.options.setdefault("keepdim", False)
        if len(call.arguments) == 1 and "dim" not in call.options:
            call.options["dim"] = None
    return call


@smooth("cumsum")
def cumsum(d: Draw):
    x = d.tensor(dtypes=NUMBERS)
    return d.call(x, d.axis(x.array.ndim)) if d.flag() else d.call(x, dim=d.axis(x.array.ndim))


@smooth("sort")
def sort(d: Draw):
    x = d.tensor(d.full_shape(), ("float64", "float32", "int64"), "distinct", layout=None)
    options = {}
    if d.flag():
        options["descending"] = d.flag()
    return (
        d.call(x, dim=d.axis(x.array.ndim), stable=True, **options) if d.flag() else d.call(x, **options, stable=True)
    )


@row("argsort")
def argsort(d: Draw):
    x = d.tensor(d.full_shape(), ("float64", "int64"), "lattice")
    return d.call(x, dim=d.axis(x.array.ndim), descending=d.flag(), stable=True)


@smooth("topk")
def topk(d: Draw):
    x = d.tensor(d.full_shape(1), ("float64", "float32"), "distinct", layout="contiguous")
    axis = d.axis(x.array.ndim)
    k = d.integer(0, x.array.shape[axis])
    return d.call(x, k, axis, largest=d.flag()) if d.flag() else d.call(x, d.integer(0, x.array.shape[-1]))


@smooth("norm")
def norm(d: Draw):
    x = d.tensor(d.full_shape(1), ("float64", "float32"), "nonzero")
    if d.integer(0, 3) == 0:
        return d.call(x)
    p = d.choice(2, 1, 2.0, 3, float("inf"), "fro")
    dim = d.axes(x.array.ndim)[:2] if d.flag() else d.axis(x.array.ndim)
    return d.call(x, p=p, dim=dim, keepdim=d.flag())


@smooth("softmax log_softmax")
def softmax(d: Draw):
    x = d.tensor(d.shape(), FLOATS[:2])
    if d.integer(0, 4) == 0:
        x = Source(x.array * 1000, x.layout, x.grad)
    axis = d.axis(x.array.ndim)
    return d.call(x, axis) if d.flag() else d.call(x, dim=axis)


# ---------------------------------------------------------------- linear algebra


def matrices(d: Draw):
    """Two operands of matmul, of every pair of ranks."""
    inner, rows, columns = d.choice(3, 2, 1, 4, 0), d.choice(2, 3, 1, 0), d.choice(4, 2, 1, 0)
    batch = d.shape(0, 2, (2, 3, 1))
    left, right = d.broadcastable(batch) + (rows, inner), d.broadcastable(batch) + (inner, columns)
    if d.integer(0, 3) == 0:
        left = (inner,)
    if d.integer(0, 3) == 0:
        right = (inner,)
    dtypes = (d.choice("float64", "float32", "int64"),)
    return d.tensor(left, dtypes), d.tensor(right, dtypes)


@smooth("matmul")
def matmul(d: Draw):
    return d.call(*matrices(d))


@smooth("mm")
def mm(d: Draw):
    inner, rows, columns = d.integer(0, 4), d.integer(0, 4), d.integer(0, 4)
    return d.call(d.tensor((rows, inner), ("float64",)), d.tensor((inner, columns), ("float64",)))


@smooth("bmm")
def bmm(d: Draw):
    batch, inner, rows, columns = (d.integer(0, 3) for _ in range(4))
    return d.call(d.tensor((batch, rows, inner), ("float64",)), d.tensor((batch, inner, columns), ("float64",)))


@smooth("mv")
def mv(d: Draw):
    inner, rows = d.integer(0, 4), d.integer(0, 4)
    return d.call(d.tensor((rows, inner), ("float64",)), d.tensor((inner,), ("float64",)))


@smooth("dot")
def dot(d: Draw):
    n = d.integer(0, 5)
    dtypes = (d.choice("float64", "float32", "int64"),)
    return d.call(d.tensor((n,), dtypes), d.tensor((n,), dtypes))


@smooth("outer")
def outer(d: Draw):
    return d.call(d.tensor(d.shape(1, 1), ("float64",)), d.tensor(d.shape(1, 1), ("float64", "int64")))


@smooth("addmm")
def addmm(d: Draw):
    rows, inner, columns = (d.integer(1, 3) for _ in range(3))
    x = d.tensor(d.broadcastable((rows, columns)), ("float64",))
    options = d.choice({}, {"beta": 0.5, "alpha": 2.0})
    return d.call(x, d.tensor((rows, inner), ("float64",)), d.tensor((inner, columns), ("float64",)), **options)


@smooth("tensordot")
def tensordot(d: Draw):
    common, left, right = d.full_shape(1, 2), d.full_shape(0, 2), d.full_shape(0, 2)
    x, y = d.tensor(left + common, ("float64",)), d.tensor(common + right, ("float64",))
    if d.flag():
        return Call(d.name, (x, y), {"dims": len(common)})
    axes = list(range(len(left), len(left) + len(common))), list(range(len(common)))
    return Call(d.name, (x, y), {"dims": axes})


EQUATIONS = (
    "ij,jk->ik",
    "bij,bjk->bik",
    "bhid,bhjd->bhij",
    "ij->ji",
    "ij->i",
    "ij->",
    "ii->i",
    "ii",
    "i,j->ij",
    "i,i",
    "ij,ij->ij",
    "bij,kj->bik",
    "ij,j",
    "...ij,...jk->...ik",
    "b...d,kd->b...k",
    "ij,jk,kl->il",
)


@smooth("einsum")
def einsum(d: Draw):
    equation = d.choice(*EQUATIONS)
    sides = {letter: d.choice(2, 3, 1) for letter in "abcdefghijkl"}
    extra = d.shape(0, 1, (2, 1))
    operands = []
    for term in equation.partition("->")[0].split(","):
        before, dots, after = term.partition("...")
        shape = tuple(sides[c] for c in before) + (extra if dots else ()) + tuple(sides[c] for c in after)
        operands.append(d.tensor(shape, ("float64",)))
    return Call("einsum", (equation, *operands) if d.flag() else (equation, operands))


# ---------------------------------------------------------------- dtypes and devices


@smooth("to")
def to(d: Draw):
    x = d.tensor(dtypes=ANY)
    kind = d.integer(0, 3)
    if kind == 0:
        return d.call(x, DType(d.choice(*ANY)))
    if kind == 1:
        return d.call(x, dtype=DType(d.choice("float64", "int64", "bool")))
    if kind == 2:
        return d.call(x, d.tensor(dtypes=("float64", "float32", "int64")))
    return d.call(x, "cpu")


@row("float double half int long bool cpu", smooth=False)
def cast(d: Draw):
    x = d.tensor(dtypes=ANY)
    return Call(d.name, (x,), method=True)


@row("type_as")
def type_as(d: Draw):
    return d.call(d.tensor(dtypes=ANY), d.tensor(dtypes=ANY))


@row("zeros_like ones_like full_like")
def likes(d: Draw):
    arguments = (d.choice(3, -1, 0),) if d.name == "full_like" else ()
    options = {"dtype": DType(d.choice("float64", "int64", "bool"))} if d.flag() else {}
    x = d.tensor(dtypes=tuple(n for n in ANY if n != "uint8"))
    return Call(d.name, (x, *arguments), options)


@row("new_zeros new_ones new_full")
def news(d: Draw):
    x = d.tensor(dtypes=ANY)
    if d.name == "new_full":
        return d.call(x, d.shape(), d.choice(0, 1))
    return spread(d, x, d.shape(1, 3))


@row("new_tensor")
def new_tensor(d: Draw):
    return d.call(d.tensor(dtypes=ANY), d.choice([1, 0], [[1.5]], 1))


# ---------------------------------------------------------------- creation


def row_creation(names):
    return row(names, CREATION)


@row_creation("zeros ones")
def zeros(d: Draw):
    shape = d.shape()
    options = {"dtype": DType(d.choice(*ANY))} if d.flag() else {}
    if d.integer(0, 3) == 0 and options.get("dtype", DType("float32")).name in FLOATS:
        options["requires_grad"] = True
    return Call(d.name, shape if shape and d.flag() else (shape,), options)


@row_creation("full")
def full(d: Draw):
    options = {"dtype": DType(d.choice("float64", "float32", "int32"))} if d.flag() else {}
    return Call("full", (d.shape(), d.choice(2, 0.5, True, -1)), options)


@row_creation("arange")
def arange(d: Draw):
    kind = d.integer(0, 3)
    if kind == 0:
        arguments = (d.integer(0, 9),)
    elif kind == 1:
        low = d.integer(-5, 5)
        arguments = (low, low + d.integer(0, 9))
    elif kind == 2:
        low, step = d.integer(-5, 5), d.choice(1, 2, 3)
        arguments = (low, low + d.integer(0, 9), step) if d.flag() else (low, low - d.integer(0, 9), -step)
    else:
        arguments = (d.choice(0, 0.5, -1.0), d.choice(2.5, 4.0, 3), d.choice(0.5, 0.25, 1.0))
        return Call("arange", arguments, {"dtype": DType("float64")} if d.flag() else {})
    return Call("arange", arguments, {"dtype": DType(d.choice("float64", "float32", "int64"))} if d.flag() else {})


@row_creation("linspace")
def linspace(d: Draw):
    options = {"dtype": DType("float64")} if d.flag() else {}
    return Call("linspace", (d.choice(0, -1.0, 2), d.choice(1, 5.0, -3), d.integer(0, 9)), options)


@row_creation("logspace")
def logspace(d: Draw):
    return Call("logspace", (d.choice(0, -1.0), d.choice(1, 2.0), d.integer(0, 5)), {"dtype": DType("float64")})


@row_creation("eye")
def eye(d: Draw):
    arguments = (d.integer(0, 4),) if d.flag() else (d.integer(0, 4), d.integer(0, 4))
    return Call("eye", arguments, {"dtype": DType(d.choice("float64", "int64", "bool"))} if d.flag() else {})


@row_creation("tensor as_tensor")
def tensor(d: Draw):
    options = {"dtype": DType(d.choice(*ANY))} if d.flag() else {}
    kind = d.integer(0, 3)
    if kind == 0:
        data = d.choice(
            3, 2.5, True, [1, 2], [1.5, 2], [True, False], [], [[1, 2], [3, 4]], [[1.0], [2]], [[]], [1, True]
        )
    else:
        rng = np.random.default_rng(d.integer(0, 1000))
        data = numbers(rng, d.shape(), d.choice(*ANY), "lattice")
        if kind == 2:
            data = data.tolist()
        if options.get("dtype", DType("")).name == "uint8":
            options = {}
    if d.integer(0, 4) == 0 and d.name == "tensor" and options.get("dtype", DType("")).name in FLOATS:
        options["requires_grad"] = True
    return Call(d.name, (data,), options)


@row_creation("from_numpy")
def from_numpy(d: Draw):
    rng = np.random.default_rng(d.integer(0, 1000))
    return Call("from_numpy", (numbers(rng, d.shape(), d.choice(*ANY), "lattice").T,))


@row_creation("Tensor")
def legacy_tensor(d: Draw):
    return Call("Tensor", (d.choice([1, 2], [[1.5, 2.0]], [], [True], [[1], [2]], [0.5]),))


@row_creation("result_type promote_types")
def promotion(d: Draw):
    if d.name == "promote_types":
        return Call(d.name, (DType(d.choice(*ANY)), DType(d.choice(*ANY))))
    return Call(d.name, (d.tensor(dtypes=ANY, grad=False), d.tensor(dtypes=ANY, grad=False)))


# ---------------------------------------------------------------- in place


def row_in_place(names):
    return row(names, IN_PLACE)


def changed(name):
    """The method on a copy that is no leaf; both what it returns and the changed tensor are seen."""

    def function(t, x, *arguments, **options):
        y = x * 1 if x.dtype != t.bool else x.clone()
        result = getattr(y, name)(*arguments, **options)
        assert result is y, f"{name} must return the tensor that it changed"
        return y

    return function


def change(d: Draw, x, *arguments, **options):
    return Call(d.name, (x, *arguments), options, function=changed(d.name))


@row_in_place("add_ sub_ mul_ div_")
def arithmetic_(d: Draw):
    x = d.tensor(dtypes=("float64", "float32", "int64"))
    if d.flag():
        return change(d, x, d.choice(2, -3, 0.5))
    dtypes = ("float64", "float32", "int64")
    return change(d, x, d.tensor(d.broadcastable(x.array.shape), dtypes, "nonzero"))


@row_in_place(
    "exp_ zero_ neg_ abs_ sqrt_ relu_ sigmoid_ tanh_ floor_ round_ ceil_ sin_ cos_ square_ log_ rsqrt_ reciprocal_ tril_ triu_"
)
def unary_(d: Draw):
    domain = "positive" if d.name in ("sqrt_", "log_", "rsqrt_", "reciprocal_") else "any"
    shape = d.shape(2) if d.name in ("tril_", "triu_") else d.shape()
    return change(d, d.tensor(shape, ("float64", "float32"), domain))


@row_in_place("logical_not_")
def logical_not_(d: Draw):
    return change(d, d.mask(d.shape()))


@row_in_place("remainder_")
def remainder_(d: Draw):
    return change(d, d.tensor(dtypes=("float64", "int64")), d.choice(2, 3))


@row_in_place("index_fill_ scatter_")
def index_fill_(d: Draw):
    x = d.tensor(d.full_shape(1, 3), ("float64",))
    axis = d.axis(x.array.ndim)
    if d.name == "index_fill_":
        return change(d, x, axis, d.indices((d.integer(0, 3),), x.array.shape[axis]), d.choice(0.0, 2.0))
    index = Source(
        np.zeros([1 if a == axis % x.array.ndim else n for a, n in enumerate(x.array.shape)], dtype=np.int64)
    )
    return change(d, x, axis, index, d.tensor(index.array.shape, ("float64",)))


@row_in_place("fill_")
def fill_(d: Draw):
    return change(d, d.tensor(dtypes=("float64", "float32", "int64")), d.choice(0, 3, -1))


@row_in_place("clamp_ clip_")
def clamp_(d: Draw):
    return change(
        d, d.tensor(dtypes=("float64", "float32")), **d.choice({"min": -1}, {"max": 1}, {"min": -1, "max": 1})
    )


@row_in_place("copy_")
def copy_(d: Draw):
    x = d.tensor(dtypes=("float64", "float32", "int64"))
    return change(d, x, d.tensor(d.broadcastable(x.array.shape), ("float64", "float32", "int64")))


@row_in_place("masked_fill_")
def masked_fill_(d: Draw):
    x = d.tensor(dtypes=("float64", "float32", "int64"))
    return change(d, x, d.mask(d.broadcastable(x.array.shape)), d.choice(0, 2, -1))


@row_in_place("pow_")
def pow_(d: Draw):
    return change(d, d.tensor(dtypes=("float64",), domain="positive"), d.choice(2, 0.5, 3))


@row_in_place("addcmul_ addcdiv_")
def addc_(d: Draw):
    x = d.tensor(dtypes=("float64",))
    y = d.tensor(d.broadcastable(x.array.shape), ("float64",))
    return change(d, x, y, d.tensor(d.broadcastable(x.array.shape), ("float64",), "nonzero"), value=d.choice(1, -0.5))


@row_in_place("lerp_")
def lerp_(d: Draw):
    x = d.tensor(dtypes=("float64",))
    return change(d, x, d.tensor(d.broadcastable(x.array.shape), ("float64",)), d.choice(0.1, 0.5, 0.9))


@row_in_place("scatter_add_ index_add_")
def scatter_add_(d: Draw):
    x, axis, index = gather_parts(d, ("float64",))
    if d.name == "index_add_":
        sides = list(x.array.shape)
        sides[axis] = d.integer(0, 4)
        index = d.indices((sides[axis],), x.array.shape[axis])
        return change(d, x, axis, index, d.tensor(tuple(sides), ("float64",)))
    return change(d, x, axis, index, d.tensor(index.array.shape, ("float64",)))


# ---------------------------------------------------------------- torch.nn.functional


@smooth("nn.functional.sigmoid nn.functional.tanh nn.functional.relu nn.functional.silu")
def activation(d: Draw):
    domain = d.choice("normal", "lattice", "positive", "special")
    return d.call(d.tensor(dtypes=FLOATS[:2], domain=domain))


@smooth("nn.functional.leaky_relu")
def leaky_relu(d: Draw):
    x = d.tensor(dtypes=FLOATS[:2])
    return d.call(x, d.choice(0.01, 0.2, 0.0)) if d.flag() else d.call(x)


@smooth("nn.functional.gelu")
def gelu(d: Draw):
    x = d.tensor(dtypes=FLOATS[:2])
    return d.call(x, approximate=d.choice("none", "tanh")) if d.flag() else d.call(x)


@smooth("nn.functional.softmax nn.functional.log_softmax")
def functional_softmax(d: Draw):
    x = d.tensor(d.shape(), FLOATS[:2])
    return d.call(x, dim=d.axis(x.array.ndim))


@smooth("nn.functional.linear")
def linear(d: Draw):
    inner, out = d.integer(1, 4), d.integer(1, 4)
    x = d.tensor(d.shape(0, 3) + (inner,), ("float64",))
    weight = d.tensor((out, inner), ("float64",))
    return d.call(x, weight, d.tensor((out,), ("float64",))) if d.flag() else d.call(x, weight)

"""The layers of module 08 against PyTorch: values, gradients, running statistics; and checkpointing to the bit."""

import tracemalloc

import numpy as np
import pytest
import torch
import torch.utils.checkpoint
from oracle import LAYOUTS, Call, Source, compare, compare_twice

import tinytorch
from tinytorch.nn import normalization as n

LAYERS = [
    ("LayerNorm", (6,), (4, 6)),
    ("LayerNorm", ((3, 6),), (4, 3, 6)),
    ("RMSNorm", (6,), (4, 6)),
    ("GroupNorm", (2, 6), (4, 6, 3, 3)),
    ("GroupNorm", (3, 6), (4, 6)),
    ("BatchNorm1d", (6,), (4, 6)),
    ("BatchNorm1d", (6,), (4, 6, 5)),
    ("BatchNorm2d", (6,), (4, 6, 3, 3)),
]


@pytest.mark.parametrize("name, arguments, shape", LAYERS, ids=str)
def test_layers(name, arguments, shape):
    rng = np.random.default_rng(0)
    theirs, ours = getattr(torch.nn, name)(*arguments), getattr(n, name)(*arguments)
    values = {key: rng.standard_normal(p.shape).astype("f") for key, p in theirs.named_parameters()}
    theirs.load_state_dict({key: torch.tensor(v) for key, v in values.items()}, strict=False)
    ours.load_state_dict({key: tinytorch.tensor(v) for key, v in values.items()}, strict=False)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for mode in (True, True, False):
        theirs.train(mode), ours.train(mode)
        x, g = (2 * rng.standard_normal(shape) + 1).astype("f"), rng.standard_normal(shape).astype("f")
        tx, mx = torch.tensor(x, requires_grad=True), tinytorch.tensor(x, requires_grad=True)
        a, b = theirs(tx), ours(mx)
        (a * torch.tensor(g)).sum().backward(), (b * tinytorch.tensor(g)).sum().backward()
        np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(mx.grad.numpy(), tx.grad.numpy(), rtol=1e-4, atol=1e-5)
        for (key, p), q in zip(theirs.named_parameters(), ours.parameters()):
            np.testing.assert_allclose(q.grad.numpy(), p.grad.numpy(), rtol=1e-4, atol=1e-4, err_msg=key)
        for (key, p), q in zip(theirs.state_dict().items(), ours.state_dict().values()):
            np.testing.assert_allclose(q.detach().numpy(), p.numpy(), rtol=1e-5, atol=1e-6, err_msg=key)


def test_second_derivative_of_layer_norm():
    rng = np.random.default_rng(0)
    x, v = rng.standard_normal((2, 3, 5))
    out = []
    for t, norm in ((torch, torch.nn.functional.layer_norm), (tinytorch, n.layer_norm)):
        a = t.tensor(x, requires_grad=True)
        (g,) = t.autograd.grad((norm(a, (5,)) ** 3).sum(), a, create_graph=True)
        (h,) = t.autograd.grad((g * t.tensor(v)).sum(), a)
        out.append(h.detach().numpy())
    np.testing.assert_allclose(out[1], out[0], rtol=1e-6)


def test_checkpointing_gives_the_same_gradients_to_the_bit():
    def gradients(call):
        tinytorch.manual_seed(0)
        block = tinytorch.nn.Sequential(tinytorch.nn.Linear(8, 8), n.Dropout(0.5), tinytorch.nn.GELU(), n.LayerNorm(8))
        x = tinytorch.randn(4, 8, requires_grad=True)
        (call(block, x) ** 2).sum().backward()
        return [x.grad.numpy(), *(p.grad.numpy() for p in block.parameters())]

    plain, kept = gradients(lambda block, x: block(x)), gradients(n.checkpoint)
    assert all((a == b).all() for a, b in zip(plain, kept))


def test_dropout_keeps_the_mean_and_the_share():
    tinytorch.manual_seed(0)
    y = n.dropout(tinytorch.ones(100_000), 0.3).numpy()
    assert abs((y == 0).mean() - 0.3) < 0.01 and abs(y.mean() - 1) < 0.01


def source(array, layout="contiguous", grad=True):
    """The array as a tensor of either library, in a layout; an expanded one repeats its first row."""
    array = np.asarray(array)
    if layout == "expanded":
        array = np.broadcast_to(array[:1], array.shape).copy()
    return Source(array, layout, grad)


def calls(rng, dtype, layout="contiguous"):
    """Every function with and without each of its parameters."""

    def draw(*shape):
        return source((2 * rng.standard_normal(shape) + 1).astype(dtype), layout if len(shape) > 1 else "contiguous")

    for shape in ((4, 6), (2, 3, 6)):
        for parameters in ((), (draw(6),), (draw(6), draw(6))):
            yield Call("nn.functional.layer_norm", (draw(*shape), (6,), *parameters), {"eps": 1e-3})
        yield Call("nn.functional.rms_norm", (draw(*shape), (6,)))
        yield Call("nn.functional.rms_norm", (draw(*shape), (6,), draw(6)), {"eps": 0.1})
    yield Call("nn.functional.layer_norm", (draw(2, 3, 6), (3, 6), draw(3, 6), draw(3, 6)))
    yield Call("nn.functional.rms_norm", (draw(2, 3, 6), (3, 6), draw(3, 6)))
    for shape in ((4, 6), (2, 6, 5), (2, 6, 3, 2)):
        for parameters in ((), (draw(6), draw(6)), (draw(6), None)):
            yield Call("nn.functional.group_norm", (draw(*shape), 3, *parameters), {"eps": 1e-3})
            yield Call("nn.functional.batch_norm", (draw(*shape), None, None, *parameters), {"training": True})
            running = (
                source(rng.standard_normal(6).astype(dtype), grad=False),
                source(rng.random(6).astype(dtype) + 0.5, grad=False),
            )
            for training in (True, False):
                options = {"training": training, "momentum": 0.3, "eps": 1e-2}
                yield Call("nn.functional.batch_norm", (draw(*shape), *running, *parameters), options)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_in_every_layout(dtype, layout):
    for call in calls(np.random.default_rng(1), dtype, layout):
        # a batch whose rows are all equal has no variance: what is left is rounding, magnified
        if layout != "expanded" or call.name in ("nn.functional.layer_norm", "nn.functional.rms_norm"):
            compare(call, layout=layout, loose=10)


def test_second_derivatives():
    for call in calls(np.random.default_rng(2), "float64"):
        compare_twice(call)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "name, arguments, options, shape",
    [
        ("LayerNorm", (6,), {"bias": False}, (4, 6)),
        ("LayerNorm", (6,), {"elementwise_affine": False, "eps": 0.1}, (2, 4, 6)),
        ("RMSNorm", (6,), {"elementwise_affine": False}, (4, 6)),
        ("RMSNorm", ((2, 3),), {"eps": 0.1}, (4, 2, 3)),
        ("GroupNorm", (2, 6), {"affine": False, "eps": 0.1}, (4, 6, 3)),
        ("BatchNorm1d", (6,), {"affine": False, "momentum": 0.5}, (5, 6)),
        ("BatchNorm1d", (6,), {"momentum": None}, (5, 6, 2)),
        ("BatchNorm1d", (6,), {"track_running_stats": False, "eps": 0.1}, (5, 6)),
        ("BatchNorm2d", (6,), {"momentum": None, "affine": False}, (2, 6, 3, 3)),
        ("BatchNorm2d", (6,), {"track_running_stats": False}, (2, 6, 3, 3)),
    ],
    ids=str,
)
def test_layers_with_options(name, arguments, options, shape, dtype):
    rng, found = np.random.default_rng(3), []
    batches = (2 * rng.standard_normal((3, *shape)) + 1).astype(dtype)
    for t in (torch, tinytorch):
        layer, values = getattr(t.nn, name)(*arguments, **options).to(getattr(t, dtype)), []
        for mode, batch in zip((True, True, False), batches):
            layer.train(mode)
            x = t.tensor(batch).requires_grad_()
            y = layer(x)
            (y * t.tensor(batch + 1)).sum().backward()
            values += [y.detach(), x.grad, *(p.grad for p in layer.parameters())]
        values += layer.state_dict().values()
        found.append((repr(layer), list(layer.state_dict()), [np.asarray(v.detach().numpy()) for v in values]))
    (their_text, their_names, theirs), (text, names, ours) = found
    assert text == their_text and names == their_names
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(
            a, b, **({"rtol": 1e-4, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-9, "atol": 1e-10})
        )


def test_a_kept_graph_gives_the_same_gradients_again():
    """The first backward overwrites the normalised values; the second computes them anew."""
    rng = np.random.default_rng(4)
    x, w, b = leaves = [
        tinytorch.tensor(rng.standard_normal(s).astype("f"), requires_grad=True) for s in ((4, 6), 6, 6)
    ]
    loss, found = (n.layer_norm(x, (6,), w, b) ** 3).sum(), []
    for _ in range(3):
        for leaf in leaves:
            leaf.grad = None
        loss.backward(retain_graph=True)
        found.append([leaf.grad.numpy().copy() for leaf in leaves])
    assert np.abs(found[0][0]).max() > 0.01
    assert all((g == first).all() for again in found[1:] for g, first in zip(again, found[0]))


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_dropout_in_both_modes(p):
    x = tinytorch.ones(1000, requires_grad=True)
    layer = n.Dropout(p)
    assert layer.eval()(x) is x
    tinytorch.manual_seed(0)
    y = layer.train()(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())
    expected = {0.0: {1.0}, 0.3: {0.0, np.float32(1 / 0.7)}, 1.0: {0.0}}[p]
    assert set(y.detach().numpy()) == expected
    assert y.detach().numpy().dtype == np.float32 and n.dropout(x.double(), p).dtype == tinytorch.float64


def chain(depth, width=32):
    """A recurrent network unrolled: one layer, `depth` times, as backpropagation through time sees it."""
    tinytorch.manual_seed(0)
    layer = tinytorch.nn.Linear(width, width)
    return layer, [lambda h: (layer(h) + h).tanh()] * depth


def gradients_and_peak(depth, segment):
    layer, steps = chain(depth)
    x = tinytorch.randn(256, 32, requires_grad=True)

    def run(h, part):
        for step in part:
            h = step(h)
        return h

    tracemalloc.start()
    h = x
    for start in range(0, depth, segment or depth):
        part = steps[start : start + (segment or depth)]
        h = n.checkpoint(lambda h, part=part: run(h, part), h) if segment else run(h, part)
    h.sum().backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return [x.grad.numpy(), layer.weight.grad.numpy(), layer.bias.grad.numpy()], peak


def test_a_checkpointed_chain_has_the_same_input_gradient_and_a_fifth_of_the_memory():
    """300 steps in segments of 20. The input's gradient is the same to the bit; a weight shared by all segments adds its parts up
    in another order, so it is equal to rounding."""
    (x, w, b), whole = gradients_and_peak(300, 0)
    (cx, cw, cb), part = gradients_and_peak(300, 20)
    assert (x == cx).all()
    np.testing.assert_allclose(cw, w, rtol=1e-4, atol=1e-3 * np.abs(w).max())
    np.testing.assert_allclose(cb, b, rtol=1e-4, atol=1e-3 * np.abs(b).max())
    assert part < whole / 5, f"{part / 1e6:.1f} MB of {whole / 1e6:.1f} MB"


def half_of_tanh(x, y):
    return n.dropout((x @ y).tanh(), 0.5)


def test_checkpoints_of_two_inputs_within_a_checkpoint():
    found = []
    for wrap in (lambda f, *inputs: f(*inputs), n.checkpoint):
        tinytorch.manual_seed(1)
        a, b = (tinytorch.randn(5, 5, requires_grad=True) for _ in range(2))
        out = wrap(lambda x, y, wrap=wrap: wrap(half_of_tanh, x, y) * n.dropout(x, 0.3), a, b)
        (out**2).sum().backward()
        found.append([out.detach().numpy(), a.grad.numpy(), b.grad.numpy(), tinytorch.rand(3).numpy()])
    assert all((p == q).all() for p, q in zip(*found))


@pytest.mark.parametrize("parameters", ["float16", "float32"])
@pytest.mark.parametrize("size", [1e-3, 1, 300, 1.5e4])
def test_float16_is_computed_in_float32(size, parameters):
    """The squares of 300 are beyond float16, and those of 0.001 below it; the result is float16, with parameters of either dtype."""
    rng = np.random.default_rng(5)

    def draw(*shape, dtype=parameters, size=1.0):
        return source((size * rng.standard_normal(shape)).astype(dtype))

    image = draw(4, 6, 5, dtype="float16", size=size)
    compare(Call("nn.functional.layer_norm", (image, (5,), draw(5), draw(5))), loose=4)
    compare(Call("nn.functional.layer_norm", (image, (5,))), loose=4)
    compare(Call("nn.functional.group_norm", (image, 3, draw(6), draw(6))), loose=4)
    compare(Call("nn.functional.group_norm", (image, 3)), loose=4)
    compare(Call("nn.functional.rms_norm", (image, (5,), draw(5))), loose=4)
    compare(Call("nn.functional.rms_norm", (image, (5,))), loose=4)
    for training in (True, False):
        running = (source(np.zeros(6, parameters), grad=False), source(np.ones(6, parameters), grad=False))
        options = {"training": training}
        compare(Call("nn.functional.batch_norm", (image, *running, draw(6), draw(6)), options), loose=4)


@pytest.mark.parametrize(
    "name, arguments, shape",
    [
        ("LayerNorm", (8,), (4, 8)),
        ("RMSNorm", (8,), (4, 8)),
        ("GroupNorm", (2, 8), (4, 8, 3)),
        ("BatchNorm1d", (8,), (4, 8)),
    ],
)
def test_layers_in_float16(name, arguments, shape):
    """Output, gradients and running statistics of a layer after half(), for values whose squares float16 cannot hold."""
    rng, found = np.random.default_rng(6), []
    x, g = (100 * rng.standard_normal(shape) + 300).astype("float16"), rng.standard_normal(shape).astype("float16")
    for t in (torch, tinytorch):
        layer, values = getattr(t.nn, name)(*arguments).half(), []
        for mode in (True, False):
            a = t.tensor(x, requires_grad=True)
            y = layer.train(mode)(a)
            (y * t.tensor(g)).sum().backward()
            values += [y, a.grad, *(p.grad for p in layer.parameters())]
        found.append([v.detach().numpy() for v in (*values, *layer.state_dict().values())])
    for theirs, ours in zip(*found, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=4e-3, atol=4e-3 * np.abs(theirs).max())


@pytest.mark.parametrize("shape", [(0, 4), (0, 4, 3), (2, 4, 0)], ids=str)
def test_nothing_to_normalise(shape):
    """An empty batch, or images of no pixels: an empty result."""
    for groups in (1, 2, 4):
        compare(Call("nn.functional.group_norm", (source(np.zeros(shape, "f")), groups)))
    compare(Call("nn.functional.layer_norm", (source(np.zeros(shape, "f")), shape[1:])))
    compare(Call("nn.functional.rms_norm", (source(np.zeros(shape, "f")), shape[1:])))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_dropout_in_place(p, training):
    """PyTorch's arguments by position; with inplace the result is the input, overwritten in training."""
    for t in (torch, tinytorch):
        t.manual_seed(0)
        leaf = t.ones(100, requires_grad=True)
        x = leaf * 2
        y = t.nn.functional.dropout(x, p, training, True)
        y.sum().backward()
        assert y is x and (leaf.grad.numpy() == y.detach().numpy()).all()
        assert set(y.tolist()) == ({0.0: {2.0}, 0.5: {0.0, 4.0}, 1.0: {0.0}}[p] if training else {2.0})
        layer = t.nn.Dropout(p, True).train(training)
        x = t.ones(100)
        assert layer(x) is x and layer.inplace
        assert (
            repr(layer) == f"Dropout(p={p}, inplace=True)" and repr(t.nn.Dropout()) == "Dropout(p=0.5, inplace=False)"
        )
        if training and p:
            with pytest.raises(RuntimeError, match="leaf"):
                layer(leaf)
        else:
            assert layer(leaf) is leaf


def test_checkpoints_take_what_pytorch_takes():
    """use_reentrant, and inputs that are no tensors; the gradients are those without a checkpoint."""

    def scaled(x, factor, y, mask, shift=0.0):
        return x * factor + y * shift if mask is None else x

    found = []
    for t, checkpoint in ((torch, torch.utils.checkpoint.checkpoint), (tinytorch, n.checkpoint)):
        for use_reentrant in (True, False):
            x, y = t.tensor([1.0, 2.0], requires_grad=True), t.tensor([3.0, 5.0], requires_grad=True)
            out = checkpoint(scaled, x, 3.0, y, None, 7, use_reentrant=use_reentrant)
            out.sum().backward()
            found.append([out.tolist(), x.grad.tolist(), y.grad.tolist()])
    assert all(one == found[0] for one in found) and found[0][1:] == [[3, 3], [7, 7]]


EMPTY = {
    "LayerNorm": (lambda nn: nn.LayerNorm(3), (0, 3)),
    "LayerNorm without weights": (lambda nn: nn.LayerNorm(3, elementwise_affine=False), (0, 2, 3)),
    "RMSNorm": (lambda nn: nn.RMSNorm(3), (0, 3)),
    "GroupNorm": (lambda nn: nn.GroupNorm(1, 4), (0, 4, 2)),
    "BatchNorm1d": (lambda nn: nn.BatchNorm1d(3), (0, 3)),
    "BatchNorm2d": (lambda nn: nn.BatchNorm2d(3), (0, 3, 2, 2)),
}


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_batch(name):
    """Nothing comes out, no parameter gets a NaN for a gradient, and no running statistic moves."""
    make, shape = EMPTY[name]
    found = []
    for t in (tinytorch, torch):
        layer, x = make(t.nn), t.zeros(*shape, requires_grad=True)
        y = layer(x)
        y.sum().backward()
        state = {k: v.tolist() for k, v in layer.state_dict().items() if k != "num_batches_tracked"}
        gradients = [p.grad.tolist() for p in layer.parameters()]
        found.append((tuple(y.shape), tuple(x.grad.shape), gradients, state))
    assert found[0] == found[1]


def test_one_value_for_each_group_is_refused():
    for t in (tinytorch, torch):
        with pytest.raises(ValueError, match=r"more than 1 value per channel.*\[1, 3\]"):
            t.nn.GroupNorm(3, 3)(t.ones(1, 3))
        assert t.nn.GroupNorm(3, 3)(t.ones(2, 3)).tolist() == [[0.0] * 3] * 2

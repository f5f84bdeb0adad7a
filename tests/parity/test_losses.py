"""Every loss of module 04 against PyTorch: values and gradients, for each reduction and option, at ordinary and extreme inputs."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from oracle import LAYOUTS, Call, Source, compare, compare_twice

import tinytorch
from tinytorch.nn import losses

REDUCTIONS = ("none", "mean", "sum")
SHAPES = [(5,), (6, 5), (6, 5, 3), (2, 5, 3, 4)]


def both(array, grad=True):
    return torch.tensor(array, requires_grad=grad), tinytorch.tensor(array, requires_grad=grad)


def agree(ours, theirs, scale=1.0):
    np.testing.assert_allclose(
        ours.detach().numpy() / scale, theirs.detach().numpy() / scale, rtol=1e-5, atol=1e-6, equal_nan=True
    )


def optional(value, module):
    return None if value is None else module.tensor(value)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("scale", [1, 1e4])
def test_cross_entropy_of_indices(shape, scale):
    rng = np.random.default_rng(len(shape))
    x = (scale * rng.standard_normal(shape)).astype("f")
    places = shape[:1] + shape[2:] if len(shape) > 1 else ()
    y = np.where(rng.random(places) < 0.3, 2, rng.integers(0, 5, places))
    w = (rng.random(5) + 0.5).astype("f")
    for reduction, smoothing, weight, ignore in itertools.product(REDUCTIONS, (0, 0.1), (None, w), (-100, 2)):
        options = dict(ignore_index=ignore, reduction=reduction, label_smoothing=smoothing)
        tx, mx = both(x)
        theirs = F.cross_entropy(tx, torch.tensor(y), optional(weight, torch), **options)
        ours = losses.cross_entropy(mx, tinytorch.tensor(y), optional(weight, tinytorch), **options)
        agree(ours, theirs, scale)
        if torch.isfinite(theirs).all():
            theirs.sum().backward(), ours.sum().backward()
            agree(mx.grad, tx.grad)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cross_entropy_of_distributions(shape):
    rng = np.random.default_rng(len(shape))
    x = rng.standard_normal(shape).astype("f")
    places = shape[:1] + shape[2:] if len(shape) > 1 else ()
    p = np.moveaxis(rng.dirichlet(np.ones(5), size=places).astype("f"), -1, min(1, len(shape) - 1)).copy()
    w = (rng.random(5) + 0.5).astype("f")
    for reduction, smoothing, weight in itertools.product(REDUCTIONS, (0, 0.1), (None, w)):
        tx, mx = both(x)
        theirs = F.cross_entropy(
            tx, torch.tensor(p), optional(weight, torch), reduction=reduction, label_smoothing=smoothing
        )
        ours = losses.cross_entropy(
            mx, tinytorch.tensor(p), optional(weight, tinytorch), reduction=reduction, label_smoothing=smoothing
        )
        agree(ours, theirs)
        theirs.sum().backward(), ours.sum().backward()
        agree(mx.grad, tx.grad)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(), (4,), (3, 2), (2, 3, 4)], ids=str)
@pytest.mark.parametrize(
    "name, options",
    [
        ("mse_loss", {}),
        ("l1_loss", {}),
        ("smooth_l1_loss", {"beta": 0.5}),
        ("smooth_l1_loss", {"beta": 0.0}),
        ("huber_loss", {"delta": 0.7}),
        ("binary_cross_entropy", {}),
        ("binary_cross_entropy_with_logits", {}),
        ("kl_div", {}),
        ("kl_div", {"log_target": True}),
    ],
    ids=str,
)
def test_elementwise_losses(name, options, shape, reduction):
    rng = np.random.default_rng(0)
    x, y = (3 * rng.standard_normal(shape)).astype("f"), rng.random(shape).astype("f")
    x = np.asarray(1 / (1 + np.exp(-x)) if name == "binary_cross_entropy" else x)
    tx, mx = both(x)
    theirs = getattr(F, name)(tx, torch.tensor(np.asarray(y)), reduction=reduction, **options)
    ours = getattr(losses, name)(mx, tinytorch.tensor(np.asarray(y)), reduction=reduction, **options)
    agree(ours, theirs)
    theirs.sum().backward(), ours.sum().backward()
    agree(mx.grad, tx.grad)


def test_finite_at_extremes():
    huge = tinytorch.tensor(np.float32([[1e4, -1e4, 0]]))
    for target in range(3):
        assert np.isfinite(losses.cross_entropy(huge, tinytorch.tensor(np.array([target]))).item())
    certain = tinytorch.tensor(np.float32([0, 1, 0, 1]))
    agree(
        losses.binary_cross_entropy(certain, tinytorch.tensor(np.float32([0, 1, 1, 0]))),
        F.binary_cross_entropy(torch.tensor([0.0, 1, 0, 1]), torch.tensor([0.0, 1, 1, 0])),
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_nll_loss(shape):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype("f")
    places = shape[:1] + shape[2:] if len(shape) > 1 else ()
    y, w = rng.integers(0, 5, places), (rng.random(5) + 0.5).astype("f")
    for reduction, weight, ignore in itertools.product(REDUCTIONS, (None, w), (-100, 2)):
        tx, mx = both(x)
        theirs = F.nll_loss(tx, torch.tensor(y), optional(weight, torch), ignore_index=ignore, reduction=reduction)
        ours = losses.nll_loss(mx, tinytorch.tensor(y), optional(weight, tinytorch), ignore, reduction)
        agree(ours, theirs)


MODULES = {
    "MSELoss": {},
    "L1Loss": {},
    "SmoothL1Loss": {"beta": 0.5},
    "HuberLoss": {"delta": 2.0},
    "BCEWithLogitsLoss": {"pos_weight": [1.0, 2.0, 3.0]},
    "BCELoss": {},
    "KLDivLoss": {"reduction": "batchmean"},
    "CrossEntropyLoss": {"label_smoothing": 0.2},
    "NLLLoss": {},
}


@pytest.mark.parametrize("name", MODULES)
def test_modules(name):
    rng = np.random.default_rng(0)
    x, y = rng.random((4, 3)).astype("f"), rng.random((4, 3)).astype("f")
    y = rng.integers(0, 3, 4) if name in ("CrossEntropyLoss", "NLLLoss") else y

    def made(module):
        options = {k: module.tensor(v) if isinstance(v, list) else v for k, v in MODULES[name].items()}
        return getattr(module.nn, name)(**options)(module.tensor(x), module.tensor(y))

    agree(made(tinytorch), made(torch))


def source(array, layout="contiguous", grad=True):
    """The array as a tensor of either library, in a layout; an expanded one repeats its first row."""
    array = np.asarray(array)
    if layout == "expanded":
        array = np.broadcast_to(array[:1], array.shape).copy()
    return Source(array, layout, grad)


ELEMENTWISE = [
    ("mse_loss", {}),
    ("l1_loss", {}),
    ("smooth_l1_loss", {"beta": 0.5}),
    ("huber_loss", {"delta": 0.7}),
    ("binary_cross_entropy", {}),
    ("binary_cross_entropy_with_logits", {}),
    ("kl_div", {}),
    ("kl_div", {"log_target": True}),
    ("kl_div", {"reduction": "batchmean"}),
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, options", ELEMENTWISE, ids=str)
def test_layouts_dtypes_and_both_gradients(name, options, dtype, layout):
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0.1, 0.9, (2, 4, 3, 2)).astype(dtype)
    x = x if name == "binary_cross_entropy" else 4 * x - 2
    for reduction in {options.get("reduction")} - {None} or REDUCTIONS:
        call = Call(f"nn.functional.{name}", (source(x, layout), source(y, layout)), options | {"reduction": reduction})
        compare(call, layout=layout, loose=2)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_classes_in_every_layout(shape, dtype, layout):
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal(shape).astype(dtype), rng.uniform(0.5, 2, 5).astype(dtype)
    places = shape[:1] + shape[2:] if len(shape) > 1 else ()
    y, p = rng.integers(0, 5, places), np.exp(x) / np.exp(x).sum(min(1, x.ndim - 1), keepdims=True)
    labels = source(y, layout if y.ndim else "contiguous", False)
    for reduction in REDUCTIONS:
        options = {"weight": source(w, grad=False), "reduction": reduction}
        if (layout, x.ndim) != ("transposed", 4):  # there PyTorch's own backward fails
            compare(Call("nn.functional.nll_loss", (source(x, layout), labels), options | {"ignore_index": 1}), loose=2)
        for smoothing in (0.0, 0.3):
            options["label_smoothing"] = smoothing
            compare(Call("nn.functional.cross_entropy", (source(x, layout), labels), options), layout=layout, loose=4)
            compare(Call("nn.functional.cross_entropy", (source(x, layout), source(p, layout)), options), loose=4)


@pytest.mark.parametrize("name, options", ELEMENTWISE, ids=str)
def test_second_derivatives(name, options):
    x, y = np.random.default_rng(3).uniform(0.1, 0.9, (2, 3, 2))
    compare_twice(Call(f"nn.functional.{name}", (source(x), source(y, grad=False)), options))


def test_second_derivatives_of_cross_entropy():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((4, 3)), rng.integers(0, 3, 4)
    compare_twice(Call("nn.functional.cross_entropy", (source(x), source(y, grad=False)), {"label_smoothing": 0.1}))
    compare_twice(Call("nn.functional.cross_entropy", (source(x), source(y, grad=False)), {"reduction": "sum"}))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_weights_of_binary_losses(reduction):
    rng = np.random.default_rng(4)
    x, y, w = rng.uniform(0.1, 0.9, (3, 4, 3)).astype("f")
    p = source(rng.uniform(0.5, 3, 3).astype("f"), grad=False)
    given = {"weight": source(w, grad=False), "reduction": reduction}
    compare(Call("nn.functional.binary_cross_entropy", (source(x), source(y)), given), loose=2)
    for options in (given, {"pos_weight": p, "reduction": reduction}, given | {"pos_weight": p}):
        compare(Call("nn.functional.binary_cross_entropy_with_logits", (source(x), source(y)), options), loose=2)


def test_gradients_where_naive_formulas_have_none():
    """Logits of 0 and of 10,000, probabilities of 0 and 1: finite gradients, PyTorch's."""
    extreme = source(np.float32([0, 0, 1e4, -1e4, 1e4, -1e4]))
    answer = source(np.float32([0, 1, 0, 1, 1, 0]), grad=False)
    for reduction in REDUCTIONS:
        compare(Call("nn.functional.binary_cross_entropy_with_logits", (extreme, answer), {"reduction": reduction}))
        certain = source(np.float32([0, 1, 0, 1, 0.5, 0.5]))
        compare(Call("nn.functional.binary_cross_entropy", (certain, answer), {"reduction": reduction}))
        logits = source(np.float32([[1e4, -1e4, 0], [0, 0, 0], [-1e4, -1e4, -1e4]]))
        labels = source(np.array([1, 0, 2]), grad=False)
        compare(Call("nn.functional.cross_entropy", (logits, labels), {"reduction": reduction}))


@pytest.mark.parametrize(
    "name", ["mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss", "cross_entropy", "sigmoid_focal_loss"]
)
def test_all_is_finite_far_out(name):
    x = tinytorch.tensor(np.float32([[1e4, -1e4], [-1e4, 1e4]]), requires_grad=True)
    y = (
        tinytorch.tensor(np.array([1, 0]))
        if name == "cross_entropy"
        else tinytorch.tensor(np.float32([[0, 1], [0, 1]]))
    )
    loss = getattr(losses, name)(x, y, reduction="mean")
    loss.backward()
    assert np.isfinite(loss.item()) and np.isfinite(x.grad.numpy()).all()


def test_nothing_to_learn_from():
    """An empty batch, and one where everything is ignored: NaN for the mean and 0 for the sum, as in PyTorch."""
    empty = source(np.zeros((0, 3), "f")), source(np.zeros(0, int), grad=False)
    ignored = source(np.ones((2, 3), "f")), source(np.full(2, -100), grad=False)
    for reduction, arguments in itertools.product(REDUCTIONS, (empty, ignored)):
        compare(Call("nn.functional.cross_entropy", arguments, {"reduction": reduction}))


def test_focal_loss_is_its_formula():
    rng = np.random.default_rng(5)
    x, y = (2 * rng.standard_normal((4, 3))).astype("f"), (rng.random((4, 3)) < 0.4).astype("f")
    for alpha, gamma in itertools.product((0.25, 0.8, -1), (0.0, 1.0, 2.0, 2.5)):
        tx, mx = both(x)
        p = tx.sigmoid()
        right = torch.where(torch.tensor(y) == 1, p, 1 - p)
        share = torch.where(torch.tensor(y) == 1, alpha, 1 - alpha) if alpha >= 0 else 1
        theirs = (
            share * (1 - right) ** gamma * F.binary_cross_entropy_with_logits(tx, torch.tensor(y), reduction="none")
        )
        ours = losses.sigmoid_focal_loss(mx, tinytorch.tensor(y), alpha, gamma)
        agree(ours, theirs)
        theirs.sum().backward(), ours.sum().backward()
        agree(mx.grad, tx.grad)
        agree(losses.FocalLoss(alpha, gamma)(mx, tinytorch.tensor(y)), theirs.mean())


def test_a_kept_graph_gives_the_same_gradient_again():
    """The first backward overwrites what it saved; the second computes it anew."""
    x = tinytorch.tensor(np.random.default_rng(6).standard_normal((4, 3)).astype("f"), requires_grad=True)
    loss = losses.cross_entropy(x, tinytorch.tensor(np.array([0, 2, 1, 1])))
    found = []
    for _ in range(3):
        x.grad = None
        loss.backward(retain_graph=True)
        found.append(x.grad.numpy().copy())
    assert np.abs(found[0]).max() > 0.01 and all((found[0] == g).all() for g in found)


OPTIONS = [
    ("MSELoss", {}),
    ("L1Loss", {}),
    ("SmoothL1Loss", {"beta": 0.3}),
    ("HuberLoss", {"delta": 0.3}),
    ("KLDivLoss", {"log_target": True}),
    ("BCELoss", {"weight": [1.0, 2.0, 3.0]}),
    ("BCEWithLogitsLoss", {"weight": [1.0, 2.0, 3.0], "pos_weight": [3.0, 1.0, 2.0]}),
    ("CrossEntropyLoss", {"weight": [1.0, 2.0, 3.0], "ignore_index": 1, "label_smoothing": 0.2}),
    ("NLLLoss", {"weight": [1.0, 2.0, 3.0], "ignore_index": 1}),
]


def example(name, seed):
    """Inputs, and targets that the loss of this name takes."""
    x, y = np.random.default_rng(seed).uniform(0.1, 0.9, (2, 4, 3)).astype("f")
    return x, np.array([0, 1, 2, 2]) if name in ("CrossEntropyLoss", "NLLLoss") else y


def as_given(t, options):
    """The options of a loss, with lists as Tensors of library t."""
    return {key: t.tensor(value) if isinstance(value, list) else value for key, value in options.items()}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name, options", OPTIONS, ids=str)
def test_classes_pass_on_every_option(name, options, reduction):
    x, y = example(name, seed=7)
    found = []
    for t in (torch, tinytorch):
        given = as_given(t, options)
        layer, a = getattr(t.nn, name)(reduction=reduction, **given), t.tensor(x, requires_grad=True)
        loss = layer(a, t.tensor(y))
        loss.sum().backward()
        found.append((loss, a.grad, list(layer.state_dict())))
    agree(found[1][0], found[0][0])
    agree(found[1][1], found[0][1])
    assert found[1][2] == found[0][2], "weights are buffers and are saved with the model"


@pytest.mark.parametrize("bad", [-np.inf, np.inf, np.nan])
def test_what_is_ignored_may_be_anything(bad):
    """Infinite or missing logits at an ignored place: the others' losses and gradients, not NaN."""
    logits = source(np.float32([[bad, 1, 2], [0, 1, 2], [3, 1, bad]]))
    labels = source(np.array([-100, 1, -100]), grad=False)
    for reduction, weight in itertools.product(REDUCTIONS, (None, source(np.float32([1, 2, 3]), grad=False))):
        options = {"weight": weight, "reduction": reduction}
        compare(Call("nn.functional.nll_loss", (logits, labels), options))
        for smoothing in (0.0, 0.1):
            compare(Call("nn.functional.cross_entropy", (logits, labels), options | {"label_smoothing": smoothing}))


@pytest.mark.parametrize("weight", [[0, 2, 3], [0, 0, 0]], ids=str)
def test_weights_that_sum_to_zero(weight):
    """The mean is NaN, and so is the gradient of what was weighed; what was ignored has gradient 0."""
    logits, given = source(np.float32([[1.5, 1, 2], [0, 1, 2]])), source(np.float32(weight), grad=False)
    for labels, reduction in itertools.product(([-100, 0], [0, 0], [0, 1], [-100, -100]), REDUCTIONS):
        arguments, options = (logits, source(np.array(labels), grad=False)), {"weight": given, "reduction": reduction}
        compare(Call("nn.functional.nll_loss", arguments, options))
        for smoothing in (0.0, 0.1):
            compare(Call("nn.functional.cross_entropy", arguments, options | {"label_smoothing": smoothing}))


@pytest.mark.parametrize("name, options", OPTIONS, ids=str)
def test_options_are_attributes_that_can_be_set(name, options):
    """A loss made with the defaults, whose options are set later, is the loss made with them."""
    x, y = example(name, seed=8)
    found = []
    for t in (torch, tinytorch):
        given = as_given(t, options)
        layer = getattr(t.nn, name)()
        before = {key: getattr(layer, key) for key in given | {"reduction": None}}
        for key, value in (given | {"reduction": "sum"}).items():
            setattr(layer, key, value)
        found.append((before, layer(t.tensor(x), t.tensor(y))))
    assert found[1][0] == found[0][0], "the defaults"
    agree(found[1][1], found[0][1])


def test_batchmean_of_a_single_number():
    x, y = source(np.float32(-0.3)), source(np.float32(0.5))
    for log_target in (False, True):
        compare(Call("nn.functional.kl_div", (x, y), {"reduction": "batchmean", "log_target": log_target}))

"""Module 09 beside PyTorch: values, every gradient and the second order, over kernels, strides, paddings, dilations, groups and layouts."""

import itertools
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as TF

import tinytorch as ours
import tinytorch.nn as nn  # noqa: F401  (for eval)
from tests.sampling import seed
from tinytorch.nn import functional as F

pytestmark = pytest.mark.modules(1, 2, 3, 8, 9)

PRODUCT = list(
    itertools.product(
        ((1, 1), (2, 2), (3, 3), (5, 5), (3, 1)),  # kernel
        ((1, 1), (2, 2), (3, 3), (2, 1)),  # stride
        (0, 1, 2, (1, 0), "same", "valid"),  # padding
        (1, 2),  # dilation
        ("1", "2", "C"),  # groups
        (False, True),  # bias
        (0, 1, 3),  # batch
        ("contiguous", "transposed", "sliced"),  # layout
    )
)
MANY = random.Random(seed()).sample(PRODUCT, 400)


def laid_out(rng, shape, layout):
    """An array of this shape in one of three orders of memory."""
    if layout == "transposed":
        return rng.standard_normal([shape[i] for i in (0, 2, 3, 1)]).transpose(0, 3, 1, 2)
    if layout == "sliced":
        return rng.standard_normal([2 * n + 1 for n in shape])[tuple(slice(1, None, 2) for _ in shape)]
    return rng.standard_normal(shape)


def compare(function, arrays, *, second=False, atol=1e-9):
    """function(torch or ours, functional, *tensors): its value and the gradient of each input, to the second order if wanted."""
    found = []
    for t, f in ((ours, F), (torch, TF)):
        tensors = [None if a is None else t.tensor(a, dtype=t.float64, requires_grad=True) for a in arrays]
        if t is ours:  # the layout is part of the test
            tensors = [None if a is None else ours.from_numpy(a).requires_grad_() for a in arrays]
        wanted = [x for x in tensors if x is not None]
        y = function(t, f, *tensors)
        weight = t.tensor(np.cos(np.arange(y.numel())).reshape(tuple(y.shape)))
        gradients = t.autograd.grad((y * weight + 0.1 * y * y).sum(), wanted, create_graph=second)
        more = ()
        if second:
            total = sum((g * g).sum() for g in gradients)
            more = t.autograd.grad(total, wanted, allow_unused=True)
        more = [t.zeros_like(x) if m is None else m for x, m in zip(wanted, more)]
        found.append([x.detach().numpy() for x in (y, *gradients, *more)])
    for mine, theirs in zip(*found):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, atol=atol, rtol=1e-9)


def check_case(case, second=False):
    kernel, stride, padding, dilation, groups, bias, N, layout = case
    rng, C = np.random.default_rng(abs(hash(str(case))) % 2**32), 4
    groups = {"1": 1, "2": 2, "C": C}[groups]
    if padding == "same" and stride != (1, 1):
        stride = (1, 1)
    x = laid_out(rng, (N, C, 11, 10), layout)
    w = rng.standard_normal((4 if groups == C else 6, C // groups, *kernel))
    b = rng.standard_normal(len(w)) if bias else None
    compare(lambda t, f, x, w, b: f.conv2d(x, w, b, stride, padding, dilation, groups), [x, w, b], second=second)


@pytest.mark.parametrize("part", range(8))
def test_conv2d(part):
    for case in MANY[part::8]:
        check_case(case)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(16))
def test_conv2d_whole_product(part):
    for case in PRODUCT[part::16]:
        check_case(case)


def test_conv2d_second_order():
    for case in MANY[:40]:
        check_case(case, second=True)


@pytest.mark.parametrize("C", [1, 3, 5, 16])
def test_conv2d_float32_in_each_way(C):
    """Few channels, many, and more than one block of columns."""
    rng = np.random.default_rng(C)
    x, w = rng.standard_normal((9, C, 40, 40)).astype("f"), rng.standard_normal((7, C, 3, 3)).astype("f")
    g = rng.standard_normal((9, 7, 20, 20)).astype("f")
    found = []
    for t, f in ((ours, F), (torch, TF)):
        a, b = t.tensor(x, requires_grad=True), t.tensor(w, requires_grad=True)
        y = f.conv2d(a, b, stride=2, padding=1)
        y.backward(t.tensor(g))
        found.append([y.detach().numpy(), a.grad.numpy(), b.grad.numpy()])
    for mine, theirs in zip(*found):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, theirs, atol=2e-3, rtol=1e-4)


def test_conv2d_is_adjoint_to_conv_transpose2d():
    rng = np.random.default_rng(0)
    for stride, padding, dilation, groups in itertools.product((1, 2), (0, 1), (1, 2), (1, 2)):
        x, w = ours.tensor(rng.standard_normal((2, 4, 9, 9))), ours.tensor(rng.standard_normal((6, 4 // groups, 3, 3)))
        y = F.conv2d(x, w, None, stride, padding, dilation, groups)
        z = ours.tensor(rng.standard_normal(tuple(y.shape)))
        extra = (9 + 2 * padding - dilation * 2 - 1) % stride
        back = F.conv_transpose2d(z, w, None, stride, padding, extra, groups, dilation)
        assert np.isclose((y * z).sum().item(), (x * back).sum().item())


TRANSPOSED = list(itertools.product((1, 2, 3), (0, 1), (0, 1), (1, 2), (1, 2), (False, True)))


@pytest.mark.parametrize("case", TRANSPOSED, ids=str)
def test_conv_transpose2d(case):
    stride, padding, extra, groups, dilation, bias = case
    if extra >= max(stride, dilation):
        pytest.skip("PyTorch refuses it")
    rng = np.random.default_rng(1)
    arrays = [
        rng.standard_normal((2, 4, 5, 4)),
        rng.standard_normal((4, 3, 3, 2)),
        rng.standard_normal(3 * groups) if bias else None,
    ]
    compare(lambda t, f, *x: f.conv_transpose2d(*x, stride, padding, extra, groups, dilation), arrays, second=True)


FUNCTIONS = {
    "conv1d": lambda t, f, x, w: f.conv1d(x[:, :, 0], w[:, :, 0], None, 2, 1, 2),
    "conv1d same": lambda t, f, x, w: f.conv1d(x[:, :, 0], w[:, :, 0], None, 1, "same"),
    "conv1d unbatched": lambda t, f, x, w: f.conv1d(x[0, :, 0], w[:, :, 0]),
    "conv2d unbatched": lambda t, f, x, w: f.conv2d(x[0], w, padding=1),
    "conv_transpose1d": lambda t, f, x, w: f.conv_transpose1d(x[:, :, 0], w[:4, :, 0], None, 2, 1, 1),
    "unfold": lambda t, f, x, w: f.unfold(x, (3, 2), 2, 1, 2),
    "fold": lambda t, f, x, w: f.fold(f.unfold(x, 3, padding=1, stride=2), (7, 8), 3, padding=1, stride=2),
    "max_pool1d": lambda t, f, x, w: f.max_pool1d(x[:, :, 0], 3, 2, 1),
    "max_pool2d": lambda t, f, x, w: f.max_pool2d(x, (3, 2), 2, 1),
    "max_pool2d dilated": lambda t, f, x, w: f.max_pool2d(x, 3, 1, 1, 2),
    "max_pool2d ceil": lambda t, f, x, w: f.max_pool2d(x, 3, 2, 1, ceil_mode=True),
    "max_pool2d uneven": lambda t, f, x, w: f.max_pool2d(x[0], 3),
    "avg_pool1d": lambda t, f, x, w: f.avg_pool1d(x[:, :, 0], 3, 2, 1),
    "avg_pool2d": lambda t, f, x, w: f.avg_pool2d(x, (3, 2), 2, 1),
    "avg_pool2d inside": lambda t, f, x, w: f.avg_pool2d(x, 3, 2, 1, False, False),
    "avg_pool2d ceil": lambda t, f, x, w: f.avg_pool2d(x, 3, 2, 1, True),
    "avg_pool2d ceil inside": lambda t, f, x, w: f.avg_pool2d(x, 3, 2, 1, True, False),
    "avg_pool2d divisor": lambda t, f, x, w: f.avg_pool2d(x, 2, divisor_override=3),
    "adaptive_avg_pool1d": lambda t, f, x, w: f.adaptive_avg_pool1d(x[:, :, 0], 3),
    "adaptive_avg_pool2d": lambda t, f, x, w: f.adaptive_avg_pool2d(x, (3, None)),
    "adaptive_avg_pool2d larger": lambda t, f, x, w: f.adaptive_avg_pool2d(x, 10),
    "adaptive_max_pool2d": lambda t, f, x, w: f.adaptive_max_pool2d(x, (2, 5)),
    "adaptive_max_pool1d": lambda t, f, x, w: f.adaptive_max_pool1d(x[0, :, 0], 4),
    "lp_pool1d": lambda t, f, x, w: f.lp_pool1d(x[:, :, 0].abs() + 0.1, 3.0, 2, 1),
    "lp_pool2d": lambda t, f, x, w: f.lp_pool2d(x, 2.0, (2, 3), ceil_mode=True),
    "pad": lambda t, f, x, w: f.pad(x, (1, 2, 0, 1), value=3.0),
    "pad negative": lambda t, f, x, w: f.pad(x, (-1, 2, 1, -2)),
    "pad reflect": lambda t, f, x, w: f.pad(x, (1, 2, 3, 0), mode="reflect"),
    "pad replicate": lambda t, f, x, w: f.pad(x, (9, 0, 1, 1), mode="replicate"),
    "pad circular": lambda t, f, x, w: f.pad(x, (1, 2, 0, 3), mode="circular"),
    "pad reflect 1d": lambda t, f, x, w: f.pad(x[:, :, 0], (2, 1), mode="reflect"),
    "nearest": lambda t, f, x, w: f.interpolate(x, scale_factor=1.7),
    "nearest smaller": lambda t, f, x, w: f.interpolate(x, size=(3, 11)),
    "bilinear": lambda t, f, x, w: f.interpolate(x, size=(5, 13), mode="bilinear"),
    "bilinear scale": lambda t, f, x, w: f.interpolate(x, scale_factor=(0.6, 2.3), mode="bilinear"),
    "bilinear corners": lambda t, f, x, w: f.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True),
    "linear": lambda t, f, x, w: f.interpolate(x[:, :, 0], size=17, mode="linear"),
    "pixel_shuffle": lambda t, f, x, w: f.pixel_shuffle(x, 2),
    "pixel_unshuffle": lambda t, f, x, w: f.pixel_unshuffle(x[:, :, :6], 2),
    "group_norm": lambda t, f, x, w: f.group_norm(x, 2),
    "instance_norm": lambda t, f, x, w: f.instance_norm(x, eps=0.1),
    "channels by batch norm": lambda t, f, x, w: f.batch_norm(x, None, None, training=True),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    rng = np.random.default_rng(2)
    for layout in ("contiguous", "transposed", "sliced"):
        x, w = laid_out(rng, (2, 4, 7, 8), layout), rng.standard_normal((6, 4, 3, 3))
        compare(FUNCTIONS[name], [x, w] if "conv" in name else [x, None], second=True, atol=1e-8)


@pytest.mark.parametrize(
    "case", list(itertools.product((2, 3, (2, 3)), (None, 1, 2), (0, 1), (1, 2), (False, True))), ids=str
)
def test_max_pool2d_indices_and_ties(case):
    kernel, stride, padding, dilation, ceil = case
    x = np.random.default_rng(3).integers(0, 3, (2, 3, 7, 8)).astype("float32")
    x[0, 0, 2, 2:4] = np.nan
    found = []
    for t, f in ((ours, F), (torch, TF)):
        a = t.tensor(x, requires_grad=True)
        y, places = f.max_pool2d(a, kernel, stride, padding, dilation, ceil, True)
        y.sum().backward()
        found.append([y.detach().numpy(), places.numpy(), a.grad.numpy()])
    for mine, theirs in zip(*found):
        np.testing.assert_array_equal(mine, theirs)


REFUSED = {
    "channels": lambda t, f: f.conv2d(t.ones(1, 3, 5, 5), t.ones(2, 4, 3, 3)),
    "groups": lambda t, f: f.conv2d(t.ones(1, 4, 5, 5), t.ones(3, 2, 3, 3), groups=2),
    "kernel too large": lambda t, f: f.conv2d(t.ones(1, 1, 3, 3), t.ones(1, 1, 5, 5)),
    "dtype": lambda t, f: f.conv2d(t.ones(1, 1, 3, 3).double(), t.ones(1, 1, 3, 3)),
    "bias": lambda t, f: f.conv2d(t.ones(1, 1, 3, 3), t.ones(2, 1, 3, 3), t.ones(3)),
    "dimensions": lambda t, f: f.conv2d(t.ones(3, 3), t.ones(1, 1, 3, 3)),
    "stride 0": lambda t, f: f.conv2d(t.ones(1, 1, 3, 3), t.ones(1, 1, 3, 3), stride=0),
    "negative padding": lambda t, f: f.conv2d(t.ones(1, 1, 3, 3), t.ones(1, 1, 3, 3), padding=-1),
    "same with stride": lambda t, f: f.conv2d(t.ones(1, 1, 3, 3), t.ones(1, 1, 3, 3), padding="same", stride=2),
    "output_padding": lambda t, f: f.conv_transpose2d(t.ones(1, 1, 3, 3), t.ones(1, 1, 3, 3), output_padding=1),
    "pool padding": lambda t, f: f.max_pool2d(t.ones(1, 1, 5, 5), 2, padding=2),
    "pool kernel": lambda t, f: f.max_pool2d(t.ones(1, 1, 3, 3), 5),
    "divisor 0": lambda t, f: f.avg_pool2d(t.ones(1, 1, 3, 3), 2, divisor_override=0),
    "reflect too large": lambda t, f: f.pad(t.ones(1, 1, 3, 3), (3, 0, 0, 0), mode="reflect"),
    "odd pad": lambda t, f: f.pad(t.ones(1, 3), (1,)),
    "interpolate both": lambda t, f: f.interpolate(t.ones(1, 1, 3, 3), size=3, scale_factor=2),
    "interpolate mode": lambda t, f: f.interpolate(t.ones(1, 1, 3, 3), size=3, mode="linear"),
    "pixel_shuffle": lambda t, f: f.pixel_shuffle(t.ones(1, 3, 2, 2), 2),
    "layer groups": lambda t, f: t.nn.Conv2d(3, 4, 3, groups=2),
    "padding_mode": lambda t, f: t.nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect"),
    "fold": lambda t, f: f.fold(t.ones(1, 8, 3), (3, 3), 2),
    "instance_norm of a pixel": lambda t, f: f.instance_norm(t.ones(2, 3, 1, 1)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_pytorch_does(name):
    with pytest.raises(Exception) as theirs:
        REFUSED[name](torch, TF)
    with pytest.raises(theirs.type) as mine:
        REFUSED[name](ours, F)
    assert len(str(mine.value)) > 20


LAYERS = {
    "Conv1d(4, 6, 3, 2, 1, 2, 2)": (2, 4, 9),
    "Conv1d(4, 4, 2, padding='same', padding_mode='circular')": (2, 4, 9),
    "Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=2, groups=2, bias=False)": (2, 4, 9, 8),
    "Conv2d(4, 2, 3, padding=1, padding_mode='reflect')": (2, 4, 5, 6),
    "Conv2d(4, 2, 3, padding='same', padding_mode='replicate')": (2, 4, 5, 6),
    "ConvTranspose1d(4, 2, 3, 2, 1, 1)": (2, 4, 5),
    "ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, dilation=2)": (2, 4, 5, 5),
    "MaxPool1d(3)": (2, 4, 9),
    "MaxPool2d(3, stride=2, padding=1, ceil_mode=True)": (2, 4, 8, 9),
    "AvgPool1d(3, stride=2, padding=1)": (2, 4, 9),
    "AvgPool2d(3, stride=2, padding=1, count_include_pad=False)": (2, 4, 8, 9),
    "AdaptiveAvgPool1d(5)": (2, 4, 9),
    "AdaptiveAvgPool2d((1, 1))": (2, 4, 8, 9),
    "AdaptiveMaxPool1d(5)": (2, 4, 9),
    "AdaptiveMaxPool2d((3, 2))": (2, 4, 8, 9),
    "LPPool1d(2, 3)": (2, 4, 9),
    "LPPool2d(2, 3, stride=2)": (2, 4, 8, 9),
    "ReLU6()": (2, 4, 5),
    "Unfold(3, padding=1)": (2, 4, 5, 5),
    "Fold((4, 4), 2)": (2, 4, 9),
    "ZeroPad1d(2)": (2, 4, 5),
    "ZeroPad2d((1, 0, 2, 1))": (2, 4, 5, 5),
    "ConstantPad1d(1, 2.5)": (2, 4, 5),
    "ConstantPad2d(1, 2.5)": (2, 4, 5, 5),
    "ReflectionPad1d(2)": (2, 4, 5),
    "ReflectionPad2d(2)": (2, 4, 5, 5),
    "ReplicationPad1d(2)": (2, 4, 5),
    "ReplicationPad2d(2)": (2, 4, 5, 5),
    "CircularPad1d(2)": (2, 4, 5),
    "CircularPad2d(2)": (2, 4, 5, 5),
    "Upsample(scale_factor=2, mode='bilinear')": (2, 4, 5, 5),
    "PixelShuffle(2)": (2, 4, 5, 5),
    "PixelUnshuffle(2)": (2, 4, 6, 4),
    "Dropout1d(0.3)": None,
    "Dropout2d(0.3)": None,
    "InstanceNorm1d(4, affine=True)": (2, 4, 9),
    "InstanceNorm2d(4, affine=True, track_running_stats=True)": (2, 4, 5, 6),
    "BatchNorm2d(4)": (2, 4, 5, 6),
}


@pytest.mark.parametrize("made", LAYERS)
def test_layer(made):
    """The same text, the same state, and with it the same values and gradients, in train and eval mode."""
    mine, theirs = eval(f"nn.{made}"), eval(f"torch.nn.{made}")
    assert repr(mine) == repr(theirs)
    state = {name: value.numpy() for name, value in theirs.state_dict().items()}
    assert {name: tuple(value.shape) for name, value in mine.state_dict().items()} == {
        n: v.shape for n, v in state.items()
    }
    if LAYERS[made] is None:
        return
    mine.load_state_dict({name: ours.tensor(value) for name, value in state.items()})
    for mode in (True, False):
        mine.train(mode), theirs.train(mode)
        x = np.random.default_rng(4).standard_normal(LAYERS[made]).astype("float32")
        a, b = ours.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y, z = mine(a), theirs(b)
        np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), atol=2e-6)
        (y * y).sum().backward(), (z * z).sum().backward()
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=1e-4)
        for (name, p), q in zip(mine.named_parameters(), theirs.parameters()):
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), atol=1e-3, err_msg=name)
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(mine.state_dict()[name].numpy(), value.numpy(), atol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", ["dropout1d", "dropout2d"])
def test_dropout_takes_whole_channels(name):
    ours.manual_seed(0)
    x = ours.ones(200, 10, *[5] * int(name[-2])).requires_grad_()
    y = getattr(F, name)(x, 0.3)
    channels = y.flatten(2)
    assert set(np.unique(channels.detach().numpy().round(4))) == {0.0, np.float32(1 / 0.7).round(4)}
    assert (channels.amax(2) == channels.amin(2)).all()
    assert abs((channels.amax(2) == 0).float().mean().item() - 0.3) < 0.03
    y.sum().backward()
    assert (x.grad == y.detach()).all()
    assert getattr(F, name)(x, 0.3, training=False) is x or (getattr(F, name)(x, 0.3, training=False) == x).all()

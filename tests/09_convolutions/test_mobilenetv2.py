"""MobileNetV2: width multipliers, shapes, gradients, saving, and what it costs beside ResNet-18."""

import time

import numpy as np
import pytest

from tinytorch.autograd import no_grad
from tinytorch.models.vision import make_divisible, mobilenet_v2, resnet18
from tinytorch.nn import functional as F
from tinytorch.nn.conv import Conv2d
from tinytorch.nn.layers import Linear
from tinytorch.random import manual_seed, randn
from tinytorch.tensor import tensor

pytestmark = [pytest.mark.modules(1, 2, 3, 4, 6, 8, 9), pytest.mark.long]


def count(model):
    return sum(p.numel() for p in model.parameters())


def multiplications(model, shape):
    """Multiplications of one pass, counted where they happen: in the convolutions and linear layers."""
    found = []

    def watch(layer, inputs, output):
        found.append(output.numel() * layer.weight[0].numel())

    handles = [m.register_forward_hook(watch) for m in model.modules() if isinstance(m, (Conv2d, Linear))]
    with no_grad():
        model.eval()(randn(*shape))
    for handle in handles:
        handle.remove()
    return sum(found)


@pytest.mark.parametrize(("width", "parameters"), [(1.0, 3_504_872), (0.5, 1_968_680), (0.25, 1_519_112)])
def test_parameter_counts(width, parameters):
    assert count(mobilenet_v2(width_mult=width)) == parameters


def test_widths_are_multiples_of_eight():
    assert [make_divisible(v) for v in (1, 8, 12, 24 * 0.5, 32 * 0.25, 96 * 1.4, 11)] == [8, 8, 16, 16, 8, 136, 16]


def test_names_and_shapes_of_the_state():
    state = mobilenet_v2().state_dict()
    assert len(state) == 314
    assert tuple(state["features.0.0.weight"].shape) == (32, 3, 3, 3)
    assert tuple(state["features.1.conv.0.0.weight"].shape) == (32, 1, 3, 3)
    assert tuple(state["features.2.conv.2.weight"].shape) == (24, 96, 1, 1)
    assert tuple(state["features.18.1.running_mean"].shape) == (1280,)
    assert tuple(state["classifier.1.weight"].shape) == (1000, 1280)


def test_the_image_is_halved_five_times():
    manual_seed(0)
    with no_grad():
        features = mobilenet_v2(width_mult=0.25).eval().features(randn(1, 3, 64, 96))
    assert tuple(features.shape) == (1, 1280, 2, 3)


def test_the_gradient_reaches_every_parameter():
    manual_seed(0)
    model = mobilenet_v2(num_classes=4, width_mult=0.25)
    F.cross_entropy(model(randn(4, 3, 64, 64)), tensor([0, 1, 2, 3])).backward()
    missing = [name for name, p in model.named_parameters() if p.grad is None or not np.abs(p.grad.numpy()).sum() > 0]
    assert not missing, f"no gradient in {missing}"


def test_saved_and_loaded_it_answers_the_same():
    manual_seed(0)
    model, other, x = *(mobilenet_v2(num_classes=5, width_mult=0.25) for _ in range(2)), randn(2, 3, 32, 32)
    model(x)
    other.load_state_dict(model.state_dict())
    with no_grad():
        assert model.eval()(x).tolist() == other.eval()(x).tolist()


def test_cheaper_than_resnet18():
    """A third of the parameters, a fifth of the multiplications of a pass over 64x64 (the seconds are printed)."""
    manual_seed(0)
    small, large, shape = mobilenet_v2(), resnet18(), (1, 3, 64, 64)
    assert 3 * count(small) < count(large)
    costs = multiplications(small, shape), multiplications(large, shape)
    assert 5 * costs[0] < costs[1], costs
    print(
        f"multiplications: {costs[0]:,} and {costs[1]:,}; seconds: {seconds(small, shape):.3f} and {seconds(large, shape):.3f}"
    )


def seconds(model, shape):
    """The shortest of three passes: printed, not asserted."""
    found = []
    with no_grad():
        for _ in range(3):
            start = time.perf_counter()
            model(randn(*shape))
            found.append(time.perf_counter() - start)
    return min(found)

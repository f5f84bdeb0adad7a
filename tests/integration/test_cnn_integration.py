"""Convolutions between what comes before and after them: gradients exist, are not zero, reach every layer and are right; networks learn.

A failure names the layer where the chain broke.
"""

import flow
import numpy as np
import pytest

import tinytorch
from tinytorch import nn
from tinytorch.models.vision import LeNet, resnet18
from tinytorch.nn import functional as F
from tinytorch.nn.conv import BasicBlock, InvertedResidual

pytestmark = [pytest.mark.integration, pytest.mark.modules(1, 2, 3, 4, 6, 7, 8, 9)]


def images(*shape, seed=0):
    return tinytorch.tensor(np.random.default_rng(seed).standard_normal(shape), requires_grad=True)


def weighted(y):
    """One number of an output, to which every element adds in its own way."""
    return (y * tinytorch.tensor(np.cos(np.arange(y.numel())).reshape(tuple(y.shape)))).sum()


NETWORKS = {
    "one convolution": (lambda: nn.Conv2d(2, 3, 3, padding=1), (2, 2, 5, 5)),
    "strides, dilation, groups": (lambda: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2), (2, 4, 7, 6)),
    "many channels": (lambda: nn.Sequential(nn.Conv2d(2, 8, 3), nn.Tanh(), nn.Conv2d(8, 6, 3, 2)), (2, 2, 9, 9)),
    "depthwise separable": (lambda: nn.Sequential(nn.Conv2d(6, 6, 3, groups=6), nn.Conv2d(6, 3, 1)), (2, 6, 6, 6)),
    "max pooling": (lambda: nn.Sequential(nn.Conv2d(1, 3, 3), nn.MaxPool2d(2), nn.Conv2d(3, 2, 2)), (2, 1, 8, 8)),
    "average pooling": (lambda: nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.AvgPool2d(3, 2, 1), nn.Flatten(), nn.Linear(27, 2)), (2, 1, 6, 6)),
    "adaptive pooling to a classifier": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)),
        (2, 3, 6, 7),
    ),
    "batch norm": (lambda: nn.Sequential(nn.Conv2d(2, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Tanh()), (3, 2, 5, 5)),
    "group norm": (lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.Tanh()), (2, 2, 5, 5)),
    "residual block": (lambda: BasicBlock(3, 3), (2, 3, 5, 5)),
    "residual block with a projection": (lambda: BasicBlock(3, 4, 2), (2, 3, 6, 6)),
    "inverted residual": (lambda: InvertedResidual(3, 3, 1, 2), (2, 3, 5, 5)),
    "encoder and decoder": (
        lambda: nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.Tanh(), nn.ConvTranspose2d(4, 1, 2, 2)),
        (2, 1, 6, 6),
    ),
    "signals": (lambda: nn.Sequential(nn.Conv1d(2, 4, 3, 2), nn.Tanh(), nn.AvgPool1d(2), nn.Conv1d(4, 1, 2)), (3, 2, 14)),
    "upsampled": (lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.PixelShuffle(2), nn.Upsample(scale_factor=2, mode="bilinear")), (1, 1, 5, 5)),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_quick(name):
    """Do they exist, are they not zero, do they reach every layer and the image, are they right?"""
    tinytorch.manual_seed(0)
    model, shape = NETWORKS[name][0]().double(), NETWORKS[name][1]
    x = images(*shape)
    flow.check(model, lambda: weighted(model(x)), {"the image": x})


def test_gradients_of_a_whole_lenet():
    tinytorch.manual_seed(0)
    model, x = LeNet(size=8).double(), images(4, 1, 8, 8)
    y = tinytorch.tensor([1, 0, 9, 4])
    flow.check(model, lambda: F.cross_entropy(model(x), y), {"the image": x})


def test_gradients_reach_the_first_layer_of_a_resnet():
    tinytorch.manual_seed(0)
    model = resnet18(num_classes=4, small=True)
    F.cross_entropy(model(tinytorch.randn(4, 3, 8, 8)), tinytorch.tensor([0, 1, 2, 3])).backward()
    flow.reach_every_layer(model)


def test_a_batch_norm_between_convolutions_takes_its_statistics_over_images_and_pixels():
    tinytorch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3, momentum=1.0))
    x = tinytorch.randn(5, 2, 6, 6)
    model(x)
    seen = model[0](x).detach().numpy()
    assert np.allclose(model[1].running_mean.numpy(), seen.mean((0, 2, 3)), atol=1e-6)
    assert np.allclose(model[1].running_var.numpy(), seen.var((0, 2, 3), ddof=1), atol=1e-5), "unbiased"


def test_the_image_is_left_as_it_was():
    x = images(2, 6, 7, 7)
    before = x.detach().numpy().copy()
    for model in (
        nn.Conv2d(6, 4, 3, padding=1).double(),
        nn.Conv2d(6, 6, 3, groups=6).double(),
        nn.MaxPool2d(2),
        nn.AvgPool2d(2),
    ):
        weighted(model(x)).backward()
    assert (x.detach().numpy() == before).all()


def test_a_view_of_an_image_gives_what_its_copy_gives():
    tinytorch.manual_seed(0)
    model = nn.Conv2d(3, 4, 3, padding=1).double()
    found = []
    for copied in (False, True):
        base = images(2, 9, 8, 3)
        x = base.permute(0, 3, 1, 2)[:, :, 1:]
        model.zero_grad()
        weighted(model(x.clone() if copied else x)).backward()
        found.append([base.grad.numpy(), model.weight.grad.numpy()])
    assert all(np.allclose(a, b) for a, b in zip(*found))


def test_accumulated_over_two_uses_of_one_layer():
    """A layer used twice gets the sum of both gradients."""
    tinytorch.manual_seed(0)
    layer, x = nn.Conv2d(2, 2, 3, padding=1).double(), images(1, 2, 5, 5)
    flow.check(layer, lambda: weighted(layer(layer(x).tanh())), {"the image": x})


def test_memory_is_freed_step_by_step():
    """Nothing of a step is held after it: the same peak after ten steps as after two."""
    import tracemalloc

    tinytorch.manual_seed(0)
    model, x = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2)), tinytorch.randn(4, 3, 16, 16)

    def steps(n):
        for _ in range(n):
            model.zero_grad()
            model(x).sum().backward()

    steps(2)
    tracemalloc.start()
    steps(2)
    before = tracemalloc.get_traced_memory()[0]
    steps(10)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 20_000, f"{after - before} bytes more after ten steps"


@pytest.mark.parametrize(
    "name", ["many channels", "depthwise separable", "max pooling", "residual block", "inverted residual"]
)
def test_training_lowers_the_loss_quick(name):
    """To a fifth of the loss it began with, in 150 steps of plain gradient descent on the output's mean and spread."""
    tinytorch.manual_seed(0)
    model, shape = NETWORKS[name][0]().double(), NETWORKS[name][1]
    x = images(*shape).detach()
    target = weighted(model(x)).item() + 3.0
    losses = flow.descend(model.parameters(), lambda: (weighted(model(x)) - target) ** 2, 1e-4, 150)
    assert losses[-1] < 0.2 * losses[0], f"{losses[0]:.4g} only fell to {losses[-1]:.4g}"

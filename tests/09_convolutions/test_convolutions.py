"""The tasks of module 09, each by one idea."""

import numpy as np
import pytest

from tinytorch.nn.conv import (
    BasicBlock,
    Conv2d,
    InvertedResidual,
    adaptive_ranges,
    conv2d,
    convolve,
    convolve_depthwise,
    convolve_groups,
    input_gradient,
    max_pool_backward,
    max_pool_forward,
    output_size,
    receptive_field,
    same_padding,
    spread_windows,
    sum_windows,
    weight_gradient,
    windows,
)
from tinytorch.random import manual_seed, randn
from tinytorch.tensor import ones

pytestmark = pytest.mark.modules(1, 2, 3, 8, 9)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("n", range(3, 12))
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_09_1_sizes_count_the_places(n, stride):
    assert output_size(n, 3, stride) == len(range(0, n - 3 + 1, stride))


@pytest.mark.parametrize("kernel", range(1, 7))
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_09_1_same_padding_keeps_the_length(kernel, dilation):
    before, after = same_padding(kernel, dilation)
    assert output_size(20 + before + after, kernel, dilation=dilation) == 20 and 0 <= after - before <= 1


def test_09_1_a_kernel_that_does_not_fit_is_refused():
    assert output_size(4, 5, padding=1) == 2
    with pytest.raises(RuntimeError, match="9"):
        output_size(4, 5, padding=1, dilation=2)


def test_09_2_windows_are_a_view(rng):
    x = rng.standard_normal((1, 2, 6, 6))
    view = windows(x, (3, 3))
    assert np.shares_memory(view, x) and not view.flags.writeable


def test_09_2_a_window_is_a_slice(rng):
    x = rng.standard_normal((2, 3, 9, 8))
    view = windows(x, (2, 3), (3, 1), (2, 2))
    assert np.array_equal(view[1, 2, 1, 3], x[1, 2, 3:6:2, 3:8:2])


def test_09_3_the_identity_kernel(rng):
    x = rng.standard_normal((2, 1, 5, 5))
    kernel = np.zeros((1, 1, 3, 3))
    kernel[..., 1, 1] = 1
    assert np.allclose(convolve(x, kernel), x[:, :, 1:-1, 1:-1])


def test_09_3_the_kernel_is_not_flipped(rng):
    x = rng.standard_normal((1, 1, 2, 2))
    assert np.allclose(convolve(x, x), (x * x).sum())


def adjoint(x, weight, how):
    y = convolve(x, weight, *how)
    g = np.cos(np.arange(y.size)).reshape(y.shape)
    return y, g


@pytest.mark.parametrize("how", [((1, 1), (1, 1)), ((2, 3), (1, 1)), ((1, 2), (2, 1))])
def test_09_4_weight_gradient_is_adjoint(rng, how):
    x, w = rng.standard_normal((3, 2, 8, 9)), rng.standard_normal((4, 2, 3, 2))
    y, g = adjoint(x, w, how)
    assert np.isclose((g * y).sum(), (weight_gradient(g, x, (3, 2), *how) * w).sum())


@pytest.mark.parametrize("how", [((1, 1), (1, 1)), ((2, 3), (1, 1)), ((1, 2), (2, 1))])
def test_09_5_input_gradient_is_adjoint(rng, how):
    x, w = rng.standard_normal((3, 2, 8, 9)), rng.standard_normal((4, 2, 3, 2))
    y, g = adjoint(x, w, how)
    assert np.isclose((g * y).sum(), (input_gradient(g, w, x.shape, *how) * x).sum())


def test_09_5_pixels_that_no_window_reached_get_nothing():
    dx = input_gradient(np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2)), (1, 1, 6, 6), (3, 3))
    assert (dx[..., 2, :] == 0).all() and (dx[..., 5] == 0).all() and dx.sum() == 16


def test_09_6_groups_do_not_see_each_other(rng):
    x, w = rng.standard_normal((1, 4, 4, 4)), rng.standard_normal((4, 2, 3, 3))
    y = convolve_groups(x, w, (1, 1), (1, 1), 2)
    x[:, 2:] = 0
    changed = convolve_groups(x, w, (1, 1), (1, 1), 2)
    assert np.array_equal(y[:, :2], changed[:, :2]) and (changed[:, 2:] == 0).all()


def test_09_6_depthwise_is_as_many_groups_as_channels(rng):
    x, w = rng.standard_normal((2, 5, 6, 6)), rng.standard_normal((5, 1, 3, 3))
    assert np.allclose(convolve_depthwise(x, w, (2, 1), (1, 1)), convolve_groups(x, w, (2, 1), (1, 1), 5))


def test_09_7_maxima_and_their_first_place():
    x = np.float32([[[[2, 2, 1, 0], [2, 0, 0, 0]]]])
    out = max_pool_forward(x, (2, 2), (2, 2))
    dx = max_pool_backward(np.float32([[[[3, 4]]]]), x, out, (2, 2), (2, 2))
    assert out.tolist() == [[[[2, 1]]]] and dx.tolist() == [[[[3, 0, 4, 0], [0, 0, 0, 0]]]]


def test_09_8_sums_and_their_gradient(rng):
    x = rng.standard_normal((2, 3, 7, 7))
    y = sum_windows(x, (3, 2), (2, 1))
    g = rng.standard_normal(y.shape)
    assert np.isclose((g * y).sum(), (spread_windows(g, x.shape, (3, 2), (2, 1)) * x).sum())


def test_09_8_ranges_cover_everything():
    for n in range(1, 12):
        for m in range(1, 12):
            ranges = adaptive_ranges(n, m)
            assert ranges[0][0] == 0 and ranges[-1][1] == n and all(start < end for start, end in ranges)
            assert {i for start, end in ranges for i in range(start, end)} == set(range(n))


def test_09_9_a_block_whose_body_is_zero_is_a_relu():
    manual_seed(0)
    block, x = BasicBlock(3, 3), randn(2, 3, 5, 5)
    block.bn2.weight.data[:] = 0
    assert block(x).tolist() == x.relu().tolist()


def test_09_9_the_first_kernel_gets_a_gradient():
    manual_seed(0)
    block = BasicBlock(3, 6, 2)
    block(randn(2, 3, 6, 6)).sum().backward()
    assert all(abs(p.grad.numpy()).sum() > 0 for p in (block.conv1.weight, block.downsample[0].weight))


def test_09_10_is_depthwise_in_the_middle():
    block = InvertedResidual(4, 4, 1, 3)
    assert [tuple(p.shape) for p in block.parameters() if p.ndim == 4] == [(12, 4, 1, 1), (12, 1, 3, 3), (4, 12, 1, 1)]


def test_09_10_a_shortcut_only_where_x_fits():
    manual_seed(0)
    x = ones(2, 4, 5, 5)
    for args, adds in (((4, 4, 1, 2), True), ((4, 4, 2, 2), False), ((4, 5, 1, 2), False)):
        block = InvertedResidual(*args)
        block.conv[3].weight.data[:] = 0
        assert (block(x).detach().numpy() == (1 if adds else 0)).all()


def test_09_11_receptive_field():
    manual_seed(0)
    assert receptive_field(Conv2d(2, 2, (3, 4), dilation=(2, 1)), (2, 15, 15)) == (5, 4)


def test_conv2d_reaches_every_input():
    manual_seed(0)
    x, layer = randn(2, 3, 7, 7, requires_grad=True), Conv2d(3, 4, 3, padding=1)
    conv2d(x, layer.weight, layer.bias, padding=1).square().sum().backward()
    assert all(abs(p.grad.numpy()).sum() > 0 for p in (x, layer.weight, layer.bias))

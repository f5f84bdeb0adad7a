"""Tasks 02.1 to 02.3: what is recorded, what is saved and given back, and broadcasting's adjoint."""

import weakref

import numpy as np
import pytest

import tinytorch as torch
from tinytorch.autograd.engine import Node, sum_to, unpack


def leaf(*values):
    return torch.tensor(values, requires_grad=True)


# 02.1


def test_02_1_edges_lead_to_leaves_nodes_and_nowhere():
    x, h = leaf(1.0, 2.0), -leaf(3.0, 4.0)
    node = torch.where(x > 1, x, h).grad_fn
    assert isinstance(node, Node) and node.edges == [None, x, h.grad_fn]


def test_02_1_numbers_have_no_edge():
    assert (leaf(1.0) + 2).grad_fn.edges[1] is None


def test_02_1_only_what_the_row_names_is_saved():
    x = leaf(1.0, 2.0)
    assert torch.exp(x).grad_fn.saved[0].tolist() == pytest.approx([np.e, np.e**2], rel=1e-6)
    assert (x + x).grad_fn.saved == []
    assert x.square().grad_fn.saved[0] is x.array


def test_02_1_versions_are_those_of_the_moment():
    h = leaf(1.0) * 1
    h += 1
    assert [number for _, number in (h * h).grad_fn.versions] == [1, 1]


def test_02_1_nothing_is_recorded_where_no_gradient_is_wanted():
    assert (torch.tensor([1.0]) * 2).grad_fn is None
    assert not (leaf(1.0) > 0).requires_grad


# 02.2


def test_02_2_a_second_backward_says_how_to_retain():
    y = (leaf(1.0) * 2).square()
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()


def test_02_2_an_index_is_let_go_with_what_was_saved():
    """The options of an operation may hold large arrays: they go when the saved arrays go, and not before."""
    x, index = torch.zeros(4, 4, requires_grad=True), torch.zeros(4, 4, dtype=torch.int64)
    for select in (lambda: x.gather(1, index), lambda: x[index]):
        y = select().sum()
        node = next(edge for edge in y.grad_fn.edges if edge is not None)
        y.backward(retain_graph=True)
        assert node.options
        y.backward()
        assert node.options is None


def test_02_2_a_freed_index_returns_its_memory():
    index = torch.zeros(3, 100, dtype=torch.int64)
    held = weakref.ref(index.array)
    y = torch.zeros(5, 100, requires_grad=True).gather(0, index)
    total = y.sum()
    del index
    assert held() is not None
    total.backward()
    assert held() is None and y.shape == (3, 100)


def test_02_2_nodes_that_save_nothing_can_go_again():
    x = leaf(1.0)
    y = x + x
    y.backward()
    y.backward()
    assert x.grad.tolist() == [4.0]


def test_02_2_retained_graphs_can_go_again():
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [12.0]


def test_02_2_a_changed_input_is_named_with_its_versions():
    h = leaf(1.0) + 1
    y = h * torch.tensor([2.0])
    h.mul_(3)
    h.add_(1)
    with pytest.raises(RuntimeError, match=r"mul(?=.*\ba\b)(?=.*0).*2"):
        y.backward()


def test_02_2_a_changed_result_is_named():
    y = torch.tanh(leaf(1.0))
    z = y * 1.0
    y.zero_()
    with pytest.raises(RuntimeError, match="(?=.*tanh)(?=.*out)|(?=.*mul)(?=.*a)"):
        z.backward()


def test_02_2_a_change_through_a_view_is_noticed():
    h = leaf(1.0, 2.0) + 0
    y = h * h
    h.detach()[0] = 5.0
    with pytest.raises(RuntimeError):
        y.backward(torch.ones(2))


def test_02_2_what_was_not_saved_may_change():
    x = leaf(1.0)
    h = x * 2
    y = h + 1
    h.zero_()
    y.backward()
    assert x.grad.tolist() == [2.0]


def test_02_2_unpack_hands_out_the_saved_list():
    node = leaf(1.0).square().grad_fn
    assert unpack(node) is node.saved


# 02.3


@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 1), (1, 4), (2, 1, 1), (1, 3, 1), (2, 1, 4), (1, 1, 1)])
def test_02_3_sums_over_what_was_stretched(shape):
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    got, count = sum_to(x, shape), np.broadcast_to(np.ones(shape), x.shape).size // max(1, np.prod(shape, dtype=int))
    assert got.shape == shape
    # the adjoint: <broadcast(y), x> == <y, sum_to(x)>
    y = np.random.default_rng(1).standard_normal(shape)
    np.testing.assert_allclose((np.broadcast_to(y, x.shape) * x).sum(), (y * got).sum(), rtol=1e-12)
    assert count * np.prod(shape, dtype=int) == x.size


def test_02_3_the_right_shape_is_not_copied():
    x = np.ones((2, 1))
    assert sum_to(x, (2, 1)) is x


@pytest.mark.parametrize("a, b", [((5, 3), (3,)), ((5, 3), (5, 1)), ((), (2, 2)), ((4, 1), (1, 3)), ((0, 3), (3,))])
def test_02_3_gradients_have_the_shape_of_their_target(a, b):
    x, w = torch.ones(a, requires_grad=True), torch.ones(b, requires_grad=True)
    (x * w).sum().backward()
    assert x.grad.shape == a and w.grad.shape == b
    assert x.grad.sum().item() == w.grad.sum().item() == (x * w).numel()

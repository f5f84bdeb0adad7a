"""Tasks 02.7 and 02.8: the walk, the leaves, backward, grad and hooks."""

import gc
import time
import tracemalloc

import numpy as np
import pytest

import tinytorch as torch
from tinytorch import autograd


def leaf(*values):
    return torch.tensor(values, requires_grad=True)


# 02.7


def test_02_7_a_tensor_used_three_times():
    x = leaf(2.0)
    a = x * 3
    (a * a + a).backward()
    assert x.grad.tolist() == [39.0]


def test_02_7_diamonds_cost_no_more_than_their_nodes():
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y * 0.25 + y * 0.75
    y.backward()
    assert x.grad.item() == pytest.approx(1.0)


def test_02_7_a_late_use_of_an_early_result():
    x = leaf(1.0)
    early = x * 2
    late = early
    for _ in range(20):
        late = late * 1.5
    (late + early * 5).backward()
    assert x.grad.item() == pytest.approx(2 * 1.5**20 + 10)


@pytest.mark.long
def test_02_7_depth_ends_nowhere():
    x = leaf(1.0)
    y = x
    for _ in range(50_000):
        y = y + 1
    y.backward()
    assert x.grad.tolist() == [1.0]


@pytest.mark.long
def test_02_7_time_grows_with_the_depth_and_not_faster():
    def seconds(depth):
        x = leaf(1.0)
        start = time.perf_counter()
        y = x
        for _ in range(depth):
            y = y * x
        y.backward()
        return time.perf_counter() - start

    seconds(1000)
    assert min(seconds(10_000) for _ in range(3)) < 40 * min(seconds(1000) for _ in range(3))


def test_02_7_saved_arrays_go_while_the_tape_unwinds():
    x = torch.ones(250_000, requires_grad=True)
    held = []
    y = x
    tracemalloc.start()
    for _ in range(8):
        y = y.tanh()
        y.register_hook(lambda g: held.append(tracemalloc.get_traced_memory()[0]))
    y.sum().backward()
    tracemalloc.stop()
    assert held[0] > held[-1] + 4_000_000


@pytest.mark.slow
@pytest.mark.long
def test_02_7_dropping_a_million_nodes_does_not_crash():
    x = leaf(1.0)
    y = x
    for _ in range(1_000_000):
        y = -y
    del y


def test_02_7_memory_stays_flat_without_the_garbage_collector():
    x, w = torch.ones(64, 64, requires_grad=True), torch.ones(64, 64, requires_grad=True)

    def step():
        loss = ((x @ w).tanh() + w).square().mean()
        x.grad = w.grad = None
        loss.backward()

    gc.collect()
    gc.disable()
    try:
        step()
        tracemalloc.start()
        step()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(200):
            step()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
        gc.enable()
    assert grown < 200_000  # one array a step would be 3,000,000; what is left are Python's own lists of free tuples


# 02.8


def test_02_8_gradients_add_up_over_calls():
    x = leaf(1.0, 2.0)
    for _ in range(3):
        (x * x).sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]


def test_02_8_the_sum_is_taken_in_place():
    x = leaf(1.0)
    (x * 2).backward()
    kept = x.grad
    (x * 3).backward()
    assert x.grad is kept and kept.tolist() == [5.0]


def test_02_8_leaves_do_not_share_gradients():
    x, y, g = leaf(1.0), leaf(1.0), torch.tensor([1.0])
    (x + y).backward(g)
    x.grad.zero_()
    assert y.grad.tolist() == [1.0] and g.tolist() == [1.0]
    (x + y).sum().backward()
    assert x.grad.tolist() == [1.0] and y.grad.tolist() == [2.0]


def test_02_8_results_on_the_way_have_no_gradient():
    x = leaf(1.0)
    h = x * 2
    h.square().backward()
    assert h.grad is None and x.grad.tolist() == [8.0]


# backward and grad


def test_02_8_only_single_numbers_start_by_themselves():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"scalar outputs.*\(2,\).*sum"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match=r"shape \(2,\), got shape \(3,\)"):
        (x * 2).backward(torch.ones(3))
    (x * 2).backward(torch.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2.0, 20.0]


def test_02_8_without_a_graph_there_is_no_way_back():
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.tensor(1.0).backward()
    with pytest.raises(RuntimeError, match="does not require grad"):
        autograd.backward([torch.tensor(1.0)])


def test_02_8_backward_from_several_tensors():
    x = leaf(1.0, 2.0)
    h = x * 2
    autograd.backward([h.sum(), h * x], [None, torch.ones(2)])
    assert x.grad.tolist() == [6.0, 10.0]


def test_02_8_grad_leaves_the_leaves_alone():
    x, w = leaf(2.0), leaf(3.0)
    (g,) = autograd.grad(x * w, x)
    assert g.tolist() == [3.0] and x.grad is None and w.grad is None


def test_02_8_grad_with_respect_to_a_result():
    x = leaf(2.0)
    h = x * x
    y = h * h
    gh, gx = autograd.grad(y, [h, x])
    assert gh.tolist() == [8.0] and gx.tolist() == [32.0]


def test_02_8_grad_goes_only_where_it_leads():
    x = leaf(2.0)
    h = x * x
    y = h.exp()
    autograd.grad(y, h)
    h.backward()  # the part before h was not touched, so it was not freed
    assert x.grad.tolist() == [4.0]


def test_02_8_unused_inputs():
    x, w = leaf(1.0), leaf(1.0)
    with pytest.raises(RuntimeError, match="allow_unused=True"):
        autograd.grad(x * 2, [x, w])
    assert autograd.grad(x * 2, [x, w], allow_unused=True)[1] is None
    with pytest.raises(RuntimeError, match="does not require grad"):
        autograd.grad(x * 2, torch.tensor([1.0]))


# hooks


def test_02_8_grad_refuses_a_function_with_a_backward_of_its_own():
    """What adds to `.grad` of leaves that the graph does not show would be left out silently."""

    class Inner(torch.autograd.Function):
        reentrant = True

        @staticmethod
        def forward(ctx, x):
            return x * w

        @staticmethod
        def backward(ctx, g):
            with torch.enable_grad():
                (x_again * w).backward(g)
            return x_again.grad

    w, x = torch.tensor(3.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    x_again = x.detach().requires_grad_()
    y = Inner.apply(x) * 5
    for inputs in (x, w):
        with pytest.raises(RuntimeError, match=r"Inner runs a backward of its own.*backward\(\)"):
            torch.autograd.grad(y, inputs, retain_graph=True, allow_unused=True)
    y.backward()
    assert (x.grad.item(), w.grad.item()) == (15.0, 10.0)


def test_02_8_hooks_on_leaves_see_the_whole_gradient():
    x, seen = leaf(1.0), []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * 2 + x * 3).backward()
    assert seen == [[5.0]] and x.grad.tolist() == [5.0]


def test_02_8_hooks_replace_gradients_until_removed():
    x = leaf(1.0)
    h = x * 2
    handle = h.register_hook(lambda g: g * 10)
    h.square().backward(retain_graph=True)
    assert x.grad.tolist() == [80.0]
    handle.remove()
    x.grad = None
    h.backward()
    assert x.grad.tolist() == [2.0]


def test_02_8_retain_grad():
    x = leaf(1.0)
    h = x * 2
    h.retain_grad()
    h.retain_grad()
    (h * h + h).backward()
    assert h.grad.tolist() == [5.0]


def test_02_8_hooks_do_not_record():
    x, seen = leaf(1.0), []
    h = x * 2
    h.register_hook(lambda g: seen.append((g * x).requires_grad))
    h.backward()
    assert seen == [False]


def test_02_8_the_graph_can_be_drawn(tmp_path):
    x, w = leaf(1.0), leaf(2.0)
    drawing = autograd.draw((x * w).exp() + x, x=x, first_weight=w)
    drawing.save(tmp_path / "graph.svg")
    text = (tmp_path / "graph.svg").read_text()
    assert text.startswith("<svg") and all(word in text for word in ("mul", "exp", "add", "first_weight", "saves a, b"))
    assert drawing._repr_svg_() == text
    with pytest.raises(RuntimeError, match="nothing to draw"):
        autograd.draw(x)


def test_02_8_gradients_are_numpy_arrays_of_the_right_kind():
    x = torch.tensor(2.0, requires_grad=True)
    (x * x).backward()
    assert isinstance(x.grad.numpy(), np.ndarray) and x.grad.shape == () and x.grad.item() == 4.0

"""Tasks 02.4 to 02.6, and the given rows: each derivative against finite differences, in first and second order."""

import numpy as np
import pytest

import tinytorch as torch
from tinytorch.autograd import derivative, gradcheck, gradgradcheck
from tinytorch.tensor import Operation


def points(*shape, low=-2.0, high=2.0, seed=0):
    return torch.tensor(np.random.default_rng(seed).uniform(low, high, shape), requires_grad=True)


def check(function, *inputs):
    assert gradcheck(function, inputs) and gradgradcheck(function, inputs)


# 02.4

ANYWHERE = "neg exp tanh square abs sin cos sinh cosh expm1 sigmoid floor ceil round sign trunc tan"


@pytest.mark.parametrize("name", ANYWHERE.split())
def test_02_4_functions(name):
    check(getattr(torch, name), points(2, 3, low=-1.2, high=1.3))


@pytest.mark.parametrize("name", "log sqrt rsqrt reciprocal log1p log2 log10".split())
def test_02_4_functions_of_positive_numbers(name):
    check(getattr(torch, name), points(2, 3, low=0.4))


@pytest.mark.parametrize("name", "add sub mul div maximum minimum pow remainder".split())
@pytest.mark.parametrize("other", [(2, 3), (3,), (2, 1), ()])
def test_02_4_of_two_inputs_broadcast(name, other):
    check(getattr(torch, name), points(2, 3, low=0.5), points(*other, low=3.1, high=4.0, seed=1))


def test_02_4_ties_are_shared():
    x, y = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([1.0, 1.0], requires_grad=True)
    torch.maximum(x, y).sum().backward()
    assert x.grad.tolist() == [0.5, 1.0] and y.grad.tolist() == [0.5, 0.0]


def test_02_4_where_and_masked_fill():
    mask = torch.tensor([[True, False, True]])
    check(lambda x, y: torch.where(mask, x, y), points(2, 3), points(3, seed=1))
    check(lambda x: x.masked_fill(mask, 7.0), points(2, 3))


def test_02_4_clamp_passes_its_ends():
    x = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0], requires_grad=True)
    x.clamp(-1, 1).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize("exponent, expected", [(2, [0.0, 4.0]), (0, [0.0, 0.0]), (1, [1.0, 1.0]), (3, [0.0, 12.0])])
def test_02_4_powers_with_numbers_at_zero(exponent, expected):
    x = torch.tensor([0.0, 2.0], requires_grad=True)
    (x**exponent).sum().backward()
    assert x.grad.tolist() == expected


def test_02_4_gradients_keep_the_dtype_of_their_target():
    x, w = torch.ones(2, requires_grad=True), torch.ones(2, dtype=torch.float64, requires_grad=True)
    (x * w).sum().backward()
    assert x.grad.dtype == torch.float32 and w.grad.dtype == torch.float64


def test_02_4_an_operation_without_a_row_says_so():
    odd = Operation(lambda x: x * 2, name="odd")
    with pytest.raises(RuntimeError, match="odd has no derivative"):
        odd(torch.ones(2, requires_grad=True))


def test_02_4_a_row_of_your_own():
    cube = Operation(lambda x: x**3, name="cube")
    derivative(cube, "x", lambda g, x: g * (3 * x * x))
    check(cube, points(4))


# 02.5

DIMS = [{}, {"dim": 0}, {"dim": -1, "keepdim": True}, {"dim": (0, 2)}, {"dim": (-1, 1), "keepdim": True}]


@pytest.mark.parametrize("options", DIMS, ids=str)
@pytest.mark.parametrize("name", "sum mean amax amin var std norm".split())
def test_02_5_reductions(name, options):
    check(lambda x: getattr(torch, name)(x, **options), points(2, 3, 4))


@pytest.mark.parametrize("options", DIMS[1:], ids=str)
def test_02_5_logsumexp(options):
    check(lambda x: torch.logsumexp(x, **options), points(2, 3, 4))


def test_02_5_amax_shares_ties():
    x = torch.tensor([[3.0, 3.0, 1.0], [2.0, 2.0, 2.0]], requires_grad=True)
    x.amax(1).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0.5, 0.5, 0.0], [1 / 3] * 3], rtol=1e-6)


def test_02_5_max_along_a_dimension_takes_one():
    x = torch.tensor([[3.0, 3.0, 1.0]], requires_grad=True)
    x.max(1).values.sum().backward()
    assert x.grad.sum().item() == 1.0


@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_02_5_products_with_zeros(zeros):
    x = points(2, 3, low=0.5).detach()
    x[0, :zeros] = 0.0
    check(lambda x: torch.prod(x, 1), x.requires_grad_())
    check(torch.prod, x.detach().requires_grad_())


def test_02_5_cumsum_sort_topk():
    check(lambda x: x.cumsum(1), points(2, 3))
    check(lambda x: x.sort(0)[0] * x, points(4, 2))
    check(lambda x: x.topk(2, 1)[0], points(2, 5))


VIEWS = {
    "reshape": lambda x: x.reshape(4, -1),
    "flatten": lambda x: x.flatten(1),
    "permute": lambda x: x.permute(2, 0, -2),
    "transpose": lambda x: x.transpose(0, -1),
    "squeeze": lambda x: x[:1].squeeze(0),
    "unsqueeze": lambda x: x.unsqueeze(-1),
    "expand": lambda x: x[:, :1].expand(5, 2, 3, 4),
    "slice": lambda x: x[:, 1:, ::2],
    "index with repeats": lambda x: x[:, [0, 2, 2]],
    "two indices": lambda x: x[[0, 1, 1], [2, 0, 0]],
    "mixed index": lambda x: x[1, :, [0, 3, 3]],
    "mask": lambda x: x[x > 0],
    "flip": lambda x: x.flip(0, 2),
    "roll": lambda x: x.roll((1, -2), (1, 2)),
    "tril": lambda x: x.tril(1),
    "triu": lambda x: x.triu(-1),
    "diagonal": lambda x: x.diagonal(1, 2, 0),
    "repeat": lambda x: x.repeat(2, 1, 2),
    "unfold": lambda x: x.unfold(-1, 2, 1),
    "chunk": lambda x: x.chunk(2, 2)[1],
    "cat": lambda x: torch.cat([x, x * 2, x], -2),
    "stack": lambda x: torch.stack([x, x * x], -1),
    "gather": lambda x: x.gather(1, torch.tensor([[[0, 0, 2, 1]], [[1, 1, 1, 0]]])),
    "index_select": lambda x: x.index_select(2, torch.tensor([3, 0, 3])),
    "clone": lambda x: x.clone(),
    "to": lambda x: x.float().double() * 0 + x,
}


@pytest.mark.parametrize("name", VIEWS)
def test_02_5_views_and_indexing(name):
    check(lambda x: VIEWS[name](x) ** 2, points(2, 3, 4))


def test_02_5_scatter_add_and_setitem():
    index = torch.tensor([[0, 1, 1], [2, 2, 0]])
    check(lambda x, y: torch.scatter_add(x, 0, index, y), points(3, 3), points(2, 3, seed=1))

    def written(x, y):
        h = x * 2
        h[1] = y
        h[h > 1] = 0.0
        return h * x

    check(written, points(3, 3), points(3, seed=1))


# 02.6

PRODUCTS = [
    ((2, 3), (3, 4)),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 2)),
    ((2, 1, 2, 3), (5, 3, 2)),
]


@pytest.mark.parametrize("left, right", PRODUCTS, ids=str)
def test_02_6_matmul_of_all_ranks(left, right):
    check(torch.matmul, points(*left), points(*right, seed=1))


@pytest.mark.parametrize("left, right", [((0, 3), (3, 2)), ((2, 0), (0, 3)), ((4, 0, 3), (3, 2))], ids=str)
def test_02_6_empty_matrices(left, right):
    a, b = torch.ones(left, requires_grad=True), torch.ones(right, requires_grad=True)
    (a @ b).sum().backward()
    assert a.grad.shape == left and b.grad.shape == right


def test_02_6_einsum():
    check(lambda a, b: torch.einsum("bij,bjk->ik", a, b), points(2, 3, 4), points(2, 4, 2, seed=1))


# What forward keeps for the derivative


def keeping():
    """x ** 3, whose slope is kept as a float, and overwritten; with a mask, which is kept as bools."""

    def cube(x, *, keep=False):
        return (x**3, 3 * x * x, x > 0) if keep else x**3

    def to_x(g, x, slope, positive):
        seen.append([None if slope is None else slope.copy(), type(positive).__name__, len(positive)])
        if slope is None:
            return g * (3 * x * x)
        slope *= g
        return slope

    operation, seen = Operation(cube, keeps="slope positive"), []
    derivative(operation, "x slope positive", to_x)
    return operation, seen


def test_forward_keeps_only_when_a_gradient_is_wanted():
    operation, seen = keeping()
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    with torch.no_grad():
        assert not operation(x).requires_grad and operation(x.array).tolist() == [1.0, -8.0]
    assert operation(x.detach()).tolist() == [1.0, -8.0] and seen == []
    assert [a.tolist() for a in operation(x).grad_fn.saved] == [[1.0, -2.0], [3.0, 12.0], [True, False]]


def test_what_is_kept_may_be_overwritten_and_a_second_backward_is_right():
    operation, seen = keeping()
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    y = operation(x)
    for _ in range(3):
        y.backward(torch.tensor([2.0, 3.0]), retain_graph=True)
    assert x.grad.tolist() == [18.0, 108.0] and all(slope.tolist() == [3.0, 12.0] for slope, *_ in seen)
    y.backward(torch.ones(2))
    assert y.grad_fn.saved is None


def test_kept_floats_are_no_constants_in_second_derivatives():
    operation, seen = keeping()
    check(operation, points(3, low=0.5))
    seen.clear()
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    torch.autograd.grad(operation(x).sum(), x, create_graph=True)
    assert seen == [[None, "Tensor", 2]]


@pytest.mark.modules(8)
def test_a_result_that_is_changed_in_place_does_not_change_what_was_kept():
    """Of layer norm without weights the result was what the backward used."""
    F, gradients = torch.nn.functional, []
    for change in (lambda out: out * 3, lambda out: out.mul_(3)):
        x = torch.tensor([[1.0, 5.0, -2.0]], requires_grad=True)
        out = change(F.layer_norm(x, (3,)))
        (out * torch.tensor([[1.0, 2.0, 5.0]])).sum().backward()
        gradients.append(x.grad)
    assert gradients[0].abs().max().item() > 0.1 and torch.allclose(*gradients, rtol=1e-5)

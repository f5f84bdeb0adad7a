"""The twelve tasks of module 01, and what is given around them."""

import copy
import inspect
import pickle
import re
from contextlib import contextmanager

import numpy as np
import pytest

from tinytorch._factories import full
from tinytorch.random import Generator, multinomial, normal, randint, randn
from tinytorch.tensor import (
    Operation,
    Tensor,
    arange,
    broadcast_shapes,
    cat,
    chunk,
    contiguous_strides,
    expand,
    float16,
    float32,
    float64,
    gather,
    infer_shape,
    int8,
    int16,
    int64,
    is_contiguous,
    logsumexp,
    masked_fill,
    matmul,
    mean,
    permute,
    promote_types,
    result_type,
    scatter_add,
    shape_of,
    sigmoid,
    sort,
    split,
    stack,
    tensor,
    to_array,
    topk,
    uint8,
    var,
    where,
    wrap,
    zeros,
)


@contextmanager
def refused(error, match=""):
    """Like pytest.raises, but a task that is still blank (NotImplementedError is a RuntimeError) is no refusal."""
    try:
        yield
    except NotImplementedError:
        raise
    except error as caught:
        assert re.search(match, str(caught)), f"the message does not hold {match!r}: {caught}"
    else:
        pytest.fail(f"expected {error.__name__}")


def numbers(*shape, seed=0):
    """Normal random float64 numbers."""
    return np.random.default_rng(seed).standard_normal(shape)


# 01.1


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 1, 4), (2, 0)])
def test_01_1_the_shape_of_nested_lists(shape):
    assert shape_of(np.zeros(shape).tolist()) == shape


def test_01_1_tuples_count_as_lists_and_arrays_have_a_shape():
    assert shape_of(([1, 2], (3, 4))) == (2, 2) and shape_of([np.zeros((3, 4))] * 2) == (2, 3, 4)


@pytest.mark.parametrize("data", [[[1, 2], [3]], [[1, 2], 3], [[[1], [2]], [[1], [2], [3]]]])
def test_01_1_ragged_lists_are_refused_with_their_shapes(data):
    for refuse in (shape_of, to_array, tensor):
        with refused(ValueError, match=r"item 0 has shape \(.*\), item 1 has shape \("):
            refuse(data)


@pytest.mark.parametrize(
    ("data", "dtype"), [(1, "int64"), (1.5, "float32"), (True, "bool"), ([1, 2.5], "float32"), ([], "float32")]
)
def test_01_1_the_dtype_of_python_numbers(data, dtype):
    assert to_array(data).dtype == dtype == tensor(data).dtype


def test_01_1_arrays_keep_their_dtype_and_are_copied():
    source = np.ones(3)
    made = to_array(source)
    source[0] = 5
    assert made.dtype == float64 and made.tolist() == [1, 1, 1]


def test_01_1_a_given_dtype_counts():
    assert to_array([1, 2], float64).dtype == float64 and to_array([1.7, -1.7], int64).tolist() == [1, -1]


@pytest.mark.parametrize(("data", "error"), [(["a"], ValueError), (None, RuntimeError), ([None], RuntimeError)])
def test_01_1_what_is_no_number_is_refused(data, error):
    with refused(error):
        to_array(data)


# 01.2


@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (4, 1, 3), (2, 3, 4, 5)])
def test_01_2_strides_are_those_of_a_fresh_array(shape):
    array = np.zeros(shape, "float32")
    assert contiguous_strides(shape) == tuple(step // 4 for step in array.strides)


def test_01_2_a_size_of_zero_counts_as_one():
    assert contiguous_strides((2, 0, 3)) == (3, 3, 1)


def test_01_2_what_is_contiguous():
    x = np.zeros((4, 6))
    for array, expected in (
        (x, True),
        (x.T, False),
        (x[:, ::2], False),
        (x[1:3], True),
        (x[:, :1], False),
        (x[:1], True),
    ):
        assert is_contiguous(array.shape, tuple(step // 8 for step in array.strides)) == expected


def test_01_2_sizes_of_one_and_zero():
    assert is_contiguous((1, 3), (99, 1)) and is_contiguous((3, 0), (7, 7)) and is_contiguous((), ())


# 01.3


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("int8", "int32", "int32"), ("uint8", "int8", "int16"), ("bool", "uint8", "uint8"), ("int64", "float16", "float16"),
        ("float16", "float64", "float64"), ("float32", "complex64", "complex64"), ("float64", "complex64", "complex128"),
    ],
)  # fmt: skip
def test_01_3_promotion_of_two_dtypes(a, b, expected):
    assert promote_types(np.dtype(a), np.dtype(b)) == expected == promote_types(np.dtype(b), np.dtype(a))


def test_01_3_python_numbers_bring_only_their_kind():
    assert result_type(np.ones(2, float16), 2.5) == float16 and result_type(np.ones(2, int8), 1000) == int8
    assert result_type(np.ones(2, int64), 2.5) == float32 and result_type(1, 2.5) == float32


def test_01_3_tensors_without_dimensions_bring_only_their_kind():
    assert result_type(np.ones(2, float32), np.ones((), float64)) == float32
    assert result_type(np.ones(2, int8), np.ones((), float64)) == float64
    assert result_type(np.ones((), float32), np.ones((), float64)) == float64


# 01.4


def test_01_4_tensors_in_a_tensor_out_and_arrays_in_an_array_out():
    double = Operation(lambda x: x * 2, name="double")
    assert isinstance(double(tensor([1.0])), Tensor) and isinstance(double(np.ones(1)), np.ndarray)


def test_01_4_numbers_without_dimensions_are_wrapped_as_arrays():
    assert isinstance((tensor(2.0) * tensor(3.0)).array, np.ndarray)


def test_01_4_dtypes_are_promoted_before_the_computation():
    assert (tensor([1, 2]) / tensor([2, 2])).dtype == float32
    assert (tensor([1, 2]) * 0.5).tolist() == [0.5, 1.0]
    assert (np.float64(2) * tensor([1.0])).dtype == float32, "NumPy's scalars count as Python numbers"


def test_01_4_options_by_position_and_by_name():
    x = arange(6.0).reshape(2, 3)
    assert x.mean(1).tolist() == mean(x, dim=1).tolist() == mean(input=x, dim=1).tolist() == [1, 4]


def test_01_4_inputs_that_do_not_fit_are_refused_by_name():
    with refused(RuntimeError, match=r"add: shapes \(2,\), \(3,\) do not broadcast"):
        zeros(2) + zeros(3)
    with refused(TypeError, match="got str"):
        zeros(2) + "a"


def test_01_4_recording_asks_for_module_02(monkeypatch):
    seen = []
    op = Operation(lambda a, b: a + b, name="plus", promotes=True)
    op.derivative = type("Derivative", (), {"record": lambda self, *args: seen.append(args) or self})()
    x = tensor([1.0], requires_grad=True)
    assert op(x, 1).requires_grad and not op(x.detach(), 1).requires_grad and len(seen) == 1


# 01.5


@pytest.mark.parametrize(
    "shapes", [[(3,), (2, 3)], [(2, 1), (1, 4)], [(5, 1, 3), (4, 1), ()], [(0,), (1,)], [(2, 1, 0), (3, 1)]]
)
def test_01_5_shapes_broadcast_as_numpys(shapes):
    assert broadcast_shapes(*shapes) == np.broadcast_shapes(*shapes)


@pytest.mark.parametrize("shapes", [[(2,), (3,)], [(2, 3), (2,)], [(2, 1), (3, 1)], [(0,), (2,)]])
def test_01_5_shapes_that_clash_are_named(shapes):
    with refused(RuntimeError, ".*".join(re.escape(str(shape)) for shape in shapes)):
        broadcast_shapes(*shapes)


# 01.6


def test_01_6_sigmoid():
    x = numbers(4, 5)
    assert np.allclose(sigmoid(wrap(x)), 1 / (1 + np.exp(-x)))
    assert sigmoid(tensor([-1000.0, 1000.0])).tolist() == [0, 1] and sigmoid(tensor(0)).item() == 0.5


def test_01_6_where_promotes_the_two_sides_only():
    chosen = where(tensor([True, False]), tensor([1, 2]), tensor([0.5, 0.25], dtype=float16))
    assert chosen.tolist() == [1, 0.25] and chosen.dtype == float16
    assert where(tensor([[True], [False]]), 1.0, 0.0).dtype == float32


def test_01_6_masked_fill_keeps_the_dtype_and_the_input():
    x = tensor([[1, 2], [3, 4]])
    assert masked_fill(x, tensor([True, False]), 9.7).tolist() == [[9, 2], [9, 4]] and x.tolist() == [[1, 2], [3, 4]]


# 01.7


def test_01_7_minus_one_stands_for_what_is_left():
    assert infer_shape((2, -1, 3), 24) == (2, 4, 3) and infer_shape((-1,), 0) == (0,)


@pytest.mark.parametrize(("shape", "count"), [((4,), 6), ((4, -1), 6), ((-1, -1), 4), ((0, -1), 0)])
def test_01_7_shapes_that_do_not_fit_are_refused(shape, count):
    with refused(RuntimeError, match=str(count)):
        infer_shape(shape, count)


def test_01_7_permute_takes_strides_along():
    x = arange(24).reshape(2, 3, 4)
    turned = permute(x, (2, 0, 1))
    assert turned.stride() == (1, 12, 4) and (turned.array == x.array.transpose(2, 0, 1)).all()
    assert np.shares_memory(turned.array, x.array) and not turned.is_contiguous()


def test_01_7_expand_repeats_with_a_stride_of_zero():
    x = tensor([[1], [2]])
    wide = expand(x, (3, -1, 4))
    assert wide.shape == (3, 2, 4) and wide.stride() == (0, 1, 0) and np.shares_memory(wide.array, x.array)


def test_01_7_views_of_views():
    x = numbers(4, 5, 6)
    t = wrap(x).permute(2, 0, 1)[1:, ::2].transpose(0, 2)
    assert np.array_equal(t.array, x.transpose(2, 0, 1)[1:, ::2].swapaxes(0, 2)) and np.shares_memory(t.array, x)


def test_01_7_view_refuses_what_reshape_copies():
    x = arange(6).reshape(2, 3).T
    assert x.reshape(6).tolist() == [0, 3, 1, 4, 2, 5]
    with refused(RuntimeError, match="use reshape"):
        x.view(6)


def test_01_7_an_expanded_tensor_cannot_be_written():
    with refused(RuntimeError, match="clone"):
        zeros(1, 3).expand(2, 3).add_(1)


# 01.8


def test_01_8_gather_picks_one_place_each():
    x, index = numbers(3, 4, 5), np.random.default_rng(1).integers(0, 4, (3, 2, 5))
    assert np.array_equal(gather(wrap(x), 1, wrap(index)).array, np.take_along_axis(x, index, 1))


def test_01_8_the_index_may_be_smaller():
    assert gather(arange(6).reshape(2, 3), 0, tensor([[1, 0]])).tolist() == [[3, 1]]


def test_01_8_scatter_add_counts_every_source():
    x = zeros(2, 3)
    out = scatter_add(x, 1, tensor([[0, 0, 0], [2, 1, 2]]), tensor([[1.0, 2, 3], [4, 5, 6]]))
    assert out.tolist() == [[6, 0, 0], [0, 5, 10]] and not x.array.any()


def test_01_8_indices_are_checked():
    for index in (tensor([[5]]), tensor([[-1]]), tensor([0]), tensor([[0.0]])):
        with refused(RuntimeError):
            gather(zeros(2, 3), 1, index)


def test_01_8_brackets():
    x = arange(24).reshape(2, 3, 4)
    a = x.array
    for index in (
        0,
        -1,
        slice(1),
        ...,
        None,
        (0, 1),
        (slice(None), 1),
        (..., 0),
        [1, 0],
        a > 7,
        (0, [2, 0]),
        ([0, 1], [1, 2]),
    ):
        assert np.array_equal(x[index].array, a[index])
    assert x[0, :, [1, 2]].shape == (3, 2), "a number is taken first, as PyTorch does"
    assert x[tensor([1]), tensor([[0], [1]])].shape == (2, 1, 4)


def test_01_8_writing_into_brackets():
    x = zeros(2, 3)
    x[0] = tensor([1.0, 2.0, 3.0])
    x[x > 1.5] = 9
    x[:, [0, 2]] = -1.0
    assert x.tolist() == [[-1, 9, -1], [-1, 0, -1]]


# 01.9


@pytest.mark.parametrize("dim", [None, 0, -1, (0, 2)])
@pytest.mark.parametrize("keepdim", [False, True])
def test_01_9_mean_and_variance(dim, keepdim):
    x = numbers(2, 3, 4)
    assert np.allclose(mean(wrap(x), dim, keepdim), x.mean(dim, keepdims=keepdim))
    assert np.allclose(var(wrap(x), dim=dim, keepdim=keepdim), x.var(dim, ddof=1, keepdims=keepdim))


def test_01_9_variance_far_from_zero():
    x = (30_000 + numbers(1000)).astype("float32")
    assert np.isclose(var(wrap(x)).item(), x.astype("float64").var(ddof=1), rtol=1e-3)


def test_01_9_logsumexp_of_large_small_and_infinite_numbers():
    x = tensor([[1000.0, 1000.0], [-1000.0, -1000.0], [-np.inf, -np.inf], [np.inf, 0.0]])
    assert np.allclose(logsumexp(x, 1), [1000 + np.log(2), -1000 + np.log(2), -np.inf, np.inf])


def test_01_9_integers_have_no_mean():
    with refused(RuntimeError, match=r"float\(\)"):
        arange(3).mean()


# 01.10


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 4)),
        ((5, 2, 3), (3, 4)),
        ((5, 2, 3), (3,)),
        ((6, 1, 2, 3), (5, 3, 4)),
        ((5, 0, 3), (3, 2)),
    ],
)
def test_01_10_products_of_all_ranks(a, b):
    a, b = numbers(*a), numbers(*b, seed=1)
    assert np.allclose(matmul(wrap(a), wrap(b)), a @ b) and matmul(wrap(a), wrap(b)).shape == (a @ b).shape


@pytest.mark.parametrize(("a", "b"), [((2, 3), (4, 2)), ((2, 3), (2,)), ((), (3,)), ((2, 3), ())])
def test_01_10_shapes_that_do_not_fit_are_named(a, b):
    with refused(RuntimeError, f"{re.escape(str(a))}.*{re.escape(str(b))}"):
        matmul(zeros(a), zeros(b))


def test_01_10_dtypes_have_to_agree():
    with refused(RuntimeError, match="float32 and float64"):
        matmul(zeros(2, 2), zeros(2, 2, dtype=float64))


# 01.11


def test_01_11_cat_and_stack():
    a, b = zeros(2, 3), full((2, 3), 7)
    assert cat([a, b]).shape == (4, 3) and cat([a, b], -1).shape == (2, 6) and cat([a, b]).dtype == float32
    assert stack([a, b]).shape == (2, 2, 3) and stack([a, b], -1)[..., 1].tolist() == b.tolist()


def test_01_11_pieces_are_views():
    x = arange(10)
    pieces = split(x, 4)
    assert [piece.tolist() for piece in pieces] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert all(np.shares_memory(piece.array, x.array) for piece in pieces)
    assert [len(piece) for piece in split(x, [1, 9])] == [1, 9] and [len(piece) for piece in chunk(x, 4)] == [
        3,
        3,
        3,
        1,
    ]


def test_01_11_sizes_that_do_not_add_up_are_refused():
    with refused(RuntimeError, match="10"):
        split(arange(10), [5, 4])


# 01.12


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_01_12_the_k_best_in_order(largest, dim):
    x = np.random.default_rng(0).permutation(7 * 400 * 9).reshape(7, 400, 9).astype("float64")
    best = topk(wrap(x), 5, dim=dim, largest=largest)
    order = np.argsort(-x if largest else x, axis=dim).take(range(5), axis=dim)
    assert np.array_equal(best.indices.array, order) and np.array_equal(
        best.values.array, np.take_along_axis(x, order, dim)
    )


def test_01_12_more_than_there_are():
    with refused(RuntimeError, match="between 0 and 3"):
        topk(zeros(3), 4)


def test_01_12_sort_keeps_the_order_of_equals():
    pair = sort(tensor([2, 1, 2, 1]), descending=True)
    assert pair.values.tolist() == [2, 2, 1, 1] and pair.indices.tolist() == [0, 2, 1, 3]


# what is given


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (tensor(3.0), "tensor(3.)"),
        (tensor([1.0, 2.5]), "tensor([1.0000, 2.5000])"),
        (tensor([True, False]), "tensor([ True, False])"),
        (tensor([1e-5, 1.0]), "tensor([1.0000e-05, 1.0000e+00])"),
        (tensor([[1, 20], [3, 4]]), "tensor([[ 1, 20],\n        [ 3,  4]])"),
        (zeros(0, 3), "tensor([], size=(0, 3))"),
        (zeros(2, dtype=float64), "tensor([0., 0.], dtype=float64)"),
        (zeros(1001), "tensor([0., 0., 0.,  ..., 0., 0., 0.])"),
    ],
)
def test_text(x, text):
    assert repr(x) == text


def test_views_share_the_count_of_changes():
    x = zeros(3, 4)
    row = x[0]
    row += 1
    x.mul_(2)
    assert row._version is x._version and x._version.count == 2 and row.tolist() == [2] * 4


def test_in_place_keeps_shape_and_kind():
    with refused(RuntimeError, match="can't be cast"):
        arange(3).add_(0.5)
    with refused(RuntimeError, match="shape"):
        zeros(3).add_(zeros(2, 3))
    assert tensor([1, 2], dtype=int16).add_(tensor([1, 2])).dtype == int16


def test_in_place_on_a_leaf_that_requires_grad_is_refused():
    x = zeros(3, requires_grad=True)
    with refused(RuntimeError, match="leaf"):
        x.add_(1)
    with refused(RuntimeError, match="leaf"):
        x[0] = 1


def test_a_seed_gives_the_same_numbers():
    g = Generator().manual_seed(5)
    first, state = randn(3, generator=g), g.get_state()
    after = randint(0, 100, (4,), generator=g)
    assert randn(3, generator=Generator().manual_seed(5)).tolist() == first.tolist()
    assert randint(0, 100, (4,), generator=g.set_state(state)).tolist() == after.tolist()


def test_copies_and_pickles():
    x = tensor([1.0, 2.0], requires_grad=True)
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert other.tolist() == [1, 2] and other.requires_grad and not np.shares_memory(other.array, x.array)


def test_numbers_out_of_tensors():
    assert (
        float(tensor([2.5])) == 2.5
        and int(tensor(3)) == 3
        and [10, 20][tensor(1)] == 20
        and f"{tensor(0.5):.2f}" == "0.50"
    )
    with refused(RuntimeError, match="ambiguous"):
        bool(zeros(2))
    with refused(TypeError, match="0-d"):
        len(tensor(1))


def test_numpy_reads_tensors_and_tensors_read_numpy():
    x = tensor([1.0, 4.0])
    assert np.sqrt(x).tolist() == [1, 2] and isinstance(np.ones(2) + x, Tensor)
    assert np.shares_memory(wrap(x.array).numpy(), x.array)


def test_only_floats_require_gradients():
    with refused(RuntimeError, match="float"):
        tensor([1, 2], requires_grad=True)
    assert uint8.name == "uint8"


# what changes in silence, and what PyTorch refuses


@pytest.mark.parametrize("symbol", ["**", "%", "//"])
def test_augmented_operators_write_into_the_memory(symbol):
    x = tensor([5.0, 7.0])
    alias, view, expected = x, x[:1], eval(f"5.0 {symbol} 3")
    names = {"x": x}
    exec(f"x {symbol}= 3", names)
    assert names["x"] is alias
    assert view.tolist() == [expected]


@pytest.mark.parametrize(("symbol", "expected"), [("&", 1), ("|", 7), ("^", 6)])
def test_augmented_bit_operators_write_into_the_memory(symbol, expected):
    x = tensor([5, 7])
    view, names = x[:1], {"x": x}
    exec(f"x {symbol}= 3", names)
    assert names["x"] is x
    assert view.tolist() == [expected]
    assert eval(f"3 {symbol} tensor([5])", {"tensor": tensor}).tolist() == [expected]


def test_an_element_is_a_view():
    x = arange(4.0)
    x[1].fill_(9)
    for element in x:
        element.add_(1)
    y = x.reshape(2, 2)
    y[1, 0].mul_(2)
    y[1].select(0, 1).zero_()
    assert x.tolist() == [1, 10, 6, 0]
    assert x[0]._version is x._version


def test_division_in_place_rounds_as_it_is_told():
    assert tensor([-7.0, 7.0]).div_(2, rounding_mode="trunc").tolist() == [-3, 3]
    assert tensor([-7.0, 7.0]).div_(2, rounding_mode="floor").tolist() == [-4, 3]
    assert tensor([-7.0, 7.0]).div_(2).tolist() == [-3.5, 3.5]


def test_normal_numbers_keep_the_dtype():
    means = zeros(3, dtype=float64)
    assert normal(means, 1.0).dtype == float64
    drawn = zeros(3, dtype=float64).normal_().array
    assert (drawn != drawn.astype("float32")).any(), "float64 numbers have more digits"


def test_the_square_of_bools_is_whole():
    assert tensor([True, False]).square().dtype == int64


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (RuntimeError, lambda: zeros(2, 2, 2).trace()),
        (RuntimeError, lambda: zeros(3).tril()),
        (RuntimeError, lambda: zeros(3).triu()),
        (RuntimeError, lambda: zeros(3).narrow(0, 1, -1)),
        (RuntimeError, lambda: zeros(3).narrow(0, 1, 3)),
        (RuntimeError, lambda: arange(0, -3, 2)),
        (RuntimeError, lambda: zeros(2, 3).movedim((0, 0), (0, 1))),
        (RuntimeError, lambda: multinomial(tensor([1.0, 1.0]), 0)),
        (ValueError, lambda: tensor([tensor([1, 2]), tensor([3, 4])])),
    ],
)
def test_what_pytorch_refuses_is_refused(error, call):
    with refused(error):
        call()


def test_operations_show_their_signature():
    assert str(inspect.signature(mean)) == "(x, *, dim=None, keepdim=False)"
    assert str(inspect.signature(zeros(2).mean)) == "(*, dim=None, keepdim=False)"
    assert str(inspect.signature(tensor(1.0).exp)) == "()"
    assert list(inspect.signature(cat).parameters) == ["tensors", "dim"]

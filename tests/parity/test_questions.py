"""What programs ask before they compute, and how they compare afterwards: sizes, dtypes, accelerators, assert_close."""

import math

import pytest
import torch

import tinytorch


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
def test_finfo(name):
    ours, theirs = tinytorch.finfo(getattr(tinytorch, name)), torch.finfo(getattr(torch, name))
    for fact in ("bits", "min", "max", "eps", "tiny", "smallest_normal", "resolution", "dtype"):
        assert getattr(ours, fact) == getattr(theirs, fact), fact
    with pytest.raises(TypeError):
        torch.finfo(torch.int8)
    with pytest.raises(TypeError):
        tinytorch.finfo(tinytorch.int8)


@pytest.mark.parametrize("name", ["uint8", "int8", "int16", "int32", "int64"])
def test_iinfo(name):
    ours, theirs = tinytorch.iinfo(getattr(tinytorch, name)), torch.iinfo(getattr(torch, name))
    assert all(getattr(ours, fact) == getattr(theirs, fact) for fact in ("bits", "min", "max", "dtype"))
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("sizes", [(), (3,), (2, 3, 4), (0, 2)])
def test_size(sizes):
    ours, theirs = tinytorch.Size(sizes), torch.Size(sizes)
    assert repr(ours) == repr(theirs) and ours.numel() == theirs.numel() and ours == sizes
    assert repr(ours[1:]) == repr(theirs[1:]) and repr(ours + (7,)) == repr(theirs + (7,))
    assert hash(ours) == hash(sizes) and isinstance(ours, tuple)


def test_questions_about_accelerators_are_answered_truthfully():
    available = tinytorch.cuda.is_available()
    if available:
        assert tinytorch.ones(1).to("cuda").is_cuda
    else:
        with pytest.raises(RuntimeError):
            tinytorch.ones(1).to("cuda")
    assert tinytorch.cuda.device_count() == 0 or available
    assert not tinytorch.backends.mps.is_available() and not tinytorch.backends.cudnn.is_available()
    tinytorch.backends.cudnn.benchmark = True
    assert tinytorch.backends.cudnn.benchmark is True
    device = tinytorch.device("cuda" if available else "cpu")
    assert tinytorch.zeros(2, device=device).device.type == device.type


def values(t):
    """Pairs to compare, each in library `t`."""
    one, near, far = t.tensor([1.0, 2.0]), t.tensor([1.0, 2.000001]), t.tensor([1.0, 2.1])
    return {
        "equal": (one, one.clone()),
        "near": (one, near),
        "far": (one, far),
        "float64 is stricter": (one.double(), near.double()),
        "float16 is looser": (t.tensor([1.0]).half(), t.tensor([1.001]).half()),
        "dtypes": (one, one.double()),
        "shapes": (one, one.reshape(1, 2)),
        "integers": (t.tensor([1, 2]), t.tensor([1, 3])),
        "bools": (t.tensor([True]), t.tensor([True])),
        "nan": (t.tensor([math.nan]), t.tensor([math.nan])),
        "infinities": (t.tensor([math.inf, -math.inf]), t.tensor([math.inf, -math.inf])),
        "infinity and number": (t.tensor([math.inf]), t.tensor([1e30])),
        "0-d": (t.tensor(1.0), t.tensor(1.5)),
        "empty": (t.zeros(0), t.zeros(0)),
        "numbers": (1.0, 1.0 + 1e-9),
        "other numbers": (1.0, 1.1),
        "number types": (1, 1.0),
        "number and tensor": (t.tensor(1.0), 1.0),
        "lists": ([one, 1], [one, 1]),
        "lists of other length": ([one], [one, one]),
        "tuple and list": ((one,), [one]),
        "mappings": ({"a": one, "b": [1]}, {"b": [1], "a": one}),
        "other keys": ({"a": one}, {"b": one}),
        "requires grad": (t.ones(2).requires_grad_(), t.ones(2)),
        "text": ("a", "a"),
        "none": (None, None),
        "strides": (t.ones(2, 2), t.ones(2, 2).t()),
    }


OPTIONS = {
    "": {},
    "atol": {"rtol": 0, "atol": 0.2},
    "rtol": {"rtol": 0.1, "atol": 0.0},
    "rtol alone": {"rtol": 0.1},
    "equal_nan": {"equal_nan": True},
    "any dtype": {"check_dtype": False},
    "strides": {"check_stride": True},
    "own words": {"msg": "own words"},
    "words from words": {"msg": lambda text: f"before: {text[:4]}"},
}


def judged(t, name, options):
    try:
        t.testing.assert_close(*values(t)[name], **options)
    except (AssertionError, TypeError, ValueError) as error:
        words = "msg" in options and isinstance(error, AssertionError) and str(error).startswith(("own", "before"))
        return type(error).__name__, str(error) if words else ""
    return "close"


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", values(torch))
def test_assert_close_judges_as_pytorch(name, options):
    assert judged(tinytorch, name, OPTIONS[options]) == judged(torch, name, OPTIONS[options])


@pytest.mark.parametrize("name", ["far", "integers", "0-d", "infinity and number"])
def test_assert_close_says_where(name):
    def said(t):
        with pytest.raises(AssertionError) as caught:
            t.testing.assert_close(*values(t)[name])
        return str(caught.value)

    ours, theirs = (text.splitlines() for text in (said(tinytorch), said(torch)))
    assert ours[:3] == theirs[:3] and len(ours) == len(theirs), (ours, theirs)

"""The comparison: what counts as equal, and what is said when it is not."""

import json
import math

import numpy as np
import pytest

from tito.grading.judge import describe, difference, redact, same, truncate
from tito.grading.sandbox.inside.codec import decode, encode

f32 = np.float32
EQUAL = [
    (1, 1),
    (True, True),
    (None, None),
    ("a", "a"),
    (1.0, 1.00001),
    (math.nan, math.nan),
    (math.inf, math.inf),
    (np.array([1, 2]), np.array([1, 2], np.int8)),
    (np.array([1.0, np.nan]), np.array([1.0, np.nan], f32)),
    (np.ones((2, 3), f32), np.ones((2, 3))),
    (np.zeros((0, 3)), np.zeros((0, 3))),
    ((1, 2), [1, 2]),
    ({"a": [1, "x"]}, {"a": (1, "x")}),
    (np.array(3), 3),
    (np.array([1e6, 1e-3], f32), np.array([1e6, 2e-3], f32)),
    (np.array([1 + 2j]), np.array([1 + 2j])),
]
DIFFERENT = [
    (1, 2, "Expected 1, got 2."),
    (1, 1.0, "Expected one integer value, got one float value."),
    (True, 1, "boolean"),
    (None, 0, "Expected None, got 0."),
    ("a", None, "Expected the text 'a', got None."),
    (1.0, 1.001, "Largest difference 0.001."),
    (0.0, math.nan, "got nan"),
    (math.inf, -math.inf, "got -inf"),
    (np.ones(3), np.ones(4), "Expected shape (3,), got shape (4,)."),
    (np.ones(1), 1.0, "got one float value"),
    (np.ones(3), np.ones(3, bool), "Expected float values, got boolean values."),
    (np.zeros((0, 3)), np.zeros((0, 3), int), "Expected float values"),
    (np.zeros((2, 2)), np.array([[0, 0], [0, 0.5]]), "At index (1, 1): expected 0, got 0.5. 1 of 4 values differ"),
    ([1, 2], [1, 3], "In value 2 of 2: expected 2, got 3."),
    ([1, 2], [1], "Expected 2 values, got 1 value."),
    ([1], 1, "Expected 1 value, got 1."),
    ({"a": 1}, {"b": 1}, "without a; with 1 that"),
    ({"a": np.ones(2)}, {"a": np.zeros(2)}, "In entry 'a', index 0: expected 1, got 0."),
    (np.ones(2), "text", "got the text 'text'"),
    (np.ones(2), np.array(["x", "y"]), "got"),
    ("same up to here and then A", "same up to here and then B", "got another text of 26 characters"),
    (np.full(2, 0.5), np.full(2, 0.5 + 1e-5), "Largest difference 1e-05".lower()),
]


@pytest.mark.parametrize("expected, came", EQUAL)
def test_equal(expected, came):
    assert same(expected, came) and same(came, expected)


@pytest.mark.parametrize("expected, came, said", DIFFERENT)
def test_different(expected, came, said):
    assert said in str(difference(expected, came))
    assert not same(came, expected)


def test_float64_is_compared_closely_and_float32_is_not():
    x = np.full(3, 0.25)
    assert not same(x, x + 1e-5) and same(x.astype(f32), x + 1e-6)


def test_every_answer_fits_on_a_line():
    long = difference("x" * 10_000, "y" * 10_000)
    assert len(str(long)) < 250 and len(describe("z" * 10_000)) < 80 and len(truncate("a\n" * 999)) <= 60
    assert len(str(difference(1, 10**5000))) < 100


def test_quotes_of_a_hidden_test_are_not_shown():
    secret = "def probe(rng):\n    return softmax(rng.normal(size=(3, 4)) + 100)"
    assert redact("return softmax(rng.normal(size=", secret) == "(not shown)"
    assert redact("softmax is not defined", secret) == "softmax is not defined"


VALUES = [
    value for pair in (*EQUAL, *DIFFERENT) for value in pair[:2] if getattr(value, "dtype", np.dtype(int)).kind != "U"
]


@pytest.mark.parametrize("value", VALUES)
def test_values_survive_a_file(value):
    back = decode(json.loads(json.dumps(encode(value))))
    assert same(value, back) and type(back) is (np.ndarray if isinstance(value, complex) else type(value))


def test_half_precision_is_no_excuse():
    """A coarser dtype does not loosen the comparison, unless the reference has it, too."""
    one = np.float32([1.0])
    assert not same(one, np.float16([1.001])) and not same(one.astype("c8"), np.complex64([1.001]))
    assert same(one, np.float32([1.00005])) and same(np.float16([1.0]), np.float16([1.001]))

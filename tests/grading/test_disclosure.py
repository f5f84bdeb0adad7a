"""An error's message is no way out: hidden tests and the reference's solutions can be read where probes run."""

import numpy as np
import pytest
import small
from test_grade import grader, pytestmark  # noqa: F401

from tito.grading.disclosure import is_disclosable, known_kind, masked

WRITTEN = "raise ValueError(f'shapes {a.shape} of {name!r} do not fit: {n}')\fraise KeyError('no such entry')"


def two(a, b):
    """Takes two."""


x, nothing, several = np.ones((3, 4)), None, [1, 2]
OWN = [
    lambda: nothing.shape, lambda: nothing(), lambda: nothing[0], lambda: [*nothing], lambda: exec("unknown"), lambda: 1 + "a",
    lambda: several[4], lambda: several["a"], lambda: two(1), lambda: two(1, 2, 3), lambda: two(c=1), lambda: 1 / 0,
    lambda: int("a"), lambda: {}["k"], lambda: -"a", lambda: "a" < 1, lambda: len(3), lambda: {}.foo, lambda: hash([]),
    lambda: x @ x, lambda: x + np.ones(5), lambda: x.reshape(5, 5), lambda: x.sum(axis=3), lambda: x[7], lambda: x[1, 2, 3],
    lambda: bool(x), lambda: np.concatenate([x, np.ones((2, 2))]), lambda: x.transpose(0, 0), lambda: x.dot(x),
    lambda: np.stack([x, np.ones(2)]), lambda: x.squeeze(0), lambda: np.ones(2)[[0.5]], lambda: np.ones(3, int).__iadd__(0.5),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(OWN)))
def test_what_python_and_numpy_say_is_shown(number):
    with pytest.raises(Exception) as caught:  # noqa: PT011
        OWN[number]()
    assert is_disclosable(str(caught.value), ""), masked(str(caught.value))


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("shapes (3, 4) of 'x' do not fit: 5", True),
        ("no such entry", True),
        ("shapes (3, 4) of 'x' do not fit: 5, and def solution", False),
        ("shapes (3, 4) of 'return x - x.mean(axis=-1), and so on' do not fit: 5", False),
        ("return x - x.mean(axis=-1)", False),
        ("\u4e00\u4e01", False),
        ("1234567890 1234567890 1234567890 1234567890 1234567890", False),
    ],
)
def test_of_the_students_own_words_what_stands_in_the_notebook(message, shown):
    assert is_disclosable(message, WRITTEN) == shown


def test_names_of_exceptions():
    assert known_kind("ValueError", "") == "ValueError" and known_kind("LinAlgError", "") == "LinAlgError"
    assert known_kind("Mine", "class Mine(Exception): pass") == "Mine"
    assert known_kind("Mine", "") == known_kind("a b", "a b") == known_kind("\u4e00", "x") == ""


def test_a_message_carries_no_solution_out(grader):  # noqa: F811
    """The student's function says what it finds in the notebook's own history: the reference, when a task is judged alone."""
    tell = "raise ValueError(''.join(get_ipython().user_ns['In'])[-3000:][{start}:{start} + 90])"
    for start in (0, 500, 1500):
        result = grader.grade(
            small.solved(t1="def centre(x):\n    return oops(x)", t4=f"def median(xs):\n    {tell.format(start=start)}")
        )
        message = result["00.4"].message
        fixed = (
            "Your code raised an error here.",
            "Your code raised ValueError.",
        )  # where the whole run raised it, too
        assert sum(map(message.count, fixed)) == 2 and "self.total" not in message

"""Classes as rows and sequences filled up, beside PyTorch: values, dtypes and what is refused."""

import pytest
import torch

import tinytorch as ours

pytestmark = pytest.mark.modules(1)

CASES = {
    "one_hot": lambda t: t.nn.functional.one_hot(t.tensor([[2, 0], [1, 1]])),
    "one_hot of a number": lambda t: t.nn.functional.one_hot(t.tensor(2), 5),
    "one_hot of nothing": lambda t: t.nn.functional.one_hot(t.zeros(0, 2, dtype=t.int64), 3),
    "padded": lambda t: t.nn.utils.rnn.pad_sequence([t.arange(3), t.arange(1), t.arange(2)]),
    "padded left": lambda t: t.nn.utils.rnn.pad_sequence([t.ones(3, 2), t.ones(1, 2)], True, -1.0, "left"),
    "padded rows of a tensor": lambda t: t.nn.utils.rnn.pad_sequence(t.ones(2, 3), batch_first=True),
    "nelement": lambda t: t.tensor(t.ones(2, 3).nelement()),
}
REFUSED = {
    "float classes": lambda t: t.nn.functional.one_hot(t.tensor([1.0])),
    "too large": lambda t: t.nn.functional.one_hot(t.tensor([3]), 3),
    "negative": lambda t: t.nn.functional.one_hot(t.tensor([-1])),
    "how many": lambda t: t.nn.functional.one_hot(t.zeros(0, dtype=t.int64)),
    "side": lambda t: t.nn.utils.rnn.pad_sequence([t.ones(2)], padding_side="top"),
}


@pytest.mark.parametrize("name", CASES)
def test_equal(name):
    mine, theirs = CASES[name](ours), CASES[name](torch)
    assert tuple(mine.shape) == tuple(theirs.shape) and str(theirs.dtype).endswith(str(mine.dtype))
    assert mine.tolist() == theirs.tolist()


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_pytorch_does(name):
    with pytest.raises(Exception) as theirs:
        REFUSED[name](torch)
    with pytest.raises(theirs.type):
        REFUSED[name](ours)


def test_the_gradient_of_a_padded_sequence_reaches_every_part():
    found = []
    for t in (ours, torch):
        parts = [t.ones(3, requires_grad=True), t.ones(1, requires_grad=True)]
        (t.nn.utils.rnn.pad_sequence(parts) * t.arange(6.0).reshape(3, 2)).sum().backward()
        found.append([part.grad.tolist() for part in parts])
    assert found[0] == found[1]

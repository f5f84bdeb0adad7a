"""Random creation: numbers cannot equal PyTorch's, but shapes, dtypes, ranges, moments and the rules of seeding can."""

import numpy as np
import pytest
import torch
from oracle import array_of

import tinytorch

SIZE = 20_000
DRAWS = {
    "rand": lambda t, **o: t.rand(SIZE, **o),
    "rand of a matrix": lambda t, **o: t.rand(200, 100, **o),
    "rand of a tuple": lambda t, **o: t.rand((200, 100), **o),
    "rand in float64": lambda t, **o: t.rand(SIZE, dtype=t.float64, **o),
    "randn": lambda t, **o: t.randn(SIZE, **o),
    "randint": lambda t, **o: t.randint(7, (SIZE,), **o),
    "randint from": lambda t, **o: t.randint(-3, 4, (SIZE,), **o),
    "randperm": lambda t, **o: t.randperm(SIZE, **o),
    "normal": lambda t, **o: t.normal(2.0, 0.5, (SIZE,), **o),
    "normal of tensors": lambda t, **o: t.normal(t.zeros(SIZE), t.ones(SIZE) * 3, **o),
    "bernoulli": lambda t, **o: t.bernoulli(t.full((SIZE,), 0.3), **o),
    "multinomial": lambda t, **o: t.multinomial(t.tensor([1.0, 2.0, 7.0]), SIZE, replacement=True, **o),
    "multinomial of rows": lambda t, **o: t.multinomial(t.tensor([[0.0, 1.0, 1.0], [5.0, 1.0, 0.0]]), 2, **o),
    "uniform_": lambda t, **o: t.empty(SIZE).uniform_(-2.0, 1.0, **o),
    "normal_": lambda t, **o: t.empty(SIZE).normal_(-2.0, 3.0, **o),
}
WITHOUT_GENERATOR = {
    "rand_like": lambda t: t.rand_like(t.zeros(SIZE)),
    "randn_like": lambda t: t.randn_like(t.zeros(SIZE, dtype=t.float64)),
    "randint_like": lambda t: t.randint_like(t.zeros(SIZE), 2, 9),
}


@pytest.mark.parametrize("name", [*DRAWS, *WITHOUT_GENERATOR])
def test_shape_dtype_range_and_moments(name):
    found = []
    for t in (tinytorch, torch):
        t.manual_seed(0)
        found.append(array_of(t, {**DRAWS, **WITHOUT_GENERATOR}[name](t)))
    ours, theirs = found
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    if name == "multinomial of rows":
        assert set(ours[0]) == {1, 2} and set(ours[1]) == {0, 1}
        return
    error = 5 * theirs.std() / SIZE**0.5
    assert abs(ours.mean() - theirs.mean()) < error * 1.5
    assert abs(ours.std() / theirs.std() - 1) < 0.04
    if (
        theirs.dtype.kind == "i"
        or name == "randint_like"
        or "uniform" in name
        or "rand" in name
        and "randn" not in name
    ):
        np.testing.assert_allclose([ours.min(), ours.max()], [theirs.min(), theirs.max()], rtol=2e-3, atol=2e-3)
    if name == "randperm":
        assert sorted(ours) == list(range(SIZE))


@pytest.mark.parametrize("name", DRAWS)
def test_the_seed_decides(name):
    def draw(seed):
        tinytorch.manual_seed(seed)
        return DRAWS[name](tinytorch).numpy()

    assert np.array_equal(draw(3), draw(3))
    assert not np.array_equal(draw(3), draw(4)) or name == "multinomial of rows"


@pytest.mark.parametrize("name", DRAWS)
def test_a_generator_of_its_own(name):
    """It repeats with its seed and leaves the default generator where it was."""
    tinytorch.manual_seed(0)
    undisturbed = tinytorch.rand(3).numpy()
    tinytorch.manual_seed(0)
    first = DRAWS[name](tinytorch, generator=tinytorch.Generator().manual_seed(5)).numpy()
    assert np.array_equal(tinytorch.rand(3).numpy(), undisturbed)
    again = DRAWS[name](tinytorch, generator=tinytorch.Generator().manual_seed(5)).numpy()
    assert np.array_equal(first, again)


def test_state_is_saved_and_restored():
    state = tinytorch.get_rng_state()
    first = tinytorch.randn(5).numpy()
    tinytorch.set_rng_state(state)
    assert np.array_equal(tinytorch.randn(5).numpy(), first)
    assert not np.array_equal(tinytorch.randn(5).numpy(), first)


def test_empty_has_the_right_shape_and_dtype():
    for t in (tinytorch, torch):
        assert tuple(t.empty(2, 3).shape) == tuple(t.empty((2, 3)).shape) == (2, 3)
        assert t.empty(2, dtype=t.int64).dtype == t.int64
        assert t.empty_like(t.zeros(2, dtype=t.int32)).dtype == t.int32

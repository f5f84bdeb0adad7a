"""A small problem with a known answer, for every test of the Trainer."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for runs.py

from tinytorch.data import TensorDataset
from tinytorch.tensor import manual_seed, randn, tensor


@pytest.fixture
def line():
    """Noise-free data of y = 2 a - 3 b + 0.5, and a loader over it."""
    manual_seed(0)
    x = randn(64, 2)
    y = x @ tensor([[2.0], [-3.0]]) + 0.5
    return TensorDataset(x, y)

"""A small problem with a known answer, for every test of the Trainer."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for runs.py


@pytest.fixture
def line():
    from runs import noise_free_line

    return noise_free_line()

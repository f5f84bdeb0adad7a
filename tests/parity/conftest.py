"""Settings of the parity suite: deterministic, bounded, one thread."""

import sys
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))
torch.set_num_threads(1)

settings.register_profile(
    "parity",
    max_examples=30,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("parity")


def pytest_collection_modifyitems(config, items):
    """Mark this folder's tests; the slow ones run only when a mark expression asks for them."""
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in here:
        item.add_marker(pytest.mark.parity)
    if not config.option.markexpr:
        slow = [item for item in here if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]

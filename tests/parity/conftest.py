"""Settings of the parity suite: deterministic, bounded, one thread."""

import os
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))
torch.set_num_threads(1)

# PARITY_EXAMPLES=1000 searches for longer, and elsewhere each time.
EXAMPLES = os.environ.get("PARITY_EXAMPLES")
settings.register_profile(
    "parity",
    max_examples=int(EXAMPLES or 30),
    derandomize=EXAMPLES is None,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("parity")


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in Path(item.fspath).parents:
            item.add_marker(pytest.mark.parity)

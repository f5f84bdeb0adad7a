"""What the integration tests share: the helpers in this folder can be imported, and every test starts from one seed."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def seed():
    import tinytorch

    tinytorch.manual_seed(0)

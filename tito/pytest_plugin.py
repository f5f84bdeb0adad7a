"""What pytest knows about the course, here and in a student's workspace (`-p tito.pytest_plugin`)."""

MARKERS = (
    "modules(*numbers): the modules that a test builds on; it is skipped where one of them has not been exported",
    "integration: tests a boundary between modules",
    "parity: compares with PyTorch",
    "gpu: needs a GPU",
    "slow: takes more than two minutes",
)


def pytest_configure(config):
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)

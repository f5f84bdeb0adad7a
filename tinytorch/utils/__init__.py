"""Helpers under PyTorch's names: `tinytorch.utils.data`, `tinytorch.utils.checkpoint`. Each is imported when it is asked for."""

from importlib import import_module

NAMES = ("checkpoint", "data")


def __getattr__(name):
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f".{name}", __name__)


def __dir__():
    return list(NAMES)

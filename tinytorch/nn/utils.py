"""Gradient clipping under PyTorch's name: `nn.utils.clip_grad_norm_`."""

from .. import load

NAMES = ("clip_grad_norm_", "clip_grad_value_")


def __getattr__(name):
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return load("tinytorch", name, "optim", 6, name)


def __dir__():
    return list(NAMES)

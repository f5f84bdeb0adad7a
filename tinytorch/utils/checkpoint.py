"""Gradient checkpointing under PyTorch's name: `from tinytorch.utils.checkpoint import checkpoint`."""

from .. import _lazy

__getattr__, __dir__ = _lazy.attach(__name__, {"nn.normalization": (8, "checkpoint")})

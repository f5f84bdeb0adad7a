"""Helpers under PyTorch's names: `tinytorch.utils.data`, `tinytorch.utils.checkpoint`."""

from .. import _lazy

__getattr__, __dir__ = _lazy.attach(__name__, packages={"checkpoint": 0, "data": 0})

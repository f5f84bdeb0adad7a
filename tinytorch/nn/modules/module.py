"""Module, where PyTorch defines it: `from tinytorch.nn.modules.module import Module`."""

from ... import _lazy

__getattr__, __dir__ = _lazy.attach(__name__, {"nn": "Module"})

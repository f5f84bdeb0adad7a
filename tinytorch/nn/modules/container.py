"""Containers of modules, where PyTorch defines them."""

from ... import _lazy

__getattr__, __dir__ = _lazy.attach(__name__, {"nn": "Sequential ModuleList ModuleDict"})

"""Batch normalization, where PyTorch defines it."""

from ... import _lazy

__getattr__, __dir__ = _lazy.attach(__name__, {"nn": "BatchNorm1d BatchNorm2d"})

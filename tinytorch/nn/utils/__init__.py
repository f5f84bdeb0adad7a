"""Gradient clipping and helpers over parameters under PyTorch's names: `nn.utils.clip_grad_norm_`."""

from ... import _lazy

__getattr__, __dir__ = _lazy.attach(__name__, {"optim": (6, "clip_grad_norm_ clip_grad_value_")}, {"clip_grad": 0, "rnn": 0})

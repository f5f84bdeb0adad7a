"""Sequences of different lengths: `from torch.nn.utils.rnn import pad_sequence`."""

from ... import _lazy

__getattr__, __dir__ = _lazy.attach(__name__, {"_more": (1, "pad_sequence")})

"""The same names as `tinytorch.nn.utils`, where older programs import them from."""

from ... import _lazy

__getattr__, __dir__ = _lazy.attach(__name__, {"nn.utils": "clip_grad_norm_ clip_grad_value_"})

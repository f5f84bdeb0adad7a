"""Parameters, where PyTorch defines them: `from tinytorch.nn.parameter import Parameter`."""

from .. import _lazy

__getattr__, __dir__ = _lazy.attach(__name__, {"nn": "Parameter"})

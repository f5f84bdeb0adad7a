"""The files in which PyTorch defines its modules: `from tinytorch.nn.modules.container import Sequential`.

The names are those of `tinytorch.nn`, sorted as PyTorch sorts them.
"""

from ... import _lazy

_FILES = "activation batchnorm container dropout flatten linear loss module normalization"

__getattr__, __dir__ = _lazy.attach(__name__, {}, dict.fromkeys(_FILES.split(), 0))

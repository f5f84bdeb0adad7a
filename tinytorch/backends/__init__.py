"""The backends that PyTorch knows, each with a truthful answer to `is_available()`."""

from .. import _lazy

__getattr__, __dir__ = _lazy.attach(__name__, packages=dict.fromkeys(("cudnn", "mkl", "mkldnn", "mps", "openmp"), 0))

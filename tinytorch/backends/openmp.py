"""Not used: `torch.backends.openmp.is_available()` is False."""

from .. import _lazy

__getattr__, __dir__ = _lazy.attach(__name__, {"_info": (1, "is_available=never")})

"""Not used; its switches are there, because programs set them: `cudnn.benchmark = True`."""

from .. import _lazy

__getattr__, __dir__ = _lazy.attach(__name__, {"_info": (1, "is_available=never enabled=off benchmark=off deterministic=off allow_tf32=off")})

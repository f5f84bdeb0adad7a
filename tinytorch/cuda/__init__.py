"""GPUs: until module 17 is built, `torch.cuda.is_available()` is False."""

from .. import _lazy

__getattr__, __dir__ = _lazy.attach(
    __name__,
    {
        "_info": (
            1,
            "is_available=cuda_is_available device_count current_device synchronize empty_cache manual_seed_all",
        ),
    },
)

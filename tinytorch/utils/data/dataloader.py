"""The DataLoader, where PyTorch defines it."""

from ... import _lazy

__getattr__, __dir__ = _lazy.attach(__name__, {"utils.data": "DataLoader default_collate get_worker_info"})

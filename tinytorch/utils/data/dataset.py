"""Datasets, where PyTorch defines them: `from tinytorch.utils.data.dataset import Dataset`."""

from ... import _lazy

__getattr__, __dir__ = _lazy.attach(
    __name__,
    {
        "utils.data": "Dataset IterableDataset TensorDataset ConcatDataset Subset random_split",
    },
)

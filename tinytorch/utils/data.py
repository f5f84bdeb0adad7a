"""Datasets, samplers and the DataLoader under PyTorch's name: `from tinytorch.utils.data import DataLoader`."""

from .. import load

NAMES = """
    Dataset IterableDataset TensorDataset ConcatDataset Subset random_split Sampler SequentialSampler RandomSampler
    WeightedRandomSampler BatchSampler DataLoader default_collate get_worker_info
""".split()


def __getattr__(name):
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return load("tinytorch", name, "data", 5, name)


def __dir__():
    return NAMES

"""Datasets, samplers and the DataLoader under PyTorch's name: `from tinytorch.utils.data import DataLoader`."""

from ... import _lazy

__getattr__, __dir__ = _lazy.attach(
    __name__,
    {
        "data": (
            5,
            """
            Dataset IterableDataset TensorDataset ConcatDataset Subset random_split Sampler
            SequentialSampler RandomSampler
            SubsetRandomSampler WeightedRandomSampler BatchSampler DataLoader default_collate get_worker_info
            """,
        )
    },
    {"dataset": 0, "sampler": 0, "dataloader": 0},
)

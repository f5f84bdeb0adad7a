"""Datasets, samplers, collation, and the DataLoader."""

from .. import _lazy

# file: (module that builds it, the names that it has to offer)
__getattr__, __dir__ = _lazy.attach(
    __name__,
    {
        "data.dataset": (
            5,
            """
            Dataset IterableDataset TensorDataset Subset split_lengths random_split locate ConcatDataset
            random_order weighted_order Sampler SequentialSampler RandomSampler SubsetRandomSampler
            WeightedRandomSampler batched count_batches BatchSampler default_collate pad next_token_targets
            pad_collate language_model_collate classification_collate vision_collate batch_seed fetch
            normalize horizontal_flip crop_at Compose Normalize RandomHorizontalFlip RandomCrop OnField MapDataset
            parse_idx TokenFile window_count window_start shifted_pair
            """,
        ),
        "data.dataloader": (5, "DataLoader WorkerInfo get_worker_info default_convert KeyErrorMessage make_loader"),
        "data.datasets": (5, "MNIST CIFAR10 load_digits python_text"),
    },
    {"dataset": 5, "dataloader": 5, "datasets": 5},
)

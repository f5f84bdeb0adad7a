"""Samplers, where PyTorch defines them."""

from ... import _lazy

__getattr__, __dir__ = _lazy.attach(
    __name__,
    {
        "utils.data": "Sampler SequentialSampler RandomSampler SubsetRandomSampler WeightedRandomSampler BatchSampler",
    },
)

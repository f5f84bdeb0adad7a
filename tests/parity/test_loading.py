"""Batches of every kind of sample, and random numbers in workers, as PyTorch has them."""

import random
from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest
import torch

import tinytorch
from tinytorch import data

Pair = namedtuple("Pair", "left right")
KINDS = {
    "floats": [0.5, 1.5],
    "ints": [1, 2],
    "an int and a float": [1, 2.5],
    "bools": [True, False],
    "NumPy's text": [np.str_("a"), np.str_("b")],
    "NumPy's numbers": [np.float32(1), np.float32(2)],
    "namedtuples": [Pair(1, 0.5), Pair(2, 1.5)],
    "ordered dicts": [OrderedDict(b=1, a=2), OrderedDict(b=3, a=4)],
    "defaultdicts": [defaultdict(int, x=1), defaultdict(int, x=2)],
    "int64 and float32": [np.arange(2), np.arange(2, dtype="float32")],
    "bool and uint8": [np.array([True, False]), np.array([3, 4], "uint8")],
}


def plain(batch):
    if isinstance(batch, (torch.Tensor, tinytorch.Tensor)):
        return str(batch.dtype).removeprefix("torch."), batch.numpy().tolist()
    if isinstance(batch, dict):
        return type(batch).__name__, {key: plain(value) for key, value in batch.items()}
    return (type(batch).__name__, [plain(item) for item in batch]) if isinstance(batch, (list, tuple)) else batch


@pytest.mark.parametrize("kind", KINDS)
def test_collate(kind):
    samples = KINDS[kind]
    assert plain(data.default_collate(samples)) == plain(torch.utils.data.default_collate(samples))


class Numbers(data.Dataset):
    """A number from NumPy's global generator, and one from Python's."""

    def __getitem__(self, index):
        return np.random.randint(1 << 30), random.randrange(1 << 30)

    def __len__(self):
        return 8


def epochs(seed):
    tinytorch.manual_seed(seed)
    loader = data.DataLoader(Numbers(), batch_size=1, num_workers=2)
    return [[t.item() for batch in loader for t in batch] for _ in range(2)]


def test_workers_draw_numbers_of_their_own_in_every_epoch_and_the_same_from_a_seed():
    first, second = epochs(0)
    assert len({*first, *second}) == 32
    assert epochs(0) == [first, second]
    assert epochs(1)[0] != first


def test_subset_random_sampler():
    ours, theirs = data.SubsetRandomSampler([3, 5, 9]), torch.utils.data.SubsetRandomSampler([3, 5, 9])
    assert sorted(ours) == sorted(theirs) and len(ours) == len(theirs)
    assert len({tuple(ours) for _ in range(50)}) > 1

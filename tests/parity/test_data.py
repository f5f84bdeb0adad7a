"""The data pipeline beside PyTorch's: the same batches of the same order, and a Hugging Face dataset as a Dataset."""

import numpy as np
import pytest
import torch
import torch.utils.data as theirs

import tinytorch
import tinytorch.utils.data as ours


class Rows:
    """The same samples for both."""

    def __init__(self, n, make):
        self.n, self.make = n, make

    def __getitem__(self, index):
        return self.make(index)

    def __len__(self):
        return self.n


def plain(batch):
    """A batch as nested lists, its tensors with their dtype."""
    if isinstance(batch, (tinytorch.Tensor, torch.Tensor)):
        return str(batch.dtype).removeprefix("torch."), batch.tolist()
    if isinstance(batch, dict):
        return {key: plain(value) for key, value in batch.items()}
    return [plain(item) for item in batch] if isinstance(batch, (list, tuple)) else batch


SAMPLES = {
    "arrays": lambda i: np.float32([i, i + 1]),
    "arrays of doubles": lambda i: np.full((2, 1), float(i)),
    "pairs": lambda i: (np.float32([i]), i),
    "numbers": lambda i: i,
    "floats": lambda i: i / 4,
    "truth": lambda i: i % 2 == 0,
    "text": lambda i: f"sample {i}",
    "dicts": lambda i: {"x": np.float32([i]), "y": {"label": i, "name": str(i)}},
    "lists": lambda i: [[i, -i], (str(i), i > 2)],
    "scalars of NumPy": lambda i: np.int32(i),
}


@pytest.mark.parametrize(
    "options", [{"batch_size": 3}, {"batch_size": 3, "drop_last": True}, {"batch_size": None}], ids=str
)
@pytest.mark.parametrize("kind", SAMPLES)
def test_batches(kind, options):
    data = Rows(7, SAMPLES[kind])
    if options["batch_size"] is None and kind in ("floats", "scalars of NumPy"):
        pytest.skip("PyTorch makes a double of the one and leaves the other")
    found = [[plain(batch) for batch in t.DataLoader(data, **options)] for t in (ours, theirs)]
    if kind == "floats":  # a list of Python floats is float32 here, as torch.tensor makes it
        found = [[values for _, values in batches] for batches in found]
    assert found[0] == found[1]


@pytest.mark.parametrize("workers", [0, 2])
def test_tensor_datasets_subsets_and_rows(workers):
    x, y = np.arange(24, dtype="f").reshape(12, 2), np.arange(12)
    found = []
    for t, u in ((tinytorch, ours), (torch, theirs)):
        data = u.TensorDataset(t.tensor(x), t.tensor(y))
        data = u.ConcatDataset([u.Subset(data, [11, 3, 5]), data])
        sampler = u.BatchSampler(u.SequentialSampler(data), 4, drop_last=False)
        loader = u.DataLoader(data, batch_sampler=sampler, num_workers=workers)
        found.append([len(loader), [plain(batch) for batch in loader]])
    assert found[0] == found[1]


@pytest.mark.parametrize("lengths", [[5, 3, 3], [0.5, 0.5], [0.7, 0.2, 0.1], [1], [0.34, 0.33, 0.33]], ids=str)
def test_random_split_lengths(lengths):
    a, b = ([len(part) for part in t.random_split(range(11), lengths)] for t in (ours, theirs))
    assert a == b


def test_weighted_draws_have_pytorchs_frequencies():
    weights = [0.1, 0.0, 0.4, 1.5]
    for replacement, count in ((True, 20_000), (False, 2)):
        rounds = 1 if replacement else 4000
        found = [
            np.bincount(
                [i for _ in range(rounds) for i in t.WeightedRandomSampler(weights, count, replacement)], minlength=4
            )
            for t in (ours, theirs)
        ]
        np.testing.assert_allclose(found[0] / found[0].sum(), found[1] / found[1].sum(), atol=0.015)


class Counting:
    def __iter__(self):
        yield from range(11)


def test_streams():
    found = []
    for t in (ours, theirs):
        stream = type("Stream", (Counting, t.IterableDataset), {})()
        found.append([[plain(b) for b in t.DataLoader(stream, 4, drop_last=drop)] for drop in (False, True)])
    assert found[0] == found[1]


WRONG = {
    "batch_size of 0": dict(batch_size=0),
    "negative workers": dict(num_workers=-1),
    "prefetch without workers": dict(prefetch_factor=2),
    "persistent without workers": dict(persistent_workers=True),
    "shuffle and sampler": dict(shuffle=True, sampler=[0]),
    "batch_sampler and batch_size": dict(batch_sampler=[[0]], batch_size=4),
    "drop_last without batches": dict(batch_size=None, drop_last=True),
    "negative timeout": dict(timeout=-1, num_workers=1),
}


@pytest.mark.parametrize("options", WRONG.values(), ids=WRONG)
def test_options_that_pytorch_refuses(options):
    for t in (theirs, ours):
        with pytest.raises(ValueError):
            t.DataLoader([1, 2], **options)


@pytest.fixture(scope="module")
def reviews():
    """A Hugging Face dataset, made here: nothing is downloaded, and only these tests pay for the import."""
    datasets = pytest.importorskip("datasets")
    texts = ["good", "very bad", "good and bad", "no", "yes"]
    tokens = [[len(word) for word in text.split()] for text in texts]
    return datasets.Dataset.from_dict(
        {"text": texts, "input_ids": tokens, "score": [0.5, 1.0, 1.5, 2.0, 2.5], "label": [1, 0, 1, 0, 1]}
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_hugging_face_dataset(reviews, workers):
    scores = reviews.remove_columns("input_ids")
    found = [[plain(b) for b in t.DataLoader(scores, 2, num_workers=workers)] for t in (ours, theirs)]
    for mine, expected in zip(*found, strict=True):
        assert mine["text"] == expected["text"] and mine["label"] == expected["label"]
        assert mine["score"][1] == expected["score"][1]


def test_hugging_face_dataset_with_collator_split_and_samplers(reviews):
    tinytorch.manual_seed(0)
    from tinytorch.data import MapDataset, classification_collate

    pairs = MapDataset(reviews, lambda row: (row["input_ids"], row["label"]))
    tokens, mask, labels = next(iter(ours.DataLoader(pairs, 5, collate_fn=classification_collate())))
    assert tokens.tolist() == [[4, 0, 0], [4, 3, 0], [4, 3, 3], [2, 0, 0], [3, 0, 0]]
    assert mask.sum(1).tolist() == [1, 2, 3, 1, 1] and labels.tolist() == [1, 0, 1, 0, 1]
    parts = ours.random_split(reviews, [0.6, 0.4])
    assert sorted(row["text"] for part in parts for row in part) == sorted(reviews["text"])
    sampler = ours.WeightedRandomSampler([1.0 if label else 0.0 for label in reviews["label"]], 20)
    (batch,) = ours.DataLoader(reviews.select_columns("label"), 20, sampler=sampler)
    assert batch["label"].tolist() == [1] * 20


def test_hugging_face_arrays(reviews):
    data = reviews.select_columns(["score", "label"]).with_format("numpy")
    batch = next(iter(ours.DataLoader(data, 3)))
    assert batch["score"].tolist() == [0.5, 1.0, 1.5] and batch["label"].tolist() == [1, 0, 1]

"""Module 05, one idea each: order, collation, workers, resuming, files."""

import os
import signal
import time

import numpy as np
import pytest

from tinytorch import data as d
from tinytorch.random import default_generator, manual_seed
from tinytorch.tensor import tensor


def numbers(n=20):
    return d.TensorDataset(tensor(np.arange(n)), tensor(np.arange(n) ** 2))


class Noisy(d.Dataset):
    """A sample that is random."""

    def __getitem__(self, index):
        return index + float(default_generator.source().random())

    def __len__(self):
        return 24


class Fails(d.Dataset):
    def __init__(self, how):
        self.how = how

    def __getitem__(self, index):
        if index == 9:
            self.how()
        return index

    def __len__(self):
        return 16


def fail():
    raise KeyError("sample 9 is broken")


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class Stream(d.IterableDataset):
    def __iter__(self):
        info = d.get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        yield from range(worker, 11, workers)


def test_05_1_split_keeps_every_sample_once():
    parts = d.random_split(range(10), [0.5, 0.3, 0.2])
    assert sorted(x for part in parts for x in part) == list(range(10))


def test_05_2_concat():
    both = d.ConcatDataset([[1, 2], [], [3]])
    assert [both[i] for i in range(len(both))] == [1, 2, 3]


def test_05_3_weighted_sampler_follows_the_weights():
    counts = np.bincount(list(d.WeightedRandomSampler([1.0, 0.0, 3.0], 4000)), minlength=3) / 4000
    assert counts[1] == 0 and abs(counts[2] - 0.75) < 0.03


def test_05_4_incomplete_batch():
    assert [len(x) for x, _ in d.DataLoader(numbers(7), 3)] == [3, 3, 1]
    assert len(d.DataLoader(numbers(7), 3, drop_last=True)) == 2


def test_05_5_collate_nested():
    batch = d.default_collate([{"x": np.zeros(2), "y": (1, "a")}, {"x": np.ones(2), "y": (2, "b")}])
    assert batch["x"].shape == (2, 2) and batch["y"][0].tolist() == [1, 2] and batch["y"][1] == ["a", "b"]


def test_05_6_variable_lengths_are_padded():
    batch = next(iter(d.DataLoader([[1, 2, 3], [4]], 2, collate_fn=d.pad_collate(padding_value=-1))))
    assert batch["input"].tolist() == [[1, 2, 3], [4, -1, -1]] and batch["lengths"].tolist() == [3, 1]


def test_05_7_language_model():
    inputs, targets = next(iter(d.make_loader([[1, 2, 3], [4, 5]], "language_model", 2, train=False)))
    assert inputs.tolist() == [[1, 2], [4, 5]] and targets.tolist() == [[2, 3], [5, -100]]


@pytest.mark.parametrize("workers", [1, 4])
def test_05_8_workers_change_nothing(workers):
    def epochs(count):
        manual_seed(3)
        loader = d.DataLoader(Noisy(), batch_size=5, shuffle=True, num_workers=count)
        return [[x.tolist() for x in loader] for _ in range(2)]

    assert epochs(workers) == epochs(0)


def test_05_8_loading_leaves_the_generator_alone():
    manual_seed(0)
    loader = d.DataLoader(Noisy(), batch_size=5)
    batches = iter(loader)
    before = default_generator.source().bit_generator.state
    next(batches)
    next(batches)
    after = default_generator.source().bit_generator.state
    assert after != before  # the epoch drew its seed, once
    next(batches)
    assert default_generator.source().bit_generator.state == after


def test_05_9_transforms_of_one_field():
    sample = {"image": np.ones((3, 6, 6), "f"), "text": "a"}
    view = d.MapDataset([sample], d.OnField("image", d.Compose([d.RandomCrop(4), d.Normalize([1] * 3, [2] * 3)])))
    assert view[0]["image"].shape == (3, 4, 4) and view[0]["image"].sum() == 0 and view[0]["text"] == "a"


def test_05_10_mnist_files(tmp_path):
    def idx(array):
        return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()

    images, labels = np.arange(5 * 28 * 28).reshape(5, 28, 28).astype("u1"), np.arange(5, dtype="u1")
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(images))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    data = d.MNIST(tmp_path)
    assert len(data) == 5 and (data[3][0] == images[3]).all() and data[3][1] == 3
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(labels)[:-1])
    with pytest.raises(ValueError, match="truncated"):
        d.MNIST(tmp_path)
    with pytest.raises(FileNotFoundError, match="t10k-images"):
        d.MNIST(tmp_path, train=False)


def test_05_10_checksums(tmp_path):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"not the published file")
    with pytest.raises(ValueError, match="MD5"):
        d.MNIST(tmp_path)


def test_05_10_cifar_files(tmp_path):
    rows = np.random.default_rng(0).integers(0, 10, (6, 3073)).astype("u1")
    (tmp_path / "test_batch.bin").write_bytes(rows.tobytes())
    data = d.CIFAR10(tmp_path, train=False, records=6)
    assert len(data) == 6 and data[2][1] == rows[2, 0] and (data[2][0].reshape(-1) == rows[2, 1:]).all()
    with pytest.raises(ValueError, match="truncated"):
        d.CIFAR10(tmp_path, train=False)


def test_05_11_token_file(tmp_path):
    np.arange(100, dtype="<u2").tofile(tmp_path / "tokens")
    windows = d.TokenFile(tmp_path / "tokens", length=8, stride=4)
    inputs, targets = windows[-1]
    assert targets.tolist() == [x + 1 for x in inputs.tolist()] and targets.tolist()[-1] <= 99
    with pytest.raises(ValueError, match="bytes"):
        d.TokenFile(tmp_path / "tokens", length=100)


def test_an_error_in_a_worker_shows_its_traceback():
    with pytest.raises(KeyError, match="(?s)worker process.*sample 9 is broken"):
        list(d.DataLoader(Fails(fail), batch_size=2, num_workers=2))


def test_a_worker_that_dies_is_named():
    with pytest.raises(RuntimeError, match="exited unexpectedly with exit code -9"):
        list(d.DataLoader(Fails(die), batch_size=2, num_workers=2))


def test_a_slow_worker_times_out():
    with pytest.raises(RuntimeError, match="timed out after 0.5 seconds"):
        list(d.DataLoader(Fails(lambda: time.sleep(30)), batch_size=2, num_workers=1, timeout=0.5))


def test_streams_are_shared_out():
    for workers in (0, 2, 3):
        batches = [x.tolist() for x in d.DataLoader(Stream(), batch_size=2, num_workers=workers)]
        assert sorted(sum(batches, [])) == list(range(11))


def test_worker_init_fn(tmp_path):
    def init(worker):
        (tmp_path / str(worker)).touch()

    list(d.DataLoader(numbers(), 5, num_workers=2, worker_init_fn=init))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0", "1"]


@pytest.mark.parametrize("workers", [0, 2])
def test_resume_in_the_middle_of_an_epoch(workers):
    manual_seed(1)
    loader = d.DataLoader(Noisy(), batch_size=5, shuffle=True, num_workers=workers)
    batches = iter(loader)
    next(batches), next(batches)
    state = loader.state_dict()
    rest = [x.tolist() for x in batches]
    again = d.DataLoader(Noisy(), batch_size=5, shuffle=True, num_workers=0)
    again.load_state_dict(state)
    assert [x.tolist() for x in again] == rest and len(rest) == 3


@pytest.mark.parametrize(
    "options, words",
    [
        (dict(batch_size=0), "batch_size"),
        (dict(num_workers=-1), "num_workers"),
        (dict(prefetch_factor=2), "num_workers > 0"),
        (dict(shuffle=True, sampler=[0]), "mutually exclusive"),
        (dict(batch_sampler=[[0]], drop_last=True), "mutually exclusive"),
    ],
    ids=str,
)
def test_options_that_do_not_fit(options, words):
    with pytest.raises(ValueError, match=words):
        d.DataLoader(numbers(), **options)


def test_unknown_task():
    with pytest.raises(ValueError, match="language_model"):
        d.make_loader(numbers(), task="translation")


def test_a_loop_within_a_loop_over_the_same_loader():
    """Each has its own place; the state is that of the loop that goes on."""
    loader = d.DataLoader(range(12), 2, shuffle=True)
    outer = iter(loader)
    next(outer)
    assert len(list(loader)) == 6
    next(outer)
    state = loader.state_dict()
    assert state["batches"] == 2
    left = [batch.tolist() for batch in outer]
    assert loader.state_dict()["seed"] is None
    loader.load_state_dict(state)
    assert [batch.tolist() for batch in loader] == left
    abandoned = next(iter(loader))
    assert len(abandoned) == 2 and loader.state_dict()["batches"] == 1
    assert len(list(loader)) == 6 and loader.state_dict()["seed"] is None


def test_more_samples_than_there_are_and_a_dataset_that_grows():
    data = [0, 1, 2]
    order = list(d.RandomSampler(data, num_samples=8))
    assert len(order) == 8 and sorted(order[:3]) == sorted(order[3:6]) == [0, 1, 2]
    loader = d.DataLoader(data, shuffle=True)
    data += [3, 4]
    assert len(loader) == 5 == len(list(loader))


def test_lengths_of_streams_and_batches_of_tuples():
    class Known(Stream):
        def __len__(self):
            return 7

    assert len(d.DataLoader(Known(), 2)) == 4 and len(d.DataLoader(Known(), 2, drop_last=True)) == 3
    rows = d.TensorDataset(tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    batches = [batch.tolist() for (batch,) in d.DataLoader(rows, batch_sampler=[(0, 2), (1,)])]
    assert batches == [[[1, 2], [5, 6]], [[3, 4]]]

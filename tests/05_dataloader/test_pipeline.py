"""The data pipeline by its row of tests: collators, datasets, batches, workers, padding, images, files, resuming."""

import hashlib
import io
import os
import re
import signal
import subprocess
import sys
import tarfile
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from tinytorch import data as d
from tinytorch.random import Generator, default_generator, manual_seed
from tinytorch.tensor import tensor

SENTENCES = [[5, 6, 7, 8], [9], [1, 2, 3], [4, 4]]


class Squares(d.Dataset):
    """A dataset of one's own: two methods."""

    def __init__(self, n):
        self.n = n

    def __getitem__(self, index):
        if not 0 <= index < self.n:
            raise IndexError(index)
        return np.float32([index, index**2]), index % 3

    def __len__(self):
        return self.n


class Augmented(Squares):
    """A sample with noise, as augmentation makes it."""

    def __getitem__(self, index):
        return index + float(default_generator.source().random())


def plain(batches):
    """Batches as lists that can be compared."""
    return [[part.tolist() for part in batch] if isinstance(batch, list) else batch.tolist() for batch in batches]


# Collators


def test_collator_language_model():
    inputs, targets = d.language_model_collate(padding_value=0, ignore_index=-1)(SENTENCES[:2])
    assert inputs.tolist() == [[5, 6, 7], [9, 0, 0]] and targets.tolist() == [[6, 7, 8], [-1, -1, -1]]
    assert inputs.is_contiguous() and str(targets.dtype) == "int64"
    inputs, targets = d.language_model_collate(max_length=3)(SENTENCES[:1])
    assert inputs.tolist() == [[5, 6]] and targets.tolist() == [[6, 7]]


def test_collator_classification():
    tokens, mask, labels = d.classification_collate(padding_value=9)([([1, 2, 3], 1), ([4], 0)])
    assert tokens.tolist() == [[1, 2, 3], [4, 9, 9]] and labels.tolist() == [1, 0]
    assert mask.tolist() == [[True, True, True], [True, False, False]]


def test_collator_vision():
    rng = np.random.default_rng(0)
    colour = [rng.integers(0, 256, (4, 5, 3)).astype("u1") for _ in range(2)]
    images, labels = d.vision_collate([(colour[0], 3), (tensor(colour[1]), 1)])
    assert images.shape == (2, 3, 4, 5) and str(images.dtype) == "float32" and labels.tolist() == [3, 1]
    assert np.allclose(images.numpy()[1], colour[1].transpose(2, 0, 1) / 255)
    grey, _ = d.vision_collate([(np.float64([[0.5, 1.0]]), 0)])
    assert grey.shape == (1, 1, 1, 2) and grey.tolist() == [[[[0.5, 1.0]]]], "floats are not divided"


def test_collator_of_ones_own_gets_the_samples():
    for dataset in (Squares(4), d.TensorDataset(tensor(np.arange(4)), tensor(np.arange(4)))):
        (samples,) = d.DataLoader(dataset, 4, collate_fn=lambda samples: samples)
        assert len(samples) == 4 and all(isinstance(sample, tuple) and len(sample) == 2 for sample in samples)


# Datasets


def test_custom_dataset():
    x, y = next(iter(d.DataLoader(Squares(5), 4)))
    assert x.tolist() == [[0, 0], [1, 1], [2, 4], [3, 9]] and y.tolist() == [0, 1, 2, 0]
    assert len(Squares(2) + Squares(3)) == 5
    with pytest.raises(NotImplementedError, match="__getitem__"):
        d.Dataset()[0]


def test_custom_sampler_with_iter_alone():
    class EverySecond(d.Sampler):
        def __iter__(self):
            return iter(range(0, 10, 2))

        def __len__(self):
            return 5

    loader = d.DataLoader(Squares(10), 2, sampler=EverySecond())
    assert [y.tolist() for _, y in loader] == [[0, 2], [1, 0], [2]] and len(loader) == 3
    assert list(d.DataLoader(Squares(4), sampler=[])) == [], "an empty order is an order"


def test_batches_of_a_subset_are_those_of_its_samples():
    dataset = d.TensorDataset(tensor(np.arange(30).reshape(10, 3)), tensor(np.arange(10)))
    subset = d.Subset(d.Subset(dataset, [9, 7, 5, 3, 1]), [4, 0, 2])
    fast, slow = d.DataLoader(subset, 2), d.DataLoader(subset, 2, collate_fn=lambda samples: d.default_collate(samples))
    assert plain(fast) == plain(slow) == [[[[3, 4, 5], [27, 28, 29]], [1, 9]], [[[15, 16, 17]], [5]]]


def test_one_sample():
    for workers in (0, 2):
        assert plain(d.DataLoader(Squares(1), 64, num_workers=workers)) == [[[[0, 0]], [0]]]
    assert list(d.DataLoader(Squares(1), 64, drop_last=True)) == []
    x, y = next(iter(d.DataLoader(Squares(3), batch_size=None)))
    assert x.shape == (2,) and y == 0, "no batches: the sample itself"


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("drop_last", [False, True])
def test_incomplete_batches(workers, drop_last):
    loader = d.DataLoader(Squares(10), 4, drop_last=drop_last, num_workers=workers)
    assert [len(x) for x, _ in loader] == [4, 4] + ([] if drop_last else [2]) and len(loader) == 3 - drop_last


# Workers


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_worker_seeding_gives_the_same_order(workers):
    def epochs(count, **options):
        manual_seed(11)
        loader = d.DataLoader(Augmented(23), 3, shuffle=True, num_workers=count, **options)
        return [plain(loader) for _ in range(3)]

    expected = epochs(0)
    assert expected[0] != expected[1]
    assert epochs(workers) == expected and epochs(workers, persistent_workers=True) == expected
    assert epochs(workers, prefetch_factor=5) == expected


def test_a_generator_of_ones_own_decides_the_order():
    def order(**options):
        return plain(d.DataLoader(Squares(12), 12, **options))

    manual_seed(0)
    first = order(shuffle=True, generator=Generator().manual_seed(5))
    manual_seed(1)
    assert order(shuffle=True, generator=Generator().manual_seed(5)) == first
    sampler = d.RandomSampler(Squares(12), generator=Generator().manual_seed(5))
    assert order(sampler=sampler) == first, "the sampler's generator counts, too"


def test_persistent_workers_stay_and_end_with_the_loader():
    class Who(Squares):
        def __getitem__(self, index):
            return os.getpid()

    loader = d.DataLoader(Who(8), 2, num_workers=2, persistent_workers=True)
    epochs = [{pid for batch in loader for pid in batch.tolist()} for _ in range(2)]
    assert epochs[0] == epochs[1] and len(epochs[0]) == 2 and all(map(runs, epochs[0]))
    del loader
    assert not any(map(runs, epochs[0]))


def runs(pid):
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Breaks(Squares):
    """Sample 9 does something else."""

    def __init__(self, how):
        super().__init__(16)
        self.how = how

    def __getitem__(self, index):
        if index == 9:
            self.how()
        return index


class OnlyHere(Exception):
    def __init__(self, one, two):
        super().__init__(one, two)


def raising(error):
    def how():
        raise error

    return how


@pytest.mark.parametrize(
    "how, error, words",
    [
        (raising(ValueError("sample 9 is broken")), ValueError, "sample 9 is broken"),
        (raising(KeyError("sample 9 is broken")), KeyError, "\n +raise error\n.*sample 9 is broken"),
        (raising(OnlyHere("sample 9", "is broken")), RuntimeError, "OnlyHere: .'sample 9', 'is broken'"),
        (raising(type("Local", (Exception,), {})("sample 9")), RuntimeError, "Local: sample 9"),
        (lambda: 1 / 0, ZeroDivisionError, "division by zero"),
    ],
    ids=["ValueError", "KeyError", "two arguments", "local class", "arithmetic"],
)
def test_a_worker_that_raises_gives_its_traceback(how, error, words):
    with pytest.raises(error, match=f"(?s)worker process 0.*Traceback.*{words}"):
        list(d.DataLoader(Breaks(how), 2, num_workers=2))


def test_large_batches_arrive_whole_and_leave_nothing_open():
    class Large(Squares):
        def __getitem__(self, index):
            rng = np.random.default_rng(index)
            image = rng.random((3, 200, 200)).astype("f")
            return {"image": image, "turned": tensor(image.T), "doubles": rng.random(30_000), "small": index}

    here = list(d.DataLoader(Large(12), 4))
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    loader = d.DataLoader(Large(12), 4, num_workers=2)
    for batch, expected in zip(loader, here, strict=True):
        for key, value in expected.items():
            assert batch[key].dtype == value.dtype and np.array_equal(batch[key].numpy(), value.numpy()), key
        batch["image"].add_(1)  # memory of its own
    assert before == 0 or len(os.listdir("/proc/self/fd")) <= before


def test_a_batch_that_cannot_be_sent_is_an_error_not_a_death():
    with pytest.raises(Exception, match="(?s)worker process 0.*[Pp]ickle"):
        list(d.DataLoader(Squares(2), 2, num_workers=1, collate_fn=lambda samples: lambda: samples))


@pytest.mark.parametrize(
    "how, code",
    [
        (lambda: os._exit(7), 7),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), -9),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), -15),
        (lambda: sys.exit(5), 5),
    ],
    ids=["os._exit", "SIGKILL", "SIGTERM", "sys.exit"],
)
def test_a_worker_that_dies_is_named_and_nothing_hangs(how, code):
    seen, start = [], time.monotonic()
    with pytest.raises(RuntimeError) as caught:
        seen.extend(d.DataLoader(Breaks(how), 2, num_workers=2))
    if not re.search(rf"worker 0 \(pid \d+\) exited unexpectedly with exit code {code}", str(caught.value)):
        raise caught.value
    assert plain(seen) == [[0, 1], [2, 3], [4, 5], [6, 7]], "all batches before the broken one"
    assert time.monotonic() - start < 10


def test_a_loop_that_is_left_ends_its_workers():
    class Who(Squares):
        def __getitem__(self, index):
            return os.getpid()

    for batch in d.DataLoader(Who(1000), 1, num_workers=2):
        pid = batch.item()
        break
    assert not runs(pid)


def test_a_handler_of_the_main_program_does_not_run_in_the_workers(tmp_path):
    def handler(number, frame):
        (tmp_path / str(os.getpid())).touch()

    before = signal.signal(signal.SIGTERM, handler)
    try:
        next(iter(d.DataLoader(Squares(100), num_workers=2)))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert list(tmp_path.iterdir()) == []


# A program of its own imports the package that is tested, wherever that lies.
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(d.__file__).parents[2])}
PROGRAM = """
    import multiprocessing, os, sys, time
    import numpy as np
    from tinytorch import data as d
    class Large(d.Dataset):
        "Samples that do not fit into a pipe, so that workers wait in the middle of sending them."
        def __getitem__(self, i): return np.ones(1_000_000, "f")
        def __len__(self): return 10000
    def train():
        for i, batch in enumerate(d.DataLoader(Large(), num_workers=2)):
            if i == 2:
                print(*[p.pid for p in multiprocessing.active_children()], flush=True)
                time.sleep(60)
    try:
        train()
    except KeyboardInterrupt:
        print("interrupted", multiprocessing.active_children(), flush=True)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda s: s.name)
def test_workers_end_with_the_program(tmp_path, number):
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    process = subprocess.Popen(
        [sys.executable, tmp_path / "program.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        start_new_session=True,
    )
    workers = [int(pid) for pid in process.stdout.readline().split()]
    try:
        assert len(workers) == 2 and all(map(runs, workers)), process.stderr.read()
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does: Ctrl-C goes to all of them
        else:
            process.send_signal(number)
        process.wait(timeout=30)
        end = time.monotonic() + 10
        while any(map(runs, workers)) and time.monotonic() < end:
            time.sleep(0.05)
        assert not any(map(runs, workers)), f"workers outlive {number.name}"
    finally:
        for pid in filter(runs, workers):
            os.kill(pid, signal.SIGKILL)
    out, errors = process.communicate()
    assert number != signal.SIGINT or "interrupted []" in out
    assert "Traceback" not in errors, "a worker that says goodbye with a traceback"


GOES_ON = """
    import os, signal, time
    from tinytorch import data as d
    batches = iter(d.DataLoader(range(40), num_workers=2))
    next(batches)
    try:
        os.killpg(0, signal.SIGINT)
        time.sleep(5)
    except KeyboardInterrupt:
        pass
    print(len(list(batches)))
"""


def test_a_program_that_goes_on_after_ctrl_c_still_has_its_workers():
    command = [sys.executable, "-c", textwrap.dedent(GOES_ON)]
    run = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, start_new_session=True, timeout=60)
    assert run.stdout.strip() == "39", run.stderr


# Resuming


DATA = Augmented(14)
ORDERS = {
    "sequential": dict(batch_size=3),
    "shuffled": dict(batch_size=3, shuffle=True),
    "weighted": dict(batch_size=3, sampler=d.WeightedRandomSampler(np.arange(14) / 7, 15)),
    "with replacement": dict(batch_size=3, sampler=d.RandomSampler(DATA, True, 15)),
    "in batches": dict(batch_sampler=d.BatchSampler(d.RandomSampler(DATA), 3)),
}


@pytest.mark.parametrize("options", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("workers", [0, 2])
def test_state_dict_in_mid_epoch(options, workers):
    manual_seed(4)
    whole = plain(d.DataLoader(DATA, **options))
    for given in range(1, len(whole) + 1):
        manual_seed(4)
        loader = d.DataLoader(DATA, num_workers=workers, **options)
        batches = iter(loader)
        for _ in range(given):
            next(batches)
        state = loader.state_dict()
        batches.close()
        manual_seed(99)
        again = d.DataLoader(DATA, num_workers=workers, **options)
        again.load_state_dict(state)
        assert plain(again) == whole[given:]
    assert len(whole) == 5


def test_state_dict_between_epochs_and_of_a_generator():
    def loader():
        return d.DataLoader(Augmented(9), 3, shuffle=True, generator=Generator().manual_seed(3))

    whole = loader()
    list(whole)
    state = whole.state_dict()
    second = plain(whole)
    again = loader()
    again.load_state_dict(state)
    assert plain(again) == second and state["seed"] is None


# Padding, images, text


def test_variable_lengths_are_padded():
    for workers in (0, 2):
        loader = d.DataLoader(SENTENCES, 3, collate_fn=d.pad_collate(padding_value=-1), num_workers=workers)
        first, second = loader
        assert first["input"].tolist() == [[5, 6, 7, 8], [9, -1, -1, -1], [1, 2, 3, -1]]
        assert first["lengths"].tolist() == [4, 1, 3] and second["input"].tolist() == [[4, 4]]
    labelled = [([1, 2], "a"), ([3], "b")]
    batch = next(iter(d.DataLoader(labelled, 2, collate_fn=d.pad_collate())))
    assert batch["input"].tolist() == [[1, 2], [3, 0]] and batch["labels"] == ["a", "b"]
    with pytest.raises(RuntimeError, match="pad_collate"):
        next(iter(d.DataLoader(SENTENCES, 2)))


def test_text_with_images():
    rng = np.random.default_rng(0)
    samples = [{"image": rng.random((3, 6, 6)).astype("f"), "text": text} for text in ("a cat", "two dogs", "a hat")]
    view = d.MapDataset(samples, d.OnField("image", d.Compose([d.RandomCrop(4), d.Normalize([0.5] * 3, [0.25] * 3)])))
    batches = list(d.DataLoader(view, 2, num_workers=2))
    assert [b["text"] for b in batches] == [["a cat", "two dogs"], ["a hat"]]
    assert [b["image"].shape for b in batches] == [(2, 3, 4, 4), (1, 3, 4, 4)]
    assert samples[0]["image"].shape == (3, 6, 6), "the dataset's own sample stays as it was"


def test_augmentation():
    image = np.arange(2 * 5 * 5, dtype="f").reshape(2, 5, 5)
    augment = d.Compose([d.RandomHorizontalFlip(), d.RandomCrop(5, padding=2)])

    def epochs(workers):
        manual_seed(2)
        loader = d.DataLoader(d.MapDataset([image] * 40, augment), 8, num_workers=workers)
        return [np.concatenate([x.numpy() for x in loader]) for _ in range(2)]

    alone, helped = epochs(0), epochs(3)
    assert all((a == b).all() for a, b in zip(alone, helped)) and (alone[0] != alone[1]).any()
    assert len({view.tobytes() for view in alone[0]}) > 15, "the samples of an epoch differ"
    flips = [d.RandomHorizontalFlip(p)(image) is image for p in (0.0, 1.0)]
    assert flips == [True, False]
    with pytest.raises(ValueError, match="6 x 6.*5 x 5"):
        d.RandomCrop(6)(image)


LAZY = """
    import os, sys
    from tinytorch import data as d
    def resident():
        return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    start = resident()
    windows = d.TokenFile(sys.argv[1], length=512)
    batches = sum(len(x) for x, _ in d.DataLoader(d.Subset(windows, range(0, len(windows), len(windows) // 100)), 8))
    lazy = resident() - start
    everything = windows.tokens.astype("int16")
    print(batches, lazy, resident() - start)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="looks at /proc")
def test_lazy_loading(tmp_path):
    size = 256 << 20
    with open(tmp_path / "tokens", "wb") as file:
        file.truncate(size)
    command = [sys.executable, "-c", textwrap.dedent(LAZY), str(tmp_path / "tokens")]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    samples, lazy, whole = map(int, done.stdout.split())
    assert samples >= 100 and lazy < size / 10, (
        f"{lazy / 1e6:.0f} MB resident for 100 windows of a {size / 1e6:.0f} MB file"
    )
    assert whole > size, "the measure sees a file that is really read"


# The factory


def test_factory_builds_loaders():
    text = d.make_loader(SENTENCES, "language_model", 2, train=False, collate_options={"ignore_index": -7})
    assert next(iter(text))[1].tolist() == [[6, 7, 8], [-7, -7, -7]]
    tokens, mask, labels = next(iter(d.make_loader([([1, 2], 0), ([3], 1)], "classification", 2, train=False)))
    assert mask.tolist() == [[True, True], [True, False]] and labels.tolist() == [0, 1]
    assert next(iter(d.make_loader(SENTENCES, "padded", 4, train=False)))["lengths"].tolist() == [4, 1, 3, 2]
    images, _ = next(iter(d.make_loader([(np.zeros((4, 4), "u1"), 1)] * 2, "vision", 2)))
    assert images.shape == (2, 1, 4, 4)
    assert len(next(iter(d.make_loader(Squares(5), batch_size=5, num_workers=1)))) == 2
    manual_seed(0)
    orders = [plain(d.make_loader(range(50), batch_size=50, train=train)) for train in (True, False)]
    assert orders[1] == [list(range(50))] and orders[0] != orders[1] and sorted(orders[0][0]) == orders[1][0]
    with pytest.raises(ValueError, match="translation.*language_model.*vision"):
        d.make_loader(Squares(2), "translation")


# File formats


def idx(array, kind=8):
    return bytes([0, 0, kind, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.fixture
def mnist(tmp_path, monkeypatch):
    """A folder with the two test files, compressed, whose checksums count as the published ones."""
    import gzip

    rng = np.random.default_rng(0)
    files = {"images-idx3": rng.integers(0, 256, (6, 28, 28)).astype("u1"), "labels-idx1": np.arange(6, dtype="u1")}
    for kind, array in files.items():
        path = tmp_path / f"t10k-{kind}-ubyte.gz"
        path.write_bytes(gzip.compress(idx(array)))
        monkeypatch.setitem(d.MNIST.md5, path.name, hashlib.md5(path.read_bytes()).hexdigest())
    return tmp_path, *files.values()


def test_mnist(mnist):
    folder, images, labels = mnist
    data = d.MNIST(folder, train=False, transform=lambda image: image[None] / np.float32(255))
    x, y = next(iter(d.DataLoader(data, 6, num_workers=1)))
    assert np.allclose(x.numpy()[:, 0] * 255, images) and y.tolist() == labels.tolist()


def test_mnist_damaged(mnist):
    folder, images, _ = mnist
    path = folder / "t10k-images-idx3-ubyte.gz"
    good = path.read_bytes()
    for change, words in (
        (good[:-40], "MD5.*download"),
        (good[:100] + bytes([good[100] ^ 1]) + good[101:], "MD5"),
    ):
        path.write_bytes(change)
        with pytest.raises(ValueError, match=words):
            d.MNIST(folder, train=False)
    path.write_bytes(good[:-40])
    with pytest.raises(ValueError, match="t10k-images-idx3-ubyte.gz cannot be unpacked.*download"):
        d.MNIST(folder, train=False, checksums=False)
    plain_file = folder / "t10k-images-idx3-ubyte"
    for content, words in (
        (idx(images)[:-1], "truncated.*announces 4720 bytes, it has 4719"),
        (idx(images) + b"x", "too long"),
        (good, "not an idx file.*1f8b.*compressed"),
        (b"<html>not found</html>", "not an idx file"),
        (b"", "not an idx file.*nothing"),
        (idx(images, kind=13), "type byte 0xd"),
        (idx(images[:5]), r"\(5, 28, 28\).*\(6,\).*belong together"),
        (idx(np.arange(6, dtype="u1")), "belong together"),
    ):
        plain_file.write_bytes(content)
        with pytest.raises(ValueError, match=f"(?s){words}"):
            d.MNIST(folder, train=False)
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte.gz is missing"):
        d.MNIST(folder)


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """A folder with CIFAR-10's archive of five records a file, whose checksum counts as the published one."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 10, (6, 5, 3073)).astype("u1")
    with tarfile.open(tmp_path / d.CIFAR10.archive, "w:gz") as archive:
        for name, records in zip([*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"], rows):
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = records.nbytes
            archive.addfile(member, io.BytesIO(records.tobytes()))
    monkeypatch.setattr(d.CIFAR10, "md5", hashlib.md5((tmp_path / d.CIFAR10.archive).read_bytes()).hexdigest())
    return tmp_path, rows


def test_cifar(cifar):
    folder, rows = cifar
    train, test = d.CIFAR10(folder, records=5), d.CIFAR10(folder, train=False, records=5)
    assert len(train) == 25 and len(test) == 5
    image, label = train[7]
    assert label == rows[1, 2, 0] and image.shape == (3, 32, 32)
    assert image[0, 0, 1] == rows[1, 2, 2] and image[2, 31, 31] == rows[1, 2, 3072], "red, green, blue, row by row"
    (folder / "test_batch.bin").write_bytes(rows[0].tobytes())
    assert (d.CIFAR10(folder, train=False, records=5).labels == rows[0, :, 0]).all(), "an unpacked file comes first"


def test_cifar_damaged(cifar):
    folder, rows = cifar
    archive = folder / d.CIFAR10.archive
    good = archive.read_bytes()
    archive.write_bytes(good[: len(good) // 2])
    with pytest.raises(ValueError, match="MD5.*download"):
        d.CIFAR10(folder, records=5)
    with pytest.raises(ValueError, match="cannot be unpacked.*download"):
        d.CIFAR10(folder, checksums=False, records=5)
    archive.unlink()
    with pytest.raises(FileNotFoundError, match="data_batch_1.bin is missing"):
        d.CIFAR10(folder, records=5)
    wrong = rows[5].copy()
    wrong[2, 0] = 10
    for content, words in (
        (rows[5].tobytes()[:-1], "truncated"),
        (rows[5].tobytes() + b"x", "not a CIFAR-10 file"),
        (wrong.tobytes(), "label 10, expected 0 to 9"),
    ):
        (folder / "test_batch.bin").write_bytes(content)
        with pytest.raises(ValueError, match=words):
            d.CIFAR10(folder, train=False, records=5)


def test_an_archive_of_something_else(cifar):
    folder, _ = cifar
    with tarfile.open(folder / d.CIFAR10.archive, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("cifar-10-batches-py/data_batch_1"), io.BytesIO())
    with pytest.raises(ValueError, match="no data_batch_1.bin.*binary version"):
        d.CIFAR10(folder, checksums=False, records=5)


def test_text_that_is_always_there():
    text = d.python_text()
    assert "Beautiful is better than ugly." in text and len(text) > 800

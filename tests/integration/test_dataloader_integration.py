"""The data pipeline against its neighbours: what it yields is what layers, losses and the Trainer take."""

import numpy as np
import pytest

from tinytorch.data import (
    Compose,
    DataLoader,
    MapDataset,
    Normalize,
    OnField,
    RandomHorizontalFlip,
    Subset,
    TensorDataset,
    random_split,
    vision_collate,
)
from tinytorch.nn.activation import Flatten
from tinytorch.nn.layers import Linear, Sequential
from tinytorch.nn.losses import cross_entropy
from tinytorch.optim import SGD
from tinytorch.tensor import manual_seed, tensor
from tinytorch.training import Trainer

pytestmark = [pytest.mark.integration, pytest.mark.modules(1, 2, 3, 4, 5, 6, 7)]


def images(n=24):
    rng = np.random.default_rng(0)
    return [(rng.integers(0, 256, (8, 8)).astype("u1"), int(i % 3)) for i in range(n)]


def test_quick_batches_go_through_layer_and_loss():
    manual_seed(0)
    model = Sequential(Flatten(), Linear(64, 3))
    for x, y in DataLoader(images(), 7, collate_fn=vision_collate):
        loss = cross_entropy(model(x), y)
        loss.backward()
        assert x.dtype == np.float32 and y.dtype == np.int64 and np.isfinite(loss.item())
    assert abs(model[1].weight.grad.array).max() > 0


def test_every_sample_is_seen_once_an_epoch():
    data = TensorDataset(tensor(np.arange(50)))
    for workers in (0, 2):
        seen = [i for (batch,) in DataLoader(data, 8, shuffle=True, num_workers=workers) for i in batch.tolist()]
        assert sorted(seen) == list(range(50))


def test_train_and_validation_share_nothing():
    train, validation = random_split(range(100), [0.8, 0.2])
    assert isinstance(train, Subset) and not set(train) & set(validation) and len(train) == 80


def test_augmentation_is_the_same_with_workers_and_differs_between_epochs():
    augment = OnField(
        0, Compose([lambda image: image[None].astype("f"), RandomHorizontalFlip(), Normalize([128], [64])])
    )

    def epochs(workers):
        manual_seed(7)
        loader = DataLoader(MapDataset(images(), augment), 6, num_workers=workers)
        return [np.concatenate([x.numpy() for x, _ in loader]) for _ in range(2)]

    alone, helped = epochs(0), epochs(2)
    assert (alone[0] == helped[0]).all() and (alone[1] == helped[1]).all() and (alone[0] != alone[1]).any()


def test_a_run_resumes_in_the_middle_of_a_shuffled_epoch(tmp_path):
    data = TensorDataset(
        tensor(np.random.default_rng(0).standard_normal((40, 4)).astype("f")), tensor(np.arange(40) % 3)
    )

    def trainer(folder):
        manual_seed(1)
        model = Linear(4, 3)
        return Trainer(model, cross_entropy, SGD(model.parameters(), lr=0.1), folder=folder, checkpoint_every=3)

    whole = trainer(tmp_path / "a")
    whole.fit(DataLoader(data, 4, shuffle=True), epochs=2)
    broken = trainer(tmp_path / "b")
    broken.fit(DataLoader(data, 4, shuffle=True), epochs=1)
    for path in sorted((tmp_path / "b").iterdir())[1:]:
        path.unlink()  # only a checkpoint from within the first epoch is left
    resumed = trainer(tmp_path / "b")
    resumed.resume()
    assert resumed.step % 10 != 0
    resumed.fit(DataLoader(data, 4, shuffle=True), epochs=2)
    assert (resumed.model.weight.array == whole.model.weight.array).all()

"""A CNN learns images: LeNet on the course's digits, a small ResNet on digits in clutter, a Conv1d on signals, each beside what does
without convolutions."""

from pathlib import Path

import numpy as np
import pytest

import tinytorch
from tinytorch import nn
from tinytorch.data import DataLoader, TensorDataset
from tinytorch.datasets import cluttered_digits, mnist1d
from tinytorch.models.vision import LeNet
from tinytorch.nn.conv import BasicBlock
from tinytorch.optim import AdamW, OneCycleLR
from tinytorch.training import Trainer, accuracy

pytestmark = [pytest.mark.integration, pytest.mark.modules(1, 2, 3, 4, 5, 6, 7, 8, 9)]


def digits():
    """Images (1797, 8, 8) from 0 to 1, labels, and an order: the last fifth is never seen in training."""
    path = next(p for f in Path(__file__).resolve().parents if (p := f / "data/digits/digits.npz").is_file())
    with np.load(path) as data:
        images, labels = data["images"].reshape(-1, 8, 8).astype("float32") / 16, data["labels"].astype("int64")
    order = np.random.default_rng(0).permutation(len(images))
    return images[order], labels[order], int(0.8 * len(images))


def learned(model, train, test, epochs, lr):
    """The accuracy on what was never seen, and the losses of the epochs."""
    tinytorch.manual_seed(0)
    loaders = [
        DataLoader(TensorDataset(tinytorch.tensor(x), tinytorch.tensor(y)), 64, shuffle=shuffle)
        for (x, y), shuffle in ((train, True), (test, False))
    ]
    optimizer = AdamW(model.parameters(), lr=lr)
    scheduler = OneCycleLR(optimizer, lr, total_steps=epochs * len(loaders[0]))
    trainer = Trainer(
        model, nn.CrossEntropyLoss(), optimizer, scheduler=scheduler, schedule="step", metrics={"accuracy": accuracy}
    )
    history = trainer.fit(*loaders, epochs=epochs)
    return history[-1]["val_accuracy"], [entry["train_loss"] for entry in history]


def test_lenet_reads_digits():
    images, labels, cut = digits()
    images = images[:, None]
    tinytorch.manual_seed(0)
    reached, losses = learned(LeNet(size=8), (images[:cut], labels[:cut]), (images[cut:], labels[cut:]), 20, 4e-3)
    assert losses[-1] < 0.05 * losses[0], losses
    assert reached >= 0.985, f"{reached:.4f} of the unseen digits, 0.985 wanted"


def small_resnet():
    stem = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
    blocks = BasicBlock(16, 16, 2), BasicBlock(16, 32, 2), BasicBlock(32, 64, 2)
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


@pytest.mark.long
def test_a_small_resnet_reads_digits_in_clutter_and_an_mlp_does_not():
    """The same digit at another place is another input to an MLP: at least 40 points of a hundred lie between the two."""
    images, labels, cut = digits()
    train = cluttered_digits(images[:cut], labels[:cut], 1200, seed=0)
    test = cluttered_digits(images[cut:], labels[cut:], 400, seed=1)
    tinytorch.manual_seed(0)
    resnet, _ = learned(small_resnet(), train, test, 6, 8e-3)
    tinytorch.manual_seed(0)
    mlp = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 256), nn.ReLU(), nn.Linear(256, 10))
    without, _ = learned(mlp, train, test, 6, 2e-3)
    assert resnet >= 0.6 and resnet - without >= 0.4, f"ResNet {resnet:.3f}, MLP {without:.3f}"


def test_a_convolution_reads_signals_better_than_an_mlp():
    """MNIST-1D: at least 15 points of a hundred between the two."""
    signals, labels = mnist1d()
    signals = signals[:, None]
    train, test = (signals[:4000], labels[:4000]), (signals[4000:], labels[4000:])
    tinytorch.manual_seed(0)
    layers = [layer for n in (1, 25, 25) for layer in (nn.Conv1d(n, 25, 5 if n == 1 else 3, 2, 1), nn.ReLU())]
    conv, _ = learned(nn.Sequential(*layers, nn.Flatten(), nn.Linear(125, 10)), train, test, 15, 6e-3)
    tinytorch.manual_seed(0)
    hidden = nn.Linear(40, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 10)
    without, _ = learned(nn.Sequential(nn.Flatten(), *hidden), train, test, 15, 3e-3)
    assert conv >= 0.75 and conv - without >= 0.15, f"Conv1d {conv:.3f}, MLP {without:.3f}"

"""Handwritten digits are classified: an MLP on the course's 1,797 real images, at least 97 % right on those it never saw."""

from pathlib import Path

import pytest

from tinytorch.data import DataLoader, load_digits, random_split
from tinytorch.nn.activation import ReLU
from tinytorch.nn.layers import Linear, Sequential
from tinytorch.nn.losses import CrossEntropyLoss
from tinytorch.nn.normalization import Dropout
from tinytorch.optim import AdamW, CosineAnnealingLR
from tinytorch.tensor import Generator, manual_seed
from tinytorch.training import Trainer, accuracy

pytestmark = [pytest.mark.integration, pytest.mark.modules(1, 2, 3, 4, 5, 6, 7, 8)]
EPOCHS, REACH = 30, 0.97


def digits():
    folders = Path(__file__).resolve().parents
    return load_digits(next(p for f in folders if (p := f / "data/digits/digits.npz").is_file()))


def test_an_mlp_reads_digits():
    train, test = random_split(digits(), [0.8, 0.2], generator=Generator().manual_seed(0))
    manual_seed(0)
    model = Sequential(Linear(64, 128), ReLU(), Dropout(0.2), Linear(128, 10))
    optimizer = AdamW(model.parameters(), lr=3e-3)
    trainer = Trainer(
        model,
        CrossEntropyLoss(),
        optimizer,
        scheduler=CosineAnnealingLR(optimizer, EPOCHS),
        metrics={"accuracy": accuracy},
    )
    history = trainer.fit(DataLoader(train, 64, shuffle=True), DataLoader(test, 256), epochs=EPOCHS)
    assert history[-1]["val_accuracy"] >= REACH, (
        f"{history[-1]['val_accuracy']:.3f} of the unseen digits, {REACH} wanted"
    )
    assert history[-1]["train_loss"] < 0.1 * history[0]["train_loss"]

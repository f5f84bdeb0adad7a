"""Three classifiers of real handwritten digits, trained by the students' DataLoader, AdamW, CrossEntropyLoss, Trainer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import tinytorch
from tinytorch import nn
from tinytorch.data import DataLoader, TensorDataset
from tinytorch.optim import AdamW
from tinytorch.training import Callback, Trainer, accuracy

CLASSES = 10
TEST_SHARE = 0.2


@dataclass(frozen=True)
class Digits:
    """Images (N, 8, 8) as they are; as a dataset, rows of 64 numbers from -0.5 to 0.5 with their labels."""

    images: np.ndarray
    labels: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        return (self.images.reshape(-1, 64) / 16 - 0.5).astype(np.float32)

    def loader(self, **options) -> DataLoader:
        return DataLoader(TensorDataset(tinytorch.tensor(self.rows), tinytorch.tensor(self.labels)), 32, **options)


def load(path: Path, seed: int = 0) -> tuple[Digits, Digits]:
    """The digits in a seeded order, four fifths to train on and the rest to test with."""
    with np.load(path) as file:
        images, labels = file["images"], file["labels"].astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(labels))
    test, train = np.split(order, [round(TEST_SHARE * len(order))])
    return Digits(images[train], labels[train]), Digits(images[test], labels[test])


class CNN(nn.Sequential):
    """Two convolutions and a pooling, then the ten classes; takes the same rows of 64 as the others."""

    def __init__(self) -> None:
        first, second = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
        head = nn.Linear(16 * 4 * 4, CLASSES)
        super().__init__(first, nn.ReLU(), second, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), head)

    def forward(self, rows: tinytorch.Tensor) -> tinytorch.Tensor:
        return super().forward(rows.reshape(-1, 1, 8, 8))


def models() -> dict[str, nn.Module]:
    return {
        "softmax classifier": nn.Linear(64, CLASSES),
        "MLP 64-64-10": nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, CLASSES)),
        "CNN": CNN(),
    }


class Bar(Callback):
    """Moves a progress bar on by one step of the Trainer."""

    def __init__(self, advance: Callable[[], None]) -> None:
        self.advance = advance

    def on_step_end(self, trainer: Trainer) -> None:
        self.advance()


@dataclass(frozen=True)
class Result:
    name: str
    losses: list[float]
    guesses: np.ndarray
    accuracy: float


def steps(data: Digits, epochs: int) -> int:
    return epochs * len(data.loader())


def fit(name: str, model: nn.Module, data: Digits, test: Digits, advance: Callable[[], None], epochs: int) -> Result:
    optimizer = AdamW(model.parameters(), lr=3e-3)
    trainer = Trainer(
        model, nn.CrossEntropyLoss(), optimizer, metrics={"accuracy": accuracy}, clip_norm=5.0, callbacks=[Bar(advance)]
    )
    history = trainer.fit(data.loader(shuffle=True), epochs=epochs)
    guesses = trainer.predict(test.loader()).argmax(1).numpy()
    return Result(
        name, [record["train_loss"] for record in history], guesses, trainer.evaluate(test.loader())["accuracy"]
    )


def picture(results: list[Result], test: Digits, path: Path, most: int = 12) -> None:
    """The losses, and the test digits that the last model misread."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    best = results[-1]
    wrong = np.flatnonzero(best.guesses != test.labels)
    figure = plt.figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subfigures(1, 2)
    axes = left.subplots()
    for result in results:
        epochs = range(1, len(result.losses) + 1)
        axes.semilogy(epochs, result.losses, label=f"{result.name}: {result.accuracy:.1%} on the test digits")
    axes.set(xlabel="epoch", ylabel="training loss (log scale)")
    axes.legend()
    right.suptitle(f"Misread by the {best.name}: {len(wrong)} of {len(test.labels)}")
    for place, index in zip(right.subplots(3, most // 3).flat, wrong, strict=False):
        place.imshow(test.images[index], cmap="gray_r")
        place.set_title(f"a {test.labels[index]}, read as {best.guesses[index]}", fontsize=8)
    for place in right.get_axes():
        place.axis("off")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)

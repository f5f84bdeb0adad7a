"""Two classifiers of real handwritten digits, from modules 01-03 alone: no loss, optimizer or data loader exists yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import tinytorch
from tinytorch import nn

CLASSES = 10
TEST_SHARE = 0.2


@dataclass(frozen=True)
class Digits:
    """Images (N, 8, 8) as they are, and the same as rows of 64 numbers from -0.5 to 0.5."""

    images: np.ndarray
    labels: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        return (self.images.reshape(-1, 64) / 16 - 0.5).astype(np.float32)


def load(path: Path, seed: int = 0) -> tuple[Digits, Digits]:
    """The digits in a seeded order, four fifths to train on and the rest to test with."""
    with np.load(path) as file:
        images, labels = file["images"], file["labels"].astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(labels))
    test, train = np.split(order, [round(TEST_SHARE * len(order))])
    return Digits(images[train], labels[train]), Digits(images[test], labels[test])


def models() -> dict[str, nn.Module]:
    return {
        "softmax classifier": nn.Linear(64, CLASSES),
        "MLP 64-64-10": nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, CLASSES)),
    }


def negative_log_likelihood(logits: tinytorch.Tensor, labels: tinytorch.Tensor) -> tinytorch.Tensor:
    rows = tinytorch.arange(len(labels))
    return -nn.functional.log_softmax(logits, dim=1)[rows, labels].mean()


def train(
    model: nn.Module, data: Digits, epochs: int = 60, batch: int = 32, rate: float = 0.1, momentum: float = 0.9
) -> Iterator[float]:
    """Stochastic gradient descent by hand; yields the mean loss of each epoch."""
    rows, labels = tinytorch.from_numpy(data.rows), tinytorch.from_numpy(data.labels)
    parameters = list(model.parameters())
    velocities = [tinytorch.zeros_like(parameter) for parameter in parameters]
    for _ in range(epochs):
        losses = []
        for chosen in tinytorch.randperm(len(labels)).split(batch):
            loss = negative_log_likelihood(model(rows[chosen]), labels[chosen])
            model.zero_grad()
            loss.backward()
            with tinytorch.no_grad():
                for parameter, velocity in zip(parameters, velocities, strict=True):
                    velocity.mul_(momentum).add_(parameter.grad)
                    parameter -= rate * velocity
            losses.append(loss.item())
        yield float(np.mean(losses))


def read(model: nn.Module, data: Digits) -> np.ndarray:
    """The digit that the model sees in each image."""
    with tinytorch.no_grad():
        return model(tinytorch.from_numpy(data.rows)).argmax(1).numpy()


@dataclass(frozen=True)
class Result:
    name: str
    losses: list[float]
    guesses: np.ndarray
    accuracy: float


def fit(name: str, model: nn.Module, data: Digits, test: Digits, advance: Callable[[], None], epochs: int) -> Result:
    losses = []
    for loss in train(model, data, epochs):
        losses.append(loss)
        advance()
    guesses = read(model, test)
    return Result(name, losses, guesses, float((guesses == test.labels).mean()))


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

"""Module 07 on top of 01 to 06: each boundary that the Trainer crosses, tested through the Trainer."""

import numpy as np
import pytest

from tinytorch.data import DataLoader, TensorDataset
from tinytorch.nn import losses as nn
from tinytorch.nn.activation import GELU, ReLU
from tinytorch.nn.layers import Linear, Sequential, log_softmax
from tinytorch.optim import SGD, Adagrad, Adam, AdamW, OneCycleLR, RMSprop
from tinytorch.tensor import manual_seed, randn, tensor
from tinytorch.training import Trainer, accuracy


def blobs(n=120):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, n)
    x = rng.standard_normal((n, 2)) + 4 * np.array([[0, 0], [1, 0], [0, 1]])[y]
    return TensorDataset(tensor(x.astype("f")), tensor(y))


def classifier(optimizer=Adam, loss_fn=None, **options):
    manual_seed(0)
    model = Sequential(Linear(2, 16), ReLU(), Linear(16, 3))
    options = {"metrics": {"accuracy": accuracy}, **options}
    return Trainer(model, loss_fn or nn.CrossEntropyLoss(), optimizer(model.parameters(), lr=0.02), **options)


def test_01_tensors_of_any_layout():
    data = blobs()
    x, y = data.tensors
    flipped = tensor(np.asfortranarray(x.numpy()))
    a, b = classifier(), classifier()
    a.fit([(x, y)] * 3, epochs=2)
    b.fit([(flipped, y)] * 3, epochs=2)
    np.testing.assert_allclose(a.history[-1]["train_loss"], b.history[-1]["train_loss"], rtol=1e-5)


def test_02_evaluation_leaves_no_graph():
    trainer = classifier()
    trainer.evaluate(DataLoader(blobs(), 16))
    assert all(p.grad is None for p in trainer.model.parameters())
    assert not trainer.predict(DataLoader(blobs(), 16)).requires_grad


def test_03_every_parameter_moves():
    trainer = classifier()
    before = [p.detach().numpy().copy() for p in trainer.model.parameters()]
    trainer.fit(DataLoader(blobs(), 16), epochs=1)
    for (name, p), old in zip(trainer.model.named_parameters(), before):
        assert np.abs(p.detach().numpy() - old).max() > 1e-4, f"{name} did not move"


@pytest.mark.parametrize("loss", [nn.mse_loss, nn.l1_loss, nn.smooth_l1_loss, nn.huber_loss], ids=lambda f: f.__name__)
def test_04_every_loss_of_regression(loss):
    manual_seed(0)
    x = randn(64, 2)
    model = Sequential(Linear(2, 16), GELU(), Linear(16, 1))
    trainer = Trainer(model, loss, Adam(model.parameters(), lr=0.02))
    history = trainer.fit(DataLoader(TensorDataset(x, x.prod(1, keepdim=True)), 16), epochs=40)
    assert history[-1]["train_loss"] < 0.4 * history[0]["train_loss"]


def log_probabilities(loss):
    return lambda outputs, targets: loss(log_softmax(outputs, dim=1), targets)


CLASSIFICATION = {  # loss: (function of logits and targets, what the targets are)
    "cross_entropy": (nn.CrossEntropyLoss(), "indices"),
    "weighted": (nn.CrossEntropyLoss(weight=tensor([1.0, 2.0, 3.0])), "indices"),
    "smoothed": (nn.CrossEntropyLoss(label_smoothing=0.1), "indices"),
    "probabilities": (nn.CrossEntropyLoss(), "one-hot"),
    "nll": (log_probabilities(nn.NLLLoss()), "indices"),
    "kl_div": (log_probabilities(nn.KLDivLoss(reduction="batchmean")), "one-hot"),
    "bce_with_logits": (nn.BCEWithLogitsLoss(), "one-hot"),
    "bce": (lambda outputs, targets: nn.binary_cross_entropy(outputs.sigmoid(), targets), "one-hot"),
    "focal": (nn.FocalLoss(reduction="mean"), "one-hot"),
}


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_04_every_loss_of_classification(name):
    loss, kind = CLASSIFICATION[name]
    x, y = blobs().tensors
    targets = y if kind == "indices" else tensor(np.eye(3, dtype="f")[y.numpy()])
    trainer = classifier(loss_fn=loss, metrics={})
    trainer.fit(DataLoader(TensorDataset(x, targets), 16, shuffle=True), epochs=25)
    assert (trainer.predict([x]).numpy().argmax(1) == y.numpy()).mean() > 0.95


def test_05_an_incomplete_last_batch_counts_by_its_size():
    trainer = classifier()
    data = blobs()
    whole, parts = trainer.evaluate(DataLoader(data, 120)), trainer.evaluate(DataLoader(data, 50))
    assert np.isclose(whole["loss"], parts["loss"], rtol=1e-5) and np.isclose(whole["accuracy"], parts["accuracy"])


@pytest.mark.parametrize(
    "optimizer", [Adam, AdamW, RMSprop, lambda p, lr: Adagrad(p, lr=0.1), lambda p, lr: SGD(p, lr=0.1, momentum=0.9)]
)
def test_06_every_optimizer_learns(optimizer):
    trainer = classifier(optimizer)
    history = trainer.fit(DataLoader(blobs(), 16, shuffle=True), DataLoader(blobs(), 60), epochs=25)
    assert history[-1]["val_accuracy"] > 0.95


def test_06_a_schedule_by_steps():
    trainer = classifier()
    trainer.schedule, trainer.scheduler = "step", OneCycleLR(trainer.optimizer, max_lr=0.05, total_steps=41)
    trainer.fit(DataLoader(blobs(), 12), epochs=4)
    assert np.isclose(trainer.optimizer.param_groups[0]["lr"], 0.05 / 25 / 1e4)

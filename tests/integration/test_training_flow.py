"""Data, optimizer and training loop together: each part's output is the next one's input."""

import numpy as np
import pytest

from tinytorch.data import DataLoader, TensorDataset
from tinytorch.nn.activation import ReLU
from tinytorch.nn.layers import Linear, Sequential
from tinytorch.nn.losses import cross_entropy, mse_loss
from tinytorch.nn.normalization import BatchNorm1d, Dropout
from tinytorch.optim import SGD, Adam
from tinytorch.tensor import manual_seed, randn, tensor
from tinytorch.training import Callback, Trainer

pytestmark = [pytest.mark.integration, pytest.mark.modules(1, 2, 3, 4, 5, 6, 7, 8)]


class Gradients(Callback):
    """The size of every parameter's gradient at every step."""

    def __init__(self):
        self.sizes = []

    def on_step_end(self, trainer):
        self.sizes.append(
            {
                name: None if p.grad is None else float(abs(p.grad.array).max())
                for name, p in trainer.model.named_parameters()
            }
        )


def problem(n=96):
    manual_seed(0)
    x = randn(n, 4)
    return TensorDataset(x, (x[:, :1] * x[:, 1:2]))


def deep():
    manual_seed(1)
    return Sequential(Linear(4, 32), BatchNorm1d(32), ReLU(), Linear(32, 32), ReLU(), Dropout(0.1), Linear(32, 1))


def test_quick_gradients_reach_every_layer_at_every_step():
    model, gradients = deep(), Gradients()
    Trainer(model, mse_loss, Adam(model.parameters()), callbacks=[gradients]).fit(DataLoader(problem(), 16), epochs=2)
    for step, sizes in enumerate(gradients.sizes):
        for name, size in sizes.items():
            # the bias before a batch norm is taken away again by it
            assert size is not None, f"step {step}: {name} has no gradient"
            assert size > 0 or name == "0.bias", f"step {step}: the gradient of {name} is zero"


def test_training_lowers_the_loss_to_a_tenth():
    model = deep()
    history = Trainer(model, mse_loss, Adam(model.parameters(), lr=0.01)).fit(
        DataLoader(problem(), 16, shuffle=True), epochs=60
    )
    assert history[-1]["train_loss"] < 0.25 * history[0]["train_loss"]


def test_quick_the_trainer_is_the_loop_written_by_hand():
    data, ends = problem(), []
    for by_hand in (False, True):
        manual_seed(5)
        model = Sequential(Linear(4, 8), ReLU(), Linear(8, 1))
        optimizer, loader = SGD(model.parameters(), lr=0.05, momentum=0.9), DataLoader(data, 16, shuffle=True)
        if by_hand:
            for _ in range(3):
                for x, y in loader:
                    optimizer.zero_grad()
                    mse_loss(model(x), y).backward()
                    optimizer.step()
        else:
            Trainer(model, mse_loss, optimizer).fit(loader, epochs=3)
        ends.append([p.detach().numpy() for p in model.parameters()])
    assert all((a == b).all() for a, b in zip(*ends))


def test_momentum_outlives_the_epoch():
    """The optimizer's state belongs to the run, not to the epoch."""
    data, ends = problem(32), []
    for epochs in (2, 1):
        manual_seed(5)
        model = Linear(4, 1)
        optimizer = SGD(model.parameters(), lr=0.01, momentum=0.9)
        batches = [*DataLoader(data, 32)] * (3 - epochs)
        Trainer(model, mse_loss, optimizer).fit(batches, epochs=epochs)
        ends.append(model.weight.detach().numpy())
    assert (ends[0] == ends[1]).all()


def test_padding_costs_nothing_from_loader_to_loss():
    from tinytorch.data import make_loader

    manual_seed(0)
    model = Linear(1, 6)
    sequences = [[1, 2, 3, 4], [5, 1]]
    (inputs, targets), *_ = make_loader(sequences, "language_model", 2, train=False)
    together = cross_entropy(model(inputs.float().unsqueeze(2)).movedim(2, 1), targets).item()
    losses, count = 0.0, 0
    for sequence in sequences:
        x, y = tensor(np.float32(sequence[:-1])).unsqueeze(1), tensor(np.array(sequence[1:]))
        losses, count = losses + cross_entropy(model(x), y, reduction="sum").item(), count + len(y)
    assert np.isclose(together, losses / count, rtol=1e-5)


class Modes(Callback):
    """Which mode every step and every epoch ended in."""

    def __init__(self):
        self.seen = []

    def on_step_end(self, trainer):
        self.seen.append(trainer.model.training)

    on_epoch_end = on_step_end


def test_layers_that_know_two_modes_are_switched_and_switched_back():
    """Training mode in every step, also after an evaluation; evaluation draws nothing and moves nothing."""
    model, modes = deep(), Modes()
    trainer = Trainer(model, mse_loss, SGD(model.parameters(), lr=0.01), callbacks=[modes])
    trainer.fit(DataLoader(problem(), 32), DataLoader(problem(), 32), epochs=2)
    assert modes.seen == [True] * 8
    before = model.state_dict()["1.running_mean"].numpy().copy()
    first, second = (trainer.evaluate(DataLoader(problem(), 32)) for _ in range(2))
    assert first == second and (model.state_dict()["1.running_mean"].numpy() == before).all()
    model.eval()
    trainer.evaluate(DataLoader(problem(), 32))
    assert not model.training


def test_batch_norm_trains_on_its_batch_and_answers_with_what_it_has_seen():
    model, x = BatchNorm1d(4), randn(64, 4) * 3 + 5
    y = model(x).detach().numpy()
    assert abs(y.mean(0)).max() < 1e-5 and abs(y.std(0) - 1).max() < 1e-2, "in training the batch's own statistics"
    for _ in range(100):
        model(x)
    seen, one = model.eval()(x).detach().numpy(), model(x[:1]).detach().numpy()
    assert abs(seen.mean(0)).max() < 0.05, "the running statistics have come near the batch's"
    assert np.allclose(one, seen[:1], atol=1e-5), "in evaluation a sample's answer does not depend on the batch"


def test_adam_takes_full_steps_from_the_first_one_on():
    """Without the correction of its averages the first step would be three times too large, or ten times too small."""
    layer = Linear(3, 2)
    before = layer.weight.detach().numpy().copy()
    optimizer = Adam(layer.parameters(), lr=0.01)
    mse_loss(layer(randn(8, 3)), randn(8, 2)).backward()
    optimizer.step()
    assert np.allclose(abs(layer.weight.detach().numpy() - before), 0.01, rtol=1e-3)

"""The training loop itself, by the priorities of its audit: P0, P1, P2."""

import numpy as np
import pytest
from runs import deep_trainer, linear_trainer, shuffled, weights

from tinytorch.data import DataLoader
from tinytorch.nn.layers import Linear, Sequential
from tinytorch.nn.losses import mse_loss
from tinytorch.nn.normalization import BatchNorm1d, Dropout
from tinytorch.optim import SGD, ExponentialLR, ReduceLROnPlateau
from tinytorch.tensor import tensor
from tinytorch.training import Callback, EarlyStopping, NonFiniteError, Trainer, train_step


class Spy(Callback):
    """Writes down what a step used and left."""

    def __init__(self):
        self.rates, self.norms, self.losses = [], [], []

    def on_step_end(self, trainer):
        self.rates.append(trainer.optimizer.param_groups[0]["lr"])
        grads = [p.grad.array for p in trainer.model.parameters()]
        self.norms.append(float(np.sqrt(sum((g**2).sum() for g in grads))))
        self.losses.append(trainer.last_loss)


# P0


def test_07_3_a_step_uses_its_own_gradient_alone(line):
    """Forgetting zero_grad is noticed although the loss falls all the same: the second step's gradient would hold the first's."""
    model = Linear(2, 1)
    x, y = line.tensors
    optimizer = SGD(model.parameters(), lr=0.01)
    for _ in range(3):
        before = {name: p.detach().numpy().copy() for name, p in model.named_parameters()}
        error = x.array @ before["weight"].T + before["bias"] - y.array
        train_step(model, mse_loss, optimizer, [(x, y)])
        expected = before["weight"] - 0.01 * 2 * (error * x.array).mean(0)
        np.testing.assert_allclose(model.weight.detach().numpy(), expected, rtol=1e-4)


def test_07_10_the_loop_reaches_the_known_answer(line):
    trainer = linear_trainer()
    history = trainer.fit(DataLoader(line, 16), epochs=40)
    np.testing.assert_allclose(trainer.model.weight.tolist(), [[2, -3]], atol=1e-3)
    np.testing.assert_allclose(trainer.model.bias.tolist(), [0.5], atol=1e-3)
    assert history[-1]["train_loss"] < 1e-5 < history[0]["train_loss"]


def test_the_whole_loop(line):
    trainer = deep_trainer()
    history = trainer.fit(shuffled(line), validation=DataLoader(line, 16), epochs=30)
    assert history[-1]["val_loss"] < 0.4 * history[0]["val_loss"]
    assert trainer.predict(DataLoader(line, 16)).shape == (64, 1)


# P1


@pytest.mark.parametrize("schedule, expected", [("epoch", [1, 1, 0.5, 0.5]), ("step", [0.5, 0.25, 0.125, 0.0625])])
def test_the_schedule_is_the_rate_that_was_used(line, schedule, expected):
    """After a step the spy sees the rate of the next one when the schedule goes by steps."""
    trainer, spy = linear_trainer(lr=1e-3), Spy()
    trainer.callbacks, trainer.schedule = [spy], schedule
    trainer.scheduler = ExponentialLR(trainer.optimizer, 0.5)
    trainer.fit(DataLoader(line, 32), epochs=2)
    assert spy.rates == [1e-3 * rate for rate in expected]


def test_the_plateau_schedule_hears_the_validation_loss(line):
    trainer = linear_trainer(lr=0.0)
    trainer.optimizer.param_groups[0]["lr"] = 1e-12
    trainer.scheduler = ReduceLROnPlateau(trainer.optimizer, patience=1, factor=0.5, eps=0)
    trainer.fit(DataLoader(line, 64), DataLoader(line, 64), epochs=5)
    assert trainer.optimizer.param_groups[0]["lr"] < 1e-12


def test_07_3_clipping_survives_an_exploding_batch(line):
    trainer, spy = linear_trainer(clip_norm=0.5), Spy()
    trainer.callbacks = [spy]
    huge = [(tensor([[1e6, 1e6]]), tensor([[0.0]]))]
    trainer.fit([*DataLoader(line, 16), *huge, *DataLoader(line, 16)], epochs=3)
    assert max(spy.norms) <= 0.5 + 1e-5 and np.isfinite(trainer.model.weight.detach().numpy()).all()


def test_07_4_modes_switch_and_come_back(line):
    model = Sequential(Linear(2, 4), BatchNorm1d(4), Dropout(0.5), Linear(4, 1))
    model[2].eval()  # frozen by hand: it has to stay so
    trainer = Trainer(model, mse_loss, SGD(model.parameters(), lr=0.01))
    running = model[1].running_mean.numpy().copy()
    assert trainer.evaluate(DataLoader(line, 16)) == trainer.evaluate(DataLoader(line, 16)), "no dropout in evaluation"
    assert (model[1].running_mean.numpy() == running).all() and model.training and not model[2].training
    trainer.fit(DataLoader(line, 16), epochs=1)
    assert (model[1].running_mean.numpy() != running).any() and model.training and not model[2].training


# P2


def test_07_1_accumulation_equals_one_large_batch(line):
    places = []
    for size, k in ((48, 1), (16, 3), (4, 12)):
        trainer = linear_trainer(accumulate=k)
        trainer.fit(DataLoader(line, size), epochs=3)
        places.append(weights(trainer)["weight"])
    np.testing.assert_allclose(places[1], places[0], rtol=1e-5)
    np.testing.assert_allclose(places[2], places[0], rtol=1e-5)


def test_the_history_is_true(line):
    trainer, spy = linear_trainer(lr=1e-9), Spy()
    trainer.callbacks = [spy]
    history = trainer.fit(DataLoader(line, 48), DataLoader(line, 10), epochs=3)
    x, y = (t.array for t in line.tensors)
    loss = ((x @ weights(trainer)["weight"].T + weights(trainer)["bias"] - y) ** 2).mean()
    assert [record["epoch"] for record in history] == [1, 2, 3]
    for record in history:
        assert np.isclose(record["train_loss"], loss, rtol=1e-4) and np.isclose(record["val_loss"], loss, rtol=1e-4)
        assert record["lr"] == 1e-9


def test_07_6_early_stopping_puts_the_best_weights_back(line):
    class Worse(Callback):
        """Spoils the model from the third epoch on."""

        def on_fit_start(self, trainer):
            self.kept = []

        def on_epoch_end(self, trainer):
            self.kept.append(weights(trainer)["weight"])
            if trainer.epoch >= 3:
                trainer.model.weight.array[...] += 10

    spoil = Worse()
    trainer = linear_trainer(callbacks=[EarlyStopping(patience=2), spoil])
    history = trainer.fit(DataLoader(line, 16), DataLoader(line, 16), epochs=50)
    assert len(history) == 5 and (weights(trainer)["weight"] == spoil.kept[2]).all()


# what goes wrong


@pytest.mark.parametrize("policy", ["raise", "skip", "restore"])
def test_07_2_a_batch_that_is_not_finite(line, policy, tmp_path):
    batches = [*DataLoader(line, 16)]
    batches[2] = (tensor([[np.nan, 1.0], [1.0, 1.0]]), tensor([[1.0], [1.0]]))
    trainer = deep_trainer(tmp_path, nonfinite=policy, accumulate=1, checkpoint_every=1)
    if policy == "raise":
        with pytest.raises(NonFiniteError, match="epoch 1, batch 3, step 3: loss is nan"):
            trainer.fit(batches, epochs=1)
    else:
        with pytest.warns(UserWarning, match="batch 3.*skipped"):
            trainer.fit(batches, epochs=1)
    assert all(np.isfinite(value).all() for value in weights(trainer).values()), "weights and running statistics"


def test_07_5_out_of_memory_halves_the_batch(line):
    class Small(Linear):
        """Runs out of memory with more than 20 samples."""

        def forward(self, x):
            if len(x) > 20:
                raise MemoryError
            return super().forward(x)

    places = []
    for kind in (Linear, Small):
        trainer = linear_trainer()
        model = kind(2, 1)
        model.load_state_dict(trainer.model.state_dict())
        trainer = Trainer(model, mse_loss, SGD(model.parameters(), lr=0.1))
        if kind is Small:
            with pytest.warns(UserWarning, match="4 parts"):
                trainer.fit(DataLoader(line, 64), epochs=3)
        else:
            trainer.fit(DataLoader(line, 64), epochs=3)
        places.append(weights(trainer)["weight"])
    np.testing.assert_allclose(places[1], places[0], rtol=1e-5)


@pytest.mark.parametrize(
    "options, words",
    [
        (dict(accumulate=0), "accumulate must be an int of at least 1, got 0"),
        (dict(clip_norm=-1), "clip_norm must be a positive number, or None, got -1"),
        (dict(schedule="batch"), "'epoch' or 'step', got 'batch'"),
        (dict(nonfinite="ignore"), "'raise', 'skip' or 'restore', got 'ignore'"),
        (dict(keep=0), "keep"),
        (dict(checkpoint_every=0), "checkpoint_every"),
        (dict(metrics=[1]), "metrics"),
        (dict(nonfinite="restore"), "folder"),
    ],
    ids=str,
)
def test_an_invalid_configuration_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        linear_trainer(**options)


def test_an_optimizer_of_another_model_is_refused():
    with pytest.raises(ValueError, match="model.parameters"):
        Trainer(Linear(1, 1), mse_loss, SGD(Linear(1, 1).parameters(), lr=0.1))


def test_old_names_warn_and_work(line):
    with pytest.warns(FutureWarning, match="'grad_accum_steps' is now called 'accumulate'"):
        assert linear_trainer(grad_accum_steps=4).accumulate == 4
    with pytest.raises(TypeError, match="max_epochs"):
        linear_trainer(max_epochs=3)


def test_a_logger_that_fails_does_not_stop_the_run(line):
    from tinytorch.training import Logger

    class Offline(Logger):
        def log(self, record, epoch):
            raise ConnectionError("the network is gone")

    trainer = linear_trainer(callbacks=[Offline()])
    with pytest.warns(UserWarning, match="the network is gone"):
        assert len(trainer.fit(DataLoader(line, 16), epochs=3)) == 3


def test_csv_logger(line, tmp_path):
    from tinytorch.training import CSVLogger

    trainer = linear_trainer(callbacks=[CSVLogger(tmp_path / "log.csv")])
    trainer.fit(DataLoader(line, 16), epochs=2)
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0] == "epoch,lr,train_loss" and len(lines) == 3

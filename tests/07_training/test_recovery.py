"""What goes wrong in a run, and how it goes on: NaN and infinity, too little memory, exceptions."""

import numpy as np
import pytest
from runs import At, deep_trainer, linear_trainer, noise_free_line, same, shuffled, weights

from tinytorch.data import DataLoader
from tinytorch.nn.layers import Linear
from tinytorch.nn.losses import mse_loss
from tinytorch.optim import SGD
from tinytorch.tensor import manual_seed, tensor
from tinytorch.training import Callback, NonFiniteError, Trainer, checkpoints, latest_valid

FAULTS = {  # what is added to the loss of the bad batch, from the weights w
    "loss is nan": lambda w: w.sum() * float("nan"),
    "loss is inf": lambda w: (w * 0).sum() + float("inf"),
    "gradient of weight is not finite": lambda w: (w * 0).sqrt().sum(),  # 0, with a gradient of NaN
    "gradient of weight is not finite ": lambda w: (w - w.detach()).sqrt().sum(),  # 0, with a gradient of infinity
}


def faulty(fault, bad=(3,), **options):
    """A trainer on four batches of 16 in order, the third of which has a fault; and that loader."""
    trainer, seen = linear_trainer(lr=0.05), []

    def loss_fn(outputs, targets):
        seen.append(1)
        loss = mse_loss(outputs, targets)
        return loss + FAULTS[fault](trainer.model.weight) if len(seen) in bad else loss

    options = {name: value(trainer.optimizer) if name == "scheduler" else value for name, value in options.items()}
    trainer = Trainer(trainer.model, loss_fn, trainer.optimizer, **options)
    return trainer, DataLoader(noise_free_line(), 16)


@pytest.mark.parametrize("fault", FAULTS)
def test_07_2_nonfinite_raise_names_epoch_batch_and_step_and_spoils_nothing(fault, tmp_path):
    trainer, loader = faulty(fault, bad=(7,), folder=tmp_path)
    with pytest.raises(NonFiniteError, match=f"epoch 2, batch 3, step 7: {fault.strip()}"):
        trainer.fit(loader, epochs=3)
    assert np.isfinite(weights(trainer)["weight"]).all()
    assert latest_valid(tmp_path)[1]["step"] == 6, "the steps before it are saved"


@pytest.mark.parametrize("fault", FAULTS)
def test_07_2_nonfinite_skip_leaves_the_batch_out_and_nothing_else(fault):
    """The weights are those of a run whose data never held that batch; the history's loss does not hold it either."""
    trainer, loader = faulty(fault, nonfinite="skip")
    with pytest.warns(UserWarning, match=f"batch 3, step 3: {fault.strip()}; skipped the batch"):
        history = trainer.fit(loader, epochs=1)
    without = linear_trainer(lr=0.05)
    batches = [*loader]
    expected = without.fit(batches[:2] + batches[3:], epochs=1)
    assert (weights(trainer)["weight"] == weights(without)["weight"]).all()
    assert history[0]["train_loss"] == expected[0]["train_loss"] and trainer.step == 4


class Shrink:
    """A schedule that takes the rate as it finds it."""

    def __init__(self, optimizer):
        self.group = optimizer.param_groups[0]

    def step(self):
        self.group["lr"] *= 0.9


def spoil(trainer):
    trainer.model.weight.array[0, 0] = np.nan


@pytest.mark.parametrize("policy", ["skip", "restore"])
def test_07_2_nonfinite_restore_brings_spoiled_weights_back(line, tmp_path, policy):
    """A weight becomes NaN after step 6. Skipping does not help it; restoring takes the weights of the checkpoint of step 5."""
    kept = []
    remember = At(5, lambda trainer: kept.append((weights(trainer), trainer.optimizer.param_groups[0]["lr"])))
    after = At(7, lambda trainer: kept.append((weights(trainer), trainer.optimizer.param_groups[0]["lr"])))
    trainer = linear_trainer(callbacks=[remember, At(6, spoil), after], folder=tmp_path, checkpoint_every=5)
    trainer.scheduler, trainer.schedule, trainer.nonfinite = Shrink(trainer.optimizer), "step", policy
    with pytest.warns(UserWarning, match="step 7: loss is nan.*skipped the batch") as caught:
        trainer.fit(DataLoader(line, 8), epochs=1)
    if policy == "skip":
        assert np.isnan(weights(trainer)["weight"]).any() and len(caught) == 2
        return
    (saved, rate), (restored, later) = kept
    assert "restored step-000000000005.ckpt and skipped" in str(caught[0].message) and len(caught) == 1
    assert all((value == saved[name]).all() for name, value in restored.items())
    assert np.isfinite(weights(trainer)["weight"]).all() and np.isclose(later, rate * 0.9**2), "the schedule goes on"
    assert (weights(trainer)["weight"] != restored["weight"]).any(), "and so does the training"


def test_07_2_nonfinite_restore_has_something_to_go_back_to_from_the_first_step(line, tmp_path):
    trainer = linear_trainer(callbacks=[At(1, spoil)], folder=tmp_path, nonfinite="restore")
    with pytest.warns(UserWarning, match="restored step-000000000000.ckpt"):
        trainer.fit(DataLoader(line, 16), epochs=1)
    assert np.isfinite(weights(trainer)["weight"]).all()


def test_07_2_nonfinite_skip_takes_back_what_the_forward_pass_changed(line):
    """Running statistics that a NaN batch went through, and the random numbers that it drew."""
    batches = [*DataLoader(line, 16)]
    spoilt = [*batches[:2], (tensor([[np.nan, 1.0]] * 2), tensor([[1.0]] * 2)), *batches[2:]]
    places = []
    for data in (batches, spoilt):
        trainer = deep_trainer(nonfinite="skip", accumulate=1)
        if data is spoilt:
            with pytest.warns(UserWarning, match="skipped"):
                trainer.fit(data, epochs=1)
        else:
            trainer.fit(data, epochs=1)
        places.append(weights(trainer))
    assert all((value == places[1][name]).all() for name, value in places[0].items())


# too little memory


class Small(Linear):
    """Runs out of memory with more than 20 samples."""

    def forward(self, x):
        if len(x) > 20:
            raise MemoryError
        return super().forward(x)


@pytest.mark.parametrize("size, accumulate, parts", [(64, 1, 4), (32, 2, 4), (50, 1, 4), (23, 3, 6)])
def test_07_5_out_of_memory_halves_the_batch_and_the_result_is_the_same(line, size, accumulate, parts):
    places = []
    for kind in (Linear, Small):
        start, model = linear_trainer(), kind(2, 1)
        model.load_state_dict(start.model.state_dict())
        trainer = Trainer(model, mse_loss, SGD(model.parameters(), lr=0.1), accumulate=accumulate)
        if kind is Small:
            with pytest.warns(UserWarning, match=f"out of memory: the batch goes in {parts} parts"):
                history = trainer.fit(DataLoader(line, size), epochs=3)
        else:
            history = trainer.fit(DataLoader(line, size), epochs=3)
        places.append([*weights(trainer).values(), history[-1]["train_loss"]])
    for whole, halved in zip(*places):
        np.testing.assert_allclose(halved, whole, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:out of memory")
def test_07_5_what_fits_into_memory_is_found_out_once_and_kept_over_a_resume(line, tmp_path):
    """The parts that add up stay the same, or the sums would round differently after a resume."""
    sizes = []

    class Counted(Small):
        def forward(self, x):
            sizes.append(len(x))
            return super().forward(x)

    def train(folder, epochs):
        manual_seed(1)
        model = Counted(2, 1)
        trainer = Trainer(model, mse_loss, SGD(model.parameters(), lr=0.1), folder=tmp_path / folder)
        trainer.resume()
        trainer.fit(DataLoader(line, 64), epochs=epochs)
        return trainer

    unbroken = train("a", 3)
    assert sizes == [64, 32, *[16] * 4 * 3]
    train("b", 1)
    sizes.clear()
    same(train("b", 3), unbroken)
    assert sizes == [16] * 4 * 2


@pytest.mark.filterwarnings("ignore:out of memory")
def test_07_5_out_of_memory_with_a_single_sample_says_what_to_do(line):
    class Full(Linear):
        def forward(self, x):
            raise MemoryError

    model = Full(2, 1)
    with pytest.raises(MemoryError, match="single sample"):
        Trainer(model, mse_loss, SGD(model.parameters(), lr=0.1)).fit(DataLoader(line, 16), epochs=1)


def test_07_5_out_of_memory_within_an_update_is_not_done_again(line, tmp_path):
    """Half of the weights have been updated: neither a second update nor a checkpoint may come of that."""

    class Half(SGD):
        def update(self, p, g, state, group):
            if p.ndim == 1 and full:
                raise MemoryError("no room for the state")
            super().update(p, g, state, group)

    full, trainer = [], linear_trainer(folder=tmp_path)
    trainer.optimizer = Half(trainer.model.parameters(), lr=0.1)
    trainer.callbacks = [At(5, full.append)]
    with pytest.raises(MemoryError, match="no room"), pytest.warns(UserWarning, match="middle of an update") as caught:
        trainer.fit(DataLoader(line, 16), epochs=3)
    assert latest_valid(tmp_path)[1]["step"] == 4 and not any("parts" in str(w.message) for w in caught)


# exceptions


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("place", ["loss", "loader", "callback", "validation", "end of the epoch"])
def test_an_exception_inside_the_loop_leaves_a_checkpoint_and_the_mode(line, tmp_path, place, training):
    calls = []

    def fails(when):
        calls.extend([1] * (when == place))
        if when == place and len(calls) == {"loss": 5, "loader": 5, "callback": 4}.get(when, 1):
            raise ZeroDivisionError(place)

    class Fails(Callback):
        def on_step_end(self, trainer):
            fails("callback")

        def on_epoch_end(self, trainer):
            fails("end of the epoch")

    def loss_fn(outputs, targets):
        fails("loss")
        return mse_loss(outputs, targets)

    def batches():
        for batch in DataLoader(line, 16):
            fails("loader")
            yield batch

    def metric(outputs, targets):
        fails("validation")
        return 0.0

    class Loader:
        def __iter__(self):
            return batches()

    trainer = linear_trainer(folder=tmp_path, callbacks=[Fails()], metrics={"m": metric})
    trainer.loss_fn = loss_fn
    trainer.model.train(training)
    validation = DataLoader(line, 16) if place == "validation" else None
    with pytest.raises(ZeroDivisionError, match=place):
        trainer.fit(Loader(), validation, epochs=3)
    state = latest_valid(tmp_path)[1]
    assert state["step"] == trainer.step == 4 and len(state["history"]) == (place in ("loss", "loader"))
    assert trainer.model.training is training


def test_an_exception_is_the_one_that_is_raised_also_when_the_disk_is_full(line, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    trainer = linear_trainer(folder=tmp_path, callbacks=[At(2)])
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RuntimeError, match="crash"), pytest.warns(UserWarning, match="No space left"):
        trainer.fit(shuffled(line), epochs=1)
    assert not checkpoints(tmp_path)

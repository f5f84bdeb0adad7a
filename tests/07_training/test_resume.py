"""Exact resume: interrupted anywhere, the run ends with the numbers of one that was not, to the bit."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from runs import At, deep_trainer, differences, noise_free_line, same, shuffled, weights

from tinytorch.data import DataLoader, Subset
from tinytorch.nn.losses import mse_loss
from tinytorch.optim import CosineAnnealingLR
from tinytorch.random import randn
from tinytorch.training import Callback, EarlyStopping, checkpoints, latest_valid, unpack

EPOCHS, STEPS = 3, 12  # 8 batches, accumulated by two: 4 steps an epoch


def run(data, folder, callbacks=(), epochs=EPOCHS, schedule="epoch", workers=0, **options):
    trainer = deep_trainer(folder, callbacks=[EarlyStopping(patience=99), *callbacks], schedule=schedule, **options)
    if schedule == "step":
        trainer.scheduler = CosineAnnealingLR(trainer.optimizer, STEPS)
    loader = shuffled(data, num_workers=workers)
    trainer.resume()
    trainer.fit(loader, DataLoader(data, 16), epochs=epochs)
    return trainer


@pytest.mark.parametrize("schedule", ["epoch", "step"])
@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_interrupted_after_any_step(line, tmp_path, step, schedule):
    unbroken = run(line, tmp_path / "a", schedule=schedule)
    with pytest.raises(RuntimeError, match="crash"):
        run(line, tmp_path / "b", [At(step)], schedule=schedule)
    assert latest_valid(tmp_path / "b")[1]["step"] == step
    same(unbroken, run(line, tmp_path / "b", schedule=schedule))


@pytest.mark.parametrize("batch", [1, 2, 7, 8, 9, 12])
def test_interrupted_in_the_middle_of_a_step(line, tmp_path, batch):
    """After the forward pass of any batch: dropout has drawn, buffers have moved, half of the gradients are there."""
    calls = []

    def loss_fn(outputs, targets):
        calls.extend([1] * (len(targets) == 8))  # the validation's batches have 16
        if len(calls) == batch:
            raise RuntimeError("crash")
        return mse_loss(outputs, targets)

    unbroken = run(line, tmp_path / "a")
    with pytest.raises(RuntimeError, match="crash"):
        run(line, tmp_path / "b", loss_fn=loss_fn)
    same(unbroken, run(line, tmp_path / "b"))


class CrashAtEpochEnd(Callback):
    """After validation, the schedule's step and the other callbacks."""

    def on_epoch_end(self, trainer):
        raise RuntimeError("crash")


class CrashAtStart(Callback):
    def on_fit_start(self, trainer):
        raise RuntimeError("crash")


@pytest.mark.parametrize("schedule", ["epoch", "step"])
@pytest.mark.parametrize(
    "crashes", [(CrashAtEpochEnd(), CrashAtEpochEnd()), (At(6), CrashAtStart()), (CrashAtStart(),)]
)
def test_interrupted_between_epochs_and_before_the_first_step(line, tmp_path, crashes, schedule):
    unbroken = run(line, tmp_path / "a", schedule=schedule)
    for crash in crashes:
        with pytest.raises(RuntimeError, match="crash"):
            run(line, tmp_path / "b", [crash], schedule=schedule)
    same(unbroken, run(line, tmp_path / "b", schedule=schedule))


def test_interrupted_every_two_steps(line, tmp_path):
    unbroken = run(line, tmp_path / "a")
    for step in range(2, STEPS, 2):
        with pytest.raises(RuntimeError, match="crash"):
            run(line, tmp_path / "b", [At(step)])
    same(unbroken, run(line, tmp_path / "b"))


def test_interrupted_with_worker_processes(line, tmp_path):
    unbroken = run(line, tmp_path / "a")
    with pytest.raises(RuntimeError, match="crash"):
        run(line, tmp_path / "b", [At(6)], workers=2)
    same(unbroken, run(line, tmp_path / "b", workers=2))


def test_a_loader_without_a_state_goes_on_after_the_batches_that_were_seen(line, tmp_path):
    batches = [*DataLoader(line, 8)]

    def go(folder, *callbacks):
        trainer = deep_trainer(folder, callbacks=[*callbacks])
        trainer.resume()
        trainer.fit(batches, epochs=2)
        return trainer

    unbroken = go(tmp_path / "a")
    with pytest.raises(RuntimeError, match="crash"):
        go(tmp_path / "b", At(3))
    same(unbroken, go(tmp_path / "b"))


class Memory(Callback):
    """Remembers something of every step, and draws at random."""

    def __init__(self):
        self.seen = []

    def on_step_end(self, trainer):
        self.seen.append([trainer.step, trainer.last_loss, randn(1).item()])

    def on_epoch_end(self, trainer):
        self.seen.append([trainer.epoch])

    def state_dict(self):
        return {"seen": [list(entry) for entry in self.seen]}

    def load_state_dict(self, state):
        self.seen = [list(entry) for entry in state["seen"]]


@pytest.mark.parametrize("step", [3, 4, 5])
def test_what_callbacks_remember_is_resumed(line, tmp_path, step):
    unbroken, stopped = run(line, tmp_path / "a", [Memory()]), [Memory()]
    trainer = deep_trainer(tmp_path / "b", callbacks=[EarlyStopping(patience=99), *stopped])
    stopped[0].on_fit_start = lambda trainer: None
    loader, own = shuffled(line), stopped[0].on_step_end

    def and_press(trainer):
        own(trainer)
        if trainer.step == step:
            os.kill(os.getpid(), signal.SIGINT)

    stopped[0].on_step_end = and_press
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(loader, DataLoader(line, 16), epochs=EPOCHS)
    same(unbroken, run(line, tmp_path / "b", [Memory()]))


def test_a_run_that_was_stopped_early_stays_stopped(line, tmp_path):
    def go():
        trainer = deep_trainer(tmp_path, callbacks=[EarlyStopping(patience=2, min_delta=1e9)])
        trainer.resume()
        trainer.fit(shuffled(line), DataLoader(line, 16), epochs=50)
        return trainer

    first, again = go(), go()
    assert len(first.history) == len(again.history) == 3
    assert not list(differences(first.model.state_dict(), again.model.state_dict())), "the best weights, both times"


# signals


def press(trainer):
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("step", [1, 4, 7])
def test_sigint_waits_for_the_step_and_is_resumed(line, tmp_path, step):
    before = signal.getsignal(signal.SIGINT)
    unbroken = run(line, tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        run(line, tmp_path / "b", [At(step, press)])
    assert latest_valid(tmp_path / "b")[1]["step"] == step and signal.getsignal(signal.SIGINT) is before
    same(unbroken, run(line, tmp_path / "b"))


@pytest.mark.parametrize("folder", [None, "kept"])
def test_sigint_in_a_notebook_the_same_fit_goes_on(line, tmp_path, folder):
    """No new Trainer, and checkpoints or none: the interrupted one goes on where it stopped."""
    unbroken = run(line, tmp_path / "a")
    trainer = deep_trainer(folder and tmp_path / folder, callbacks=[EarlyStopping(patience=99), At(6, press)])
    loader = shuffled(line)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(loader, DataLoader(line, 16), epochs=EPOCHS)
    trainer.callbacks.pop()
    trainer.fit(loader, DataLoader(line, 16), epochs=EPOCHS)
    del unbroken.callbacks[1:]
    same(unbroken, trainer)


@pytest.mark.parametrize("schedule", ["epoch", "step"])
def test_after_an_exception_at_the_end_of_an_epoch_the_same_fit_goes_on(line, tmp_path, schedule):
    """The schedule had moved on, and the callbacks had heard of the epoch: both are taken back, and the epoch is closed again."""
    unbroken = run(line, tmp_path / "a", [Memory()], schedule=schedule)
    trainer = deep_trainer(callbacks=[EarlyStopping(patience=99), Memory(), CrashAtEpochEnd()], schedule=schedule)
    if schedule == "step":
        trainer.scheduler = CosineAnnealingLR(trainer.optimizer, STEPS)
    loader = shuffled(line)
    with pytest.raises(RuntimeError, match="crash"):
        trainer.fit(loader, DataLoader(line, 16), epochs=EPOCHS)
    trainer.callbacks.pop()
    trainer.fit(loader, DataLoader(line, 16), epochs=EPOCHS)
    same(unbroken, trainer)


def test_a_second_sigint_is_not_waited_for_and_saves_no_half_updated_weights(line, tmp_path):
    """Pressed twice in the middle of an update: what is resumed is the checkpoint before, and the end is the same."""
    unbroken = run(line, tmp_path / "a")

    def twice(trainer):
        def update(p, g, state, group):
            p += 1.0
            press(trainer), press(trainer)

        trainer.optimizer.update = update

    with pytest.raises(KeyboardInterrupt), pytest.warns(UserWarning, match="middle of an update"):
        run(line, tmp_path / "b", [At(7, twice)])
    assert latest_valid(tmp_path / "b")[1]["step"] == 6
    same(unbroken, run(line, tmp_path / "b"))


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from runs import deep_trainer, noise_free_line, shuffled
from tinytorch.training import pack, write_atomically
trainer, loader = deep_trainer(sys.argv[2], checkpoint_every=1, keep=2), shuffled(noise_free_line())
trainer.resume()
print("go", trainer.step, flush=True)
trainer.fit(loader, epochs=int(sys.argv[3]))
write_atomically(sys.argv[2] + "/end", pack(trainer.state_dict()))
"""


def start(folder, epochs):
    """A process that trains, and the step at which it begins."""
    os.makedirs(folder, exist_ok=True)
    command = [sys.executable, "-c", PROGRAM, str(Path(__file__).parent), str(folder), str(epochs)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = process.stdout.readline().split()
    assert said[:1] == ["go"], process.stderr.read()
    return process, int(said[1])


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL is not known here")
@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_sigkill_at_random_moments(tmp_path, kills):
    """Killed so many times, each time somewhere within the next steps, and resumed by a new process."""
    epochs, chance, begun = 8 * kills, random.Random(kills), []
    done, _ = start(tmp_path / "a", epochs)
    for _ in range(kills):
        process, step = start(tmp_path / "b", epochs)
        begun.append(step)
        patience = time.monotonic() + 60
        while not checkpoints(tmp_path / "b") and time.monotonic() < patience:  # on a busy machine the first takes long
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.05))
        assert process.poll() is None, process.stderr.read() or "the run was over before it was killed: make it longer"
        process.kill()
        process.wait()
    last, step = start(tmp_path / "b", epochs)
    assert last.wait() == 0 and done.wait() == 0, last.stderr.read() + done.stderr.read()
    assert begun == sorted(begun) and step > 0, "every kill left a checkpoint to go on from"
    a, b = (unpack((tmp_path / name / "end").read_bytes()) for name in "ab")
    assert a["step"] == 4 * epochs and not list(differences(a, b))
    assert len(checkpoints(tmp_path / "b")) == 2


# the last group of an epoch may be a short one: it is drained from the loader before it is trained on


class Stop(Callback):
    """Interrupts once, where it is told: after a step, or at the end of an epoch."""

    def __init__(self, where):
        self.where, self.done = where, False

    def stop(self, here):
        if here == self.where and not self.done:
            self.done = True
            raise KeyboardInterrupt

    def on_step_end(self, trainer):
        self.stop(trainer.step)

    def on_epoch_end(self, trainer):
        self.stop(f"epoch {trainer.epoch}")


@pytest.mark.parametrize("from_disk", [False, True], ids=["fit again", "resume"])
@pytest.mark.parametrize("accumulate", [2, 3, 100])
@pytest.mark.parametrize("where", [1, 2, 3, "epoch 1", "validation"])
def test_07_4_resume_where_the_last_group_is_a_short_one(tmp_path, where, accumulate, from_disk):
    data = Subset(noise_free_line(), range(40))  # 5 batches of 8

    def train(folder, stop):
        def metric(outputs, targets):
            stop.stop("validation")
            return 0.0

        trainer = deep_trainer(folder, accumulate=accumulate, callbacks=[stop], metrics={"metric": metric})
        loader, validation = shuffled(data), shuffled(data)
        try:
            trainer.fit(loader, validation, epochs=2)
        except KeyboardInterrupt:
            if from_disk:
                trainer, loader = (
                    deep_trainer(folder, accumulate=accumulate, metrics={"metric": metric}),
                    shuffled(data),
                )
                assert trainer.resume()
            trainer.fit(loader, validation, epochs=2)
        trainer.callbacks = []
        return trainer

    unbroken, broken = train(tmp_path / "a", Stop(None)), train(tmp_path / "b", Stop(where))
    assert broken.step == unbroken.step == 2 * -(-5 // accumulate)
    assert broken.history == unbroken.history
    assert all((value == weights(broken)[name]).all() for name, value in weights(unbroken).items())


def test_07_4_resume_after_a_look_at_the_same_loader_within_the_epoch():
    class Look(Callback):
        def __init__(self, stop):
            self.stop = stop

        def on_step_end(self, trainer):
            trainer.evaluate(trainer.loader)
            if trainer.step == self.stop:
                signal.raise_signal(signal.SIGINT)

    found = []
    for stop in (None, 2):
        trainer, loader = deep_trainer(callbacks=[Look(stop)]), shuffled(noise_free_line())
        try:
            trainer.fit(loader, epochs=2)
        except KeyboardInterrupt:
            assert trainer.step == 2
            trainer.fit(loader, epochs=2)
        found.append(trainer)
    same(*found)

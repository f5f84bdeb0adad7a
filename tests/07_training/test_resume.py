"""Exact resume: interrupted anywhere, the run ends with the numbers of one that was not, to the bit."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from runs import deep_trainer, same, shuffled

from tinytorch.data import DataLoader
from tinytorch.training import (
    Callback,
    CheckpointError,
    EarlyStopping,
    checkpoint_path,
    checkpoints,
    newest_good,
    pack,
    unpack,
)

EPOCHS = 3


class Crash(Callback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, trainer):
        if trainer.step == self.step:
            raise RuntimeError("crash")


def run(data, folder, callbacks=(), epochs=EPOCHS):
    trainer, loader = deep_trainer(folder, callbacks=[EarlyStopping(patience=99), *callbacks]), shuffled(data)
    trainer.resume()
    trainer.fit(loader, DataLoader(data, 16), epochs=epochs)
    return trainer


@pytest.mark.parametrize("step", range(1, 13))
def test_interrupted_after_any_step(line, tmp_path, step):
    unbroken = run(line, tmp_path / "a")
    with pytest.raises(RuntimeError, match="crash"):
        run(line, tmp_path / "b", [Crash(step)])
    resumed = run(line, tmp_path / "b")
    same(unbroken, resumed)


def test_an_exception_leaves_a_checkpoint_and_the_mode(line, tmp_path):
    trainer = deep_trainer(tmp_path, callbacks=[Crash(5)])
    trainer.model.eval()
    with pytest.raises(RuntimeError, match="crash"):
        trainer.fit(shuffled(line), epochs=EPOCHS)
    assert newest_good(tmp_path)[1]["step"] == 5 and not trainer.model.training


def test_ctrl_c_waits_for_the_step(line, tmp_path):
    class Press(Callback):
        def on_step_end(self, trainer):
            if trainer.step == 4:
                os.kill(os.getpid(), signal.SIGINT)

    unbroken = run(line, tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        run(line, tmp_path / "b", [Press()])
    same(unbroken, run(line, tmp_path / "b"))


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from runs import deep_trainer, shuffled
from tinytorch.data import TensorDataset
from tinytorch.tensor import manual_seed, randn, tensor
from tinytorch.training import pack, write_atomically
manual_seed(0)
x = randn(64, 2)
data = TensorDataset(x, x @ tensor([[2.0], [-3.0]]) + 0.5)
trainer, loader = deep_trainer(sys.argv[2], checkpoint_every=1, keep=2), shuffled(data)
trainer.resume()
print("go", flush=True)
trainer.fit(loader, epochs=int(sys.argv[3]))
write_atomically(sys.argv[2] + "/end", pack({"weights": trainer.model.state_dict(), "history": trainer.history}))
"""


def start(folder, epochs):
    os.makedirs(folder, exist_ok=True)
    command = [sys.executable, "-c", PROGRAM, str(Path(__file__).parent), str(folder), str(epochs)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    return process


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_at_random_moments(tmp_path, kills):
    epochs, chance = 4 * kills, random.Random(kills)
    done = start(tmp_path / "a", epochs)
    assert done.wait() == 0, done.stderr.read()
    count = 0
    while count < kills:
        process = start(tmp_path / "b", epochs)
        time.sleep(chance.uniform(0, 0.05))
        if process.poll() is None:
            process.kill()
            count += 1
        process.wait()
        if (tmp_path / "b" / "end").exists():
            break
    if not (tmp_path / "b" / "end").exists():
        assert start(tmp_path / "b", epochs).wait() == 0
    a, b = (unpack((tmp_path / name / "end").read_bytes()) for name in "ab")
    assert count > 0 and a["history"] == b["history"]
    for name, value in a["weights"].items():
        assert (value == b["weights"][name]).all(), name


def test_the_last_k_are_kept(line, tmp_path):
    trainer = deep_trainer(tmp_path, keep=2, checkpoint_every=1)
    trainer.fit(shuffled(line), epochs=2)
    assert [path.name for path in checkpoints(tmp_path)] == [checkpoint_path(tmp_path, s).name for s in (7, 8)]


@pytest.mark.parametrize("damage", [lambda d: d[:-5], lambda d: d[:200] + bytes([d[200] ^ 1]) + d[201:], lambda d: b""])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(line, tmp_path, damage):
    unbroken = run(line, tmp_path)
    path = checkpoints(tmp_path)[-1]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match=path.name):
        resumed = run(line, tmp_path)
    same(unbroken, resumed)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_a_full_disk_leaves_the_good_one(line, tmp_path):
    full = tmp_path / "small"
    full.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(full)], capture_output=True).returncode:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        trainer = deep_trainer(full, keep=50, checkpoint_every=1)
        with pytest.raises(OSError, match="before it are whole"):
            trainer.fit(shuffled(line), epochs=50)
        assert newest_good(full) is not None and not list(full.glob("*.tmp"))
    finally:
        subprocess.run(["umount", str(full)], check=True)


def test_older_versions_load_and_newer_are_refused(line, tmp_path):
    trainer = deep_trainer()
    trainer.fit(shuffled(line), epochs=1)
    state = trainer.state_dict()
    old = {
        "model_state": state["model"],
        "optimizer_state": state["optimizer"],
        "epoch": 1,
        "global_step": 4,
        "history": state["history"],
    }
    path = tmp_path / "old.ckpt"
    path.write_bytes(pack(old, version=1))
    fresh = deep_trainer()
    assert fresh.resume(path) and fresh.epoch == 1 and fresh.step == 4
    np.testing.assert_array_equal(fresh.model[0].weight.detach().numpy(), trainer.model[0].weight.detach().numpy())
    path.write_bytes(pack(state, version=3))
    with pytest.raises(CheckpointError, match="update tinytorch"):
        deep_trainer().resume(path)


def test_nothing_is_unpickled(tmp_path):
    import pickle

    path = tmp_path / "pickled"
    path.write_bytes(pickle.dumps({"model": 1}))
    with pytest.raises(CheckpointError, match="not a tinytorch checkpoint"):
        deep_trainer().resume(path)
    with pytest.raises(TypeError, match="object"):
        pack({"model": object()})

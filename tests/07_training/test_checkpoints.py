"""Checkpoints: written whole or not at all, checked, pruned; of older formats and newer ones."""

import errno
import os
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest
from runs import deep_trainer, linear_trainer, same, shuffled, weights

from tinytorch.data import DataLoader
from tinytorch.nn.layers import Linear, Sequential
from tinytorch.nn.losses import mse_loss
from tinytorch.optim import Adam
from tinytorch.training import (
    VERSION,
    CheckpointError,
    Trainer,
    checkpoint_path,
    checkpoints,
    latest_valid,
    pack,
    unpack,
)

OLD = Path(__file__).parent / "version1.ckpt"  # written when version 1 was the newest: two of four epochs of `old_run`


def run(data, folder, epochs=3):
    trainer, loader = deep_trainer(folder), shuffled(data)
    trainer.resume()
    trainer.fit(loader, DataLoader(data, 16), epochs=epochs)
    return trainer


def test_07_9_the_last_k_are_kept(line, tmp_path):
    trainer = deep_trainer(tmp_path, keep=2, checkpoint_every=1)
    trainer.fit(shuffled(line), epochs=2)
    assert [path.name for path in checkpoints(tmp_path)] == [checkpoint_path(tmp_path, s).name for s in (7, 8)]


def test_07_8_nothing_half_written_is_ever_seen(line, tmp_path, monkeypatch):
    """At the moment of each rename: the new file is whole and on the disk, and the old ones are untouched."""
    synced, names, replace, fsync = [], [], os.replace, os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: (synced.append(os.fstat(descriptor).st_size), fsync(descriptor))
    )

    def watched(source, target):
        unpack(Path(source).read_bytes())
        assert Path(source).stat().st_size == synced[-1] and Path(source) != Path(target)
        names.append(Path(target).name)
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    deep_trainer(tmp_path, checkpoint_every=1).fit(shuffled(line), epochs=1)
    assert len(names) == len(synced) == 5 and len(set(names)) == 4  # the epoch's end is step 4 once more


@pytest.mark.parametrize(
    "damage",
    {
        "truncated": lambda d: d[:-5],
        "a flipped byte": lambda d: d[:2000] + bytes([d[2000] ^ 1]) + d[2001:],
        "a flipped byte in the first line": lambda d: d[:30] + bytes([d[30] ^ 1]) + d[31:],
        "empty": lambda d: b"",
    }.items(),
    ids=lambda item: item[0],
)
def test_07_7_a_damaged_one_is_passed_over_for_the_one_before_with_a_warning(line, tmp_path, damage):
    unbroken = run(line, tmp_path)
    path = checkpoints(tmp_path)[-1]
    path.write_bytes(damage[1](path.read_bytes()))
    with pytest.warns(UserWarning, match=path.name):
        resumed = run(line, tmp_path)
    same(unbroken, resumed)


def test_07_9_all_damaged_is_a_fresh_start_with_warnings(line, tmp_path):
    unbroken = run(line, tmp_path)
    for path in checkpoints(tmp_path):
        path.write_bytes(b"x")
    with pytest.warns(UserWarning) as caught:
        resumed = run(line, tmp_path)
    assert sum("passed over" in str(w.message) for w in caught) == 3
    same(unbroken, resumed)


def full_at(folder, count, monkeypatch):
    """The disk is full from the `count`-th write on."""
    written, fsync = [], os.fsync

    def fails(descriptor):
        written.append(descriptor)
        if len(written) >= count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fails)


def check_full(trainer, data, folder):
    with pytest.raises(OSError, match="before it are whole. Free some space") as error, pytest.warns(UserWarning):
        trainer.fit(shuffled(data), DataLoader(data, 16), epochs=50)
    assert error.value.errno == errno.ENOSPC and not list(folder.glob("*.tmp"))
    for path in checkpoints(folder):
        unpack(path.read_bytes())
    return latest_valid(folder)[1]["step"]


def test_07_8_a_full_disk_leaves_the_good_one_whole_and_says_so(line, tmp_path, monkeypatch):
    full_at(tmp_path, 6, monkeypatch)
    assert check_full(deep_trainer(tmp_path, checkpoint_every=1), line, tmp_path) == 4
    monkeypatch.undo()
    same(run(line, tmp_path), run(line, tmp_path / "unbroken"))


def test_07_8_a_full_tmpfs_leaves_the_good_one_whole_and_says_so(line, tmp_path):
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("a small tmpfs is mounted for this test, which needs root")
    full = tmp_path / "small"
    full.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(full)], capture_output=True).returncode:
        pytest.skip("a small tmpfs cannot be mounted here")
    try:
        assert check_full(deep_trainer(full, keep=50, checkpoint_every=1), line, full) > 1
    finally:
        subprocess.run(["umount", str(full)], check=True)


def test_07_7_nothing_is_unpickled(tmp_path, monkeypatch):
    """Neither a pickle, nor one inside an archive with a good checksum."""
    ran = []

    class Bomb:
        def __reduce__(self):
            return ran.append, (1,)

    path = tmp_path / "pickled"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError, match="not a tinytorch checkpoint"):
        deep_trainer().resume(path)
    with pytest.raises(TypeError, match="not Bomb"):
        pack({"model": Bomb()})
    path.write_bytes(pack({"model": {"weight": np.array([Bomb()], dtype=object)}}))
    ran.clear()
    with pytest.raises(ValueError, match="pickle"):
        deep_trainer().resume(path)
    assert not ran


def test_07_7_a_newer_version_is_refused_with_advice(line, tmp_path):
    trainer = run(line, tmp_path)
    path = checkpoints(tmp_path)[-1]
    path.write_bytes(pack(trainer.state_dict(), version=VERSION + 1))
    with pytest.raises(
        CheckpointError, match=f"format version {VERSION + 1}, this tinytorch reads up to {VERSION}: update tinytorch"
    ):
        deep_trainer().resume(path)
    with pytest.warns(UserWarning, match="update tinytorch"):
        assert latest_valid(tmp_path)[1]["step"] < trainer.step


def test_a_model_that_does_not_fit_is_refused_and_nothing_is_changed(line, tmp_path):
    run(line, tmp_path)
    model = Sequential(Linear(2, 3), Linear(3, 1))
    other = Trainer(model, mse_loss, Adam(model.parameters()), folder=tmp_path)
    before = weights(other)
    with pytest.raises(RuntimeError, match="0.weight") as error:
        other.resume()
    assert "(16, 2)" in str(error.value) and "(3, 2)" in str(error.value)
    assert all((value == before[name]).all() for name, value in weights(other).items())
    assert other.step == 0 and not other.history and not other.optimizer.state


def test_a_folder_of_another_run_is_warned_of(line, tmp_path, recwarn):
    """Its checkpoints have higher steps: they would be taken for the newest ones."""
    run(line, tmp_path, epochs=1)
    run(line, tmp_path, epochs=2)
    assert not [w for w in recwarn if "another run" in str(w.message)], "resumed, it is the same run"
    with pytest.warns(UserWarning, match="checkpoints of another run.*resume"):
        deep_trainer(tmp_path).fit(shuffled(line), epochs=1)


def test_resume_without_a_place_to_look_says_so(tmp_path):
    with pytest.raises(ValueError, match="folder"):
        deep_trainer().resume()
    assert deep_trainer(tmp_path / "not there yet").resume() is False


# backward compatibility: version1.ckpt


def old_run(epochs, folder=None):
    """The run of which version1.ckpt is the middle: a line, batches in order, SGD with momentum, no dropout."""
    from runs import noise_free_line

    trainer = linear_trainer(lr=0.05, folder=folder)
    trainer.optimizer.param_groups[0]["momentum"] = 0.9
    return trainer, [*DataLoader(noise_free_line(), 16)], epochs


def check_close(a, b):
    """Up to rounding: the file was written on another machine."""
    for name, value in weights(a).items():
        np.testing.assert_allclose(value, weights(b)[name], rtol=1e-5)
    ours, theirs = (trainer.optimizer.state_dict()["state"] for trainer in (a, b))
    assert ours.keys() == theirs.keys() and len(ours) == 2
    for index, state in ours.items():
        np.testing.assert_allclose(state["momentum_buffer"], theirs[index]["momentum_buffer"], rtol=1e-4)
    assert [record["epoch"] for record in a.history] == [record["epoch"] for record in b.history]
    for name in ("lr", "train_loss"):
        np.testing.assert_allclose([r[name] for r in a.history], [r[name] for r in b.history], rtol=1e-5)


def test_version_1_the_checkpoint_the_optimizer_state_and_the_metrics_load():
    assert OLD.read_bytes().startswith(b"tinytorch checkpoint 1 ")
    trainer, batches, _ = old_run(4)
    assert trainer.resume(OLD) and (trainer.epoch, trainer.step) == (2, 8)
    fresh, batches, _ = old_run(4)
    fresh.fit(batches, epochs=2)
    check_close(trainer, fresh)


def test_version_1_an_old_run_goes_on_to_its_end(tmp_path):
    """Its configuration had old names, its checkpoint has the old format; what it writes from now on has the new one."""
    trainer, batches, epochs = old_run(4, tmp_path)
    with pytest.warns(FutureWarning):
        old = Trainer(trainer.model, mse_loss, trainer.optimizer, checkpoint_dir=tmp_path, grad_accum_steps=1)
    old.resume(OLD)
    old.fit(batches, epochs=epochs)
    unbroken, batches, epochs = old_run(4)
    unbroken.fit(batches, epochs=epochs)
    check_close(old, unbroken)
    assert checkpoints(tmp_path)[-1].read_bytes().startswith(b"tinytorch checkpoint 3 ")


def test_version_2_other_names_of_counts():
    """As version 2 wrote them: the run's own, ReduceLROnPlateau's, and EarlyStopping's."""
    plateau = {"best": 1.0, "bad": 2, "cooldown": 1}
    stopping = {"state": {"best": 0.5, "bad": 3}, "best_weights": None}
    state = unpack(pack({"groups": 4, "room": 8, "scheduler": plateau, "callbacks": [{}, stopping]}, version=2))
    assert (state["steps_in_epoch"], state["max_batch"]) == (4, 8)
    assert state["scheduler"] == {"best": 1.0, "num_bad_epochs": 2, "cooldown_counter": 1}
    assert state["callbacks"] == [{}, {"state": {"best": 0.5, "num_bad_epochs": 3}, "best_weights": None}]


def test_numpy_scalars_are_kept_as_numbers():
    state = unpack(pack({"lr": np.float64(0.1), "seen": np.int64(3), "good": np.bool_(True)}))
    assert state == {"lr": 0.1, "seen": 3, "good": True} and type(state["seen"]) is int

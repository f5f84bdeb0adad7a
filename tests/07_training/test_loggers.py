"""Loggers and the progress bar: what they write, and that none of them ever stops a run."""

import csv
import io
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
from runs import At, linear_trainer

from tinytorch.data import DataLoader
from tinytorch.tensor import tensor
from tinytorch.training import CSVLogger, Logger, ProgressBar, TensorBoardLogger, WandbLogger


class Offline(Logger):
    """A network that is gone after the first epoch."""

    def __init__(self, closes=True):
        self.sent, self.closes = [], closes

    def log(self, record, epoch):
        if epoch > 1:
            raise ConnectionError("the network is gone")
        self.sent.append(record)

    def close(self):
        if not self.closes:
            raise TimeoutError("nobody answers")


def test_a_logger_that_loses_its_network_never_stops_a_run(line):
    logger = Offline()
    trainer = linear_trainer(callbacks=[logger])
    with pytest.warns(UserWarning, match="Offline failed.*the network is gone.*training goes on") as caught:
        assert len(trainer.fit(DataLoader(line, 16), epochs=5)) == 5
    assert len(caught) == 1 and len(logger.sent) == 1, "one warning, not one an epoch"


def test_a_logger_that_cannot_hang_up_does_not_lose_the_run(line):
    class Silent(Offline):
        def log(self, record, epoch):
            pass

    with pytest.warns(UserWarning, match="nobody answers"):
        assert len(linear_trainer(callbacks=[Silent(closes=False)]).fit(DataLoader(line, 16), epochs=2)) == 2


@pytest.mark.filterwarnings("error:CSVLogger failed")
def test_csv_holds_the_history(line, tmp_path):
    trainer = linear_trainer(callbacks=[CSVLogger(tmp_path / "log.csv")])
    history = trainer.fit(DataLoader(line, 16), DataLoader(line, 16), epochs=3)
    rows = [*csv.DictReader((tmp_path / "log.csv").open())]
    assert [{name: float(value) for name, value in row.items()} for row in rows] == history


@pytest.mark.filterwarnings("error:CSVLogger failed")
def test_csv_of_a_resumed_run_has_every_epoch_once(line, tmp_path):
    def go(*callbacks):
        trainer = linear_trainer(folder=tmp_path, callbacks=[CSVLogger(tmp_path / "log.csv"), *callbacks])
        trainer.resume()
        return trainer.fit(DataLoader(line, 16), epochs=3)

    with pytest.raises(RuntimeError, match="crash"):
        go(At(6))
    go()
    assert [row["epoch"] for row in csv.DictReader((tmp_path / "log.csv").open())] == ["1", "2", "3"]


def test_csv_in_a_folder_that_is_gone_does_not_stop_the_run(line, tmp_path):
    trainer = linear_trainer(callbacks=[CSVLogger(tmp_path / "gone" / "log.csv")])
    with pytest.warns(UserWarning, match="CSVLogger failed"):
        assert len(trainer.fit(DataLoader(line, 16), epochs=2)) == 2


def test_the_progress_bar_shows_steps_and_metrics(line):
    stream = io.StringIO()
    trainer = linear_trainer(callbacks=[ProgressBar(stream, every=0)], accumulate=2)
    history = trainer.fit(DataLoader(line, 8), DataLoader(line, 16), epochs=2)
    shown = stream.getvalue()
    assert "epoch 1 [=====               ] step 1/4" in shown and "epoch 2 [====================] step 4/4" in shown
    lines = [part.split("\r")[-1] for part in shown.splitlines() if part]
    assert shown.count("\n") == 2 and f"val_loss {history[1]['val_loss']:.4g}" in lines[-1]


def test_the_progress_bar_outlives_a_first_batch_that_is_skipped(line):
    stream = io.StringIO()
    trainer = linear_trainer(callbacks=[ProgressBar(stream, every=0)], nonfinite="skip")
    with pytest.warns(UserWarning, match="skipped"):
        trainer.fit([(tensor([[np.nan, 1.0]]), tensor([[1.0]])), *DataLoader(line, 32)], epochs=1)
    assert "step 1/3  loss nan" in stream.getvalue() and "step 3/3" in stream.getvalue()


def scalars(folder):
    """{tag: [(step, value)]} of the event files in a folder: each record is a length, its check, an Event, its check."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import masked_crc32c

    found = {}
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        while data:
            (length,), body = struct.unpack("<Q", data[:8]), data[12:]
            assert masked_crc32c(body[:length]) == struct.unpack("<I", body[length : length + 4])[0]
            event, data = Event.FromString(body[:length]), body[length + 4 :]
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_tensorboard_event_files_hold_the_history(line, tmp_path):
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    trainer = linear_trainer(callbacks=[TensorBoardLogger(tmp_path)])
    history = trainer.fit(DataLoader(line, 16), DataLoader(line, 16), epochs=3)
    found = scalars(tmp_path)
    for name in ("train_loss", "val_loss", "lr"):
        assert found[name] == [(r["epoch"], pytest.approx(r[name], rel=1e-6)) for r in history]


def records(path):
    """The records of a W&B file: blocks of 32 KiB, in them pieces with a check, a length and a kind (whole, first, middle, last)."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, begun = path.read_bytes(), 7, b""
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:
            place += 32768 - place % 32768
        _, length, kind = struct.unpack("<IHB", data[place : place + 7])
        begun, place = begun + data[place + 7 : place + 7 + length], place + 7 + length
        if kind in (1, 4):
            yield Record.FromString(begun)
            begun = b""


def test_wandb_offline_keeps_the_history_on_disk(line, tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="wandb is not installed")
    for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "own"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens: whoever asks for the network fails
    logger = WandbLogger("tests", tmp_path, settings={"console": "off", "silent": True, "x_disable_stats": True})
    history = linear_trainer(callbacks=[logger]).fit(DataLoader(line, 16), epochs=3)
    path, deadline = next(tmp_path.glob("wandb/offline-run-*/run-*.wandb")), time.monotonic() + 30
    while not any(record.HasField("exit") for record in records(path)) and time.monotonic() < deadline:
        time.sleep(0.1)  # another process writes it, and may end a little later than finish()
    items = [item for record in records(path) for item in record.history.item]
    losses = [float(item.value_json) for item in items if "train_loss" in (item.key, *item.nested_key)]
    assert losses == [r["train_loss"] for r in history]


def test_the_packages_of_loggers_are_imported_when_a_logger_is_made_and_not_before():
    code = "import sys, tinytorch.training; print(*{'tensorboardX', 'wandb', 'matplotlib'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"

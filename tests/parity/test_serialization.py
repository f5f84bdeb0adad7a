"""`save` and `load`: PyTorch reads what is saved here, and what PyTorch saved is read here, with memory that is shared still shared.

A file from a stranger runs no program, a damaged one says so, and a crash while saving leaves the old file as it was.
"""

import io
import os
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch

import tinytorch
from tinytorch import nn, serialization

DTYPES = ("float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool")


def build(t, name):
    """The same object in library `t`."""
    x = t.arange(24).reshape(2, 3, 4)
    return {
        "tensor": lambda: x,
        "every dtype": lambda: {d: t.tensor([0, 1, 2]).to(getattr(t, d)) for d in DTYPES},
        "0-d": lambda: t.tensor(3.5),
        "empty": lambda: [t.zeros(0), t.zeros(2, 0, 3)],
        "transposed": lambda: x.float().transpose(0, 2),
        "stepped": lambda: x[:, ::2, 1:],
        "expanded": lambda: t.ones(3, 1).expand(3, 4),
        "views of one memory": lambda: [x, x[0], x[1].t()],
        "requires grad": lambda: t.ones(3).requires_grad_(),
        "of a graph": lambda: t.ones(3).requires_grad_() * 2,
        "parameter": lambda: t.nn.Parameter(t.ones(2, 2)),
        "frozen parameter": lambda: t.nn.Parameter(t.ones(2, 2), requires_grad=False),
        "state_dict": lambda: t.nn.Sequential(t.nn.Linear(3, 4), t.nn.ReLU(), t.nn.BatchNorm1d(4)).state_dict(),
        "checkpoint": lambda: {"epoch": 3, "loss": 0.25, "name": "net", "state": OrderedDict(w=x), "done": {1, 2}},
        "python": lambda: [
            None,
            True,
            2**70,
            1.5,
            1j,
            b"bytes",
            bytearray(b"x"),
            (1, (2,)),
            {"a": [1]},
        ],
        "dtypes": lambda: [t.float32, t.int64, t.bool],
        "device": lambda: t.device("cpu"),
    }[name]()


OBJECTS = """tensor|every dtype|0-d|empty|transposed|stepped|expanded|views of one memory|requires grad|of a graph|parameter
    |frozen parameter|state_dict|checkpoint|python|dtypes|device""".replace("\n    ", "").split("|")


def plain(value):
    """A library's object as plain Python: tensors with all that is theirs, dtypes and devices by name."""
    if isinstance(value, (torch.Tensor, tinytorch.Tensor)):
        facts = (str(value.dtype).removeprefix("torch."), tuple(value.shape), value.requires_grad)
        return type(value).__name__, *facts, value.detach().numpy().tolist()
    if isinstance(value, dict):
        return [(key, plain(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (torch.dtype, np.dtype, torch.device, tinytorch.device)):
        return str(value).removeprefix("torch.")
    return value


def same(a, b):
    assert str(plain(a)) == str(plain(b))


@pytest.mark.parametrize("name", OBJECTS)
def test_pytorch_reads_what_is_saved_here(name, tmp_path):
    value = build(tinytorch, name)
    tinytorch.save(value, tmp_path / "x.pt")
    same(torch.load(tmp_path / "x.pt"), value)  # weights_only, PyTorch's own list
    same(tinytorch.load(tmp_path / "x.pt"), value)


@pytest.mark.parametrize("name", OBJECTS)
def test_what_pytorch_saved_is_read_here(name, tmp_path):
    value = build(torch, name)
    torch.save(value, tmp_path / "x.pt")
    same(tinytorch.load(tmp_path / "x.pt"), value)


def test_files_and_paths():
    file = io.BytesIO()
    tinytorch.save({"x": tinytorch.ones(2)}, file)
    file.seek(0)
    same(torch.load(file), {"x": torch.ones(2)})
    file.seek(0)
    same(tinytorch.load(file, map_location="cpu"), {"x": tinytorch.ones(2)})


@pytest.mark.parametrize("writer, reader", [(tinytorch, torch), (torch, tinytorch), (tinytorch, tinytorch)])
def test_shared_memory_stays_shared(writer, reader, tmp_path):
    x = writer.zeros(4)
    writer.save([x, x[1:3], x], tmp_path / "x.pt")
    a, b, c = reader.load(tmp_path / "x.pt")
    a[1] = 7
    assert b.tolist() == [7, 0] and a is c
    assert len(zipfile.ZipFile(tmp_path / "x.pt").namelist()) < 9, "one storage for all three"


def test_the_bytes_of_tensors_are_aligned_and_can_be_mapped(tmp_path):
    tinytorch.save([tinytorch.arange(100), tinytorch.ones(3)], tmp_path / "x.pt")
    a, b = torch.load(tmp_path / "x.pt", mmap=True)
    assert a.tolist() == list(range(100)) and a.data_ptr() % 64 == 0 and b.data_ptr() % 64 == 0


class Net(nn.Module):
    """A model of a program's own."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        return self.layer(x)


def test_a_whole_model_only_with_weights_only_false(tmp_path):
    model = Net()
    tinytorch.save(model, tmp_path / "x.pt")
    with pytest.raises(pickle.UnpicklingError, match="Net.*add_safe_globals"):
        tinytorch.load(tmp_path / "x.pt")
    again = tinytorch.load(tmp_path / "x.pt", weights_only=False)
    x = tinytorch.ones(1, 2)
    assert type(again) is Net and (again(x) == model(x)).all()


class Evil:
    """Calls what it is told when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def archive_of(data):
    """A file as save makes it, with a pickle of our choosing."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/data/0", np.ones(4, "float32").tobytes())
    file.seek(0)
    return file


GLOBAL = b"ctorch._utils\n_rebuild_tensor_v2\n"
ATTACKS = {
    "a system call": pickle.dumps(Evil(os.system, "false")),
    "eval": pickle.dumps(Evil(eval, "1"), 2),
    "a name inside of numpy": b"cnumpy.f2py.diagnose\nrun\n.",
    "a name behind a dot": b"\x80\x04\x8c\x0ctorch._utils\x8c\x06os.pop\x93.",
    "an attribute of a function of the list": GLOBAL + b"N}X\x0c\x00\x00\x00__defaults__)s\x86b.",
    "a method of an object that was made": b"ccollections\nOrderedDict\nccollections\nOrderedDict\n)R)R.",
    "an old instruction": b"(iposix\nsystem\n.",
    "a dtype changed": b"ctorch\nfloat32\n(K\x03X\x01\x00\x00\x00>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb.",
}


@pytest.mark.parametrize("weights_only", [True, False])
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_is_called_that_is_not_on_the_list(attack, weights_only, monkeypatch):
    monkeypatch.setattr(os, "system", lambda *a: pytest.fail("a program has run"))
    with pytest.raises(pickle.UnpicklingError):
        tinytorch.load(archive_of(ATTACKS[attack]), weights_only=weights_only)
    assert serialization._rebuild_tensor.__defaults__ == (False, None, None)
    assert np.dtype("float32").byteorder == "="


@pytest.mark.parametrize(
    "size, stride, offset", [((5,), (1,), 0), ((2, 3), (2, 1), 0), ((4,), (1,), 1), ((-1,), (1,), 0)]
)
def test_no_tensor_reaches_outside_of_its_storage(size, stride, offset):
    class Rebuilt:
        def __reduce__(self):
            return serialization._REBUILD_TENSOR, (storage, offset, size, stride, False, OrderedDict())

    file = io.BytesIO()
    storage = serialization._Storage(np.ones(4, "float32"), 0)
    serialization._Pickler(file, 2).dump(Rebuilt())
    with pytest.raises(pickle.UnpicklingError):
        tinytorch.load(archive_of(file.getvalue()))


def test_what_is_added_to_the_list_may_be_used(tmp_path):
    tinytorch.save({"path": tmp_path}, tmp_path / "x.pt")
    with pytest.raises(pickle.UnpicklingError):
        tinytorch.load(tmp_path / "x.pt")
    with serialization.safe_globals([type(tmp_path)]):
        assert tinytorch.load(tmp_path / "x.pt") == {"path": tmp_path}
    with pytest.raises(pickle.UnpicklingError):
        tinytorch.load(tmp_path / "x.pt")


def test_every_kind_of_damage_is_a_clear_error(tmp_path):
    tinytorch.save({"x": tinytorch.arange(1000)}, tmp_path / "x.pt")
    data = (tmp_path / "x.pt").read_bytes()
    damaged = [b"", b"no archive", data[:100], data[: len(data) // 2], data[:-1], pickle.dumps([1])]
    damaged += [data[:i] + bytes([data[i] ^ 0x55]) + data[i + 1 :] for i in range(100, len(data), 97)]
    whole = tinytorch.load(tmp_path / "x.pt")["x"]
    for text in damaged:
        try:
            found = tinytorch.load(io.BytesIO(text))
        except (RuntimeError, pickle.UnpicklingError) as error:
            assert str(error).startswith("load: "), error
        else:  # the byte was one that fills a gap
            assert (found["x"] == whole).all()


def test_an_older_file_says_how_to_read_it(tmp_path):
    torch.save(torch.ones(2), tmp_path / "x.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="before 1.6"):
        tinytorch.load(tmp_path / "x.pt")


def test_a_crash_while_saving_leaves_the_old_file(tmp_path):
    tinytorch.save([1], tmp_path / "x.pt")
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        tinytorch.save([tinytorch.ones(3), lambda: 0], tmp_path / "x.pt")
    assert tinytorch.load(tmp_path / "x.pt") == [1] and os.listdir(tmp_path) == ["x.pt"]
    with pytest.raises(RuntimeError, match="Parent directory"):
        tinytorch.save([1], tmp_path / "no" / "x.pt")
    with pytest.raises(FileNotFoundError):
        tinytorch.load(tmp_path / "no.pt")


def test_map_location_names_functions_and_dicts(tmp_path):
    value = serialization._Storage(np.ones(2, "float32"), 0)

    class OnGpu(serialization._Pickler):
        def persistent_id(self, found):
            pid = super().persistent_id(found)
            return pid and (*pid[:3], "cuda:0", pid[4])

    file = io.BytesIO()

    class Rebuilt:
        def __reduce__(self):
            return serialization._REBUILD_TENSOR, (value, 0, (2,), (1,), False, OrderedDict())

    OnGpu(file, 2).dump(Rebuilt())

    def gpu_file():
        with zipfile.ZipFile(archive := io.BytesIO(), "w") as z:
            z.writestr("a/data.pkl", file.getvalue())
            z.writestr("a/data/0", np.ones(2, "float32").tobytes())
        archive.seek(0)
        return archive

    seen = []
    for target in ("cpu", tinytorch.device("cpu"), {"cuda:0": "cpu"}, lambda storage, at: seen.append(at) or storage):
        assert tinytorch.load(gpu_file(), target).tolist() == [1, 1]
    assert seen == ["cuda:0"]
    if not tinytorch.cuda.is_available():
        with pytest.raises(RuntimeError, match="map_location"):
            tinytorch.load(gpu_file())

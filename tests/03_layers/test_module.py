"""Tasks 03.5 to 03.8: the tree of modules, hooks, saving and loading."""

import copy
import pickle

import numpy as np
import pytest

import tinytorch as torch
from tinytorch import nn


class Block(nn.Module):
    """Two layers, a buffer that is saved and one that is not."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 3), nn.Linear(3, 1, bias=False)
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("cache", torch.zeros(1), persistent=False)

    def forward(self, x):
        return self.second(self.first(x) - self.mean)


def names(pairs):
    return [name for name, _ in pairs]


# 03.5


def test_03_5_assigning_registers():
    block = Block()
    assert names(block.named_children()) == ["first", "second"]
    assert list(block.second._parameters) == ["weight", "bias"] and block.second.bias is None
    block.extra = nn.Parameter(torch.ones(2))
    assert "extra" in names(block.named_parameters())


def test_03_5_a_name_is_in_one_place_only():
    block = Block()
    block.first = nn.Parameter(torch.ones(2))
    assert names(block.named_children()) == ["second"] and names(block.named_parameters(recurse=False)) == ["first"]
    block.plain = 3
    block.plain = nn.Identity()
    assert "plain" not in block.__dict__ and isinstance(block.plain, nn.Identity)


def test_03_5_none_keeps_the_place():
    block = Block()
    block.first.bias = None
    assert block.first.bias is None and "first.bias" not in block.state_dict()
    block.first.bias = nn.Parameter(torch.ones(3))
    assert "first.bias" in block.state_dict()


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("weight", torch.ones(3), r"cannot assign 'Tensor' as parameter 'weight' \(Parameter or None expected\)"),
        ("weight", 3, r"cannot assign 'int' as parameter 'weight'"),
    ],
)
def test_03_5_what_does_not_fit_is_refused(name, value, message):
    with pytest.raises(TypeError, match=message):
        setattr(nn.Linear(2, 3), name, value)


def test_03_5_children_and_buffers_are_protected_too():
    block = Block()
    with pytest.raises(TypeError, match="cannot assign 'int' as child module 'first'"):
        block.first = 3
    with pytest.raises(TypeError, match="cannot assign 'list' as buffer 'mean'"):
        block.mean = [1.0]
    block.mean = torch.ones(3)
    assert dict(block.named_buffers())["mean"].tolist() == [1, 1, 1]


def test_03_5_super_init_comes_first():
    class Late(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match="before Module.__init__"):
        Late()


def test_03_5_attributes_can_be_deleted_and_missing_ones_are_named():
    block = Block()
    del block.first, block.cache
    assert names(block.named_children()) == ["second"]
    with pytest.raises(AttributeError, match="'Block' object has no attribute 'first': use one of"):
        _ = block.first


@pytest.mark.parametrize("register", ["register_buffer", "register_parameter", "add_module"])
def test_03_5_names_are_checked(register):
    for name, error in (("a.b", KeyError), ("", KeyError), ("forward", KeyError), (3, TypeError)):
        with pytest.raises(error):
            getattr(Block(), register)(name, None)
    with pytest.raises(TypeError):
        getattr(Block(), register)("name", 3)


def test_03_5_parameters_share_memory_and_must_be_floats():
    data = torch.zeros(2)
    parameter = nn.Parameter(data)
    assert parameter.requires_grad and isinstance(parameter, torch.Tensor)
    data.fill_(1)
    assert parameter.tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="floating"):
        nn.Parameter(torch.tensor([1, 2]))
    assert not nn.Parameter(torch.tensor([1, 2]), requires_grad=False).requires_grad


# 03.6


def test_03_6_names_of_modules_and_parameters():
    model = nn.Sequential(Block(), nn.ReLU(), nn.Linear(1, 2))
    assert names(model.named_modules()) == ["", "0", "0.first", "0.second", "1", "2"]
    assert names(model.named_parameters()) == [
        "0.first.weight",
        "0.first.bias",
        "0.second.weight",
        "2.weight",
        "2.bias",
    ]
    assert names(model.named_parameters(prefix="net"))[0] == "net.0.first.weight"
    assert names(model.named_buffers()) == ["0.mean", "0.cache"]
    assert len(list(model.modules())) == 6 and len(list(model.buffers())) == 2


def test_03_6_what_is_shared_comes_once():
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, nn.Sequential(layer))
    assert names(model.named_modules()) == ["", "0", "1"]
    assert len(list(model.parameters())) == 2
    assert names(model.named_parameters(remove_duplicate=False)) == ["0.weight", "0.bias", "1.0.weight", "1.0.bias"]
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    assert names(tied.named_parameters()) == ["0.weight", "0.bias", "1.bias"]


def test_03_6_without_recursion():
    assert names(Block().named_parameters(recurse=False)) == []
    assert names(Block().named_buffers(recurse=False)) == ["mean", "cache"]


def test_03_6_by_dotted_name():
    model = nn.Sequential(Block())
    assert model.get_submodule("0.first") is model[0].first and model.get_submodule("") is model
    assert model.get_parameter("0.first.bias") is model[0].first.bias
    assert model.get_buffer("0.mean") is model[0].mean
    with pytest.raises(AttributeError, match="no submodule 'third'"):
        model.get_submodule("0.third")
    with pytest.raises(AttributeError, match="no parameter 'mean'"):
        model.get_parameter("0.mean")


def test_03_6_apply_visits_children_first():
    seen = []
    model = Block()
    assert model.apply(lambda module: seen.append(type(module).__name__)) is model
    assert seen == ["Linear", "Linear", "Block"]


def test_03_6_modes():
    model = nn.Sequential(Block())
    assert model.training and model.eval() is model
    assert not any(module.training for module in model.modules())
    model[0].train()
    assert model[0].first.training and not model.training
    with pytest.raises(ValueError, match="boolean"):
        model.train("yes")


def test_03_6_dtype_of_all():
    model = Block()
    model.register_buffer("count", torch.tensor([1]))
    weight = model.first.weight
    model(torch.zeros(1, 2)).sum().backward()
    assert model.double() is model and model.first.weight is weight
    assert weight.dtype == weight.grad.dtype == model.mean.dtype == torch.float64 and model.count.dtype == torch.int64
    assert model.to(torch.float32).first.weight.dtype == torch.float32
    assert model.to(torch.zeros(1, dtype=torch.float64)).mean.dtype == torch.float64
    assert model.to("cpu").mean.dtype == torch.float64 and model.half().mean.dtype == torch.float16
    with pytest.raises(TypeError, match="floating point"):
        model.to(torch.int64)


def test_03_6_gradients_of_all():
    model = Block()
    model(torch.ones(1, 2)).sum().backward()
    model.zero_grad(set_to_none=False)
    assert all(p.grad is not None and not p.grad.numpy().any() for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    model.requires_grad_(False)
    assert not model(torch.ones(1, 2)).requires_grad


# 03.7


def test_03_7_hooks_see_and_replace():
    layer, seen = nn.Identity(), []
    first = layer.register_forward_pre_hook(lambda module, inputs: (inputs[0] + 1,))
    layer.register_forward_pre_hook(lambda module, inputs: inputs[0] * 10)
    layer.register_forward_hook(lambda module, inputs, output: seen.append((inputs[0].item(), output.item())))
    last = layer.register_forward_hook(lambda module, inputs, output: output - 5)
    assert layer(torch.tensor(1.0)).item() == 15 and seen == [(20, 20)]
    first.remove()
    last.remove()
    assert layer(torch.tensor(1.0)).item() == 10


def test_03_7_hooks_can_go_first_and_end_with_a_block():
    layer, seen = nn.Identity(), []
    layer.register_forward_hook(lambda *_: seen.append("second"))
    with layer.register_forward_hook(lambda *_: seen.append("first"), prepend=True):
        layer(torch.zeros(1))
    layer(torch.zeros(1))
    assert seen == ["first", "second", "second"]


def test_03_7_forward_must_be_written():
    with pytest.raises(NotImplementedError, match='missing the required "forward"'):
        nn.Module()(torch.zeros(1))


def test_03_7_named_arguments_reach_forward():
    class Scale(nn.Module):
        def forward(self, x, by=1):
            return x * by

    module = Scale()
    assert module(torch.tensor(2.0), by=3).item() == 6
    module.register_forward_hook(lambda module, inputs, output: output + 1)
    assert module(torch.tensor(2.0), by=3).item() == 7


# 03.8


def test_03_8_keys():
    assert list(Block().state_dict()) == ["mean", "first.weight", "first.bias", "second.weight"]
    assert list(Block().state_dict(prefix="net."))[0] == "net.mean"
    layer = nn.Linear(2, 2)
    assert len(nn.Sequential(layer, layer).state_dict()) == 4


def test_03_8_state_shares_memory_and_is_outside_the_graph():
    model = Block()
    state = model.state_dict()
    assert not state["first.weight"].requires_grad
    with torch.no_grad():
        model.first.weight.fill_(4)
    assert (state["first.weight"].numpy() == 4).all()
    assert model.state_dict(keep_vars=True)["first.weight"] is model.first.weight


def test_03_8_loading_copies_in_place():
    a, b = Block(), Block()
    weight = b.first.weight
    report = b.load_state_dict(a.state_dict())
    assert repr(report) == "<All keys matched successfully>" and b.first.weight is weight
    x = torch.ones(1, 2)
    assert b(x).item() == a(x).item()
    assert not np.shares_memory(a.first.weight.detach(), weight.detach())


def test_03_8_all_errors_at_once_and_nothing_changed():
    model = Block()
    before = model.first.weight.detach().numpy().copy()
    state = Block().state_dict()
    state["frist.bias"] = state.pop("first.bias")
    state["second.weight"] = torch.zeros(1, 4)
    with pytest.raises(RuntimeError) as error:
        model.load_state_dict(state)
    assert str(error.value).split("\n\t")[:4] == [
        "Error(s) in loading state_dict for Block:",
        'Missing key(s) in state_dict: "first.bias". ',
        'Unexpected key(s) in state_dict: "frist.bias". ',
        "size mismatch for second.weight: copying a param with shape (1, 4) from checkpoint, the shape in current model is (1, 3).",
    ]
    assert (model.first.weight.detach().numpy() == before).all()


def test_03_8_not_strict_reports():
    model = Block()
    report = model.load_state_dict({"mean": torch.ones(3), "more": torch.ones(1)}, strict=False)
    assert report.missing_keys == ["first.weight", "first.bias", "second.weight"] and report.unexpected_keys == ["more"]
    assert model.mean.tolist() == [1, 1, 1]
    with pytest.raises(RuntimeError, match="size mismatch for mean"):
        model.load_state_dict({"mean": torch.ones(2)}, strict=False)


def test_03_8_assign_adopts():
    model, state = Block(), Block().double().state_dict()
    model.load_state_dict(state, assign=True)
    assert model.first.weight.dtype == torch.float64 and isinstance(model.first.weight, nn.Parameter)
    assert np.shares_memory(model.first.weight.detach(), state["first.weight"]) and model.first.weight.requires_grad


def test_03_8_only_tensors_in_a_dict():
    with pytest.raises(TypeError, match="dict-like"):
        Block().load_state_dict([1])
    with pytest.raises(RuntimeError, match="\"mean\".*received <class 'int'>"):
        Block().load_state_dict({"mean": 3})


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_03_8_copies_are_independent(copied):
    model = nn.Sequential(nn.Linear(2, 3), nn.ModuleList([nn.GELU()]), nn.ModuleDict({"last": nn.Linear(3, 1)}))
    twin = copied(model)
    assert repr(twin) == repr(model) and list(twin.state_dict()) == list(model.state_dict())
    assert all(type(p) is nn.Parameter and p.requires_grad for p in twin.parameters())
    assert (twin[0].weight.detach().numpy() == model[0].weight.detach().numpy()).all()
    assert not np.shares_memory(twin[0].weight.detach(), model[0].weight.detach())


def test_03_8_a_copy_keeps_what_was_shared():
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    twin = copy.deepcopy(tied)
    assert twin[0].weight is twin[1].weight

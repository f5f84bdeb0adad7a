"""Tasks 03.9 and 03.10, and the given layers: starting values, Linear, containers, activations, what is printed."""

import math

import numpy as np
import pytest

import tinytorch as torch
from tinytorch import nn
from tinytorch.nn import functional as F


def std(tensor):
    return tensor.detach().numpy().astype("float64").std()


# 03.9


@pytest.mark.parametrize("shape, fans", [((3, 5), (5, 3)), ((4, 2, 3), (6, 12)), ((8, 3, 5, 5), (75, 200))])
def test_03_9_fans(shape, fans):
    assert nn.init._calculate_fan_in_and_fan_out(torch.zeros(shape)) == fans


def test_03_9_a_vector_has_no_fans():
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        nn.init.xavier_uniform_(torch.zeros(3))


@pytest.mark.parametrize("name", ["xavier_uniform_", "xavier_normal_"])
def test_03_9_xavier(name):
    torch.manual_seed(0)
    w = getattr(nn.init, name)(torch.zeros(300, 700), gain=2.0)
    assert std(w) == pytest.approx(2 * math.sqrt(2 / 1000), rel=0.02)


@pytest.mark.parametrize("name", ["kaiming_uniform_", "kaiming_normal_"])
@pytest.mark.parametrize(
    "options, variance",
    [
        ({"nonlinearity": "relu"}, 2 / 700),
        ({"mode": "fan_out"}, 2 / 300),
        ({"a": 2}, 2 / 5 / 700),
        ({"nonlinearity": "tanh"}, 25 / 9 / 700),
    ],
)
def test_03_9_kaiming(name, options, variance):
    torch.manual_seed(0)
    w = nn.Parameter(torch.zeros(300, 700))
    assert getattr(nn.init, name)(w, **options) is w and w.requires_grad
    assert std(w) == pytest.approx(math.sqrt(variance), rel=0.02)


def test_03_9_uniform_is_bounded_and_normal_is_not():
    torch.manual_seed(0)
    bound = math.sqrt(6 / 1000)
    assert 0.99 * bound < np.abs(nn.init.xavier_uniform_(torch.zeros(300, 700)).numpy()).max() <= bound * 1.000001
    assert np.abs(nn.init.xavier_normal_(torch.zeros(300, 700)).numpy()).max() > 1.5 * bound


def test_03_9_gains():
    gains = {"linear": 1, "sigmoid": 1, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4, "conv2d": 1}
    assert {name: nn.init.calculate_gain(name) for name in gains} == gains
    assert nn.init.calculate_gain("leaky_relu", 3) == pytest.approx(math.sqrt(2 / 10))
    assert nn.init.calculate_gain("leaky_relu") == pytest.approx(math.sqrt(2 / 1.0001))
    with pytest.raises(ValueError, match="Unsupported nonlinearity swish"):
        nn.init.calculate_gain("swish")
    with pytest.raises(ValueError, match="fan_in.*fan_out"):
        nn.init.kaiming_normal_(torch.zeros(2, 2), mode="fan_avg")


def test_03_9_a_generator_makes_it_repeatable():
    first, second = (
        nn.init.kaiming_normal_(torch.zeros(4, 4), generator=torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert first.tolist() == second.tolist()


def test_03_9_the_other_starts():
    w = torch.zeros(3, 4)
    assert nn.init.constant_(w, 2.5).tolist() == [[2.5] * 4] * 3
    assert nn.init.ones_(w).numpy().all() and not nn.init.zeros_(w).numpy().any()
    assert nn.init.eye_(w).tolist() == np.eye(3, 4).tolist()
    for shape in ((3, 8), (8, 3), (4, 2, 2)):
        q = nn.init.orthogonal_(torch.zeros(shape), gain=2).numpy().reshape(shape[0], -1)
        q = q if len(q) <= q.shape[1] else q.T
        assert np.allclose(q @ q.T, 4 * np.eye(len(q)), atol=1e-5)
    cut = nn.init.trunc_normal_(nn.Parameter(torch.zeros(2000)), mean=1, std=2, a=0, b=2).detach().numpy()
    assert cut.min() >= 0 and cut.max() <= 2
    assert 0 <= nn.init.uniform_(torch.zeros(9)).numpy().min() and std(nn.init.normal_(torch.zeros(2000), std=3)) > 2.5


def test_03_9_kaiming_keeps_the_spread_through_twenty_layers():
    torch.manual_seed(0)
    x = torch.randn(64, 256)
    for _ in range(20):
        x = F.relu(F.linear(x, nn.init.kaiming_normal_(torch.zeros(256, 256), nonlinearity="relu")))
    assert 0.3 < std(x) < 3


# 03.10


def test_03_10_linear_computes():
    layer = nn.Linear(3, 2)
    x = torch.randn(4, 3)
    expected = x.numpy() @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    assert np.allclose(layer(x).detach(), expected, atol=1e-6)


def test_03_10_linear_starts_within_its_bound():
    torch.manual_seed(0)
    layer = nn.Linear(100, 2000)
    for parameter in layer.parameters():
        assert np.abs(parameter.detach().numpy()).max() <= 0.1 + 1e-7
        assert std(parameter) == pytest.approx(0.1 / math.sqrt(3), rel=0.05)


def test_03_10_linear_without_a_bias_and_in_another_dtype():
    layer = nn.Linear(3, 2, bias=False, dtype=torch.float64)
    assert layer.bias is None and list(layer.state_dict()) == ["weight"] and layer.weight.dtype == torch.float64
    assert nn.Linear(0, 3)(torch.zeros(2, 0)).shape == (2, 3)


def test_03_10_the_same_seed_gives_the_same_layer():
    weights = []
    for _ in range(2):
        torch.manual_seed(5)
        weights.append(nn.Linear(3, 2).weight.tolist())
    assert weights[0] == weights[1] and nn.Linear(3, 2).weight.tolist() != weights[0]


def test_03_10_sequential_chains():
    a, b = nn.Linear(2, 3), nn.Linear(3, 1)
    x = torch.randn(5, 2)
    assert nn.Sequential(a, b)(x).tolist() == b(a(x)).tolist()
    assert nn.Sequential()(x) is x
    assert list(nn.Sequential({"in": a, "out": b}).state_dict()) == ["in.weight", "in.bias", "out.weight", "out.bias"]


def test_03_10_sequential_is_a_list():
    layers = [nn.Linear(n, n) for n in range(1, 6)]
    model = nn.Sequential(*layers)
    assert len(model) == 5 and model[-1] is layers[4] and list(model) == layers
    assert list(model[1:3]) == layers[1:3] and isinstance(model[1:3], nn.Sequential)
    del model[0]
    assert list(model._modules) == ["0", "1", "2", "3"] and model[0] is layers[1]
    model[0] = nn.Identity()
    model.append(nn.ReLU()).insert(0, nn.Tanh())
    assert [type(m).__name__ for m in model] == ["Tanh", "Identity", "Linear", "Linear", "Linear", "ReLU"]
    assert type(model.pop(0)) is nn.Tanh and len(model + nn.Sequential(nn.ReLU())) == 6
    with pytest.raises(IndexError, match="out of range"):
        model[9]


def test_03_10_training_reaches_both_layers():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    x, y = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]), torch.tensor([[0.0], [1], [1], [0]])
    for step in range(1000):
        model.zero_grad()
        ((model(x) - y) ** 2).mean().backward()
        assert step or all(p.grad.numpy().any() for p in model.parameters())
        with torch.no_grad():
            for p in model.parameters():
                p -= 0.1 * p.grad
    assert np.abs((model(x) - y).detach().numpy()).max() < 0.2


# the given layers


def test_03_10_module_list_and_dict():
    layers = nn.ModuleList([nn.Linear(2, 2)])
    layers.append(nn.ReLU()).extend([nn.Identity()])
    layers += [nn.Tanh()]
    assert [type(m).__name__ for m in layers] == ["Linear", "ReLU", "Identity", "Tanh"] and len(layers[:2]) == 2
    heads = nn.ModuleDict({"a": nn.Linear(2, 2)})
    heads["b"] = nn.Identity()
    assert list(heads) == ["a", "b"] and "b" in heads and len(heads) == 2 and heads.pop("b") and "b" not in heads
    assert list(heads.state_dict()) == ["a.weight", "a.bias"]
    with pytest.raises(TypeError, match="not a Module"):
        layers.append(3)


def test_03_10_activations_are_their_functions():
    x = torch.randn(3, 4)
    pairs = [
        (nn.ReLU(), F.relu(x)),
        (nn.LeakyReLU(0.3), F.leaky_relu(x, 0.3)),
        (nn.GELU(), F.gelu(x)),
        (nn.GELU("tanh"), F.gelu(x, approximate="tanh")),
        (nn.SiLU(), F.silu(x)),
        (nn.Sigmoid(), torch.sigmoid(x)),
        (nn.Tanh(), torch.tanh(x)),
        (nn.Softmax(dim=1), torch.softmax(x, 1)),
        (nn.LogSoftmax(dim=0), torch.log_softmax(x, 0)),
        (nn.Identity(1, two=2), x),
        (nn.Flatten(), x),
        (nn.Flatten(0), x.reshape(12)),
    ]
    for module, expected in pairs:
        assert module(x).tolist() == expected.tolist(), module


def test_03_10_what_is_printed():
    model = nn.Sequential(
        nn.Flatten(),
        nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU()]),
        nn.ModuleDict({"a": nn.LeakyReLU(0.2, inplace=True)}),
        nn.Sequential(),
    )
    assert repr(model) == (
        "Sequential(\n"
        "  (0): Flatten(start_dim=1, end_dim=-1)\n"
        "  (1): ModuleList(\n"
        "    (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)\n"
        "    (2): ReLU()\n"
        "  )\n"
        "  (2): ModuleDict(\n"
        "    (a): LeakyReLU(negative_slope=0.2, inplace=True)\n"
        "  )\n"
        "  (3): Sequential()\n"
        ")"
    )
    assert repr(nn.Parameter(torch.zeros(1))).startswith("Parameter containing:\ntensor([0.]")


def test_03_10_what_is_not_built_says_where():
    with pytest.raises(AttributeError, match="no attribute 'Conv7d'"):
        _ = nn.Conv7d
    assert {"Linear", "functional", "init"} <= set(dir(nn))
    assert {"linear", "gelu"} <= set(dir(F)) and "ones_" in dir(nn.init)

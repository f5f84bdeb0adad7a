"""Do gradients reach every layer, are they right, and does training work? (Modules 01 to 08; a test that needs more than 03 says so.)

See README.md for the pattern, and flow.py for the questions. A failure names the layer where the chain broke.
"""

import gc
import time

import flow
import numpy as np
import pytest

import tinytorch
from tinytorch import nn

pytestmark = [pytest.mark.integration, pytest.mark.modules(1, 2, 3)]

ACTIVATIONS = {
    "ReLU": nn.ReLU,
    "LeakyReLU": nn.LeakyReLU,
    "GELU": nn.GELU,
    "GELU tanh": lambda: nn.GELU(approximate="tanh"),
    "SiLU": nn.SiLU,
    "Sigmoid": nn.Sigmoid,
    "Tanh": nn.Tanh,
    "Softmax": lambda: nn.Softmax(dim=-1),
    "LogSoftmax": lambda: nn.LogSoftmax(dim=-1),
}


def mlp(*widths, activation=nn.Tanh):
    """Linear layers with an activation between them, in float64 so that central differences are exact enough."""
    layers = []
    for i, o in zip(widths, widths[1:]):
        layers += [nn.Linear(i, o), activation()]
    return nn.Sequential(*layers[:-1]).double()


def data(*shape, seed=0):
    return tinytorch.tensor(np.random.default_rng(seed).standard_normal(shape))


# ---------------------------------------------------------------- they exist, reach every layer, and are right


def test_quick_gradients_reach_every_layer_of_an_mlp():
    model, x = mlp(4, 8, 8, 2), data(5, 4)
    flow.check(model, lambda: model(x).square().mean())


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_through_each_activation(name):
    model, x = mlp(4, 6, 6, 3, activation=ACTIVATIONS[name]), data(7, 4).requires_grad_()
    flow.check(model, lambda: (model(x) * data(7, 3, seed=1)).sum(), {"the input": x})


@pytest.mark.parametrize("depth", [1, 3, 10, 30])
def test_at_every_depth(depth):
    """With Kaiming's initialisation ReLU networks pass gradients through thirty layers: neither zero nor infinite."""
    model = mlp(*[16] * (depth + 1), activation=nn.ReLU)
    for name, parameter in model.named_parameters():
        if name.endswith("weight"):
            nn.init.kaiming_normal_(parameter, nonlinearity="relu")
        else:
            nn.init.zeros_(parameter)
    x = data(32, 16)
    model(x).square().mean().backward()
    flow.reach_every_layer(model)
    norms = [p.grad.norm().item() for n, p in model.named_parameters() if n.endswith("weight")]
    assert min(norms) > 1e-3 * max(norms), f"gradients vanish on the way: {norms}"


def test_bad_initialisation_is_seen_in_the_gradients():
    """The experiment of module 03: with weights ten times too small, the first of ten layers hears next to nothing."""
    model = mlp(*[16] * 11)
    with tinytorch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.1)
    model(data(32, 16)).square().mean().backward()
    weights = [p.grad.norm().item() for n, p in model.named_parameters() if n.endswith("weight")]
    assert weights[0] < 1e-6 * weights[-1]


@pytest.mark.parametrize("shape", [(4,), (5, 4), (2, 3, 4), (2, 1, 3, 4)])
def test_for_inputs_of_every_rank(shape):
    model, x = mlp(4, 6, 2), data(*shape).requires_grad_()
    flow.check(model, lambda: model(x).square().mean(), {"the input": x})


LAYOUTS = {
    "transposed": lambda x: x.transpose(0, 1),
    "sliced": lambda x: x[1:, ::2],
    "permuted and reshaped": lambda x: x.permute(2, 0, 1).reshape(-1, 4),
    "expanded": lambda x: x[:1].expand(3, 6, 4),
    "indexed": lambda x: x[[0, 2, 0]],
    "masked": lambda x: x[x.sum(-1) > 0],
    "stacked from pieces": lambda x: tinytorch.stack([x[0], x[1] * 2, x[0] + x[1]]),
    "joined": lambda x: tinytorch.cat([x, x.flip((0,))], dim=1),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_through_views_of_a_batch(name):
    """Tensor's views (01), their derivatives (02) and a layer (03) in one chain."""
    model, x = mlp(4, 5, 2), data(4, 6, 4).requires_grad_()
    flow.check(model, lambda: model(LAYOUTS[name](x)).square().mean(), {"the batch": x})


class Residual(nn.Module):
    """Two branches that join again: the gradient is the sum of what comes back along both."""

    def __init__(self, width, depth):
        super().__init__()
        self.blocks = nn.ModuleList([mlp(width, width, width) for _ in range(depth)])
        self.head = nn.Linear(width, 1).double()

    def forward(self, x):
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


def test_through_residual_branches():
    model, x = Residual(4, 5), data(3, 4).requires_grad_()
    flow.check(model, lambda: model(x).square().mean(), {"the input": x})


class Branches(nn.Module):
    """Chosen by name from a ModuleDict; joined by multiplication and concatenation."""

    def __init__(self):
        super().__init__()
        self.arms = nn.ModuleDict({"gate": nn.Linear(4, 3), "value": nn.Linear(4, 3), "skip": nn.Linear(4, 2)})
        self.out = nn.Linear(5, 1)

    def forward(self, x):
        gated = self.arms["gate"](x).sigmoid() * self.arms["value"](x)
        return self.out(tinytorch.cat([gated, self.arms["skip"](x)], dim=-1))


def test_through_branches_that_join():
    model, x = Branches().double(), data(6, 4)
    flow.check(model, lambda: model(x).square().mean())


class Tied(nn.Module):
    """One layer used three times, and its weight once more as a matrix."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        for _ in range(3):
            x = self.layer(x).tanh()
        return x @ self.layer.weight


def test_a_shared_layer_gets_the_sum_of_its_uses():
    model, x = Tied().double(), data(3, 4)
    assert len(list(model.parameters())) == 2
    flow.check(model, lambda: model(x).square().mean())


class Fourier(nn.Module):
    """Parameters of one's own, a buffer, and operations of 01 without any layer."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(tinytorch.ones(3))
        self.shift = nn.Parameter(tinytorch.zeros(1))
        self.register_buffer("frequencies", tinytorch.arange(1, 4).float())

    def forward(self, x):
        return (self.scale * (x.unsqueeze(-1) * self.frequencies).sin()).sum(-1) + self.shift.exp()


def test_reach_parameters_of_ones_own_but_no_buffer():
    model, x = Fourier().double(), data(6)
    flow.check(model, lambda: model(x).square().mean())
    assert model.frequencies.grad is None and not model.frequencies.requires_grad


def test_softmax_classifier_has_the_textbook_gradient():
    """d loss / d logits = (softmax - one hot) / batch: computed here by hand, without any autograd."""
    layer, x = nn.Linear(4, 3).double(), data(5, 4)
    labels = np.array([0, 2, 1, 1, 0])
    logits = layer(x)
    chosen = tinytorch.log_softmax(logits, dim=1).gather(1, tinytorch.tensor(labels).unsqueeze(1))
    (-chosen.mean()).backward()
    z = logits.detach().numpy()
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[np.arange(5), labels] -= 1
    np.testing.assert_allclose(layer.weight.grad.numpy(), p.T @ x.numpy() / 5, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(layer.bias.grad.numpy(), p.sum(0) / 5, rtol=1e-9, atol=1e-12)


def test_logits_of_a_thousand_give_finite_gradients():
    """Classifiers that are very sure: softmax (03) must not overflow, or every layer before it is lost."""
    model, x = mlp(4, 5, 3), data(6, 4)
    with tinytorch.no_grad():
        model[-1].weight.mul_(5000.0)
    (-tinytorch.log_softmax(model(x), dim=1)[:, 0].mean()).backward()
    flow.reach_every_layer(model)


# ---------------------------------------------------------------- where they must not go


def test_a_frozen_layer_gets_none_but_lets_them_pass():
    model, x = mlp(4, 5, 5, 2), data(3, 4)
    model[2].requires_grad_(False)
    flow.check(model, lambda: model(x).square().mean())
    assert model[2].weight.grad is None and model[0].weight.grad is not None


def test_detach_cuts_exactly_there():
    first, second, x = mlp(4, 5, 5), mlp(5, 5, 2), data(3, 4)
    second(first(x).detach()).square().mean().backward()
    flow.reach_every_layer(second)
    assert all(p.grad is None for p in first.parameters())


def test_no_graph_under_no_grad_and_in_evaluation():
    model, x = mlp(4, 5, 2).eval(), data(3, 4)
    with tinytorch.no_grad():
        y = model(x)
    assert not y.requires_grad and y.grad_fn is None
    assert model(x).requires_grad, "eval() alone must not switch gradients off"


def test_inputs_and_intermediates_hold_none():
    model, x, kept = mlp(4, 5, 2), data(3, 4), []
    for layer in model:
        layer.register_forward_hook(lambda module, inputs, output: kept.append(output))
    model(x).square().mean().backward()
    assert x.grad is None and len(kept) == len(model)
    assert all(output.grad is None for output in kept)


# ---------------------------------------------------------------- over several calls


def test_they_accumulate_until_they_are_cleared():
    model, x = mlp(4, 5, 2), data(3, 4)

    def gradients():
        model(x).square().mean().backward()
        return [p.grad.numpy().copy() for p in model.parameters()]

    once, twice = gradients(), gradients()
    for a, b in zip(once, twice):
        np.testing.assert_allclose(b, 2 * a)
    model.zero_grad()
    for a, b in zip(once, gradients()):
        np.testing.assert_allclose(a, b)


def test_small_batches_add_up_to_the_large_one():
    model, x = mlp(4, 5, 2), data(12, 4)
    model(x).square().mean().backward()
    whole = [p.grad.numpy().copy() for p in model.parameters()]
    model.zero_grad()
    for part in x.split(3):
        (model(part).square().mean() / 4).backward()
    for a, p in zip(whole, model.parameters()):
        np.testing.assert_allclose(p.grad.numpy(), a, rtol=1e-10)


def test_an_update_between_forward_and_backward_is_noticed():
    """The classic mistake in a loop written by hand: weights that the backward still needs were changed already."""
    model, x = mlp(4, 5, 2), data(3, 4)
    loss = model(x).square().mean()
    with tinytorch.no_grad():
        for parameter in model.parameters():
            parameter.sub_(0.1)
    with pytest.raises(RuntimeError, match="in-?place"):
        loss.backward()


def test_two_losses_over_one_network():
    """The shared trunk gets the sum, each head its own."""
    trunk, left, right, x = mlp(4, 5, 5), mlp(5, 1), mlp(5, 1), data(3, 4)

    def both():
        h = trunk(x)
        return left(h).square().mean(), right(h).abs().mean()

    a, b = both()
    a.backward(retain_graph=True)
    assert all(p.grad is None for p in right.parameters())
    b.backward()
    separate = [p.grad.numpy().copy() for p in trunk.parameters()]
    trunk.zero_grad()
    a, b = both()
    (a + b).backward()
    for p, g in zip(trunk.parameters(), separate):
        np.testing.assert_allclose(p.grad.numpy(), g, rtol=1e-10)


def test_a_penalty_on_the_gradient_trains_too():
    """Second derivatives through layers: the gradient of the gradient's norm, against central differences."""
    model, x = mlp(3, 6, 1), data(4, 3).requires_grad_()

    def penalty():
        (slope,) = tinytorch.autograd.grad(model(x).sum(), (x,), create_graph=True)
        return (slope.square().sum(-1) - 1).square().mean()

    penalty().backward()
    first, last = model[0], model[-1]
    assert first.weight.grad is not None and np.abs(first.weight.grad.numpy()).max() > 0
    assert last.bias.grad is None or not last.bias.grad.numpy().any(), "a bias at the end does not change the slope"
    rng = np.random.default_rng(0)
    for name, p in (("0.weight", first.weight), ("0.bias", first.bias), ("last.weight", last.weight)):
        direction, start = rng.standard_normal(tuple(p.shape)), p.detach().numpy().copy()
        values = []
        for sign in (1, -1):
            with tinytorch.no_grad():
                p.copy_(tinytorch.tensor(start + sign * 1e-6 * direction))
            values.append(penalty().item())
        with tinytorch.no_grad():
            p.copy_(tinytorch.tensor(start))
        exact, numeric = float((p.grad.numpy() * direction).sum()), (values[0] - values[1]) / 2e-6
        assert abs(exact - numeric) < 1e-5 * max(1, abs(numeric)), (
            f"second derivative at {name}: {exact}, not {numeric}"
        )


# ---------------------------------------------------------------- training works


def test_quick_training_lowers_the_loss():
    """A linear layer finds the line that the data lie on: the loss falls below 1e-6, the weights to 1e-3."""
    truth = np.array([[2.0, -3.0, 0.5]])
    x = data(64, 3)
    y = tinytorch.tensor(x.numpy() @ truth.T + 1.0)
    layer = nn.Linear(3, 1).double()
    losses = flow.descend(layer.parameters(), lambda: (layer(x) - y).square().mean(), rate=0.2, steps=150)
    assert losses[-1] < 1e-6, f"the loss fell only from {losses[0]:.3g} to {losses[-1]:.3g}"
    np.testing.assert_allclose(layer.weight.detach().numpy(), truth, atol=1e-3)
    np.testing.assert_allclose(layer.bias.detach().numpy(), [1.0], atol=1e-3)


def moons(n=200, noise=0.1, seed=0):
    """Two half circles that no line separates."""
    rng = np.random.default_rng(seed)
    angle, side = rng.uniform(0, np.pi, n), rng.integers(0, 2, n)
    x = np.where(side, 1 - np.cos(angle), np.cos(angle))
    y = np.where(side, 0.5 - np.sin(angle), np.sin(angle))
    return np.stack([x, y], 1) + noise * rng.standard_normal((n, 2)), side


@pytest.mark.parametrize("name", ["ReLU", "Tanh", "GELU", "SiLU"])
def test_training_separates_two_moons(name):
    """In 600 steps the loss falls below 0.02, and at least 98 of 100 points are right."""
    points, side = moons()
    x, labels = tinytorch.tensor(points), tinytorch.tensor(side).unsqueeze(1)
    model = mlp(2, 24, 24, 2, activation=ACTIVATIONS[name])

    def loss():
        return -tinytorch.log_softmax(model(x), dim=1).gather(1, labels).mean()

    losses = flow.descend(model.parameters(), loss, rate=0.5, steps=600)
    assert losses[-1] < 0.02, f"the loss fell only from {losses[0]:.3f} to {losses[-1]:.3f}"
    with tinytorch.no_grad():
        right = (model(x).argmax(1).numpy() == side).mean()
    assert right >= 0.98


def test_every_layer_learns():
    """After a few steps all parameters have moved, the first layer's too."""
    model, x, y = mlp(4, 8, 8, 8, 1), data(32, 4), data(32, 1, seed=1)
    before = {name: p.detach().numpy().copy() for name, p in model.named_parameters()}
    flow.descend(model.parameters(), lambda: (model(x) - y).square().mean(), rate=0.1, steps=5)
    for name, p in model.named_parameters():
        assert np.abs(p.detach().numpy() - before[name]).max() > 1e-6, f"{name} did not learn"


def test_a_saved_model_goes_on_where_it_stopped():
    x, y = data(16, 4), data(16, 1, seed=1)

    def train(model, steps):
        return flow.descend(model.parameters(), lambda: (model(x) - y).square().mean(), rate=0.1, steps=steps)

    model, other = mlp(4, 6, 1), mlp(4, 6, 1)
    whole = train(model, 3)
    other.load_state_dict(model.state_dict())
    with tinytorch.no_grad():
        other[0].weight.add_(0)
    assert train(model, 5) == train(other, 5)
    assert whole[0] > whole[-1]


def test_the_same_seed_trains_the_same_model():
    def run():
        tinytorch.manual_seed(7)
        model, x = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)), tinytorch.randn(16, 4)
        return flow.descend(model.parameters(), lambda: model(x).square().mean(), rate=0.1, steps=5)

    assert run() == run()


# ---------------------------------------------------------------- from losses, through norms, out of batches, into optimizers (04 to 08)

CLASSES = np.array([0, 2, 1, 1, 0])
LOSSES = {
    "MSELoss": lambda: (nn.MSELoss(), data(5, 3, seed=1)),
    "L1Loss": lambda: (nn.L1Loss(), data(5, 3, seed=1)),
    "SmoothL1Loss": lambda: (nn.SmoothL1Loss(beta=0.5), data(5, 3, seed=1)),
    "HuberLoss": lambda: (nn.HuberLoss(delta=0.5), data(5, 3, seed=1)),
    "CrossEntropyLoss": lambda: (nn.CrossEntropyLoss(label_smoothing=0.1), tinytorch.tensor(CLASSES)),
    "CrossEntropyLoss, probabilities": lambda: (nn.CrossEntropyLoss(), tinytorch.softmax(data(5, 3, seed=1), 1)),
    "BCEWithLogitsLoss": lambda: (nn.BCEWithLogitsLoss(), (data(5, 3, seed=1) > 0).double()),
    "FocalLoss": lambda: (nn.FocalLoss(), (data(5, 3, seed=1) > 0).double()),
}
AFTER = {  # losses that take what an activation gives
    "NLLLoss": lambda: (nn.LogSoftmax(dim=1), nn.NLLLoss(), tinytorch.tensor(CLASSES)),
    "BCELoss": lambda: (nn.Sigmoid(), nn.BCELoss(), (data(5, 3, seed=1) > 0).double()),
    "KLDivLoss": lambda: (nn.LogSoftmax(dim=1), nn.KLDivLoss(), tinytorch.softmax(data(5, 3, seed=1), 1)),
}


@pytest.mark.modules(4)
@pytest.mark.parametrize("name", [*LOSSES, *AFTER])
def test_from_each_loss(name):
    end, criterion, target = AFTER[name]() if name in AFTER else (nn.Identity(), *LOSSES[name]())
    model, x = mlp(4, 6, 3), data(5, 4).requires_grad_()
    flow.check(model, lambda: criterion(end(model(x)), target), {"the input": x})


@pytest.mark.modules(4)
def test_a_very_wrong_and_very_sure_classifier_still_learns():
    """Logits of ten thousand: the loss is finite, and so is every gradient."""
    model, x = mlp(4, 5, 3), data(5, 4)
    with tinytorch.no_grad():
        model[-1].weight.mul_(1e4)
    loss = nn.CrossEntropyLoss()(model(x), tinytorch.tensor(CLASSES))
    loss.backward()
    assert np.isfinite(loss.item()) and loss.item() > 100
    flow.reach_every_layer(model)


NORMS = {
    "BatchNorm1d": (lambda: nn.BatchNorm1d(6), (5, 6)),
    "BatchNorm1d, 3-d": (lambda: nn.BatchNorm1d(6), (2, 6, 4)),
    "BatchNorm1d, evaluation": (lambda: nn.BatchNorm1d(6).eval(), (5, 6)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(6), (2, 6, 3, 2)),
    "LayerNorm": (lambda: nn.LayerNorm(6), (5, 6)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 6), (3, 6, 4)),
    "RMSNorm": (lambda: nn.RMSNorm(6), (5, 6)),
    "Dropout": (lambda: nn.Dropout(0.4), (5, 6)),
    "Dropout, evaluation": (lambda: nn.Dropout(0.4).eval(), (5, 6)),
}


class Scaled(nn.Module):
    """A parameter before the layer and one after it: both hear of the loss only through the layer."""

    def __init__(self, layer, shape):
        super().__init__()
        self.before, self.layer = nn.Parameter(data(*shape, seed=2)), layer
        self.after = nn.Parameter(data(*shape, seed=3))

    def forward(self):
        tinytorch.manual_seed(4)  # the same elements are dropped in every call
        return (self.layer(self.before) * self.after).tanh()


@pytest.mark.modules(8)
@pytest.mark.parametrize("name", NORMS)
def test_through_each_norm(name):
    make, shape = NORMS[name]
    model = Scaled(make(), shape).double()
    flow.check(model, lambda: (model() * data(*shape, seed=1)).sum())


class Deep(nn.Module):
    """Fifty layers, with residual connections and norms or without."""

    def __init__(self, depth, width, helped):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(depth)]) if helped else None

    def forward(self, x):
        for i, layer in enumerate(self.layers):
            x = layer(x).tanh() if self.norms is None else x + layer(self.norms[i](x)).tanh()
        return x


@pytest.mark.modules(8)
def test_norms_and_residuals_carry_gradients_through_fifty_layers():
    """Without them the first layer hears less than a millionth of what the last one hears; with them at least a tenth."""
    heard = {}
    for helped in (False, True):
        tinytorch.manual_seed(0)
        model = Deep(50, 16, helped).double()
        model(data(32, 16)).square().mean().backward()
        flow.reach_every_layer(model)
        first, last = (model.layers[i].weight.grad.norm().item() for i in (0, -1))
        heard[helped] = first / last
    assert heard[False] < 1e-6 and heard[True] > 0.1, heard


@pytest.mark.modules(8)
def test_checkpointing_changes_no_gradient():
    """To the bit, also where the block draws random numbers: its second run has to draw the same."""
    from tinytorch.utils.checkpoint import checkpoint

    blocks = [nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 8), nn.Tanh(), nn.Dropout(0.3)) for _ in range(6)]
    model, x, found = nn.ModuleList(blocks).double(), data(4, 8).requires_grad_(), []
    for run in (lambda block, h: block(h), checkpoint):
        tinytorch.manual_seed(0)
        model.zero_grad()
        x.grad, h = None, x
        for block in model:
            h = h + run(block, h)
        h.square().mean().backward()
        flow.reach_every_layer(model)
        found.append([p.grad.numpy().copy() for p in (*model.parameters(), x)])
    assert all((a == b).all() for a, b in zip(*found))


OPTIMIZERS = {
    "SGD": {"lr": 0.1, "momentum": 0.9},
    "Adam": {"lr": 0.01},
    "AdamW": {"lr": 0.01},
    "RMSprop": {"lr": 0.01},
    "Adagrad": {"lr": 0.1},
    "Adadelta": {"lr": 1.0},
}


@pytest.mark.modules(4, 5, 6, 8)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_batch_to_update_with_each_optimizer(name):
    """Loader, network with norm and dropout, loss, optimizer: every layer moves, and the loss falls below a half in 30 epochs."""
    from tinytorch import optim
    from tinytorch.data import DataLoader, TensorDataset

    x = data(48, 4)
    pairs = TensorDataset(x, (x[:, :1] > 0).long().squeeze(1))
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2)).double()
    optimizer = getattr(optim, name)(model.parameters(), **OPTIMIZERS[name])
    before, losses = [p.detach().numpy().copy() for p in model.parameters()], []
    for _ in range(30):
        for inputs, labels in DataLoader(pairs, batch_size=16, shuffle=True):
            optimizer.zero_grad()
            loss = nn.CrossEntropyLoss()(model(inputs), labels)
            loss.backward()
            losses.append(loss.item())
            optimizer.step()
    for (layer, p), start in zip(model.named_parameters(), before):
        assert layer == "0.bias" or np.abs(p.detach().numpy() - start).max() > 1e-3, f"{layer} did not move"
    assert np.mean(losses[-3:]) < 0.5 * np.mean(losses[:3]), f"from {losses[:3]} only to {losses[-3:]}"


@pytest.mark.modules(4, 8)
@pytest.mark.parametrize("cut", ["layers.1", "layers.3"])
def test_a_failure_names_the_layer_in_a_normalised_network_too(cut):
    model = Deep(5, 8, helped=False).double()
    model.norms = nn.ModuleList([nn.LayerNorm(8) for _ in range(5)]).double()
    number = int(cut[-1])
    model.layers[number].register_forward_hook(lambda module, inputs, output: output.detach())
    branch = model.layers[number].weight
    with pytest.raises(AssertionError, match=rf"broke at (norms|layers)\.{number}\."):
        flow.check(model, lambda: nn.MSELoss()(model(data(3, 8)), data(3, 8, seed=1)))
    assert branch.grad is None


# ---------------------------------------------------------------- cost


def test_a_very_deep_network_needs_no_recursion():
    layer = nn.Linear(2, 2).double()
    h = data(1, 2)
    for _ in range(3000):
        h = h + layer(h) * 1e-4
    h.sum().backward()
    flow.reach_every_layer(layer)


def test_memory_stays_flat_with_the_garbage_collector_off():
    """Graphs hold no cycles: what a step builds is gone when the step is over."""
    model, x = mlp(4, 8, 8, 1), data(8, 4)

    def train(steps):
        flow.descend(model.parameters(), lambda: model(x).square().mean(), rate=0.01, steps=steps)

    gc.collect()
    gc.disable()
    try:
        train(5)
        before = len(gc.get_objects())
        train(100)
        grown = len(gc.get_objects()) - before
    finally:
        gc.enable()
    assert grown < 100, f"{grown} objects stayed behind after 100 steps"


def test_time_grows_in_proportion_to_the_graph():
    """Ten times as many operations take about ten times as long, not a hundred times."""

    def seconds(n):
        best = float("inf")
        for _ in range(3):
            x = tinytorch.ones(1).requires_grad_()
            start = time.perf_counter()
            y = x
            for _ in range(n):
                y = y * 1.0
            y.sum().backward()
            best = min(best, time.perf_counter() - start)
        return best

    small, large = seconds(1_000), seconds(10_000)
    assert large < 30 * small, f"1,000 operations took {small:.3f} s, 10,000 took {large:.3f} s"


# ---------------------------------------------------------------- the check itself


class Broken(nn.Module):
    """A network in which one layer's output is cut from the graph."""

    def __init__(self, cut):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(4)])
        self.cut = cut

    def forward(self, x):
        for i, layer in enumerate(self.layers):
            x = layer(x)
            x = x.detach() if i == self.cut else x
        return x


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_a_failure_names_the_layer_where_the_chain_broke(cut):
    model = Broken(cut).double()
    with pytest.raises(AssertionError, match=rf"broke at layers\.{cut}\."):
        flow.check(model, lambda: model(data(3, 4)).square().mean())


def test_a_dead_layer_is_named():
    """ReLU kills all that layer 2 says, so the weights that would read it learn nothing."""
    model = mlp(4, 4, 4, 1, activation=nn.ReLU)
    with tinytorch.no_grad():
        model[2].bias.fill_(-100.0)
    with pytest.raises(AssertionError, match=r"broke at 4\.weight: its gradient is all zeros"):
        flow.check(model, lambda: model(data(3, 4)).square().mean())


def test_a_wrong_gradient_is_named():
    class Careless(tinytorch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 3

    model = mlp(4, 4, 1)
    with pytest.raises(AssertionError, match=r"gradient of 0\..* is wrong"):
        flow.check(model, lambda: model[2](Careless.apply(model[0](data(3, 4)))).square().mean())

"""The layers of module 08 against PyTorch: values, gradients, running statistics; and checkpointing to the bit."""

import numpy as np
import pytest
import torch

import tinytorch
from tinytorch.nn import normalization as n

LAYERS = [
    ("LayerNorm", (6,), (4, 6)),
    ("LayerNorm", ((3, 6),), (4, 3, 6)),
    ("RMSNorm", (6,), (4, 6)),
    ("GroupNorm", (2, 6), (4, 6, 3, 3)),
    ("GroupNorm", (3, 6), (4, 6)),
    ("BatchNorm1d", (6,), (4, 6)),
    ("BatchNorm1d", (6,), (4, 6, 5)),
    ("BatchNorm2d", (6,), (4, 6, 3, 3)),
]


@pytest.mark.parametrize("name, arguments, shape", LAYERS, ids=str)
def test_layers(name, arguments, shape):
    rng = np.random.default_rng(0)
    theirs, ours = getattr(torch.nn, name)(*arguments), getattr(n, name)(*arguments)
    values = {key: rng.standard_normal(p.shape).astype("f") for key, p in theirs.named_parameters()}
    theirs.load_state_dict({key: torch.tensor(v) for key, v in values.items()}, strict=False)
    ours.load_state_dict({key: tinytorch.tensor(v) for key, v in values.items()}, strict=False)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for mode in (True, True, False):
        theirs.train(mode), ours.train(mode)
        x, g = (2 * rng.standard_normal(shape) + 1).astype("f"), rng.standard_normal(shape).astype("f")
        tx, mx = torch.tensor(x, requires_grad=True), tinytorch.tensor(x, requires_grad=True)
        a, b = theirs(tx), ours(mx)
        (a * torch.tensor(g)).sum().backward(), (b * tinytorch.tensor(g)).sum().backward()
        np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(mx.grad.numpy(), tx.grad.numpy(), rtol=1e-4, atol=1e-5)
        for (key, p), q in zip(theirs.named_parameters(), ours.parameters()):
            np.testing.assert_allclose(q.grad.numpy(), p.grad.numpy(), rtol=1e-4, atol=1e-4, err_msg=key)
        for (key, p), q in zip(theirs.state_dict().items(), ours.state_dict().values()):
            np.testing.assert_allclose(q.detach().numpy(), p.numpy(), rtol=1e-5, atol=1e-6, err_msg=key)


def test_second_derivative_of_layer_norm():
    rng = np.random.default_rng(0)
    x, v = rng.standard_normal((2, 3, 5))
    out = []
    for t, norm in ((torch, torch.nn.functional.layer_norm), (tinytorch, n.layer_norm)):
        a = t.tensor(x, requires_grad=True)
        (g,) = t.autograd.grad((norm(a, (5,)) ** 3).sum(), a, create_graph=True)
        (h,) = t.autograd.grad((g * t.tensor(v)).sum(), a)
        out.append(h.detach().numpy())
    np.testing.assert_allclose(out[1], out[0], rtol=1e-6)


def test_checkpointing_gives_the_same_gradients_to_the_bit():
    def gradients(call):
        tinytorch.manual_seed(0)
        block = tinytorch.nn.Sequential(tinytorch.nn.Linear(8, 8), n.Dropout(0.5), tinytorch.nn.GELU(), n.LayerNorm(8))
        x = tinytorch.randn(4, 8, requires_grad=True)
        (call(block, x) ** 2).sum().backward()
        return [x.grad.numpy(), *(p.grad.numpy() for p in block.parameters())]

    plain, kept = gradients(lambda block, x: block(x)), gradients(n.checkpoint)
    assert all((a == b).all() for a, b in zip(plain, kept))


def test_dropout_keeps_the_mean_and_the_share():
    tinytorch.manual_seed(0)
    y = n.dropout(tinytorch.ones(100_000), 0.3).numpy()
    assert abs((y == 0).mean() - 0.3) < 0.01 and abs(y.mean() - 1) < 0.01

"""ResNet-18: shapes, parameters, forward, backward, training, saving, other classes, frozen layers, its cost."""

import numpy as np
import pytest

from tinytorch.autograd import no_grad
from tinytorch.models.vision import resnet18
from tinytorch.nn import functional as F
from tinytorch.optim import SGD
from tinytorch.random import manual_seed, randn
from tinytorch.tensor import tensor

pytestmark = [pytest.mark.modules(1, 2, 3, 4, 6, 8, 9), pytest.mark.long]


@pytest.fixture
def model():
    manual_seed(0)
    return resnet18(num_classes=10, small=True)


def count(model):
    return sum(p.numel() for p in model.parameters())


def test_parameter_counts():
    assert count(resnet18()) == 11_689_512
    assert count(resnet18(num_classes=10)) == 11_181_642


def test_names_and_shapes_of_the_state():
    state = resnet18().state_dict()
    assert len(state) == 122
    assert tuple(state["conv1.weight"].shape) == (64, 3, 7, 7)
    assert tuple(state["layer3.0.downsample.0.weight"].shape) == (256, 128, 1, 1)
    assert tuple(state["layer4.1.bn2.running_var"].shape) == (512,)
    assert tuple(state["fc.weight"].shape) == (1000, 512)
    assert "layer1.0.downsample.0.weight" not in state


@pytest.mark.parametrize(("small", "size", "places"), [(True, 32, 4), (False, 64, 2)])
def test_each_stage_halves_the_image(small, size, places):
    manual_seed(0)
    model = resnet18(num_classes=10, small=small).eval()
    with no_grad():
        x = model.maxpool(model.relu(model.bn1(model.conv1(randn(2, 3, size, size)))))
        for stage, channels in enumerate((64, 128, 256, 512), start=1):
            x = getattr(model, f"layer{stage}")(x)
            assert tuple(x.shape) == (2, channels, places * 2 ** (4 - stage), places * 2 ** (4 - stage))
        assert tuple(model.fc(model.avgpool(x).flatten(1)).shape) == (2, 10)


def test_the_gradient_reaches_every_parameter(model):
    F.cross_entropy(model(randn(4, 3, 16, 16)), tensor([0, 1, 2, 3])).backward()
    missing = [name for name, p in model.named_parameters() if p.grad is None or not np.abs(p.grad.numpy()).sum() > 0]
    assert not missing, f"no gradient in {missing}"


def test_training_lowers_the_loss(model):
    x, y = randn(8, 3, 16, 16), tensor(np.arange(8) % 4)
    optimizer, losses = SGD(model.parameters(), lr=0.02, momentum=0.9), []
    for _ in range(6):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0], losses


def test_evaluation_does_not_depend_on_the_batch(model):
    x = randn(4, 3, 16, 16)
    model(x)
    model.eval()
    with no_grad():
        assert np.allclose(model(x).numpy()[:1], model(x[:1]).numpy(), atol=1e-5)
        before = model.bn1.running_mean.numpy().copy()
        model(x * 5)
        assert (model.bn1.running_mean.numpy() == before).all()


def test_saved_and_loaded_it_answers_the_same(model):
    x = randn(2, 3, 16, 16)
    model(x)
    other = resnet18(num_classes=10, small=True)
    assert not other.load_state_dict(model.state_dict()).missing_keys
    with no_grad():
        assert model.eval()(x).tolist() == other.eval()(x).tolist()


def test_frozen_layers_extract_features(model):
    """A new last layer on layers that stand still: the usual way to use a trained network."""
    for name, p in model.named_parameters():
        p.requires_grad_(name.startswith("fc."))
    model.eval()
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    optimizer = SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    F.cross_entropy(model(randn(4, 3, 16, 16)), tensor([0, 1, 2, 3])).backward()
    assert all((p.grad is not None) == name.startswith("fc.") for name, p in model.named_parameters())
    optimizer.step()
    changed = [name for name, value in model.state_dict().items() if (value.numpy() != before[name]).any()]
    assert changed == ["fc.weight", "fc.bias"]


def test_another_number_of_classes():
    assert tuple(resnet18(num_classes=3, small=True).eval()(randn(1, 3, 16, 16)).shape) == (1, 3)

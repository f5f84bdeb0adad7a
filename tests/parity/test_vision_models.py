"""The models of module 09 beside PyTorch twins with the same state: logits, every gradient, running statistics, in train and eval mode."""

import numpy as np
import pytest
import torch
from torch import nn

import tinytorch as ours
from tinytorch.models import vision

pytestmark = pytest.mark.modules(1, 2, 3, 4, 8, 9)


class Basic(nn.Module):
    def __init__(self, inplanes, planes, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = None
        if stride > 1 or inplanes != planes:
            self.downsample = nn.Sequential(nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        kept = self.downsample(x) if self.downsample is not None else x
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)) + kept)


class ResNet18(nn.Module):
    def __init__(self, classes, small):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False) if small else nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1, self.small = nn.BatchNorm2d(64), small
        self.layer1 = nn.Sequential(Basic(64, 64, 1), Basic(64, 64, 1))
        self.layer2 = nn.Sequential(Basic(64, 128, 2), Basic(128, 128, 1))
        self.layer3 = nn.Sequential(Basic(128, 256, 2), Basic(256, 256, 1))
        self.layer4 = nn.Sequential(Basic(256, 512, 2), Basic(512, 512, 1))
        self.fc = nn.Linear(512, classes)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = x if self.small else torch.nn.functional.max_pool2d(x, 3, 2, 1)
        return self.fc(self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3)))


def conv_bn(inp, oup, k, stride=1, groups=1):
    return nn.Sequential(
        nn.Conv2d(inp, oup, k, stride, k // 2, groups=groups, bias=False), nn.BatchNorm2d(oup), nn.ReLU6()
    )


class Inverted(nn.Module):
    def __init__(self, inp, oup, stride, factor):
        super().__init__()
        wide, self.adds = inp * factor, stride == 1 and inp == oup
        parts = [conv_bn(inp, wide, 1)] if factor > 1 else []
        parts += [conv_bn(wide, wide, 3, stride, wide), nn.Conv2d(wide, oup, 1, bias=False), nn.BatchNorm2d(oup)]
        self.conv = nn.Sequential(*parts)

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNet(nn.Module):
    """Width 0.25, written out: the channels are those of the paper's table, a quarter, in multiples of 8."""

    def __init__(self, classes):
        super().__init__()
        parts, channels = [conv_bn(3, 8, 3, 2)], 8
        for factor, planes, blocks, stride in (
            (1, 8, 1, 1),
            (6, 8, 2, 2),
            (6, 8, 3, 2),
            (6, 16, 4, 2),
            (6, 24, 3, 1),
            (6, 40, 3, 2),
            (6, 80, 1, 1),
        ):
            for n in range(blocks):
                parts.append(Inverted(channels, planes, 1 if n else stride, factor))
                channels = planes
        self.features = nn.Sequential(*parts, conv_bn(80, 1280, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.0), nn.Linear(1280, classes))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


TWINS = {
    "resnet18 for 32x32": (lambda: ResNet18(10, True), lambda: vision.resnet18(10, small=True), 8),
    "resnet18": (lambda: ResNet18(7, False), lambda: vision.resnet18(7), 48),
    "mobilenet_v2 0.25": (lambda: MobileNet(5), lambda: vision.mobilenet_v2(5, 0.25, dropout=0.0), 48),
}


@pytest.mark.parametrize("name", TWINS)
def test_twin(name):
    torch.manual_seed(0)
    theirs, mine, size = TWINS[name][0]().double(), TWINS[name][1](), TWINS[name][2]
    mine.double()
    state = theirs.state_dict()
    assert list(mine.state_dict()) == list(state)
    mine.load_state_dict({key: ours.tensor(value.numpy()) for key, value in state.items()})
    x, y = np.random.default_rng(0).standard_normal((4, 3, size, size)), np.array([0, 1, 2, 3])
    for mode in (True, False):
        mine.train(mode), theirs.train(mode)
        mine.zero_grad(), theirs.zero_grad()
        a, b = ours.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        logits, wanted = mine(a), theirs(b)
        np.testing.assert_allclose(logits.detach().numpy(), wanted.detach().numpy(), rtol=1e-6, atol=1e-8)
        ours.nn.functional.cross_entropy(logits, ours.tensor(y)).backward()
        torch.nn.functional.cross_entropy(wanted, torch.tensor(y)).backward()
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-5, atol=1e-9)
        for (key, p), q in zip(mine.named_parameters(), theirs.parameters()):
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-5, atol=1e-8, err_msg=key)
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(mine.state_dict()[key].numpy(), value.numpy(), rtol=1e-7, atol=1e-12, err_msg=key)

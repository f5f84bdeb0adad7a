"""ResNet-18 for 32x32, batch 16: forward, backward"""

import numpy as np

from tinytorch.models.vision import resnet18

frameworks = ("tinytorch", "torch")
reach = 1.6
steps = 1


def data(rng):
    """Images, classes, and the state of a fresh network."""
    d = dict(x=rng.standard_normal((16, 3, 32, 32)).astype("f"), y=rng.integers(0, 10, 16))
    for name, value in resnet18(10, small=True).state_dict().items():
        shape = tuple(value.shape)
        if len(shape) > 1:
            d[name] = (rng.standard_normal(shape) * (2 / np.prod(shape[1:])) ** 0.5).astype("f")
        else:
            d[name] = (
                np.ones(shape, value.numpy().dtype)
                if name.endswith(("weight", "var"))
                else np.zeros(shape, value.numpy().dtype)
            )
    return d


def twin(t):
    """The network in PyTorch's own layers."""
    nn = t.nn

    class Block(nn.Module):
        def __init__(self, inplanes, planes, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
            self.bn1, self.bn2 = nn.BatchNorm2d(planes), nn.BatchNorm2d(planes)
            self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
            self.downsample = None
            if stride > 1 or inplanes != planes:
                self.downsample = nn.Sequential(
                    nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
                )

        def forward(self, x):
            kept = x if self.downsample is None else self.downsample(x)
            return t.relu(self.bn2(self.conv2(t.relu(self.bn1(self.conv1(x))))) + kept)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64)
            for n, (a, b) in enumerate(((64, 64), (64, 128), (128, 256), (256, 512)), start=1):
                setattr(self, f"layer{n}", nn.Sequential(Block(a, b, 1 if n == 1 else 2), Block(b, b, 1)))
            self.fc = nn.Linear(512, 10)

        def forward(self, x):
            x = self.layer2(self.layer1(t.relu(self.bn1(self.conv1(x)))))
            return self.fc(self.layer4(self.layer3(x)).mean((2, 3)))

    return Net()


def framework(t, d):
    model = twin(t) if t.__name__ == "torch" else resnet18(10, small=True)
    model.load_state_dict({name: t.tensor(value) for name, value in d.items() if name not in "xy"})
    x, y, parameters = t.tensor(d["x"]), t.tensor(d["y"]), list(model.parameters())

    def step():
        for p in parameters:
            p.grad = None
        t.nn.functional.cross_entropy(model(x), y).backward()

    return step, lambda: [p.grad.numpy() for p in parameters[-2:]]  # tests/parity compares the others, in float64

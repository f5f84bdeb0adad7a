"""LeNet on 8x8 digits, batch 64: SGD step"""

import numpy as np

frameworks = ("tinytorch", "torch")
reach = 1.0
LAYERS = (("0", (16, 1, 3, 3)), ("3", (32, 16, 3, 3)), ("7", (120, 128)), ("9", (84, 120)), ("11", (10, 84)))


def data(rng):
    d = dict(x=rng.random((64, 1, 8, 8)).astype("f"), y=rng.integers(0, 10, 64))
    for name, shape in LAYERS:
        d[f"{name}.weight"] = (rng.standard_normal(shape) / np.prod(shape[1:]) ** 0.5).astype("f")
        d[f"{name}.bias"] = np.zeros(shape[0], "f")
    return d


def framework(t, d):
    nn = t.nn
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    model.load_state_dict({name: t.tensor(value) for name, value in d.items() if "." in name})
    x, y, optimizer = t.tensor(d["x"]), t.tensor(d["y"]), t.optim.SGD(model.parameters(), lr=0.01)

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step, lambda: [p.detach().numpy() for p in model.parameters()]

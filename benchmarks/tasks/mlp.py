"""MLP 784-256-10, batch 64: SGD step"""

import numpy as np

reach = 1.05
RATE = 0.1


def data(rng):
    return dict(
        x=rng.standard_normal((64, 784)).astype(np.float32),
        y=rng.integers(0, 10, 64),
        w1=(rng.standard_normal((256, 784)) / 28).astype(np.float32),
        b1=np.zeros(256, np.float32),
        w2=(rng.standard_normal((10, 256)) / 16).astype(np.float32),
        b2=np.zeros(10, np.float32),
    )


def numpy(d):
    x, y, w1, b1, w2, b2 = d.values()
    rows = np.arange(len(y))

    def step():
        h = x @ w1.T
        h += b1
        a = np.maximum(h, 0)
        p = a @ w2.T
        p += b2
        p -= p.max(1, keepdims=True)
        np.exp(p, out=p)
        p /= p.sum(1, keepdims=True)
        p[rows, y] -= 1
        p /= np.float32(len(y))
        gh = p @ w2
        gh *= h > 0
        gw2, gb2, gw1, gb1 = p.T @ a, p.sum(0), gh.T @ x, gh.sum(0)
        for w, g in ((w1, gw1), (b1, gb1), (w2, gw2), (b2, gb2)):
            g *= RATE
            w -= g

    return step, lambda: [w1, b1, w2, b2]


def network(t, d):
    """The network that the data describe, in either library."""
    model = t.nn.Sequential(t.nn.Linear(784, 256), t.nn.ReLU(), t.nn.Linear(256, 10))
    names = {"0.weight": "w1", "0.bias": "b1", "2.weight": "w2", "2.bias": "b2"}
    model.load_state_dict({name: t.tensor(d[own]) for name, own in names.items()})
    return model


def framework(t, d):
    model = network(t, d)
    x, y, parameters = t.tensor(d["x"]), t.tensor(d["y"]).unsqueeze(1), list(model.parameters())

    def step():
        loss = -t.log_softmax(model(x), dim=1).gather(1, y).mean()
        for p in parameters:
            p.grad = None
        loss.backward()
        with t.no_grad():
            for p in parameters:
                p.sub_(p.grad.mul_(RATE))

    return step, lambda: [p.detach().numpy() for p in parameters]

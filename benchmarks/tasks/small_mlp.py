"""MLP 2-8-1, batch 4 (XOR): SGD step, nothing but overhead"""

import numpy as np

RATE = 0.1


def data(rng):
    return dict(
        x=np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32),
        y=np.array([[0], [1], [1], [0]], np.float32),
        w1=rng.standard_normal((8, 2)).astype(np.float32),
        b1=np.zeros(8, np.float32),
        w2=rng.standard_normal((1, 8)).astype(np.float32),
        b2=np.zeros(1, np.float32),
    )


def numpy(d):
    x, y, w1, b1, w2, b2 = d.values()

    def step():
        a = np.tanh(x @ w1.T + b1)
        g = (a @ w2.T + b2 - y) * np.float32(2 / 4)
        gh = (g @ w2) * (1 - a * a)
        for w, gw in ((w1, gh.T @ x), (b1, gh.sum(0)), (w2, g.T @ a), (b2, g.sum(0))):
            w -= np.float32(RATE) * gw

    return step, lambda: [w1, b1, w2, b2]


def framework(t, d):
    model = t.nn.Sequential(t.nn.Linear(2, 8), t.nn.Tanh(), t.nn.Linear(8, 1))
    names = {"0.weight": "w1", "0.bias": "b1", "2.weight": "w2", "2.bias": "b2"}
    model.load_state_dict({name: t.tensor(d[own]) for name, own in names.items()})
    x, y, parameters = t.tensor(d["x"]), t.tensor(d["y"]), list(model.parameters())

    def step():
        loss = (model(x) - y).square().mean()
        for p in parameters:
            p.grad = None
        loss.backward()
        with t.no_grad():
            for p in parameters:
                p.sub_(p.grad.mul_(RATE))

    return step, lambda: [p.detach().numpy() for p in parameters]

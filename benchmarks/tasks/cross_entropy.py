"""cross_entropy of 32 * 64 rows, 256 classes: forward, backward"""

import numpy as np

reach = 1.2
steps = 1
ROWS, C = 32 * 64, 256


def data(rng):
    return dict(x=rng.standard_normal((ROWS, C)).astype(np.float32), y=rng.integers(0, C, ROWS))


def numpy(d):
    x, y = d.values()
    rows, found = np.arange(ROWS), {}

    def step():
        p = x - x.max(1, keepdims=True)  # (N, C)
        picked = p[rows, y]
        np.exp(p, out=p)
        total = p.sum(1)
        loss = (np.log(total) - picked).mean()
        p *= (1 / ROWS / total)[:, None]
        p[rows, y] -= np.float32(1 / ROWS)
        found.update(loss=loss, x=p)

    return step, lambda: [found["loss"], found["x"]]


def framework(t, d):
    x, y = t.tensor(d["x"]).requires_grad_(), t.tensor(d["y"])
    found = {}

    def step():
        x.grad = None
        found["loss"] = loss = t.nn.functional.cross_entropy(x, y)
        loss.backward()

    return step, lambda: [found["loss"].detach().numpy(), x.grad.numpy()]

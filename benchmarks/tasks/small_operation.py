"""one small operation: x * w and its backward"""

import numpy as np

reach = 1.0
steps = 1


def data(rng):
    return {name: rng.standard_normal(4).astype(np.float32) for name in ("x", "w", "g")}


def numpy(d):
    x, w, g = d.values()
    found = {}

    def step():
        found["y"] = x * w
        found["x"] = g * w
        found["w"] = g * x

    return step, lambda: [found["y"], found["x"], found["w"]]


def framework(t, d):
    x, w, g = (t.tensor(d[name]) for name in ("x", "w", "g"))
    x.requires_grad_()
    w.requires_grad_()
    found = {}

    def step():
        x.grad = w.grad = None
        found["y"] = y = x * w
        y.backward(g)

    return step, lambda: [found["y"].detach().numpy(), x.grad.numpy(), w.grad.numpy()]

"""MLP 784-256-10, batch 64: Adam step"""

import numpy as np

from .mlp import data as data  # the same network and batch
from .mlp import network

reach = 1.1
# eps is above the default: Adam blows up gradients that are nothing but rounding, and the three round differently
RATE, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-5


def numpy(d):
    x, y, *weights = d.values()
    w1, b1, w2, b2 = weights
    rows, count = np.arange(len(y)), 0
    moments = [(np.zeros_like(w), np.zeros_like(w), np.empty_like(w)) for w in weights]

    def step():
        nonlocal count
        count += 1
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
        rate, root = RATE / (1 - BETA1**count), (1 - BETA2**count) ** 0.5
        for w, g, (m, v, t) in zip(weights, (gh.T @ x, gh.sum(0), p.T @ a, p.sum(0)), moments):
            m += np.multiply(np.subtract(g, m, out=t), 1 - BETA1, out=t)
            v *= BETA2
            np.multiply(g, g, out=g)
            g *= 1 - BETA2
            v += g
            np.sqrt(v, out=t)
            t /= root
            t += EPS
            np.divide(m, t, out=t)
            t *= rate
            w -= t

    return step, lambda: weights


def framework(t, d):
    model = network(t, d)
    x, y, loss_fn = t.tensor(d["x"]), t.tensor(d["y"]), t.nn.CrossEntropyLoss()
    optimizer = t.optim.Adam(model.parameters(), lr=RATE, betas=(BETA1, BETA2), eps=EPS)

    def step():
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        optimizer.step()

    return step, lambda: [p.detach().numpy() for p in model.parameters()]

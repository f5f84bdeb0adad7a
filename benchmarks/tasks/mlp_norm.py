"""MLP 784-256-10, BatchNorm, dropout (compared at p = 0)"""

import numpy as np

from .mlp import data as mlp_data

reach = 1.1
# Each library draws other masks: the steps that are compared run with p = 0, and result() turns dropout on for the clock.
RATE, P, MOMENTUM, EPS = 0.1, 0.2, 0.1, 1e-5


def data(rng):
    return mlp_data(rng) | dict(gamma=np.ones(256, np.float32), beta=np.zeros(256, np.float32))


def numpy(d):
    x, y, *weights = d.values()
    w1, b1, w2, b2, gamma, beta = weights
    rows, n, rng = np.arange(len(y)), np.float32(len(y)), np.random.default_rng(0)
    mean_, var_ = np.zeros(256, np.float32), np.ones(256, np.float32)

    dropped = False

    def step():
        h = x @ w1.T
        h += b1
        mean = h.mean(0)
        h -= mean
        var = np.square(h).mean(0)
        rstd = 1 / np.sqrt(var + np.float32(EPS))
        h *= rstd
        mean_[:] += MOMENTUM * (mean - mean_)
        var_[:] += MOMENTUM * (var * (n / (n - 1)) - var_)
        a = h * gamma
        a += beta
        on = a > 0
        a *= on
        if dropped:
            kept = (rng.random(a.shape, dtype=np.float32) >= P) * np.float32(1 / (1 - P))
            a *= kept
        p = a @ w2.T
        p += b2
        p -= p.max(1, keepdims=True)
        np.exp(p, out=p)
        p /= p.sum(1, keepdims=True)
        p[rows, y] -= 1
        p /= n
        g = p @ w2
        if dropped:
            g *= kept
        g *= on
        ggamma, gbeta = (g * h).sum(0), g.sum(0)
        g *= gamma
        g -= g.mean(0) + h * (g * h).mean(0)
        g *= rstd
        for w, gw in zip(weights, (g.T @ x, g.sum(0), p.T @ a, p.sum(0), ggamma, gbeta)):
            gw *= RATE
            w -= gw

    def result():
        nonlocal dropped
        dropped = True
        return [w1, w2, b2, gamma, beta, mean_, var_]

    return step, result


def framework(t, d):
    nn = t.nn
    dropout = nn.Dropout(0.0)
    model = nn.Sequential(nn.Linear(784, 256), nn.BatchNorm1d(256), nn.ReLU(), dropout, nn.Linear(256, 10))
    names = {"0.weight": "w1", "0.bias": "b1", "1.weight": "gamma", "1.bias": "beta", "4.weight": "w2", "4.bias": "b2"}
    model.load_state_dict({name: t.tensor(d[own]) for name, own in names.items()}, strict=False)
    x, y, loss_fn = t.tensor(d["x"]), t.tensor(d["y"]), nn.CrossEntropyLoss()
    optimizer = t.optim.SGD(model.parameters(), lr=RATE)

    def step():
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        optimizer.step()

    def result():
        dropout.p = P
        state = model.state_dict()
        kept = "0.weight", "4.weight", "4.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"
        return [state[name].numpy() for name in kept]

    return step, result

"""attention B4 H4 T64 D32: scores, causal mask, softmax, values; with backward"""

import numpy as np

steps = 1
B, H, T, D = 4, 4, 64, 32


def data(rng):
    return {name: rng.standard_normal((B, H, T, D)).astype(np.float32) for name in "qkv"}


def numpy(d):
    q, k, v = d.values()
    later = np.triu(np.ones((T, T), bool), 1)
    scale, found = np.float32(D**-0.5), {}

    def step():
        s = q @ k.swapaxes(-2, -1)  # (B, H, T, T)
        s *= scale
        s[..., later] = -np.inf
        s -= s.max(-1, keepdims=True)
        np.exp(s, out=s)
        s /= s.sum(-1, keepdims=True)
        y = s @ v  # (B, H, T, D)
        g = np.ones_like(y)
        gs = g @ v.swapaxes(-2, -1)  # (B, H, T, T)
        gs -= (gs * s).sum(-1, keepdims=True)
        gs *= s
        gs *= scale
        found.update(y=y, q=gs @ k, k=gs.swapaxes(-2, -1) @ q, v=s.swapaxes(-2, -1) @ g)

    return step, lambda: [found[name] for name in "yqkv"]


def framework(t, d):
    q, k, v = leaves = [t.tensor(d[name]).requires_grad_() for name in "qkv"]
    later = t.triu(t.ones(T, T), 1).bool()
    found = {}

    def step():
        for leaf in leaves:
            leaf.grad = None
        scores = (q @ k.transpose(-2, -1) * D**-0.5).masked_fill(later, float("-inf"))  # (B, H, T, T)
        found["y"] = y = t.softmax(scores, dim=-1) @ v
        y.sum().backward()

    return step, lambda: [found["y"].detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)]

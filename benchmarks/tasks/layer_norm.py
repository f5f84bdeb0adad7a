"""layer_norm B32 T64 C256: forward, backward"""

import numpy as np

reach = 1.2
steps = 1
B, T, C = 32, 64, 256


def data(rng):
    x, g = rng.standard_normal((2, B, T, C)).astype(np.float32)
    w, b = rng.standard_normal((2, C)).astype(np.float32)
    return dict(x=x, w=w, b=b, g=g)


def numpy(d):
    x, w, b, g = d.values()
    found = {}

    def step():
        y = x - x.mean(-1, keepdims=True)  # (B, T, C)
        rstd = 1 / np.sqrt(np.einsum("btc,btc->bt", y, y) / np.float32(C) + np.float32(1e-5))[..., None]
        y *= rstd
        out = y * w
        out += b
        gw, gb = np.einsum("btc,btc->c", g, y), g.sum((0, 1))
        gx = g * w
        along = np.einsum("btc,btc->bt", gx, y)[..., None] / np.float32(C)
        gx -= gx.mean(-1, keepdims=True)
        gx -= y * along
        gx *= rstd
        found.update(out=out, x=gx, w=gw, b=gb)

    return step, lambda: list(found.values())


def framework(t, d):
    x, w, b = leaves = [t.tensor(d[name]).requires_grad_() for name in "xwb"]
    g, found = t.tensor(d["g"]), {}

    def step():
        for leaf in leaves:
            leaf.grad = None
        found["y"] = y = t.nn.functional.layer_norm(x, (C,), w, b)
        y.backward(g)

    return step, lambda: [found["y"].detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)]

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
    """On blocks that stay in the cache, with whatever the linear algebra library can do: sums are products with ones or
    weights, and the matrix of rstd * w is made by a product of rank two, which is quicker than broadcasting."""
    x, g = d["x"].reshape(-1, C), d["g"].reshape(-1, C)
    w, b, rows, found = d["w"], d["b"], 256, {}
    blocks, ones, n = [slice(i, i + rows) for i in range(0, len(x), rows)], np.ones(rows, x.dtype), x.dtype.type(C)
    mean = np.full(C, 1 / C, x.dtype)
    left, right = np.zeros((rows, 2), x.dtype), np.stack([w, w])

    def step():
        out, gx, rstd, scaled = (
            np.empty_like(x),
            np.empty_like(x),
            np.empty(len(x), x.dtype),
            np.empty((rows, C), x.dtype),
        )
        gw, gb = np.zeros_like(w), np.zeros_like(w)
        shift = np.tile(b, (rows, 1))
        for i in blocks:
            centred = np.subtract(x[i], (x[i] @ mean)[:, None], out=gx[i])
            left[:, 0] = rstd[i] = 1 / np.sqrt(np.vecdot(centred, centred) / n + x.dtype.type(1e-5))
            y = np.matmul(left, right, out=out[i])
            y *= centred
            y += shift
        for i in blocks:
            centred, r = gx[i], rstd[i]  # centred becomes the gradient
            product = np.multiply(g[i], centred, out=scaled)
            gw += r @ product
            gb += ones @ g[i]
            along = product @ w
            left[:, 0] = r
            np.matmul(left, right, out=scaled)
            scaled *= g[i]
            centred *= (along * r * r * r / -n)[:, None]
            centred += scaled
            centred -= ((g[i] @ w) * r / n)[:, None]
        found.update(out=out, x=gx, w=gw, b=gb)

    return step, lambda: [a.reshape(B, T, C) if a.ndim == 2 else a for a in found.values()]


def framework(t, d):
    x, w, b = leaves = [t.tensor(d[name]).requires_grad_() for name in "xwb"]
    g, found = t.tensor(d["g"]), {}

    def step():
        for leaf in leaves:
            leaf.grad = None
        found["y"] = y = t.nn.functional.layer_norm(x, (C,), w, b)
        y.backward(g)

    return step, lambda: [found["y"].detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)]

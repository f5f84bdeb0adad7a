"""gelu B32 T64 C256: forward, backward"""

import numpy as np

from tinytorch.nn.kernels import HALVED

from .softmax import SHAPE, of
from .softmax import data as data  # arrays of the same shape

reach = 1.2
steps = 1


def numpy(d):
    """All passes in place in the results, on blocks that stay in the cache; NumPy has no error function: tinytorch's."""
    x, g = (array.reshape(-1) for array in d.values())
    blocks, found = [slice(i, i + (1 << 16)) for i in range(0, x.size, 1 << 16)], {}
    density = float(np.log((2 * np.pi) ** -0.5))

    def step():
        found["y"], found["x"] = y, gx = np.empty_like(x), np.empty_like(x)
        for i in blocks:
            slope = np.multiply(x[i], x[i], out=gx[i])
            switch = np.multiply(slope, HALVED[0], out=y[i])
            for c in HALVED[1:-1]:
                switch += c
                switch *= slope
            switch += HALVED[-1]
            switch *= x[i]
            np.tanh(switch, out=switch)
            switch *= 0.5
            switch += 0.5
            slope *= -0.5
            slope += density
            np.exp(slope, out=slope)
            slope *= x[i]
            slope += switch
            switch *= x[i]
        gx *= g

    return step, lambda: [found[name].reshape(SHAPE) for name in "yx"]


def framework(t, d):
    return of(t, d, t.nn.functional.gelu)

"""gelu B32 T64 C256: forward, backward"""

import numpy as np

from tinytorch.nn.layers import erf

from .softmax import data as data  # arrays of the same shape
from .softmax import of

reach = 1.2
steps = 1


def numpy(d):
    x, g = d.values()
    root, density, found = np.float32(0.5**0.5), np.float32((2 * np.pi) ** -0.5), {}

    def step():
        switch = erf(x * root)  # (B, T, C); NumPy has no error function: tinytorch's, on arrays
        switch += 1
        switch *= np.float32(0.5)
        slope = np.exp(np.float32(-0.5) * x * x)
        slope *= density
        slope *= x
        slope += switch
        slope *= g
        found.update(y=x * switch, x=slope)

    return step, lambda: [found["y"], found["x"]]


def framework(t, d):
    return of(t, d, t.nn.functional.gelu)

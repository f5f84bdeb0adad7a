"""conv 3x3, 3 to 16 of 32x32, batch 8: forward, backward"""

from .conv3x3 import arrays, of

frameworks = ("tinytorch", "torch")
reach = 0.8
steps = 1


def data(rng):
    return arrays(rng, 8, 3, 32, 16, 3)


def framework(t, d):
    return of(t, d)

"""conv 1x1, 64 to 128 of 16x16, batch 8: forward, backward"""

from .conv3x3 import arrays, of

frameworks = ("tinytorch", "torch")
reach = 1.2
steps = 1


def data(rng):
    return arrays(rng, 8, 64, 16, 128, 1)


def framework(t, d):
    return of(t, d)

"""conv 3x3, 16 to 32 of 32x32, batch 8: forward, backward"""

from .conv3x3 import arrays, of

frameworks = ("tinytorch", "torch")
reach = 1.6
steps = 1


def data(rng):
    return arrays(rng, 8, 16, 32, 32, 3)


def framework(t, d):
    return of(t, d)

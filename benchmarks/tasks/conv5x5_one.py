"""conv 5x5, 1 to 8 of 28x28, batch 32: forward, backward"""

from .conv3x3 import arrays, of

frameworks = ("tinytorch", "torch")
reach = 0.8
steps = 1


def data(rng):
    return arrays(rng, 32, 1, 28, 8, 5)


def framework(t, d):
    return of(t, d)

"""conv 3x3 stride 2, 64 to 64 of 32x32: forward, backward"""

from .conv3x3 import arrays, of

frameworks = ("tinytorch", "torch")
reach = 1.6
steps = 1


def data(rng):
    return arrays(rng, 8, 64, 32, 64, 3, stride=2)


def framework(t, d):
    return of(t, d, stride=2)

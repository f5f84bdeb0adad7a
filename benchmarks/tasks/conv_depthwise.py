"""depthwise 3x3, 96 of 16x16, batch 8: forward, backward"""

from .conv3x3 import arrays, of

frameworks = ("tinytorch", "torch")
reach = None  # compiled code has to bring it under 1.2
steps = 1


def data(rng):
    return arrays(rng, 8, 96, 16, 96, 3, groups=96)


def framework(t, d):
    return of(t, d, groups=96)

"""Neural networks: modules, functions on tensors (`functional`) and starting values (`init`).

Lazy like `tinytorch` itself: a name is looked for in the file that builds it when it is first used.
"""

from importlib import import_module

from .. import index, load

# file: (module that builds it, the names that it has to offer)
SOURCES = {
    "layers": (3, "Parameter Module Linear Sequential"),
    "activation": (3, "Identity Flatten ReLU LeakyReLU GELU SiLU Sigmoid Tanh Softmax LogSoftmax"),
    "container": (3, "ModuleList ModuleDict"),
    "losses": (
        4,
        """
        MSELoss L1Loss SmoothL1Loss HuberLoss CrossEntropyLoss NLLLoss BCELoss BCEWithLogitsLoss KLDivLoss FocalLoss
        """,
    ),
    "normalization": (8, "Dropout BatchNorm1d BatchNorm2d LayerNorm GroupNorm RMSNorm"),
    "conv": (9, "Conv1d Conv2d MaxPool2d AvgPool2d AdaptiveAvgPool2d"),
    "embeddings": (11, "Embedding"),
    "attention": (12, "MultiheadAttention"),
}
PACKAGES = ("functional", "init", "utils")

NAMES = index(SOURCES)


def __getattr__(name):
    if name in PACKAGES:
        return import_module(f"{__name__}.{name}")
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = load(__name__, name, *NAMES[name])
    return value


def __dir__():
    return sorted((*NAMES, *PACKAGES))

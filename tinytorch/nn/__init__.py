"""Neural networks: modules, functions on tensors (`functional`) and starting values (`init`).

Lazy like `tinytorch` itself: a name is looked for in the file that builds it when it is first used.
"""

from .. import _lazy

# file: (module that builds it, the names that it has to offer; `relu=functional_relu`: the file's name for it)
__getattr__, __dir__ = _lazy.attach(
    __name__,
    {
        "nn.layers": (3, "Parameter Module Linear Sequential"),
        "nn.activation": (3, "Identity Flatten ReLU LeakyReLU GELU SiLU Sigmoid Tanh Softmax LogSoftmax"),
        "nn.container": (3, "ModuleList ModuleDict"),
        "nn.losses": (
            4,
            """
            MSELoss L1Loss SmoothL1Loss HuberLoss CrossEntropyLoss NLLLoss BCELoss BCEWithLogitsLoss
            KLDivLoss FocalLoss
            """,
        ),
        "nn.normalization": (8, "Dropout BatchNorm1d BatchNorm2d LayerNorm GroupNorm RMSNorm"),
        "nn.conv": (9, "Conv1d Conv2d MaxPool2d AvgPool2d AdaptiveAvgPool2d"),
        "nn.embeddings": (11, "Embedding"),
        "nn.attention": (12, "MultiheadAttention"),
    },
    {"functional": 0, "init": 3, "modules": 0, "parameter": 0, "utils": 0},
)

"""Neural networks: modules, functions on tensors (`functional`) and starting values (`init`).

Lazy like `tinytorch` itself: a name is looked for in the file that builds it when it is first used.
"""

from .. import _lazy

# file: (module that builds it, the names that it has to offer; `relu=functional_relu`: the file's name for it)
__getattr__, __dir__ = _lazy.attach(
    __name__,
    {
        "nn.layers": (3, "Parameter Module Linear Sequential"),
        "nn.activation": (
            3,
            """
            Identity Flatten ReLU LeakyReLU GELU SiLU Sigmoid Tanh Softmax LogSoftmax ELU CELU SELU Mish Hardtanh
            ReLU6 Hardsigmoid Hardswish Threshold Softplus Hardshrink Softshrink Softsign Tanhshrink LogSigmoid Softmin
            GLU PReLU CosineSimilarity PairwiseDistance
            """,
        ),
        "nn.container": (3, "ModuleList ModuleDict"),
        "nn.losses": (
            4,
            """
            MSELoss L1Loss SmoothL1Loss HuberLoss CrossEntropyLoss NLLLoss BCELoss BCEWithLogitsLoss
            KLDivLoss FocalLoss
            """,
        ),
        "nn.normalization": (8, "Dropout BatchNorm1d BatchNorm2d LayerNorm GroupNorm RMSNorm"),
        "nn.conv": (9, "Conv2d ReLU6"),
        "nn.conv_layers": (9, "Conv1d ConvTranspose1d ConvTranspose2d Unfold Fold"),
        "nn.padding": (
            9,
            """
            ConstantPad1d ConstantPad2d ZeroPad1d ZeroPad2d ReflectionPad1d ReflectionPad2d
            ReplicationPad1d ReplicationPad2d CircularPad1d CircularPad2d
            """,
        ),
        "nn.pooling": (
            9,
            """
            MaxPool1d MaxPool2d AvgPool1d AvgPool2d LPPool1d LPPool2d
            AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveMaxPool1d AdaptiveMaxPool2d
            """,
        ),
        "nn.upsampling": (9, "Upsample PixelShuffle PixelUnshuffle Dropout1d Dropout2d InstanceNorm1d InstanceNorm2d"),
        "nn.embeddings": (11, "Embedding"),
        "nn.attention": (12, "MultiheadAttention"),
    },
    {"functional": 0, "init": 3, "modules": 0, "parameter": 0, "utils": 0},
)

"""Activations, where PyTorch defines them."""

from ... import _lazy

__getattr__, __dir__ = _lazy.attach(
    __name__,
    {
        "nn": """
        ReLU LeakyReLU GELU SiLU Sigmoid Tanh Softmax LogSoftmax ELU CELU SELU Mish Hardtanh ReLU6 Hardsigmoid
        Hardswish Threshold Softplus Hardshrink Softshrink Softsign Tanhshrink LogSigmoid Softmin GLU PReLU
        """
    },
)

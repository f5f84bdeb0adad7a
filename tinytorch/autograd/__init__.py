"""Derivatives: `backward`, `grad`, the switch, your own functions, and the check of all of it.

Lazy like `tinytorch` itself: a name is looked for in the file that builds it when it is first used.
"""

from .. import _lazy

# file: (module that builds it, the names that it has to offer)
__getattr__, __dir__ = _lazy.attach(
    __name__,
    {
        "autograd.engine": (2, "Node backward derivative grad no_grad"),
        "autograd.grad_mode": (2, "enable_grad inference_mode is_grad_enabled set_grad_enabled"),
        "autograd.function": (2, "Function"),
        "autograd.numerical": (2, "GradcheckError gradcheck gradgradcheck"),
        "autograd.drawing": (2, "draw"),
        "tensor": (1, "Variable=Tensor"),
    },
)

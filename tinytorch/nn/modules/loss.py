"""Losses, where PyTorch defines them."""

from ... import _lazy

__getattr__, __dir__ = _lazy.attach(
    __name__,
    {
        "nn": """
            MSELoss L1Loss SmoothL1Loss HuberLoss CrossEntropyLoss NLLLoss BCELoss BCEWithLogitsLoss KLDivLoss
            """
    },
)

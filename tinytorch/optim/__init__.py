"""Optimizers, and schedules of their learning rates (`lr_scheduler`).

Lazy like `tinytorch` itself: a name is looked for in the file that builds it when it is first used.
"""

from importlib import import_module

from .. import index, load

# file: (module that builds it, the names that it has to offer)
SOURCES = {
    "optimizer": (
        6,
        """
        Optimizer SGD Adam AdamW RMSprop Adagrad Adadelta clip_grad_norm_ clip_grad_value_
        sgd_step adam_step rmsprop_step adagrad_step adadelta_step l2_gradient decay_weights total_norm scale_to_norm
        step_lr multistep_lr exponential_lr cosine_lr linear_lr one_cycle_lr plateau_update
        """,
    ),
    "lr_scheduler": (
        6,
        """
        LRScheduler StepLR MultiStepLR ExponentialLR CosineAnnealingLR ConstantLR LinearLR PolynomialLR LambdaLR
        MultiplicativeLR CosineAnnealingWarmRestarts CyclicLR OneCycleLR SequentialLR ChainedScheduler ReduceLROnPlateau
        """,
    ),
}
PACKAGES = ("lr_scheduler", "optimizer")

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

"""Optimizers, and schedules of their learning rates (`lr_scheduler`)."""

from .. import _lazy

# file: (module that builds it, the names that it has to offer)
__getattr__, __dir__ = _lazy.attach(
    __name__,
    {
        "optim.optimizer": (
            6,
            """
            Optimizer SGD Adam AdamW RMSprop Adagrad Adadelta clip_grad_norm_ clip_grad_value_
            sgd_step adam_step rmsprop_step adagrad_step adadelta_step l2_gradient decay_weights total_norm
            scale_to_norm step_lr multistep_lr exponential_lr cosine_lr linear_lr one_cycle_lr plateau_update
            """,
        ),
        "optim.lr_scheduler": (
            6,
            """
            LRScheduler StepLR MultiStepLR ExponentialLR CosineAnnealingLR ConstantLR LinearLR PolynomialLR LambdaLR
            MultiplicativeLR CosineAnnealingWarmRestarts CyclicLR OneCycleLR SequentialLR ChainedScheduler
            ReduceLROnPlateau
            """,
        ),
    },
    {"lr_scheduler": 6, "optimizer": 6},
)

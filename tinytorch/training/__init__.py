"""The training loop, the Trainer around it, and its callbacks."""

from .. import _lazy

# file: (module that builds it, the names that it has to offer)
__getattr__, __dir__ = _lazy.attach(
    __name__,
    {
        "training.loop": (
            7,
            """
            accumulate mean_over find_nonfinite all_finite NonFiniteError train_step evaluating evaluate accuracy halve
            update_best MAGIC VERSION CheckpointError to_archive from_archive upgrade pack unpack write_atomically
            checkpoint_path checkpoints latest_valid prune grouped run_epoch
            """,
        ),
        "training.trainer": (7, "Trainer"),
        "training.callbacks": (
            7,
            "Callback EarlyStopping ProgressBar Logger CSVLogger TensorBoardLogger WandbLogger",
        ),
    },
    {"loop": 7, "trainer": 7, "callbacks": 7},
)

"""The modules of the course: the one list that tito, the tests, the README and the book are made from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Module:
    """One module: its number, name, title, the files it exports to and the modules it builds on.

    given: those of its files that its graded notebook imports. They are there before a student begins, and while the
    module is graded.
    """

    number: int
    name: str
    title: str
    targets: tuple[str, ...]
    needs: tuple[int, ...]
    given: tuple[str, ...] = ()

    @property
    def nn(self) -> str:
        """The number as everybody writes it: `01`."""
        return f"{self.number:02d}"

    @property
    def folder(self) -> str:
        """The folder under solutions/, modules/ and tests/, and nbgrader's assignment name: `01_tensor`."""
        return f"{self.nn}_{self.name}"


TENSOR_GIVEN = (
    "tinytorch/_tensor_str.py",
    "tinytorch/_indexing.py",
    "tinytorch/_tensor.py",
    "tinytorch/_dispatch.py",
    "tinytorch/_factories.py",
    "tinytorch/random.py",
)

MODULES: tuple[Module, ...] = (
    Module(
        1,
        "tensor",
        "Tensor",
        (
            "tinytorch/tensor.py",
            *TENSOR_GIVEN,
            "tinytorch/operations.py",
            "tinytorch/_info.py",
            "tinytorch/testing.py",
            "tinytorch/_more.py",
            "tinytorch/_out.py",
        ),
        (),
        TENSOR_GIVEN,
    ),
    Module(
        2,
        "autograd",
        "Autograd",
        (
            "tinytorch/autograd/engine.py",
            "tinytorch/autograd/parts.py",
            "tinytorch/autograd/drawing.py",
            "tinytorch/autograd/grad_mode.py",
            "tinytorch/autograd/function.py",
            "tinytorch/autograd/numerical.py",
            "tinytorch/autograd/derivatives.py",
            "tinytorch/_elementwise.py",
        ),
        (1,),
        given=("tinytorch/autograd/parts.py", "tinytorch/autograd/drawing.py"),
    ),
    Module(
        3,
        "layers",
        "Layers",
        (
            "tinytorch/nn/layers.py",
            "tinytorch/nn/kernels.py",
            "tinytorch/nn/module.py",
            "tinytorch/nn/init.py",
            "tinytorch/nn/activation.py",
            "tinytorch/nn/container.py",
            "tinytorch/serialization.py",
        ),
        (1, 2),
        given=("tinytorch/nn/kernels.py", "tinytorch/nn/module.py"),
    ),
    Module(4, "losses", "Losses", ("tinytorch/nn/losses.py",), (1, 2, 3)),
    Module(
        5,
        "dataloader",
        "DataLoader",
        ("tinytorch/data/dataset.py", "tinytorch/data/dataloader.py", "tinytorch/data/datasets.py"),
        (1,),
    ),
    Module(
        6,
        "optimizers",
        "Optimizers",
        ("tinytorch/optim/optimizer.py", "tinytorch/optim/lr_scheduler.py"),
        (1, 2, 3),
    ),
    Module(
        7,
        "training",
        "Training",
        ("tinytorch/training/loop.py", "tinytorch/training/trainer.py", "tinytorch/training/callbacks.py"),
        (1, 2, 3, 4, 5, 6),
    ),
    Module(
        8,
        "normalization",
        "Normalization",
        ("tinytorch/nn/normalization.py", "tinytorch/nn/checks.py"),
        (1, 2, 3, 7),
        given=("tinytorch/nn/checks.py",),
    ),
    Module(
        9,
        "convolutions",
        "Convolutions",
        (
            "tinytorch/nn/conv.py",
            "tinytorch/nn/conv_layers.py",
            "tinytorch/nn/_convnd.py",
            "tinytorch/nn/padding.py",
            "tinytorch/nn/pooling.py",
            "tinytorch/nn/upsampling.py",
            "tinytorch/models/vision.py",
            "tinytorch/datasets.py",
        ),
        (1, 2, 3, 7, 8),
        given=("tinytorch/nn/padding.py", "tinytorch/nn/_convnd.py"),
    ),
    Module(10, "tokenization", "Tokenization", ("tinytorch/text.py",), ()),
    Module(11, "embeddings", "Embeddings", ("tinytorch/nn/embeddings.py",), (1, 2, 3, 10)),
    Module(12, "attention", "Attention", ("tinytorch/nn/attention.py",), (1, 2, 3, 8, 11)),
    Module(13, "transformers", "Transformers", ("tinytorch/models/gpt.py",), (1, 2, 3, 4, 7, 8, 10, 11, 12)),
    Module(14, "profiling", "Profiling", ("tinytorch/profiler.py",), (1, 2, 3)),
    Module(15, "quantization", "Quantization", ("tinytorch/quantization.py",), (1, 2, 3, 9)),
    Module(16, "compression", "Compression", ("tinytorch/compression.py",), (1, 2, 3, 4, 6, 7, 9)),
    Module(17, "acceleration", "Acceleration", ("tinytorch/cuda/kernels.py",), (1, 2, 3)),
    Module(18, "memoization", "Memoization", ("tinytorch/kv_cache.py",), (1, 12, 13)),
    Module(19, "benchmarking", "Benchmarking", ("tinytorch/benchmark.py",), (1, 2, 3, 14)),
    Module(20, "compilation", "Compilation", ("tinytorch/compiler/graph.py",), (1, 2, 3)),
    Module(21, "distributed", "Distributed", ("tinytorch/distributed.py",), (1, 2, 3, 5, 6, 7)),
    Module(22, "deployment", "Deployment", ("tinytorch/deploy.py",), (1, 2, 3, 7)),
    Module(23, "capstone", "Capstone", (), tuple(range(1, 23))),
)

BY_NUMBER: dict[int, Module] = {module.number: module for module in MODULES}


def module_of(target: str) -> Module | None:
    """The module that exports to `target` (`tinytorch/nn/layers.py`), or None for a hand-written file."""
    return next((module for module in MODULES if target in module.targets), None)


def in_order(name: str) -> list[int]:
    """Sorts `02.10` after `02.2`, and `10_tokenization` after `02_autograd`."""
    return [int(part) if part.isdigit() else 0 for part in name.replace("_", ".").split(".")]

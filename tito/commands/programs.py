"""tito torch: programs written for PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import examples


def register(app: typer.Typer) -> None:
    settings = {"allow_interspersed_args": False, "ignore_unknown_options": True}
    app.command(
        "torch",
        context_settings=settings,
        epilog=examples("tito torch train.py --epochs 3", "tito torch --check train.py"),
    )(torch)


def torch(
    script: Annotated[Path, typer.Argument(help="a Python program that imports torch")],
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[ARGUMENTS]", help="the program's own")] = None,
    check: Annotated[bool, typer.Option("--check", help="only list the names that tinytorch lacks")] = False,
) -> None:
    """Run a program written for PyTorch on tinytorch, with no line of it changed."""
    from .. import torch as programs
    from ..console import say

    if not check:
        raise typer.Exit(programs.run(script, arguments or []))
    programs.parse(script)
    programs.prepare(script)
    lacking = programs.missing(script)
    for one in lacking:
        say(str(one))
    say(f"{len(lacking)} names are missing" if lacking else "Every name is there.", "bold")
    if lacking:
        raise typer.Exit(1)

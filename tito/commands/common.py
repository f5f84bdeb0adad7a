"""What the commands share."""

from __future__ import annotations

from typing import Annotated

import typer

ModuleArgument = Annotated[str, typer.Argument(metavar="NN", help="the module: 7, 07, 07_training or training")]


def examples(*lines: str) -> str:
    """The end of a command's help; `\\b` keeps click from joining the lines."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def here():
    """The course that the user stands in."""
    from ..course import Course

    return Course.find()

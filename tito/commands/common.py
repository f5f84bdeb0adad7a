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


def say_where(course) -> None:
    """In the course repository, say that the reference is looked at, and not a student's work."""
    from ..console import warn

    if course.nbs != course.modules_folder:
        where = course.show(course.nbs)
        warn(f"This is the course repository: you see the reference in {where}/. Your own work: cd to your workspace.")


def say_slips(course, module) -> None:
    """Name what is wrong with the module's notebook and costs points or hours, with what to do."""
    from ..console import warn
    from ..slips import slips_in

    for slip in slips_in(course, module):
        warn(f"Note: {slip}")

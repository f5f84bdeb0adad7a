"""How tito speaks: one message for a user's mistake, and text that any terminal can show."""

from __future__ import annotations

import os
import sys


class Mistake(Exception):
    """Something the user can put right: shown as one message, without a traceback, and the exit code is 1.

    `problem` says what was wrong, `expected` what tito wanted, `hint` what to type or do next.
    """

    code = 1

    def __init__(self, problem: str, *, expected: str = "", hint: str = ""):
        super().__init__(problem)
        self.problem, self.expected, self.hint = problem, expected, hint

    def __str__(self) -> str:
        lines = [self.problem]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.hint:
            lines.append(f"  try:      {self.hint}")
        return "\n".join(lines)


class Interrupted(Mistake):
    """Ctrl-C, where there is something to say about what was done until then."""

    code = 130


def speaks_unicode(stream=None) -> bool:
    """Whether `stream` (standard output by default) can show more than ASCII."""
    return "utf" in ((getattr(stream or sys.stdout, "encoding", None) or "").lower())


def prepare_streams() -> None:
    """A character that the terminal lacks is shown as `?` instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def console(stderr: bool = False):
    """A Rich console; plain where there is no colour, no terminal or no UTF-8."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else 120  # a pipe has no width of its own
    return Console(stderr=stderr, highlight=False, soft_wrap=False, width=width, emoji=False)


def say(text: str = "", style: str | None = None) -> None:
    """Print one line of text as it stands: no markup, no wrapping."""
    console().print(text, style=style, markup=False, soft_wrap=True)


def warn(text: str) -> None:
    """Print to standard error."""
    console(stderr=True).print(text, style="yellow", markup=False, soft_wrap=True)


def table(*columns: str, title: str | None = None):
    """An empty Rich table; right-aligned where a column's name begins with `>`."""
    from rich import box
    from rich.table import Table

    result = Table(title=title, box=box.SIMPLE_HEAD if speaks_unicode() else box.ASCII2, title_justify="left")
    for column in columns:
        result.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    return result


def show(renderable) -> None:
    """Print a table or another Rich object."""
    console().print(renderable)

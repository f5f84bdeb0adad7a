"""`tito`, the command line of the course. The commands are in tito/commands/, a group a file."""

from __future__ import annotations

import sys

import typer

from .commands import building, grading, student, tests
from .console import Mistake, prepare_streams

HELP = """Build your own PyTorch, module by module.

A student's way: `tito new my-tinytorch`, `cd my-tinytorch`, `jupyter lab`, then `tito test module 01`, `tito status`.

An instructor's way: `tito release 01`, collect, `tito grade 01`, `tito feedback 01`, `tito scores`.
"""

app = typer.Typer(
    name="tito",
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
for group in (student, tests, building, grading):
    group.register(app)


def main(arguments: list[str] | None = None) -> int:
    """Run tito; its exit code: 0 all well, 1 something failed or is to be put right, 2 wrong usage, 130 interrupted."""
    prepare_streams()
    try:
        app(args=arguments, prog_name="tito")
        return 0
    except Mistake as mistake:
        print(mistake, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stdout = None
        return 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))


if __name__ == "__main__":
    sys.exit(main())

"""`tito`, the command line of the course. The commands are in tito/commands/, a group a file."""

from __future__ import annotations

import sys

import typer

from .commands import building, grading, programs, student, tests
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
for group in (student, tests, programs, building, grading):
    group.register(app)


def main(arguments: list[str] | None = None) -> int:
    """Run tito; its exit code: 0 all well, 1 something failed or is to be put right, 2 wrong usage, 130 interrupted."""
    prepare_streams()
    try:
        app(args=arguments, prog_name="tito")
        return 0
    except Mistake as mistake:
        print(mistake, file=sys.stderr)
        return mistake.code
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stdout = None
        return 0
    except SystemExit as end:
        if end.code == 130:  # what Typer makes of KeyboardInterrupt
            print("Interrupted.", file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except Exception as error:
        if (known := explained(error)) is None:
            raise
        print(known, file=sys.stderr)
        return 1


def explained(error: Exception) -> Mistake | None:
    """The message for an error whose cause lies in files, disks or databases; None for a fault of tito's own."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if "SourceError" in names:
        return Mistake(f"In the source of a module: {error}", hint="mend it in solutions/ or tests/grading/, tito lint")
    if "SandboxError" in names:
        return Mistake(str(error), hint="tito doctor")
    if "SQLAlchemyError" in names:
        why = str(getattr(error, "orig", error)).strip().splitlines()[0]
        return Mistake(f"The gradebook: {why}", hint="look whether another program holds it, and at NBGRADER_DB_URL")
    if "JSONDecodeError" in names:
        return Mistake(
            f"A notebook is not valid JSON: {error}", hint="tito lint; tito grade NN --regrade makes autograded/ anew"
        )
    if isinstance(error, OSError):
        where = error.filename2 or error.filename
        said = error.strerror or str(error)
        return Mistake(
            f"{where}: {said}" if where else said, hint="look at the path, its permissions and the disk's room"
        )
    return None


if __name__ == "__main__":
    sys.exit(main())

"""tito test: one module, or a suite."""

from __future__ import annotations

from typing import Annotated

import typer

from ..console import Mistake
from ..seconds import CELL_SECONDS
from .common import ModuleArgument, examples, here, say_slips, say_where

Rest = Annotated[list[str] | None, typer.Argument(metavar="[-- PYTEST OPTIONS]", help="passed on to pytest")]
STYLE = {"pass": "green", "fail": "bold red", "blank": "yellow", "wait": "yellow", "skip": "dim"}


def register(app: typer.Typer) -> None:
    tests = typer.Typer(help="Test a module, or run a suite.", no_args_is_help=True, rich_markup_mode=None)
    tests.command(
        epilog=examples("tito test module 02", "tito test module 02 --task 02.4", "tito test module 02 --quick")
    )(module)
    tests.command(epilog=examples("tito test integration", "tito test integration -- -k quick"))(integration)
    tests.command(epilog=examples("tito test parity"))(parity)
    tests.command(epilog=examples("tito test notebooks"))(notebooks)
    tests.command("all", epilog=examples("tito test all", "tito test all -- -m 'not slow'"))(everything)
    app.add_typer(tests, name="test")


def module(
    number: ModuleArgument,
    task: Annotated[str | None, typer.Option("--task", metavar="NN.k", help="this task only, such as 02.4")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="leave out measurements, plots and longer tests")] = False,
    timeout: Annotated[float, typer.Option(min=1, help="seconds that one cell or test may take")] = CELL_SECONDS,
) -> None:
    """Export, run the notebook, the module's tests, and the integration tests whose modules are there up to it.

    One line a test: pass, fail, wait (for a task that is still blank) or skip. Then what to look at first, and how many
    tasks are done. The exit code is 0 when all that can run passes.
    """
    from ..console import say
    from ..course import find_task
    from ..status import done_tasks, fingerprint, note, note_test, progress
    from ..testing import ModuleTest

    course = here()
    say_where(course)
    chosen = course.module(number)
    run = ModuleTest(course, chosen, find_task(task, chosen) if task else None, timeout, quick)
    report = run.report
    say(
        f"{chosen.nn} {chosen.title}" + (f", task {run.task} {report.tasks[run.task].title}" if run.task else ""),
        "bold",
    )
    exported = run.export()
    note(course, chosen, exported=fingerprint(course, chosen), filled=None)
    say("exported to " + (", ".join(course.show(path) for path in exported.files) or "no file"))
    say_slips(course, chosen)
    show_checks(run)
    note_test(
        course,
        chosen,
        tested=[run.task] if run.task else report.tasks,
        done=[one for one in report.done_tasks if not run.task or one == run.task],
        complete=None if run.task else report.complete,
    )
    if first := report.first:
        explain(report, first)
    say(progress(report.tasks, done_tasks(course, chosen, report.tasks)), "bold")
    if not report.passed:
        raise typer.Exit(1)


WORDS = {"pass": "passed", "fail": "failed", "blank": "still blank", "wait": "waiting", "skip": "skipped"}


def show_checks(run) -> None:
    """Each check as it is made, under the place it stands in, and how many ended in which way."""
    from ..console import console, say

    screen, where, last, more = console(), None, None, 0
    for check in run.steps():
        key = (check.where, check.task, check.word, check.message)
        if key == last and check.message:
            more += 1  # one line says it of all
            continue
        if more:
            say(f"                and {more} more", "dim")
        last, more = key, 0
        if check.where != where:
            where = check.where
            say(where)
        screen.print(f"  [{STYLE[check.word]}]{check.word:<5}[/]", end="")
        words = check.message or f"{check.seconds:.2f} s"
        screen.print(f" {check.task or '-':<5}  {check.name:<44}  {words}", markup=False, soft_wrap=True)
    if more:
        say(f"                and {more} more", "dim")
    counts = [(run.report.count(word), said) for word, said in WORDS.items()]
    say(", ".join(f"{number} {said}" for number, said in counts if number) or "nothing was tested", "bold")


def explain(report, first) -> None:
    """What to look at first."""
    from ..console import say

    title = str(report.tasks[first.task]) if first.task in report.tasks else first.task or first.name
    say()
    say(f"Look first at {first.waits_for or title}", "bold")
    for number, line in enumerate(first.details or (first.message,)):
        say(f"  {first.name}: {line}" if not number else f"    {line}")
    if first.place:
        say(f"  {first.place}")
    if first.task and first.outcome == "fail" and len(report.failed_tasks) > 1:
        say(f"  then at {', '.join(task for task in report.failed_tasks if task != first.task)}")


def integration(rest: Rest = None) -> None:
    """Run tests/integration: the boundaries between modules."""
    suite("integration", rest)


def parity(rest: Rest = None) -> None:
    """Run tests/parity: every public operation against PyTorch (course repository only)."""
    suite("parity", rest)


def notebooks(rest: Rest = None) -> None:
    """Run every notebook with nbval, comparing the outputs of the cells marked NBVAL_CHECK_OUTPUT."""
    import importlib.util

    from ..suites import suite as run
    from ..suites import workers

    course = here()
    if importlib.util.find_spec("nbval") is None:
        raise Mistake("nbval is not installed.", expected="the test extra", hint="pip install 'tinytorch[test]'")
    folders = [str(course.folder(one)) for one in course.modules()]
    end(run(course, ["-p", "tito.pytest_plugin", "--nbval-lax", *workers(), *(rest or []), *folders]))


def everything(rest: Rest = None) -> None:
    """Run all tests that are here, and every notebook where nbval is installed, on all cores."""
    import importlib.util

    from ..suites import suite as run
    from ..suites import workers

    course = here()
    options = ["--nbval-lax"] if importlib.util.find_spec("nbval") and course.nbs != course.modules_folder else []
    folders = [str(course.tests), *([str(course.nbs)] if options else [])]
    end(run(course, [*options, *workers(), *(rest or []), *folders]))


def suite(name: str, rest: list[str] | None) -> None:
    """Run one folder of tests; in a workspace some of them are not there."""
    from ..suites import suite as run
    from ..suites import workers

    course = here()
    folder = course.tests / name
    if not folder.is_dir():
        here_are = ", ".join(sorted(path.name for path in course.tests.glob("*") if path.is_dir())) or "none"
        raise Mistake(
            f"There is no {course.show(folder)} here.",
            expected=f"a folder of tests (there are: {here_are})",
            hint="run it in the course repository, or tito test module NN here",
        )
    end(run(course, [*workers(), *(rest or []), str(folder)]))


def end(code: int) -> None:
    """pytest's exit code as tito's: 0 when all passed, also when everything was skipped; else 1."""
    if code not in (0, 5):
        raise typer.Exit(1)

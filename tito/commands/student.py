"""A student's commands: new, status, export, hint, reset, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..console import Mistake
from .common import ModuleArgument, examples, here, say_slips, say_where


def register(app: typer.Typer) -> None:
    app.command(epilog=examples("tito new my-tinytorch", "tito new late-start --from 07"))(new)
    app.command(epilog=examples("tito status"))(status)
    app.command(epilog=examples("tito export 07", "tito export --all"))(export)
    app.command(epilog=examples("tito hint 01.4"))(hint)
    app.command(epilog=examples("tito reset 07"))(reset)
    app.command(epilog=examples("tito doctor"))(doctor)


def new(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="the folder to make")],
    first: Annotated[
        str | None, typer.Option("--from", metavar="NN", help="begin here: earlier modules are the reference's")
    ] = None,
) -> None:
    """Make a student's workspace: notebooks, settings, an empty package, the tests that students may see."""
    from .. import kernel, workspace
    from ..console import say, warn
    from ..course import find_module

    start = find_module(first) if first else None
    modules = workspace.new(directory, start)
    if start and start not in modules:
        warn(f"Module {start.nn} {start.name} is not released yet; the modules here are the ones below.")
    say(f"{directory} is ready, with {len(modules)} module{'s' * (len(modules) != 1)}: ", style="bold")
    say("  " + ", ".join(f"{module.nn} {module.name}" for module in modules))
    begin = start if start in modules else modules[0]
    if begin.number > 1:
        say(f"  The modules before {begin.nn} are filled from the reference.")
    if not kernel.installed():
        warn("Start JupyterLab in that folder itself: elsewhere its notebooks would import another tinytorch.")
    say("Next:")
    say(f"  cd {directory}")
    say(f"  jupyter lab modules/{begin.folder}/{begin.folder}.ipynb")
    say(f"  tito test module {begin.nn}")


def status() -> None:
    """Show the course as a table: what is written, exported and tested, points, and the next step."""
    from ..console import say, show, table
    from ..status import later, rows

    course = here()
    say_where(course)
    found, missing = rows(course), later(course)
    view = table("NN", "module", "written", "exported", "tested", ">points", "next")
    for row in found:
        view.add_row(row.module.nn, row.module.name, row.written, row.exported, row.tested, row.points, row.next)
    show(view)
    if missing:
        last = f" to {missing[-1].nn} {missing[-1].name}" * (len(missing) > 1)
        say(f"Not here yet: {missing[0].nn} {missing[0].name}{last}")
    say("Points count the tasks whose visible tests pass; the grade comes from hidden", style="dim")
    say("ones too. Older: the notebook has changed since.", style="dim")
    if command := next((row.command for row in found if row.command), ""):
        say(f"Next: {command}", style="bold")


def export(
    module: Annotated[str | None, typer.Argument(metavar="NN", help="the module: 7, 07 or training")] = None,
    every: Annotated[bool, typer.Option("--all", help="every module that has been started")] = False,
) -> None:
    """Export a notebook to the package tinytorch/. What does not compile leaves the package as it was."""
    from ..console import say
    from ..export import blank_tasks
    from ..export import export as run
    from ..status import fingerprint, note, started
    from ..testing import refuse_unstarted

    course = here()
    say_where(course)
    if bool(module) == every:
        raise Mistake(
            "tito export needs to know what to export." if not module else "Give a module or --all, not both.",
            expected="one module, or --all",
            hint="tito export 01, or tito export --all",
        )
    if module:
        chosen = [course.module(module)]
        refuse_unstarted(course, chosen[0])
    else:
        chosen = [one for one in course.modules() if started(course, one)]
    if not chosen:
        say("No notebook has been started yet: nothing to export.")
    for one in chosen:
        result = run(course, one)
        note(course, one, exported=fingerprint(course, one), filled=None)
        for path in result.files:
            say(f"{one.nn}  {course.show(path)}  {'written' if path in result.changed else 'unchanged'}")
        if blank := blank_tasks(course, one):
            say(f"{one.nn}  still blank, and raise NotImplementedError when they are called: {', '.join(blank)}")
        say_slips(course, one)


def hint(task: Annotated[str, typer.Argument(metavar="NN.K", help="the task: 01.4")]) -> None:
    """Show the next hint for a task: a question, then a pointer, then the shape of a solution."""
    from ..console import say
    from ..hints import next_help

    say(str(next_help(here(), task)))


def reset(module: ModuleArgument) -> None:
    """Put the released notebook back. Yours is kept, in the folder _old beside it."""
    from ..console import say
    from ..course import find_module
    from ..workspace import reset as run

    course = here()
    changed = run(course, find_module(module))
    for path, aside in changed:
        kept = f"; yours is kept as {course.show(aside)}" if aside else ""
        say(f"{course.show(path)} is as it was released{kept}")
    if not changed:
        say("The notebook is as it was released already.")


def doctor() -> None:
    """Check Python, packages, kernel, bubblewrap, GPU and quarto, and say how to mend what is missing."""
    from ..console import say, show, table
    from ..doctor import examine

    findings = examine()
    view = table("what", "state", "found", "to mend it")
    style = {"ok": "green", "optional": "yellow", "missing": "red"}
    from rich.text import Text

    for one in findings:
        view.add_row(one.name, Text(one.state, style[one.state]), Text(one.found), Text(one.mend))
    show(view)
    if missing := [one for one in findings if one.state == "missing"]:
        say(f"Missing: {', '.join(one.name for one in missing)}. The last column says what to type.")
        raise typer.Exit(1)
    say("All that is needed is here.")

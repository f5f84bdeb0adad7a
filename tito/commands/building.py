"""A contributor's commands: lint, clean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import examples, here


def register(app: typer.Typer) -> None:
    app.command(epilog=examples("tito lint", "tito lint 02", "tito lint --sizes"))(lint)
    app.command(epilog=examples("tito clean", "tito clean --check solutions/01_tensor/01_tensor.ipynb"))(clean)


def lint(
    module: Annotated[str | None, typer.Argument(metavar="NN", help="one module; all of them by default")] = None,
    sizes: Annotated[
        bool, typer.Option("--sizes", help="only measure: the figures, and all that is over a limit")
    ] = False,
    families: Annotated[
        bool, typer.Option("--families", help="only run the probes on spoiled solutions: which kinds they miss")
    ] = False,
) -> None:
    """Check the source notebooks: ids, points, solution regions, probes, outputs, sizes. Part of the tests too."""
    from ..console import say
    from ..lint import lint_course

    course = here()
    if families:
        from ..grading.families import main

        raise typer.Exit(main([module] if module else []))
    if sizes:
        return show_sizes(course, [course.module(module)] if module else course.modules())
    findings = lint_course(course, [course.module(module)] if module else None)
    for finding in findings:
        say(str(finding))
    if findings:
        say(f"{len(findings)} to mend", "bold")
        raise typer.Exit(1)
    say("Nothing to mend.")


def show_sizes(course, modules) -> None:
    """The table of sizes, what is over a limit, and how many of each kind."""
    from .. import limits
    from ..console import say, show, table

    view = table("NN", *(f">{column}" for column in limits.COLUMNS))
    for row in limits.table(course, modules):
        view.add_row(*row)
    show(view)
    for module in modules:
        found = limits.of_module(course, module)
        for path, one in found:
            say(f"{path}, {one.where}: {one.what}")
        counts = limits.totals(one for _, one in found)
        say(f"{module.nn}: " + (", ".join(f"{n} {rule}" for rule, (n, _) in counts.items()) or "nothing"), "bold")


def clean(
    paths: Annotated[list[Path] | None, typer.Argument(help="notebooks or folders; the source by default")] = None,
    check: Annotated[bool, typer.Option("--check", help="only say what would change; exit code 1 if anything")] = False,
) -> None:
    """Drop outputs (except on NBVAL_CHECK_OUTPUT cells and cells tagged keep-output), counts and stray metadata."""
    from .. import notebooks as nb
    from ..console import Mistake, say

    found: list[Path] = []
    for path in paths or [here().nbs]:
        if not path.exists():
            raise Mistake(f"{path} does not exist.", expected="notebooks or folders", hint="tito clean")
        found += sorted(path.rglob("*.ipynb")) if path.is_dir() else [path]
    found = [path for path in found if ".ipynb_checkpoints" not in path.parts]
    dirty = 0
    for path in found:
        notebook = nb.clean(nb.read(path))
        if check:
            changed = path.read_text(encoding="utf-8") != nb.dumps(notebook)
        else:
            changed = nb.write(path, notebook)
        if changed:
            dirty += 1
            say(f"{path}: {'is not clean' if check else 'cleaned'}")
    if check and dirty:
        raise typer.Exit(1)

"""An instructor's commands: release, grade, feedback, scores, stats, validate. Plain `nbgrader` commands keep working beside them."""

from __future__ import annotations

from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ..console import Mistake
from .common import ModuleArgument, examples, here

Student = Annotated[str | None, typer.Option("--student", metavar="ID", help="one student; all of them by default")]


def register(app: typer.Typer) -> None:
    app.command(epilog=examples("tito release 01", "tito release --all"))(release)
    app.command(epilog=examples("tito grade 01", "tito grade 01 --student ada --own", "tito grade 01 --regrade"))(grade)
    app.command(epilog=examples("tito feedback 01", "tito feedback 01 --student ada"))(feedback)
    app.command(epilog=examples("tito scores", "tito scores 01", "tito scores 01 --format canvas -o canvas.csv"))(
        scores
    )
    app.command(epilog=examples("tito stats 01"))(stats)
    app.command(epilog=examples("tito validate 01", "tito validate"))(validate)


def release(
    module: Annotated[str | None, typer.Argument(metavar="NN", help="the module: 7, 07 or training")] = None,
    every: Annotated[bool, typer.Option("--all", help="every module that has a notebook")] = False,
    check: Annotated[bool, typer.Option("--lint/--no-lint", help="check the source notebook first")] = True,
) -> None:
    """Make the students' notebook from the source: solutions stripped, hidden tests removed."""
    from .. import notebooks as nb
    from ..console import say
    from ..lint import lint_course
    from ..release import config
    from ..release import release as run

    course = here()
    config(course)
    if bool(module) == every:
        raise Mistake(
            "tito release needs to know what to release." if not module else "Give a module or --all, not both.",
            expected="one module, or --all",
            hint="tito release 01, or tito release --all",
        )
    chosen = course.modules() if every else [course.module(module)]
    if check and (findings := lint_course(course, chosen)):
        for finding in findings:
            say(str(finding))
        raise Mistake(
            f"{len(findings)} to mend in the source before a release.",
            expected="a source notebook with nothing for tito lint to find",
            hint="mend them, or release with --no-lint",
        )
    for one in chosen:
        tasks = nb.tasks_of(nb.read(course.notebook(one))).values()
        paths = run(course, one)
        say(f"{one.nn}  {len(tasks)} tasks, {sum(task.points for task in tasks):g} points")
        for path in paths:
            say(f"    {course.show(path)}")


def grade(
    number: ModuleArgument,
    student: Student = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="submissions at a time (the cores)")] = None,
    regrade: Annotated[bool, typer.Option("--regrade", help="grade also what has not changed")] = False,
    own: Annotated[bool, typer.Option("--own", help="beside it, the score on the student's own modules")] = False,
) -> None:
    """Grade the submissions of a module that lie in submitted/STUDENT/NN_name/, in parallel, in the sandbox."""
    from ..console import Interrupted, say
    from ..grading.classroom import grade_class, misplaced, nothing_found

    course = here()
    module = course.module(number)
    students = handed_in(course, module, student)
    graded, look = 0, misplaced(course, module, student)
    title = f"grading {module.folder}"
    try:
        with (
            closing(grade_class(course, module, students, workers, regrade)) as results,
            progress(title, len(students)) as step,
        ):
            for result in results:
                graded += not result.problem
                look += nothing_found(course, module, result)
                step(line_of(result, own and own_score(course, module, result.student)))
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted: {graded} graded are kept; run it again to go on.") from None
    if look:
        say("To look at:", "bold")
    for line in look:
        say(f"    {line}")
    following = f" Next: tito feedback {module.nn}, tito scores {module.nn}" if graded else ""
    say(f"{graded} of {len(students)} graded.{following}")
    if graded < len(students):
        raise typer.Exit(1)


def handed_in(course, module, student: str | None) -> list[str]:
    """The students whose folder is there, or the one that is asked for; a Mistake that lists them otherwise."""
    from ..grading.classroom import misplaced
    from ..release import config

    config(course)
    found = sorted(path.parent.name for path in (course.root / "submitted").glob(f"*/{module.folder}") if path.is_dir())
    if student and student not in found or not found:
        listed = ", ".join([*found, *misplaced(course, module)]) or "nobody"
        raise Mistake(
            f"{f'{student} has not' if student else 'Nobody has'} handed in {module.folder}.",
            expected=f"submitted/STUDENT/{module.folder}/{module.folder}.ipynb (there: {listed})",
            hint=f"nbgrader collect {module.folder}, or copy the files there",
        )
    return [student] if student else found


def line_of(result, own: str | None) -> str:
    """What is said of one graded submission."""
    if result.problem:
        return f"{result.student}: could not be graded: {result.problem}"
    how = "unchanged" if result.unchanged else f"{result.seconds:.1f} s"
    return f"{result.student}: {result.score:g} of {result.max_score:g}{f', {own}' if own else ''} ({how})"


def own_score(course, module, student: str) -> str:
    from ..grading.chain import grade_own, missing

    if lacking := missing(course, module, student):
        return f"{', '.join(lacking)} not handed in: no own score"
    return f"on own modules {grade_own(course, module, student).points:g}"


@contextmanager
def progress(title: str, total: int):
    """A bar with the time that is left, on a terminal; the lines that are given to it stay above the bar."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from ..console import console

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(), transient=True) as bar:
        task = bar.add_task(title, total=total)

        def step(line: str) -> None:
            bar.console.print(line, markup=False, soft_wrap=True)
            bar.advance(task)

        yield step


def feedback(number: ModuleArgument, student: Student = None) -> None:
    """Write a feedback page for every graded submission of a module: feedback/STUDENT/NN_name/. Of one student, show it here, too."""
    from ..console import say
    from ..grading.gradebook import to_text, verdict
    from ..release import api, config, quiet, reason

    course = here()
    module = course.module(number)
    config(course)
    if not (course.root / "autograded").is_dir():
        raise nothing_graded(module)
    grader = api(course)
    students = [student] if student else sorted(grader.get_autograded_students(module.folder))
    if not students:
        raise nothing_graded(module)
    for one in students:
        with quiet():
            result = grader.generate_feedback(module.folder, one)
        if not result["success"]:
            raise Mistake(f"{one}: no feedback: {reason(result)}", hint=f"tito grade {module.nn} --student {one}")
        say(f"feedback/{one}/{module.folder}")
    if student:
        marks = scores_of(course, module)
        say(to_text(verdict(course, module, student, marks), marks.late.get(student, 0.0)))


def nothing_graded(module) -> Mistake:
    return Mistake(
        f"No submission of {module.folder} has been graded.",
        expected=f"autograded/STUDENT/{module.folder}",
        hint=f"tito grade {module.nn}",
    )


def scores(
    number: Annotated[
        str | None, typer.Argument(metavar="NN", help="one module by task; all modules by default")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="table, csv, canvas or gradescope")] = "table",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="a file (csv, canvas) or a folder (gradescope)")
    ] = None,
) -> None:
    """Show or export the gradebook: students and modules, or students and the tasks of one module."""
    from ..console import say
    from ..files import write_atomic
    from ..grading import gradebook as book

    course = here()
    module = course.module(number) if number else None
    if form not in ("table", "csv", "canvas", "gradescope"):
        raise Mistake(f"There is no format {form!r}.", expected="table, csv, canvas or gradescope")
    if form == "gradescope":
        if module is None or output is None:
            raise Mistake(
                "Gradescope's results are one file a student.",
                hint=f"tito scores {number or '01'} --format gradescope --output DIR",
            )
        paths = book.write_gradescope(course, module, scores_of(course, module), output)
        if not paths:
            raise nothing_graded(module)
        say(f"{len(paths)} results.json in {output}")
        return
    marks = scores_of(course, module)
    if form == "table":
        show_scores(marks)
        return
    text = book.to_csv(marks) if form == "csv" else book.to_canvas(marks, module.folder if module else "tinytorch")
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_atomic(output, text)
        say(f"students: {len(marks.points)}, in {output}")


def scores_of(course, module):
    """The gradebook's marks; a Mistake where there are none yet."""
    from ..grading.gradebook import read_scores
    from ..release import api, config

    what, hint = (module.folder, f"tito grade {module.nn}") if module else ("any module", "tito grade 01")
    db_url = config(course).CourseDirectory.get("db_url", f"sqlite:///{course.root / 'gradebook.db'}")
    missing = isinstance(db_url, str) and db_url.startswith("sqlite:///") and not Path(db_url[10:]).exists()
    if not missing:
        with api(course).gradebook as gradebook:
            marks = read_scores(gradebook, module)
    if missing or not marks.points:
        raise Mistake(f"There are no scores of {what} yet.", hint=hint)
    return marks


def show_scores(marks) -> None:
    from ..console import say, show, table

    columns, late = marks.columns(), ["late"] if marks.late else []
    view = table("student", *(f">{column}" for column in (*columns, *late, "total")))
    for student, line in sorted(marks.points.items()):
        off = [f"-{marks.late[student]:g}" if student in marks.late else "" for _ in late]
        points = (f"{line[c]:g}" if c in line else "-" for c in columns)
        view.add_row(student, *points, *off, f"{marks.total(student):g}")
    view.add_section()
    most = (f"{marks.maxima[column]:g}" for column in columns)
    view.add_row("of", *most, *("" for _ in late), f"{sum(marks.maxima.values()):g}")
    show(view)
    say(f"{len(marks.points)} student{'s' * (len(marks.points) != 1)}")


def stats(
    number: ModuleArgument,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="the picture (feedback/NN_name.png)")] = None,
) -> None:
    """Show where the class stands: each task's pass rate, commonest misconception and time, and a picture."""
    from ..console import say, show, table
    from ..grading.stats import picture, statistics, verdicts_of

    course = here()
    module = course.module(number)
    if output and output.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise Mistake(f"{output} is no picture's name.", expected=".png, .pdf or .svg", hint=f"-o {module.folder}.png")
    verdicts = verdicts_of(course, module, scores_of(course, module))
    rows = statistics(verdicts)
    if not rows:
        raise nothing_graded(module)
    view = table("task", ">passed", ">tried", ">stopped here", ">median", "commonest misconception")
    for row in rows:
        wrong = f"{row.misconception} ({row.times})" if row.times else ""
        passed = f"{row.passed} ({100 * row.rate:.0f} %)"
        view.add_row(
            f"{row.id} {row.title}", passed, str(row.attempted), str(row.first or "-"), f"{row.seconds:.2f} s", wrong
        )
    show(view)
    path = output or course.root / "feedback" / f"{module.folder}.png"
    picture(module, verdicts, rows, path)
    say(f"students: {rows[0].students}; the picture: {course.show(path)}")


def validate(
    number: Annotated[str | None, typer.Argument(metavar="NN", help="one module; all by default")] = None,
) -> None:
    """Check every gate of a release: the reference scores all, the blank nothing, each misconception its own task only."""
    from ..console import say
    from ..grading.release import Release
    from ..grading.validate import validate as findings_of

    course = here()
    count = 0
    for module in [course.module(number)] if number else course.modules():
        release = Release.open(course.notebook(module), folder=course.root / ".grading")
        steps = 2 + len(release.source.tasks)
        with progress(f"{module.folder}", steps) as step:
            found = list(findings_of(release, progress=step))
        for finding in found:
            say(f"{module.nn} {finding}", style="red")
        say(
            f"{module.nn} {module.name}: {'may be released' if not found else f'{len(found)} to mend'}; {len(release.misconceptions)} misconceptions"
        )
        count += len(found)
    if count:
        raise typer.Exit(1)

"""An instructor's commands: release, grade, feedback, scores. Plain `nbgrader` commands keep working beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..console import Mistake
from .common import ModuleArgument, examples, here

Student = Annotated[str | None, typer.Option("--student", metavar="ID", help="one student; all of them by default")]


def register(app: typer.Typer) -> None:
    app.command(epilog=examples("tito release 01", "tito release --all"))(release)
    app.command(epilog=examples("tito grade 01", "tito grade 01 --student ada"))(grade)
    app.command(epilog=examples("tito feedback 01"))(feedback)
    app.command(epilog=examples("tito scores", "tito scores 01"))(scores)


def release(
    module: Annotated[str | None, typer.Argument(metavar="NN", help="the module: 7, 07 or training")] = None,
    every: Annotated[bool, typer.Option("--all", help="every module that has a notebook")] = False,
    check: Annotated[bool, typer.Option("--lint/--no-lint", help="check the source notebook first")] = True,
) -> None:
    """Make the students' notebook from the source: solutions stripped, hidden tests removed."""
    from .. import notebook as nb
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
        tasks = nb.tasks(nb.read(course.notebook(one))).values()
        paths = run(course, one)
        say(f"{one.nn}  {len(tasks)} tasks, {sum(task.points for task in tasks):g} points")
        for path in paths:
            say(f"    {course.show(path)}")


def grade(number: ModuleArgument, student: Student = None) -> None:
    """Grade the submissions of a module that lie in submitted/STUDENT/NN_name/."""
    from ..console import say
    from ..release import api, quiet

    course = here()
    module = course.module(number)
    grader = api(course)
    students = sorted(grader.get_submitted_students(module.folder))
    if student and student not in students or not students:
        listed = ", ".join(students) or "nobody"
        raise Mistake(
            f"{student or 'Nobody'} has handed in {module.folder}.",
            expected=f"submitted/STUDENT/{module.folder}/{module.folder}.ipynb (there: {listed})",
            hint=f"nbgrader collect {module.folder}, or copy the files there",
        )
    failed = 0
    for one in [student] if student else students:
        with quiet():
            result = grader.autograde(module.folder, one)
        if not result["success"]:
            failed += 1
            lines = (result.get("error") or result.get("log") or "no reason given").strip().splitlines()
            say(f"{one}: could not be graded: {lines[-1]}")
            continue
        with grader.gradebook as gradebook:
            submission = gradebook.find_submission(module.folder, one)
            say(f"{one}: {submission.score:g} of {submission.max_score:g}")
    if failed:
        raise typer.Exit(1)


def feedback(number: ModuleArgument, student: Student = None) -> None:
    """Write a feedback page for every graded submission of a module: feedback/STUDENT/NN_name/."""
    from ..console import say
    from ..release import api, config, quiet

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
            lines = (result.get("error") or result.get("log") or "no reason given").strip().splitlines()
            raise Mistake(f"{one}: no feedback: {lines[-1]}", hint=f"tito grade {module.nn} --student {one}")
        say(f"feedback/{one}/{module.folder}")


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
) -> None:
    """Show the gradebook: a table of students and modules, or of students and the tasks of one module."""
    from ..console import say, show, table
    from ..release import api, config

    course = here()
    module = course.module(number) if number else None
    what, hint = (module.folder, f"tito grade {module.nn}") if module else ("any module", "tito grade 01")
    db_url = config(course).CourseDirectory.get("db_url", f"sqlite:///{course.root / 'gradebook.db'}")
    if isinstance(db_url, str) and db_url.startswith("sqlite:///") and not Path(db_url[10:]).exists():
        raise Mistake(f"There are no scores of {what} yet.", hint=hint)
    lines: dict[str, dict[str, float]] = {}
    maxima: dict[str, float] = {}
    with api(course).gradebook as gradebook:
        for assignment in sorted(gradebook.assignments, key=lambda one: one.name):
            if module and assignment.name != module.folder:
                continue
            for submission in assignment.submissions:
                line = lines.setdefault(submission.student.id, {})
                if module:
                    for notebook in submission.notebooks:
                        for one in notebook.grades:
                            line[one.name] = one.score
                            maxima[one.name] = one.max_score
                else:
                    line[assignment.name] = submission.score
                    maxima[assignment.name] = submission.max_score
    if not lines:
        raise Mistake(f"There are no scores of {what} yet.", hint=hint)
    columns = sorted(maxima, key=lambda name: [int(p) if p.isdigit() else 0 for p in name.replace("_", "-").split("-")])
    view = table("student", *(f">{name.replace('-', '.') if module else name}" for name in columns), ">total")
    for student, line in sorted(lines.items()):
        view.add_row(student, *(f"{line[c]:g}" if c in line else "-" for c in columns), f"{sum(line.values()):g}")
    view.add_section()
    view.add_row("of", *(f"{maxima[column]:g}" for column in columns), f"{sum(maxima.values()):g}")
    show(view)
    say(f"{len(lines)} student{'s' * (len(lines) != 1)}")

"""Release, hand in, grade, feedback, gradebook; then train on real digits with what modules 01-07 and 09 export."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..console import Mistake, console, prepare_streams, say, show, table
from ..course import HOME
from . import course

SCRATCH = HOME / "_demo"
EPOCHS = 30
ENOUGH = 0.98


def progress() -> Progress:
    columns = (TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console())


def grade_the_class(root: Path, bars: Progress) -> None:
    """01-03 released, handed in, autograded and given feedback, all by plain nbgrader."""
    names, school = course.assignments(), course.sample_class()
    students = len(school.CLASS)
    release = bars.add_task("nbgrader generate_assignment", total=len(names))
    hand_in = bars.add_task("the class of six hands in", total=len(names) * students)
    grade = bars.add_task("nbgrader autograde", total=len(names) * students)
    write = bars.add_task("nbgrader generate_feedback", total=len(names) * students)
    course.prepare(root)
    for name in names:
        course.nbgrader(root, "generate_assignment", name, "--create")
        bars.advance(release)
    bars.advance(hand_in, school.hand_in(root, names))
    stages = ((grade, "autograde", "autograded", ".ipynb"), (write, "generate_feedback", "feedback", ".html"))
    for bar, command, stage, suffix in stages:
        for index, name in enumerate(names):

            def watch(bar=bar, stage=stage, suffix=suffix, index=index, name=name):
                bars.update(bar, completed=index * students + course.made(root, stage, name, suffix))

            course.nbgrader(root, command, name, watch=watch)
    course.mark_done(root)


def show_gradebook(root: Path) -> None:
    """One table per module: student by task."""
    for name in course.assignments():
        most, points = course.scores(root, name)
        tasks = [f">.{task.partition('-')[2]}" for task in most]
        result = table("student", *tasks, ">sum", title=f"{name}: points by task")
        for student, given in points.items():
            cells = [colour(given[task], most[task]) for task in most]
            result.add_row(student, *cells, colour(sum(given.values()), sum(most.values())))
        result.add_section()
        result.add_row("of", *(f"{value:g}" for value in most.values()), f"{sum(most.values()):g}")
        show(result)
    for student in course.sample_class().CLASS:
        say(f"  {student.id:<5} {student.story}")
        for name in course.assignments():
            for remark in course.remarks(root, student.id, name):
                say(f"        {shortened(remark)}", style="yellow")


def shortened(text: str, most: int = 150) -> str:
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " ..."


def colour(points: float, most: float) -> str:
    style = "red" if not points else "yellow" if points < most else "green"
    return f"[{style}]{points:g}[/]"


def train_on_digits(picture: Path) -> bool:
    """A softmax classifier, an MLP and a CNN; whether the CNN reads enough of the test digits."""
    import tinytorch

    from . import digits

    tinytorch.manual_seed(0)
    train, test = digits.load(HOME / "data" / "digits" / "digits.npz")
    results = []
    with progress() as bars:
        for name, model in digits.models().items():
            bar = bars.add_task(f"training a {name}", total=digits.steps(train, EPOCHS))
            results.append(digits.fit(name, model, train, test, lambda bar=bar: bars.advance(bar), EPOCHS))
    digits.picture(results, test, picture)
    say()
    for result in results:
        say(f"  {result.name:<20} {result.accuracy:6.1%} of {len(test.labels)} test digits read rightly")
    if results[-1].accuracy < ENOUGH:
        say(
            f"  The {results[-1].name} should have read {ENOUGH:.0%}: something in tinytorch is wrong. Run: make test",
            style="red",
        )
    return results[-1].accuracy >= ENOUGH


def main() -> int:
    prepare_streams()
    begun = time.perf_counter()
    root, picture = SCRATCH / "course", SCRATCH / "digits.png"
    say("1. A course: released, handed in by six students, graded by plain nbgrader", style="bold")
    try:
        if course.is_done(root):
            say(f"  Nothing has changed since the last time: this is what stands in {shown(root)}.")
        else:
            if not course.has_sandbox():
                say(
                    "  bubblewrap is missing, so these six (our own) run unprotected; a real class would not.",
                    style="red",
                )
            with progress() as bars:
                grade_the_class(root, bars)
        say()
        show_gradebook(root)
    except Mistake as mistake:
        say(str(mistake), style="red")
        return 1
    say()
    say("2. What the students built, at work: 1,797 handwritten digits, modules 01-07 and 09 alone", style="bold")
    passed = train_on_digits(picture)
    say()
    say(f"Done in {time.perf_counter() - begun:.0f} s. To look at:", style="bold")
    name = course.assignments()[0]
    say(f"  {shown(root / 'feedback' / 'chen' / name / f'{name}.html')}    the feedback that a student gets")
    say(f"  {shown(picture)}    the losses, and the misread digits")
    say("What to type next:", style="bold")
    say("  make lab     as a student: JupyterLab, on the first blank")
    say("  make test    as a contributor: every test")
    say("  make book    the course as a book; its instructor's chapter takes a term from zero")
    return 0 if passed else 1


def shown(path: Path) -> str:
    return os.path.relpath(path)


if __name__ == "__main__":
    sys.exit(main())

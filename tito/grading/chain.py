"""The whole chain on a student's own modules: module NN judged with the student's NN-1, NN-2, ... beneath it.

The score that counts is the one on the reference's modules; this one shows what the student's library can do as a whole.
What is correct is still decided by the reference, on the reference's library.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

from ..course import Course
from ..notebooks.cells import is_exported
from ..registry import Module
from .grade import Grader
from .library import prepare
from .plugins import release_at
from .seeds import course_secret, seed_for
from .submission import best_file, source_at
from .submission.folder import Found
from .verdict import Grade


def grade_own(course: Course, module: Module, student: str) -> Grade:
    """The verdict on a student's module with the student's own modules before it. Nothing is written to the gradebook."""
    release = release_at(course.notebook(module), course.root)
    protected = os.environ.get("TITO_UNPROTECTED") != "1"
    with tempfile.TemporaryDirectory(prefix="tito-own-") as folder:
        package = own_package(course, module, student, Path(folder) / course.lib.name)
        library = prepare(package, module.number, Path(folder) / "libraries")
        own = replace(release, library=library, folder=None)
        with (
            Grader(release, protected=protected) as reference,
            Grader(own, protected=protected, judged_by=reference) as grader,
        ):
            submission = submitted(course, module, student, course.notebook(module)).submission
            return grader.grade(submission, seed_for(course_secret(course.root), submission))


def submitted(course: Course, module: Module, student: str, reference: Path) -> Found:
    return best_file(course.root / "submitted" / student / module.folder / reference.name, reference)


def missing(course: Course, module: Module, student: str) -> list[str]:
    """The modules beneath this one, `01_tensor`, that the student has not handed in: without them there is no own score."""
    modules, beneath, waiting = {one.number: one for one in course.modules()}, set(), [*module.needs]
    while waiting:
        if (number := waiting.pop()) in modules.keys() - beneath:
            beneath.add(number)
            waiting += modules[number].needs
    needed = [modules[number] for number in sorted(beneath)]
    return [one.folder for one in needed if submitted(course, one, student, course.notebook(one)).name is None]


def own_package(course: Course, module: Module, student: str, package: Path) -> Path:
    """The library with the files of the earlier modules made from the student's notebooks, at `package`."""
    made = {target for earlier in course.modules() if earlier.number < module.number for target in earlier.targets}
    for path in sorted(course.lib.rglob("*.py")):
        name = f"{course.lib.name}/{path.relative_to(course.lib).as_posix()}"
        if name not in made:
            target = package / path.relative_to(course.lib)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    for earlier in course.modules():
        if earlier.number < module.number:
            for name, text in exported(course, earlier, student).items():
                target = package.parent / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
    return package


def exported(course: Course, module: Module, student: str) -> dict[str, str]:
    """What the notebooks of one module export: the student's cells, repaired, in the place of the reference's."""
    texts = {}
    for path in sorted(course.notebook(module).parent.glob("*.ipynb")):
        source = source_at(path)
        cells = submitted(course, module, student, path).submission.cells if source.tasks else source.cells
        code = [cell.source for cell in cells if cell.kind == "code"]
        default = next(
            (line.split()[-1] for text in code for line in text.split("\n") if line.startswith("#| default_exp")), None
        )
        if default:
            name = f"{course.lib.name}/{default.replace('.', '/')}.py"
            texts[name] = "\n\n".join(text for text in code if is_exported(text)) + "\n"
    return texts

"""Grading that can be trusted: `grade(release, submission, seed) -> {task: result}`. book/instructor.qmd is the tour.

| file | what it does |
|---|---|
| submission/ | what was handed in: found, read, repaired once, and the cells of it that are run |
| sandbox/ | runs cells and probes where they can do no harm; `inside/` is what runs beside a student's code |
| release.py, library.py | what a module is graded with |
| grade.py | the grading of a submission: as a whole, then failed tasks by themselves, then known misconceptions |
| judge.py, outcomes.py | compare plain values and say where they part |
| verdict.py, disclosure.py | what is said of it, and what must not be |
| misconceptions.py, mutants.py, validate.py | wrong work must lose points |
| plugins.py, feedback.py | all of this inside nbgrader, and the page that a student reads |
| classroom.py, gradebook.py, stats.py, chain.py | a whole class, its scores, and a student's own modules |
"""

from .grade import Grader, grade
from .release import Release
from .verdict import Grade, TaskResult

__all__ = ["Grade", "Grader", "Release", "TaskResult", "grade"]

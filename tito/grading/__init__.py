"""Grading that can be trusted: `grade(release, submission, seed) -> {task: result}`. book/instructor.qmd is the tour.

| file | what it does |
|---|---|
| notebook.py | repairs whatever is handed in; chooses the cells to run |
| sandbox.py, play.py, box.py, view.py, wire.py, runner.py, job.py | run cells and probes where they can do no harm |
| judge.py | compares plain values and says where they part |
| grade.py | the verdict: as a whole, then failed tasks by themselves, then known misconceptions |
| misconceptions.py, mutants.py, validate.py | wrong work must lose points |
| plugins.py, feedback.py | all of this inside nbgrader, and the page that a student reads |
"""

from .grade import Grade, Grader, Release, TaskResult, grade

__all__ = ["Grade", "Grader", "Release", "TaskResult", "grade"]

"""nbgrader's settings for this course: solutions -> modules, submitted -> autograded -> feedback."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent
c = get_config()  # noqa: F821  (nbgrader provides it)

c.CourseDirectory.course_id = "tinytorch"
c.CourseDirectory.root = str(ROOT)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "modules"

# The gradebook: gradebook.db beside this file, or a database server, such as postgresql://grader@localhost/tinytorch.
# SQLAlchemy must be told the driver that tinytorch[postgres] installs.
if os.environ.get("NBGRADER_DB_URL"):
    c.CourseDirectory.db_url = os.environ["NBGRADER_DB_URL"].replace("postgresql://", "postgresql+psycopg2://", 1)

# Where released assignments are fetched from and submissions handed in, when students and graders share a machine.
c.Exchange.root = os.environ.get("NBGRADER_EXCHANGE", str(ROOT / "_exchange"))

# `nbgrader zip_collect` knows by it whose file it is, here in a download from Canvas, where adalovelace_LATE_81_9004_02_autograd-1.ipynb
# is late and handed in a second time. Another platform's names need another expression with these two groups.
c.FileNameCollectorPlugin.named_regexp = (
    r".*/(?P<student_id>[^/_]+)_(?:LATE_)?\d+_\d+_(?P<file_id>[^/]+?)(?:-\d+)?\.ipynb$"
)

# What stands in a blank; `tito test` knows by it that a task has not been started.
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\nraise NotImplementedError()"}

# A release: first what the course itself changes (tito/handout.py), then nbgrader's own steps.
c.GenerateAssignment.preprocessors = ["tito.handout.ForStudents"] + [
    f"nbgrader.preprocessors.{step}"
    for step in (
        "IncludeHeaderFooter InstantiateTests LockCells ClearSolutions ClearOutput CheckCellMetadata ComputeChecksums "
        "SaveCells ClearHiddenTests ClearMarkScheme ComputeChecksums CheckCellMetadata"
    ).split()
]

# From when on `tito hint NN.k`, asked once more after the last hint, shows the solution: a date for each module, if any.
c.ForStudents.solutions_after = {}

# Grading: whatever was handed in is repaired, run in a sandbox, and judged by probes beside the reference.
c.Autograde.exporter_class = "tito.grading.plugins.Reader"
c.Autograde.sanitize_preprocessors = ["tito.grading.plugins.Repair"]
c.Autograde.autograde_preprocessors = [
    "tito.grading.plugins.Judge",
    "tito.grading.plugins.SaveScores",
    "nbgrader.preprocessors.AssignLatePenalties",
]
c.GenerateFeedback.exporter_class = "tito.grading.plugins.FeedbackPage"
c.GenerateFeedback.preprocessors = ["nbgrader.preprocessors.GetGrades"]

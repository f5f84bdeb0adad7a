"""JupyterLab as a student sees it: the settings of a server that is started in a workspace, and what Validate says.

The environment's `etc/jupyter/jupyter_server_config.py` calls `configure`, which does nothing outside a workspace. It
switches off what nbgrader brings for instructors, and the question about news; Validate keeps nbgrader's dialog, and ends
it with how many tasks are done.
"""

from __future__ import annotations

import html
import json
import os
import sys
from pathlib import Path

from .console import Mistake
from .course import Course
from .files import write_atomic

CONFIG = Path(sys.prefix) / "etc" / "jupyter" / "jupyter_server_config.py"
LINE = "tito.lab.configure(get_config())"
TEXT = f"""# Written by `tito new`: a server that is started in a tinytorch workspace shows what a student needs.
import tito.lab

{LINE}
"""
INSTRUCTORS = ("formgrader", "assignment_list", "course_list")
"""nbgrader's server extensions that a student has no use for."""
PLUGINS = ("formgrader", "menu", "assignment-list", "course-list", "create-assignment")
BLANK, WAITING = "still blank", "waiting for a task that is still blank"
PAGE = {
    "disabledExtensions": {
        **{f"@jupyter/nbgrader:{name}": True for name in PLUGINS},
        "@jupyterlab/apputils-extension:announcements": True,
    }
}
"""What JupyterLab's page leaves out, as its labconfig/page_config.json says it."""


def configure(c, start: Path | None = None) -> None:
    """Set up a server that is started in a workspace; `c` is the configuration that Jupyter is reading."""
    try:
        course = Course.find(start)
    except (Mistake, OSError):
        return
    if course.nbs != course.modules_folder:
        return
    _first("PYTHONPATH", str(course.root))
    _first("JUPYTER_CONFIG_PATH", str(course.root / ".tito" / "jupyter"))
    c.LabApp.news_url = None
    c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
    c.ServerApp.jpserver_extensions = {f"nbgrader.server_extensions.{name}": False for name in INSTRUCTORS}
    speak_of_progress()


def installed() -> bool:
    """Whether this environment's servers ask `configure`."""
    return CONFIG.is_file() and LINE in CONFIG.read_text(encoding="utf-8")


def install() -> bool:
    """Have this environment's servers ask `configure`; False where the environment may not be written to."""
    if installed():
        return True
    try:
        before = CONFIG.read_text(encoding="utf-8") if CONFIG.is_file() else ""
        write_atomic(CONFIG, f"{before}\n{TEXT}" if before else TEXT)
    except OSError:
        return False
    return True


def _first(variable: str, path: str) -> None:
    """Put a path in front of those that an environment variable holds."""
    before = os.environ.get(variable, "")
    if before.split(os.pathsep)[0] != path:
        os.environ[variable] = os.pathsep.join([path, *([before] if before else [])])


def page_config() -> str:
    return json.dumps(PAGE, indent=1) + "\n"


def as_opened(notebook: dict) -> dict:
    """The notebook with the metadata that JupyterLab gives it as soon as its kernel runs: opening it changes nothing."""
    try:
        from ipykernel.ipkernel import IPythonKernel
        from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

        name = KernelSpecManager().get_kernel_spec("python3").display_name
    except (ImportError, NoSuchKernel):
        return notebook
    kernel = {"display_name": name, "language": "python", "name": "python3"}
    metadata = {**notebook["metadata"], "kernelspec": kernel, "language_info": dict(IPythonKernel.language_info)}
    return {**notebook, "metadata": metadata}


def speak_of_progress() -> None:
    """Let nbgrader's Validate button end with `3 of 12 tasks, next 01.4`."""
    try:
        from nbgrader.server_extensions.validate_assignment import handlers
    except ImportError:
        return
    handlers.Validator = validator()


def not_written(cell: dict) -> bool:
    """Whether the cell's check ran into a blank."""
    return any(output.get("ename") == "NotImplementedError" for output in cell.get("outputs", ()))


def validator() -> type:
    """nbgrader's Validator: all blanks are one line, and the last words of its dialog say how many tasks are done."""
    from nbformat import NotebookNode
    from nbgrader.utils import determine_grade, is_grade
    from nbgrader.validator import Validator

    from .notebooks import is_blank, task_of
    from .status import progress

    class Progress(Validator):
        def _get_failed_cells(self, nb):
            marks = [(cell, mark) for cell in nb.cells if (mark := task_of(cell))]
            blank = {mark[0] for cell, mark in marks if mark[1] == "solution" and is_blank(cell)}
            scores = {mark[0]: determine_grade(cell, self.log) for cell, mark in marks if is_grade(cell)}
            self.words = progress(scores, [task for task, (score, most) in scores.items() if score == most])
            failed, self.said = super()._get_failed_cells(nb), {}
            unwritten = {task_of(cell)[0]: cell for cell in failed if task_of(cell) and not_written(cell)}
            result = [cell for cell in failed if cell not in unwritten.values()]
            for words, tasks in ((BLANK, unwritten.keys() & blank), (WAITING, unwritten.keys() - blank)):
                if tasks:
                    listed = [task for task in unwritten if task in tasks]
                    result.append(NotebookNode({**unwritten[listed[0]], "source": ", ".join(listed)}))
                    self.said[id(result[-1])] = words
            return result

        def _extract_error(self, cell):
            return self.said.get(id(cell)) or super()._extract_error(cell)

        def validate(self, filename):
            results = super().validate(filename)
            if failed := results.get("failed"):
                failed[-1]["error"] += f"\n\n{html.escape(self.words)}"
                failed[-1]["raw_error"] += f"\n\n{self.words}"
            return results

    return Progress

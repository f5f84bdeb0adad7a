"""What a kernel says beside the output of a cell: which check passed, where help is, and `%hint 01.4`."""

from __future__ import annotations

import re
from pathlib import Path

from . import checks

HEADING = re.compile(r"# Task (?P<task>\d\d\.\d+)(?:: (?P<title>.*))? \((?P<points>[\d.]+) points?\)\s*")
"""The first line of a check, as a release writes it (tito/handout.py)."""


class Lesson:
    """The hooks of one kernel, for the course at `root` (None where the notebook lies in no course)."""

    def __init__(self, shell, root: Path | None):
        self.shell, self.root = shell, root

    def after_cell(self, result) -> None:
        """A tick for a check that passed; a way on for one that failed."""
        for name in [name for name in self.shell.user_ns if name.startswith("@")]:
            del self.shell.user_ns[name]  # values of a check that was broken off
        if way_on := missing_file(result.error_in_exec):
            print(way_on)
        source = getattr(result.info, "raw_cell", None) or ""
        heading = HEADING.fullmatch(source.split("\n", 1)[0])
        if not heading:
            return
        if result.success:
            title = f": {heading['title']}" if heading["title"] else ""
            print(f"\u2713 Task {heading['task']}{title} ({heading['points']} points)")
        elif self.has_hints(heading["task"]):
            print(f"Stuck? %hint {heading['task']} in a cell, or tito hint {heading['task']}")

    def has_hints(self, task: str) -> bool:
        try:
            return self.root is not None and hints_module().has_hints(self.course(), task)
        except Exception:
            return False

    def course(self):
        from .course import Course

        return Course.find(self.root or Path.cwd())

    def hint(self, line: str) -> None:
        """%hint 01.4 shows the next hint for a task."""
        from .console import Mistake

        try:
            print(hints_module().next_help(self.course(), line))
        except Mistake as mistake:
            print(mistake)


def missing_file(error) -> str:
    """What to do when an imported file of the library has not been made by its module yet; "" for other errors."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    from .registry import module_of

    module = module_of(f"{error.name.replace('.', '/')}.py")
    if module is None:
        return ""
    return (
        f"{error.name} is built in module {module.nn}: finish it, then run tito export {module.nn}. "
        "To begin here without it: tito new FOLDER --from NN, with this module's number, brings what comes before."
    )


def hints_module():
    """Read late: a kernel starts without it."""
    from . import hints

    return hints


def load(shell, root: Path | None) -> None:
    """Let the checks of this kernel speak."""
    checks.load_ipython_extension(shell)
    lesson = Lesson(shell, root)
    for hook in list(shell.events.callbacks["post_run_cell"]):
        if isinstance(getattr(hook, "__self__", None), Lesson):
            shell.events.unregister("post_run_cell", hook)
    shell.events.register("post_run_cell", lesson.after_cell)
    shell.register_magic_function(lesson.hint, "line", "hint")

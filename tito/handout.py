"""What a student's notebook has otherwise than its source, besides what nbgrader itself takes out.

Hints leave the page; they stand in the notebook's metadata, where `tito hint` finds them.
"""

from __future__ import annotations

from nbgrader.preprocessors import NbGraderPreprocessor

from . import notebooks as nb
from .limits import hint_list, is_hints

KEY = "tito"
"""Under which name the notebook's metadata holds what is not shown."""


def handout(notebook: dict) -> dict:
    """The students' form of a source notebook, still with its solutions and hidden tests."""
    hints = hints_of(notebook)
    cells = [cell for cell in notebook["cells"] if not is_hints(cell)]
    kept = {"hints": hints} if hints else {}
    metadata = {**notebook["metadata"], **({KEY: kept} if kept else {})}
    return {**notebook, "cells": cells, "metadata": metadata}


def hints_of(notebook: dict) -> dict[str, list[str]]:
    """The hints by task: those before the solution cell of each."""
    found, waiting = {}, []
    for cell in notebook["cells"]:
        mark = nb.task_of(cell)
        if is_hints(cell):
            waiting = hint_list(cell)
        elif mark and mark[1] == "solution":
            if waiting:
                found[mark[0]] = waiting
            waiting = []
    return found


class ForStudents(NbGraderPreprocessor):
    """The first step of a release; nbgrader_config.py names it."""

    def preprocess(self, nb, resources):
        from nbformat import from_dict

        return from_dict(handout(nb)), resources

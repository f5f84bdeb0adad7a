"""Where a class stands, task by task: how many passed, what most of them got wrong, where they stopped, how long it ran."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ..course import Course
from ..registry import Module
from .gradebook import Scores, graded_students, verdict


@dataclass(frozen=True)
class TaskStats:
    """One task over the class. `misconception` is the commonest one and `times` how often it was seen; `first`: for how many it was the first task not passed."""

    id: str
    title: str
    attempted: int
    passed: int
    students: int
    misconception: str
    times: int
    first: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.passed / self.students


def verdicts_of(course: Course, module: Module, scores: Scores) -> list[dict[str, dict]]:
    """The verdict on each student's notebook: task -> what the grader said, with the gradebook's points."""
    found = (verdict(course, module, student, scores) for student in graded_students(course, module))
    return [tasks for tasks in found if tasks]


def statistics(verdicts: list[dict[str, dict]]) -> list[TaskStats]:
    """One row a task, in the order of the notebook; empty when nothing is graded."""
    if not verdicts:
        return []
    firsts = Counter(next((id for id, task in tasks.items() if not full(task)), None) for tasks in verdicts)
    rows = []
    for id, task in verdicts[0].items():
        found = [tasks[id] for tasks in verdicts if id in tasks]
        names = Counter(one["misconception"] for one in found if one["misconception"])
        name, times = names.most_common(1)[0] if names else ("", 0)
        tried = [one for one in found if one["attempted"]]
        seconds = median([one["seconds"] for one in tried]) if tried else 0.0
        passed = sum(full(one) for one in found)
        rows.append(TaskStats(id, task["title"], len(tried), passed, len(found), name, times, firsts[id], seconds))
    return rows


def full(task: dict) -> bool:
    return task["points"] >= task["max_points"]


def picture(module: Module, verdicts: list[dict[str, dict]], rows: list[TaskStats], path: Path) -> None:
    """The distribution of the points, and the pass rate of each task, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    totals = [sum(task["points"] for task in tasks.values()) for tasks in verdicts]
    most = sum(task["max_points"] for task in verdicts[0].values())
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
    left.hist(totals, bins=[most * i / 20 for i in range(21)], color="#4477aa", edgecolor="white")
    left.set(
        xlabel=f"points of {most:g}", ylabel="students", title=f"{module.nn} {module.title}: {len(totals)} students"
    )
    left.yaxis.get_major_locator().set_params(integer=True)
    bars = right.barh([row.id for row in rows], [100 * row.rate for row in rows], color="#66aa77")
    right.bar_label(bars, [f"{row.passed}" for row in rows], padding=3)
    right.set(xlabel="passed, %", xlim=(0, 110), title="each task")
    right.invert_yaxis()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)

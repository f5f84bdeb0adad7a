"""Hints, one step at a time, in a terminal and in a kernel; the solution after its date."""

import datetime
import json

import pytest

from tito import hints
from tito import notebooks as nb
from tito.console import Mistake
from tito.course import HOME, Course
from tito.registry import BY_NUMBER
from tito.release import fresh


def test_each_call_shows_one_more(workspace, tito):
    steps = [tito("hint", "01.2", cwd=workspace).out for _ in range(4)]
    assert "A question: What is asked?" in steps[0] and "pointer" not in steps[0] and "2 more" in steps[0]
    assert "A pointer: Look at the line above." in steps[1] and "shape" not in steps[1]
    assert "The shape of a solution: One expression." in steps[2] and "the last one" in steps[2]
    assert steps[3] == steps[2]
    assert json.loads((workspace / ".tito/state.json").read_text())["01"]["hints"] == {"01.2": 3}
    assert "2 more" in tito("hint", "1-1", cwd=workspace).out


@pytest.mark.parametrize("text", ["four", "01", "01.9", "23.1"])
def test_no_such_task(workspace, tito, text):
    said = tito("hint", text, cwd=workspace)
    assert said.code == 1 and said.err


def dated(course, day):
    path = course / "nbgrader_config.py"
    text = path.read_text().replace("solutions_after = {}", f"solutions_after = {{'01': {day!r}}}")
    path.write_text(text)
    mine = Course.read(course)
    for name, data in fresh(mine, BY_NUMBER[1]).items():
        (mine.modules_folder / "01_tensor" / name).write_bytes(data)
    return mine


def test_the_solution_follows_after_its_date(course, monkeypatch):
    mine, day = dated(course, "2026-10-01"), datetime.date(2026, 10, 1)
    real = hints.reference
    monkeypatch.setattr(hints, "reference", lambda module, task: real(module, task, course / "tinytorch"))
    for _ in range(3):
        assert hints.next_help(mine, "01.1", day).solution == "", "the hints come first"
    before = hints.next_help(mine, "01.1", day - datetime.timedelta(1))
    assert before.solution == "" and "A solution is shown from 01 October 2026 on." in str(before)
    assert "return doubled" in str(hints.next_help(mine, "01.1", day))
    assert hints.next_help(mine, "01.1", day).solution.startswith("def twice(x):")
    assert "hints" in nb.read(mine.modules_folder / "01_tensor/01_tensor.ipynb")["metadata"]["tito"]


def test_without_a_date_there_is_no_solution(workspace):
    course, far = Course.read(workspace), datetime.date(9999, 1, 1)
    assert [hints.next_help(course, "01.1", far).solution for _ in range(5)] == [""] * 5


def test_a_date_that_is_none_is_refused(course):
    with pytest.raises(Mistake, match="'soon' is no date"):
        dated(course, "soon")


def test_every_solution_is_found_in_the_reference():
    course = Course.read(HOME)
    for module in course.modules():
        for task in nb.tasks_of(nb.read(course.notebook(module))):
            assert "def " in hints.reference(module, task) or "class " in hints.reference(module, task), task

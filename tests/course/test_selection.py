"""Which cells are run for one task: its own check, what stands before it, and of another task's check only what is defined there."""

from sample_course import check, code, solution

from tito.selection import cells_for_task, cells_for_tasks, every_cell, only

CELLS = [
    code("imports", "#| export\nimport math"),
    code("helper", "def small():\n    return seven"),
    code("seven", "seven = 7"),
    code("picture", "plot(math)"),
    solution("01-1", "def one(x):\n    return x"),
    check("01-1", 1, "import json\ndef problem():\n    return json.loads('1')\n\nassert one(1) == 2\nend = problem()"),
    solution("01-2", "def two(x):\n    return x"),
    code("show", "two(1)"),
    check("01-2", 1, "assert two(problem()) == 1 and small()"),
    solution("01-3", "def three(x):\n    return x"),
    check("01-3", 1, "assert three(end)"),
]
NOTEBOOK = {"cells": CELLS, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def names(sources):
    return [CELLS[index]["id"] for index in sorted(sources)]


def test_one_task_runs_up_to_its_check_without_the_checks_and_examples_of_others():
    assert names(cells_for_task(NOTEBOOK, "01.1")) == ["imports", "01-1-solution", "01-1"]


def test_of_another_tasks_check_only_the_definitions_are_run_that_are_needed():
    sources = cells_for_task(NOTEBOOK, "01.2")
    assert names(sources) == ["imports", "helper", "seven", "01-1-solution", "01-1", "01-2-solution", "01-2"]
    assert sources[5] == "import json\ndef problem():\n    return json.loads('1')\n\n\n"
    sources = cells_for_task(NOTEBOOK, "01.3")
    assert sources[5] == "import json\ndef problem():\n    return json.loads('1')\n\n\nend = problem()"
    assert 8 not in sources


def test_all_tasks_leave_out_only_what_none_needs():
    assert set(names(every_cell(NOTEBOOK))) - set(names(cells_for_tasks(NOTEBOOK))) == {"picture", "show"}


def test_only_keeps_decorators_and_line_numbers():
    source = "a = 1\n@cache\ndef f():\n    return b\nb = 2\nf()"
    assert only(source, frozenset({"f"})) == "\n@cache\ndef f():\n    return b\nb = 2\n"
    assert only(source, frozenset({"z"})) == "" and only("def", frozenset({"def"})) == ""

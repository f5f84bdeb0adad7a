"""What students' notebooks have otherwise than their sources."""

import json

import pytest

from tito import handout
from tito import notebooks as nb
from tito.course import HOME, Course
from tito.limits import is_hints

COURSE = Course.read(HOME)
EACH = pytest.mark.parametrize("module", COURSE.modules(), ids=lambda module: module.folder)


@EACH
def test_hints_leave_the_page_and_stay_in_the_metadata(module):
    source = nb.read(COURSE.notebook(module))
    released = nb.read(COURSE.modules_folder / module.folder / f"{module.folder}.ipynb")
    assert not any(is_hints(cell) for cell in released["cells"])
    assert released["metadata"].get("tito", {}).get("hints", {}) == handout.hints_of(source)
    shown = json.dumps(released["cells"])
    for items in handout.hints_of(source).values():
        assert not any(json.dumps(item)[1:-1] in shown for item in items)


def test_the_hints_of_the_sample(course):
    released = nb.read(Course.read(course).modules_folder / "01_tensor/01_tensor.ipynb")
    assert released["metadata"]["tito"]["hints"]["01.2"] == [
        "What is asked?",
        "Look at the line above.",
        "One expression.",
    ]


def source_and_release(module):
    source = nb.read(COURSE.notebook(module))
    return source, nb.read(COURSE.modules_folder / module.folder / f"{module.folder}.ipynb")


@EACH
def test_every_example_says_what_it_should_print(module):
    source, released = source_and_release(module)
    cells = {cell["id"]: cell for cell in released["cells"]}
    examples = [cell for cell in source["cells"] if handout.expected_text(cell)]
    assert len(examples) >= 5
    for cell in examples:
        told = nb.text(cells[cell["id"] + "-expected"])
        assert handout.expected_text(cell) in told and told.startswith("It should print:\n\n```text\n")
        ids = [one["id"] for one in released["cells"]]
        assert ids.index(cell["id"] + "-expected") == ids.index(cell["id"]) + 1


@EACH
def test_a_check_begins_with_its_task_and_points(module):
    source, released = source_and_release(module)
    for task in nb.tasks_of(source).values():
        cell = next(c for c in released["cells"] if nb.task_of(c) == (task.id, "test"))
        assert nb.text(cell).split("\n")[0] == f"# Task {task.id}: {task.title} ({task.points:g} points)"


@EACH
def test_students_see_no_mark_of_the_tools(module):
    for path in sorted((COURSE.modules_folder / module.folder).glob("*.ipynb")):
        for cell in nb.code_cells(nb.read(path)):
            for mark in ("NBVAL", "# fmt:", "# noqa", "### BEGIN", "### END"):
                assert mark not in nb.text(cell), nb.text(cell)


@EACH
def test_no_blank_lines_are_left_where_hidden_tests_were(module):
    for cell in nb.code_cells(source_and_release(module)[1]):
        assert nb.text(cell) == nb.text(cell).rstrip(), nb.text(cell)


@EACH
def test_what_a_cell_does_is_the_same(module):
    """The grader knows a submission's cells by their meaning."""
    from tito.notebooks.names import fingerprint
    from tito.notebooks.tasks import read_source

    source = read_source(COURSE.notebook(module))
    cells = {cell["id"]: nb.text(cell) for cell in source_and_release(module)[1]["cells"]}
    for cell in source.cells:
        if cell.kind == "code":
            assert fingerprint(cells[cell.id]) == fingerprint(cell.stub), cell.id


def example(*outputs):
    return {"cell_type": "code", "id": "a", "metadata": {}, "source": "# NBVAL_CHECK_OUTPUT\nf()", "outputs": outputs}


def test_printed_and_shown_output_are_one_text():
    printed = {"output_type": "stream", "name": "stdout", "text": ["a  \n", "b\n"]}
    shown = {"output_type": "execute_result", "data": {"text/plain": ["3"]}, "metadata": {}, "execution_count": None}
    assert handout.expected_text(example(printed, shown)) == "a\nb\n3"
    assert handout.expected_text(example()) == ""
    assert handout.source_for_students(example(), {}) == "f()"
    assert nb.text(handout.expected_cell(example(), "```")) == "It should print:\n\n````text\n```\n````"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1  # fmt: skip\ny = 2", "x = 1\ny = 2"),
        ("# fmt: off\nx = 1\n# fmt: on\ny = 2", "x = 1\ny = 2"),
        ("import a  # noqa: F401", "import a"),
        ("x = 1  # nothing", "x = 1  # nothing"),
    ],
)
def test_the_tools_marks_leave(before, after):
    assert handout.source_for_students({"source": before, "metadata": {}, "cell_type": "code"}, {}) == after

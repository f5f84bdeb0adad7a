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

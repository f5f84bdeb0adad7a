"""Plain nbgrader commands: every submission is graded, none stops the others, the feedback tells and does not tell all."""

import copy
import json
import shutil

import pytest
import small

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

ALL = {"00-1": 10, "00-2": 20, "00-3": 30, "00-4": 40}
NONE = dict.fromkeys(ALL, 0)
EPSILON = """def scale(x, eps=1e-5):
    c = centre(x)
    print("<script>alert(1)</script>")
    return c / (np.sqrt((c * c).mean(axis=-1, keepdims=True)) + eps)"""


def with_copies():
    notebook = small.solved()
    notebook["cells"] += [copy.deepcopy(cell) for cell in notebook["cells"] if cell["id"].startswith("00-")]
    return notebook


def on_stderr():
    return small.solved(
        t1=small.cell(small.solved(), "00-1-solution")["source"] + "\nimport sys\nsys.stderr.write('!')"
    )


def without_metadata():
    notebook = small.solved()
    for cell in notebook["cells"]:
        cell["metadata"] = {}
    return notebook


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    from tests.grading.conftest import make

    course = make(tmp_path_factory.mktemp("nbgrader"))
    assert course.nbgrader("generate_assignment", course.name).returncode == 0
    work = {
        "a-perfect": small.solved(),
        "b-broken": b"{{{",
        "c-blank": small.release(),
        "d-epsilon": small.solved(t2=EPSILON),
        "e-copies": with_copies(),
        "f-nothing": None,
        "g-stderr": on_stderr(),
        "h-no-metadata": without_metadata(),
        "j-error": small.solved(t1="def centre(x):\n    return oops"),
    }
    for student, notebook in work.items():
        course.hand_in(student, notebook)
    course.hand_in("k-wrong-name", small.solved(), "my final (1).ipynb")
    course.hand_in("l-link", None)
    course.hand_in("m-two-files", {**small.release(), "cells": small.solved()["cells"][:6]})
    course.hand_in("m-two-files", small.solved(), "00_small_final.ipynb")
    course.hand_in("n-zip", b"PK", "upload.zip")
    course.hand_in("n-zip", b"2026-01-01 00:00:00 UTC", "timestamp.txt")
    (course.root / "submitted" / "l-link" / course.name / "00_small.ipynb").symlink_to(
        course.root / "solutions" / "00_small" / "00_small.ipynb"
    )
    done = course.nbgrader("autograde", course.name)
    assert done.returncode == 0, done.stderr
    done = course.nbgrader("generate_feedback", course.name)
    assert done.returncode == 0, done.stderr
    return course


def test_scores(graded):
    assert graded.scores() == {
        "a-perfect": ALL,
        "b-broken": NONE,
        "c-blank": NONE,
        "d-epsilon": {**ALL, "00-2": 0},
        "e-copies": ALL,
        "f-nothing": NONE,
        "g-stderr": ALL,
        "h-no-metadata": ALL,
        "j-error": {**ALL, "00-1": 0},
        "k-wrong-name": ALL,
        "l-link": NONE,
        "m-two-files": ALL,
        "n-zip": NONE,
    }


def page(graded, student):
    return (graded.root / "feedback" / student / graded.name / f"{graded.name}.html").read_text()


def test_feedback_names_the_misconception_and_what_differs(graded):
    text = page(graded, "d-epsilon")
    for said in ("80</span> of 100", "epsilon outside the root", "expected", "largest difference", 'href="#task-00.2"'):
        assert said in text


def test_feedback_holds_no_hidden_test_and_no_solution(graded):
    hidden = [
        cell["source"].split("### BEGIN HIDDEN TESTS")[1]
        for cell in small.source()["cells"]
        if "HIDDEN" in cell["source"]
    ]
    lines = {line.strip() for text in hidden for line in text.split("\n") if len(line.strip()) > 20 and '"' not in line}
    for student in ("d-epsilon", "c-blank", "b-broken", "j-error"):
        text = page(graded, student)
        assert not [line for line in lines if line in text] and "HIDDEN" not in text and "probe_" not in text
    assert "keepdims" not in page(graded, "c-blank")


def test_what_a_student_prints_is_text_on_the_page(graded):
    assert "<script" not in page(graded, "d-epsilon") and "&lt;script&gt;" in page(graded, "d-epsilon")


def test_never_all_passed_when_one_failed(graded):
    section = page(graded, "d-epsilon").split('id="task-00.2"')[1].split("</section>")[0]
    assert "hidden checks passed.</p>\n<ul><li>Not yet: <b>" in section and "All" not in section


def test_an_error_is_shown_with_the_students_own_line(graded):
    assert "<code>return oops</code>" in page(graded, "j-error")


def test_the_autograded_notebook_says_the_points_as_nbgrader_reads_them(graded):
    test = next(cell for cell in graded.autograded("d-epsilon")["cells"] if cell["id"] == "00-2")
    first = test["outputs"][0]
    assert first["output_type"] == "execute_result" and "".join(first["data"]["text/plain"]) == "0.0"
    assert "epsilon outside the root" in "".join(test["outputs"][1]["data"]["text/plain"])


def test_remarks_say_what_was_repaired(graded):
    assert "were replaced" not in page(graded, "a-perfect") and "repaired" not in page(graded, "a-perfect")
    assert "not a notebook" in page(graded, "b-broken") and "graded instead" in page(graded, "k-wrong-name")
    assert "links are not followed" in page(graded, "l-link")
    assert "holds fewer solutions; 00_small_final.ipynb was graded instead" in page(graded, "m-two-files")
    remarks = graded.autograded("n-zip")["metadata"]["tinytorch"]["grade"]["remarks"]
    assert remarks == ["There is no notebook in the folder, only upload.zip."]


def test_what_could_not_be_read_is_not_called_untouched(graded):
    for student in ("b-broken", "f-nothing", "n-zip"):
        text = page(graded, student)
        assert text.count("nothing of this task could be read") == 4 and "as it was given" not in text
        assert "Your solution" not in text
    blank = page(graded, "c-blank")
    assert blank.count("the blank is as it was given") == 4 and "could be read" not in blank


def test_no_comment_that_nobody_wrote(graded):
    for student in ("b-broken", "c-blank", "a-perfect"):
        assert "Comment by your instructor" not in page(graded, student) and "No response" not in page(graded, student)


def test_grading_again_changes_nothing(graded):
    before = graded.scores()
    done = graded.nbgrader("autograde", graded.name, "--student", "d-epsilon", "--force")
    assert done.returncode == 0, done.stderr
    assert graded.scores() == before


def test_a_change_by_hand_stays_and_is_shown(graded):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{graded.root / 'gradebook.db'}") as gradebook:
        gradebook.find_grade("00-2", graded.name, graded.name, "d-epsilon").manual_score = 15
        gradebook.find_comment("00-2-solution", graded.name, graded.name, "d-epsilon").manual_comment = "Nearly <there>"
        gradebook.db.commit()
    done = graded.nbgrader("generate_feedback", graded.name, "--student", "d-epsilon", "--force")
    assert done.returncode == 0, done.stderr
    text = page(graded, "d-epsilon")
    assert "95</span> of 100" in text and "changed by hand: 0 of 20" in text and "Nearly &lt;there&gt;" in text


def test_kept_outcomes_hold_no_student_work(graded):
    kept = [json.loads(path.read_text()) for path in (graded.root / ".grading" / "outcomes").rglob("*.json")]
    assert kept and "alert" not in json.dumps(kept)

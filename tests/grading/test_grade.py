"""The one call: what a submission scores and what is said about it. Everything runs in the real sandbox."""

import json
import re
import shutil

import pytest
import small

from tests.grading.conftest import make
from tito.grading import feedback
from tito.grading.grade import Grader, grade
from tito.grading.outcomes import same_outcome
from tito.grading.release import Release
from tito.grading.sandbox import Error, Limits
from tito.grading.seeds import course_secret, seed_for
from tito.grading.submission import alone, repair
from tito.grading.verdict import Grade

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@pytest.fixture(scope="module")
def grader(tmp_path_factory):
    root = tmp_path_factory.mktemp("course")
    make(root)
    release = Release.open(root / "solutions" / "00_small" / "00_small.ipynb", folder=root / ".grading")
    limits = Limits(cell_seconds=2, total_seconds=20, probe_seconds=2, probe_total_seconds=10, memory=2**30)
    with Grader(release, limits=limits) as one:
        yield one


FULL = {"00.1": 10, "00.2": 20, "00.3": 30, "00.4": 40}


def test_the_reference_scores_all_and_the_blank_nothing(grader):
    assert grader.grade(small.solved()).scores() == FULL
    blank = grader.grade(small.release())
    assert blank.points == 0 and blank["00.1"].message == "Not attempted: the blank is as it was given."


def test_partial_credit_per_probe_and_a_message(grader):
    result = grader.grade(small.solved(t4="def median(xs):\n    return sorted(xs)[len(xs) // 2]"))
    assert result.scores() == {**FULL, "00.4": 20}
    assert "1 of 2 hidden checks passed" in result["00.4"].message
    assert "Not yet: an even number of values" in result["00.4"].message


def test_a_fault_costs_its_own_task_only(grader):
    result = grader.grade(small.solved(t1="def centre(x):\n    return oops(x)"))
    assert result.scores() == {**FULL, "00.1": 0}
    assert "NameError: name 'oops' is not defined, in the line `return oops(x)`" in result["00.1"].message
    assert "judged by itself" in result["00.2"].message and "All 2 hidden checks passed" in result["00.2"].message


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("#| export\ndef scale(x, eps=1e-5)\n    return centre(x)", "line 2: expected ':'."),
        ("\n\n  \n#| export\ndef scale(x):\nreturn x", "line 6: expected an indented block"),
        ("def scale(x):\n    return x\nreturn 1", "line 3: 'return' outside function."),
    ],
)
def test_a_cell_that_does_not_compile_is_said_first_with_its_line(grader, cell, says):
    result = grader.grade(small.solved(t2=cell))
    assert result.scores() == {**FULL, "00.2": 0}
    message = result["00.2"].message
    assert message.startswith(f"The cell with your solution does not compile: {says}")
    assert "0 of 2 hidden checks passed." in message and "Not yet: the second argument." in message
    assert "NameError" not in message and "ipython-input" not in message


def test_code_that_compiles_something_wrong_is_no_cell_that_does_not_compile(grader):
    message = grader.grade(small.solved(t2="exec('def (')\ndef scale(x, eps=1e-5):\n    return x"))["00.2"].message
    assert "The cell with your solution raised SyntaxError" in message and "does not compile" not in message


def test_a_known_misconception_is_named(grader):
    for mistake in grader.release.misconceptions:
        notebook = small.solved(**{f"t{mistake.task[-1]}": mistake.source})
        result = grader.grade(notebook)
        assert {id for id, points in result.scores().items() if points < FULL[id]} == {mistake.task}
        assert f"This looks like a known misconception: {mistake.name}. {mistake.hint}" in result[mistake.task].message


def test_a_helper_in_an_extra_cell_counts(grader):
    notebook = small.solved(t4="def median(xs):\n    return middle(xs)")
    notebook["cells"].append(
        small.code(small.cell(small.solved(), "00-4-solution")["source"].replace("median", "middle"))
    )
    assert grader.grade(notebook).scores() == FULL


def test_an_endless_loop_costs_its_own_task_only(grader):
    result = grader.grade(small.solved(t1="def centre(x):\n    while True:\n        pass"))
    assert result.scores() == {**FULL, "00.1": 0}
    assert "did not end within the time limit" in result["00.1"].message


def test_a_process_that_ends_itself_costs_its_own_task_only(grader):
    result = grader.grade(small.solved(t3="import os\nclass Counter:\n    def add(self, n):\n        os._exit(0)"))
    assert result.scores() == {**FULL, "00.3": 0}


def test_hidden_tests_are_not_quoted(grader):
    spy = """def centre(x):
    import sys
    code = sys._getframe(1).f_code
    raise ValueError(repr(code.co_consts) + code.co_name)"""
    message = grader.grade(small.solved(t1=spy))["00.1"].message
    assert "probe_matrix" not in message and "rows of a matrix. Your code raised" in message


def test_the_hidden_region_is_nowhere_in_what_the_student_runs(grader):
    spy = 'def centre(x):\n    global In\n    raise ValueError(" ".join(In)[-40:])'
    run = grader.grade(small.solved(t1=spy)).run
    assert "probe_" not in json.dumps(run.outputs)


@pytest.mark.parametrize("data", [None, b"", b"{{{", b"\xff\xfe\x00", {"cells": []}, {"cells": [{}]}])
def test_what_is_not_a_notebook_scores_nothing_and_is_no_error(grader, data):
    result = grader.grade(data)
    assert result.points == 0 and len(result) == 4 and result.remarks


def test_the_same_submission_gets_the_same_verdict(grader):
    notebook = small.solved(t2="def scale(x, eps=1e-5):\n    return centre(x)")
    first, second = (grader.grade(notebook).to_json() for _ in range(2))
    for result in (first, second):
        del result["seconds"]
        for task in result["tasks"].values():
            del task["seconds"]
    assert first == second


def test_a_result_survives_a_file(grader):
    result = grader.grade(small.solved(t1="def centre(x):\n    return x"))
    again = Grade.from_json(json.loads(json.dumps(result.to_json())))
    assert again.scores() == result.scores() and again["00.1"].message == result["00.1"].message


def test_the_pure_call_needs_no_course(tmp_path):
    source, submission = tmp_path / "00_small.ipynb", tmp_path / "handed in.ipynb"
    source.write_text(json.dumps(small.source()))
    submission.write_text(json.dumps(small.solved()))
    result = grade(source, submission, seed=3, folder=tmp_path / "kept")
    assert {id: (task.points, bool(task.message)) for id, task in result.items()} == {
        id: (points, True) for id, points in FULL.items()
    }


def test_another_seed_draws_other_inputs_and_gives_the_same_score(grader):
    assert (
        grader.expected(0)["00.1"]["probe_vector"][0].tolist() != grader.expected(1)["00.1"]["probe_vector"][0].tolist()
    )
    assert grader.grade(small.solved(), seed=1).scores() == FULL


def test_an_unchanged_submission_is_not_run_again(grader, monkeypatch):
    notebook = small.solved(t2="def scale(x, eps=1e-5):\n    return 1")
    first = grader.grade(notebook, keep=True)
    monkeypatch.setattr(grader, "run", None)
    again = grader.grade(notebook, keep=True)
    assert again.was_kept and not first.was_kept
    assert again.to_json() == first.to_json() and again.run.outputs == first.run.outputs
    with pytest.raises(TypeError):
        grader.grade(notebook, seed=1, keep=True)


def test_the_feedback_page_lists_the_tasks_in_their_order():
    """nbgrader writes the notebook's metadata sorted as text, in which 02.10 comes before 02.2."""
    task = {"title": "", "points": 1.0, "max_points": 1.0, "attempted": False, "probes": [], "misconception": ""}
    ids = ["02.1", "02.10", "02.11", "02.2"]
    tasks = {
        id: {**task, "id": id, "title": f"title-{id}", "note": "", "hint": "", "found": True, "seconds": 0.0}
        for id in ids
    }
    grade = {"name": "02_x", "tasks": tasks, "remarks": []}
    page = feedback.page({"metadata": {"tinytorch": {"grade": grade}}, "cells": []})
    assert re.findall(r"title-02\.\d+", page)[:4] == [f"title-{id}" for id in ("02.1", "02.2", "02.10", "02.11")]


def test_a_path_must_be_there_and_a_text_is_the_notebook(tmp_path):
    release = Release.open(make(tmp_path).root / "solutions" / "00_small" / "00_small.ipynb")
    for missing in ("nope.ipynb", tmp_path / "nope.ipynb"):
        with pytest.raises(FileNotFoundError, match="nope.ipynb"):
            grade(release, missing)
    with pytest.raises(IsADirectoryError):
        grade(release, tmp_path)
    path = tmp_path / "ada.ipynb"
    path.write_text(json.dumps(small.solved()))
    for there in (path, str(path), path.read_text(), json.dumps(small.solved(), indent=1), path.read_bytes()):
        assert grade(release, there).scores() == FULL
    for nothing in (None, "", b""):
        assert grade(release, nothing).points == 0


def test_the_time_of_a_submission_is_limited_as_a_whole(grader, monkeypatch):
    """Cells that sleep as long as they may, in the run of the whole and again for each task by itself."""
    limits = Limits(cell_seconds=2, total_seconds=1.5, probe_seconds=1, probe_total_seconds=0.1, memory=2**30)
    notebook, runs = small.solved(), []
    for place in range(8):
        cell = {"cell_type": "code", "metadata": {}, "source": f"import time\ntime.sleep(0.9)  # {place}"}
        notebook["cells"].insert(1, {**cell, "outputs": [], "execution_count": None})
    with Grader(grader.release, limits=limits) as slow:
        run = slow.sandbox.run
        monkeypatch.setattr(slow.sandbox, "run", lambda job: runs.append(1) or run(job))
        assert slow.grade(notebook).points == 0
    assert len(runs) <= 3


ALWAYS_REFUSES = "class Counter:\n    def add(self, n):\n        raise ValueError('n must not be negative')"


def test_what_has_one_answer_for_everybody_counts_only_beside_what_is_drawn(grader):
    task = grader.source.tasks["00.3"]
    assert grader.constant(task) == {"probe_negative"}
    result = grader.grade(small.solved(t3=ALWAYS_REFUSES))["00.3"]
    assert [probe.passed for probe in result.probes] == [False, True]
    assert result.points == 0 and "same answer for everybody" in result.message


def test_a_table_of_the_answers_of_one_seed_is_worth_nothing_at_another(grader):
    for id, task in grader.source.tasks.items():
        known, asked = grader.expected(11)[id], grader.expected(12)[id]
        assert grader.points(task, frozenset(n for n, value in known.items() if same_outcome(asked[n], value))) == 0


def test_values_are_shown_only_where_no_line_of_the_reference_was_in_the_process(grader):
    wrong = "def scale(x, eps=1e-5):\n    return centre(x) * 1.5"
    alone = grader.grade(small.solved(t2=wrong))["00.2"]
    assert "expected" in alone.message and "got" in alone.message
    beside = grader.grade(small.solved(t1="def centre(x):\n    return np.asarray(x) * 2", t2=wrong))["00.2"]
    assert beside.points == 0 and "got" not in beside.message
    assert beside.message.count("What your code hands back is not what is expected.") == 2


def test_solutions_that_passed_stay_the_students_own(grader):
    own = "def centre(x):\n    x = np.asarray(x)\n    return x - np.mean(x, axis=-1, keepdims=True)"
    submission = repair(grader.source, small.solved(t1=own, t2="def scale(x, eps=1e-5):\n    return 0"))
    cells = alone(grader.source, grader.source.tasks["00.2"], submission, keep=frozenset({"00.1"}))
    text = "\n".join(cell.source for cell in cells)
    assert "np.mean(x, axis=-1" in text and "BEGIN SOLUTION" not in text.split("def scale")[0]


def test_an_error_of_the_check_itself_is_not_called_the_codes_own(grader):
    message = grader.grade(small.solved(t1="def centre(x):\n    return None"))["00.1"].message
    assert "handed back cannot be used here: AttributeError" in message and "Your code raised" not in message
    message = grader.grade(small.solved(t1="def centre(x):\n    raise RuntimeError('not yet')"))["00.1"].message
    assert "RuntimeError: not yet." in message and "in the line" not in message


def test_two_errors_of_one_kind_are_not_the_same_outcome():
    one, other = Error("ValueError", "axis 3 is out of bounds"), Error("ValueError", "cannot reshape array of size 12")
    assert not same_outcome(one, other) and same_outcome(one, Error("ValueError", "axis 7 is out of bounds"))


def test_a_seed_follows_from_the_secret_and_what_is_run(tmp_path, grader):
    secret = course_secret(tmp_path)
    assert course_secret(tmp_path) == secret and len(secret) == 64
    assert (tmp_path / "grading_secret.txt").stat().st_mode & 0o077 == 0
    notebook = small.solved()
    before = seed_for(secret, repair(grader.source, notebook))
    notebook["cells"][0]["source"] += " A remark."
    assert seed_for(secret, repair(grader.source, notebook)) == before
    small.cell(notebook, "00-1-solution")["source"] += "\n    pass"
    assert seed_for(secret, repair(grader.source, notebook)) != before
    assert seed_for("another", repair(grader.source, small.solved())) != before

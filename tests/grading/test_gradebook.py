"""What an instructor decides, a score by hand and a penalty for lateness, counts wherever marks are shown."""

import csv
import json
import shutil

import pytest
from small_course import TwoModules, solved

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

WRONG = "def median(xs):\n    return None"
ZERO = '\nc.LateSubmissionPlugin.penalty_method = "zero"\n'


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """Ada is late; ben's median scores nothing, and gets 35 of 40 by hand."""
    from nbgrader.api import Gradebook

    room = TwoModules(tmp_path_factory.mktemp("course"), release=("01",))
    config = room.root / "nbgrader_config.py"
    config.write_text(config.read_text() + ZERO)
    with Gradebook(f"sqlite:///{room.root / 'gradebook.db'}") as gradebook:
        gradebook.update_or_create_assignment("01_small", duedate="2026-01-01")
    room.hand_in("ada", solved())
    room.submitted("ada").with_name("timestamp.txt").write_text("2026-02-01 00:00:00 UTC")
    room.hand_in("ben", solved(t4=WRONG))
    assert room.tito("grade", "01").returncode == 0
    with Gradebook(f"sqlite:///{room.root / 'gradebook.db'}") as gradebook:
        gradebook.find_grade("01-4", "01_small", "01_small", "ben").manual_score = 35
        gradebook.db.commit()
    return room


def csv_of(room, *arguments):
    done = room.tito("scores", *arguments)
    assert done.returncode == 0, done.stderr
    return list(csv.reader(done.stdout.splitlines()))


def test_tables_and_canvas_show_them(room):
    rows = csv_of(room, "01", "--format", "csv")
    assert rows[0] == ["student", "01.1", "01.2", "01.3", "01.4", "late", "total"]
    assert rows[1:] == [["ada", "10", "20", "30", "40", "-100", "0"], ["ben", "10", "20", "30", "35", "0", "95"]]
    assert csv_of(room, "--format", "csv")[1:] == [["ada", "100", "-100", "0"], ["ben", "95", "0", "95"]]
    assert [row[-1] for row in csv_of(room, "01", "--format", "canvas")[2:]] == ["0", "95"]
    table = room.tito("scores", "01").stdout
    assert "late" in table and "-100" in table and "95" in table


def test_nbgraders_own_export_says_the_same(room):
    assert room.nbgrader("export").returncode == 0
    with (room.root / "grades.csv").open() as stream:
        rows = csv.DictReader(stream)
        found = {row["student_id"]: float(row["score"]) for row in rows if row["assignment"] == "01_small"}
    assert found == {"ada": 0, "ben": 95}


def test_gradescope_shows_them(room, tmp_path):
    assert room.tito("scores", "01", "--format", "gradescope", "-o", str(tmp_path)).returncode == 0
    ada, ben = (json.loads((tmp_path / name / "results.json").read_text()) for name in ("ada", "ben"))
    assert ada["score"] == 0 and "late: 100 points" in ada["output"] and ada["tests"][0]["score"] == 10
    assert ben["score"] == 95 and "output" not in ben and ben["tests"][3]["score"] == 35
    assert "changed by hand: 0 of 40" in ben["tests"][3]["output"]


def test_feedback_shows_them(room):
    said = room.tito("feedback", "01", "--student", "ben")
    assert "01.4 Median: 35 of 40" in said.stdout and "changed by hand: 0 of 40" in said.stdout, said.stderr
    said = room.tito("feedback", "01", "--student", "ada")
    assert "late: 100 points" in said.stdout and "01.1 Centre: 10 of 10" in said.stdout, said.stderr
    page = (room.root / "feedback" / "ada" / "01_small" / "01_small.html").read_text()
    assert ">0</span> of 100" in page and "late: 100 points" in page


def test_statistics_count_what_was_given_by_hand(room):
    from tito.course import Course
    from tito.grading import gradebook, stats
    from tito.grading.gradebook import Scores
    from tito.registry import Module

    course, module = Course.read(room.root), Module(1, "small", "Small", (), ())
    given = Scores(points={"ben": {"01.4": 40.0}})
    rows = stats.statistics(stats.verdicts_of(course, module, given))
    assert {row.id: row.passed for row in rows}["01.4"] == 2
    assert gradebook.verdict(course, module, "ben", given)["01.4"]["points"] == 40
    assert room.tito("stats", "01").returncode == 0

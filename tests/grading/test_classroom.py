"""A class graded in parallel: the right scores, nothing run twice, nobody delayed, and exports that other programs read."""

import csv
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import time
import zipfile

import pytest
import small_course
from small_course import TwoModules, solved, solved_02

from tito.course import Course
from tito.grading import chain, classroom, library

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

UPPER = "def median(xs):\n    if not len(xs):\n        return None\n    return sorted(xs)[len(xs) // 2]"
ALL_OVER = "#| export\ndef centre(x):\n    return np.asarray(x) - np.mean(x)"
FULL = {"01-1": 10.0, "01-2": 20.0, "01-3": 30.0, "01-4": 40.0}
WORK = {
    "ada": {},
    "ben": {"t4": UPPER},
    "chen": {"t1": ALL_OVER},
    "=dara": {"t4": "def median(xs):\n    return None"},
}
EXPECTED = {"ada": 100, "ben": 80, "chen": 95, "=dara": 60}


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """Made once; every test gets a copy."""
    return TwoModules(tmp_path_factory.mktemp("released"))


@pytest.fixture
def room(released, tmp_path, monkeypatch):
    shutil.copytree(released.root, tmp_path / "course")
    room = object.__new__(TwoModules)
    room.root, room.db_url = tmp_path / "course", ""
    monkeypatch.setattr("tito.course.MODULES", small_course.TWO)
    monkeypatch.setattr(library, "MODULES", small_course.TWO)
    return room


def grade(room, students, **options) -> dict[str, classroom.Result]:
    course = Course.read(room.root)
    options = {"workers": 2, **options}
    return {r.student: r for r in classroom.grade_class(course, small_course.TWO[0], list(students), **options)}


def points(results) -> dict:
    return {name: result.score for name, result in results.items()}


def run_again(room, students, **options) -> set[str]:
    return {name for name, result in grade(room, students, **options).items() if not result.unchanged}


def test_scores_are_right_and_only_what_changed_is_run_again(room):
    for student, answers in WORK.items():
        room.hand_in(student, solved(**answers))
    assert points(grade(room, WORK)) == EXPECTED
    assert {name: sum(tasks.values()) for name, tasks in room.scores().items()} == EXPECTED
    assert run_again(room, WORK) == set()
    assert points(grade(room, WORK)) == EXPECTED

    room.hand_in("ben", solved())
    results = grade(room, WORK)
    assert points(results)["ben"] == 100 and {n for n, r in results.items() if not r.unchanged} == {"ben"}
    shutil.rmtree(room.root / "autograded" / "chen")
    assert run_again(room, WORK) == {"chen"}
    assert run_again(room, ["ada"], regrade=True) == {"ada"}

    text = room.misconceptions.read_text()
    room.misconceptions.write_text(text.replace("takes the upper middle value", "takes the upper value"))
    assert run_again(room, WORK) == set(WORK)
    source = room.source("01_small")
    source.write_text(source.read_text().replace("an odd number of values", "an odd number"))
    assert run_again(room, ["ada"]) == {"ada"}


def test_a_file_with_another_name_is_found_and_an_empty_folder_scores_nothing(room):
    """Also when it is the only file of a class, where nbgrader itself would stop."""
    room.hand_in("ada", solved())
    room.submitted("ada").rename(room.submitted("ada").with_name("my work.txt"))
    room.submitted("ben").parent.mkdir(parents=True)
    assert points(grade(room, ["ada", "ben"])) == {"ada": 100, "ben": 0}


def test_a_worker_that_dies_is_named_and_replaced(room, monkeypatch):
    for student in WORK:
        room.hand_in(student, solved())
    before = classroom.grade_one

    def grade_one(autograder, module, student):
        if student == "ben":
            os.kill(os.getpid(), signal.SIGKILL)
        return before(autograder, module, student)

    monkeypatch.setattr(classroom, "grade_one", grade_one)
    results = grade(room, WORK, workers=1)
    assert "exit code -9" in results["ben"].problem and results["ben"].score is None
    assert {r.score for name, r in results.items() if name != "ben"} == {100}
    monkeypatch.undo()
    monkeypatch.setattr("tito.course.MODULES", small_course.TWO)
    monkeypatch.setattr(library, "MODULES", small_course.TWO)
    assert run_again(room, WORK) == {"ben"} and not multiprocessing.active_children()


def test_a_looping_submission_delays_nobody_else(room):
    """It keeps one worker for its time limit; everybody else is done before it."""
    students = ["a-loops", "b", "c", "d"]
    for student in students:
        room.hand_in(student, solved())
    room.hand_in("a-loops", solved(t3="import time\nwhile True: time.sleep(1)"))  # as long as the clock allows
    results = grade(room, students)
    assert list(results)[-1] == "a-loops" and results["a-loops"].score == 70
    assert {results[name].score for name in "bcd"} == {100}


def test_own_shows_what_a_fault_in_01_costs_in_02(room):
    course, following = Course.read(room.root), small_course.TWO[1]
    for student, answers in (("ada", {}), ("chen", {"t1": ALL_OVER})):
        room.hand_in(student, solved(**answers))
        room.hand_in(student, solved_02(), "02_next")
    results = {r.student: r for r in classroom.grade_class(course, following, ["ada", "chen"], 1)}
    assert points(results) == {"ada": 50, "chen": 50}
    assert chain.grade_own(course, following, "ada").points == 50
    assert chain.grade_own(course, following, "chen").points == 25


def test_own_needs_the_modules_beneath_under_whatever_name(room):
    course, following = Course.read(room.root), small_course.TWO[1]
    room.hand_in("ada", solved_02(), "02_next")
    assert (
        chain.missing(course, following, "ada") == ["01_small"]
        and chain.missing(course, small_course.TWO[0], "ada") == []
    )
    said = room.tito("grade", "02", "--own").stdout
    assert "ada: 50 of 50, 01_small not handed in: no own score" in said, said
    room.hand_in("ada", solved())
    room.submitted("ada").rename(room.submitted("ada").with_name("01 final.ipynb"))
    assert "ada: 50 of 50, on own modules 50" in room.tito("grade", "02", "--own").stdout


def test_the_commands_of_an_instructor(room, tmp_path):
    for student, answers in WORK.items():
        room.hand_in(student, solved(**answers))
    early = room.tito("stats", "01")
    assert early.returncode == 1 and "tito grade 01" in early.stderr
    one = room.tito("grade", "01", "--student", "ben", "--own")
    assert one.returncode == 0 and "ben: 80 of 100, on own modules 80" in one.stdout and "ada" not in one.stdout
    both = room.tito("grade", "01", "--workers", "2")
    assert both.returncode == 0 and "ben: 80 of 100 (unchanged)" in both.stdout and "4 of 4 graded" in both.stdout
    assert "Nobody" not in both.stdout

    said = room.tito("feedback", "01", "--student", "ben")
    assert said.returncode == 0 and "01.4 Median: 20 of 40" in said.stdout, said.stdout
    assert "takes the upper middle value" in said.stdout

    table = room.tito("scores")
    assert table.returncode == 0 and "01_small" in table.stdout and "4 students" in table.stdout
    rows = list(csv.reader(room.tito("scores", "01", "--format", "csv").stdout.splitlines()))
    assert rows[0] == ["student", "01.1", "01.2", "01.3", "01.4", "total"]
    assert {row[0]: float(row[-1]) for row in rows[1:]} == {n.replace("=", "'="): p for n, p in EXPECTED.items()}
    rows = list(csv.DictReader(room.tito("scores", "01", "--format", "canvas").stdout.splitlines()))
    assert rows[0]["Student"] == "Points Possible" and rows[0]["01_small"] == "100"
    assert {row["SIS Login ID"]: row["01_small"] for row in rows[1:]}["ben"] == "80"
    assert room.tito("scores", "01", "--format", "gradescope", "-o", str(tmp_path / "gs")).returncode == 0
    result = json.loads((tmp_path / "gs" / "ben" / "results.json").read_text())
    assert result["score"] == 80 and [test["score"] for test in result["tests"]] == [10, 20, 30, 20]
    assert "takes the upper middle value" in result["tests"][3]["output"]

    stats = room.tito("stats", "01")
    assert stats.returncode == 0 and "takes the upper middle value (1)" in stats.stdout
    assert (room.root / "feedback" / "01_small.png").read_bytes().startswith(b"\x89PNG")
    named = room.tito("stats", "01", "-o", "x.txt")
    assert named.returncode == 1 and "x.txt is no picture's name" in named.stderr
    folder = room.tito("scores", "01", "--format", "csv", "-o", "feedback")
    assert folder.returncode == 1 and "feedback: Is a directory" in folder.stderr and "try:" in folder.stderr
    valid = room.tito("validate", "01")
    assert valid.returncode == 1 and valid.stdout.count("1 are written down, at least 5 are wanted") == 4
    assert "probe_negative passes beside the reference with `raise ValueError('no')`" in " ".join(valid.stdout.split())
    assert "5 to mend" in valid.stdout  # and nothing else


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["grade", "01"], "Nobody has handed in 01_small"),
        (["grade", "07"], "no notebook here"),
        (["scores"], "no scores"),
        (["scores", "01", "--format", "excel"], "no format 'excel'"),
        (["scores", "01", "--format", "gradescope"], "--output DIR"),
    ],
)
def test_a_mistake_is_one_message(room, command, says):
    done = room.tito(*command)
    assert done.returncode == 1 and (says in done.stderr or command[1:] == ["07"])


def notebooks(room) -> dict:
    """What lies in modules/ and autograded/."""
    paths = [path for folder in ("modules", "autograded") for path in (room.root / folder).rglob("*.ipynb")]
    return {path: path.read_bytes() for path in paths}


def test_a_command_that_fails_deletes_nothing(room, monkeypatch):
    room.hand_in("ada", solved())
    assert room.tito("grade", "01").returncode == 0
    before, gradebook = notebooks(room), room.root / "gradebook.db"
    assert len(before) == 3
    kept = gradebook.read_bytes()
    for spoilt in (b"no database" * 100, kept[:3000]):
        gradebook.write_bytes(spoilt)
        for command in (("release", "01", "--no-lint"), ("grade", "01", "--regrade"), ("scores",)):
            done = room.tito(*command)
            assert done.returncode == 1 and "try:" in done.stderr, (command, done)
            assert notebooks(room) == before, command
    gradebook.write_bytes(kept)

    source = room.source("01_small")
    source.write_text(source.read_text().replace("### END SOLUTION", "", 1))  # nbgrader finds out after removing
    assert "solution region" in room.tito("release", "01", "--no-lint").stderr and notebooks(room) == before


def test_a_worker_that_fails_or_dies_leaves_what_was_graded_before(room, monkeypatch):
    for student in ("ada", "ben"):
        room.hand_in(student, solved())
    grade(room, ["ada", "ben"])
    before = notebooks(room)

    def grade_one(autograder, module, student):
        shutil.rmtree(room.root / "autograded" / student / module.folder, ignore_errors=True)  # as nbgrader begins
        if student == "ada":
            os.kill(os.getpid(), signal.SIGKILL)
        return classroom.Result(student, problem="no")

    monkeypatch.setattr(classroom, "grade_one", grade_one)
    assert all(result.problem for result in grade(room, ["ada", "ben"], regrade=True).values())
    assert notebooks(room) == before and len(before) == 4


def test_a_record_is_forgotten_when_work_begins(room, monkeypatch):
    """nbgrader sets a mark to 0 before it is made again: whoever is stopped then must not find it unchanged."""
    room.hand_in("ada", solved())
    grade(room, ["ada"])
    record = room.root / ".grading" / "graded" / "01_small" / "ada.json"
    assert record.is_file()

    def grade_one(autograder, module, student):
        return classroom.Result(student, problem=f"the record is there: {record.is_file()}")

    monkeypatch.setattr(classroom, "grade_one", grade_one)
    assert grade(room, ["ada"], regrade=True)["ada"].problem == "the record is there: False"


def test_a_fresh_clone_and_a_changed_source_are_graded_without_a_release(room):
    """modules/ is in git and the gradebook is not."""
    (room.root / "gradebook.db").unlink()
    room.hand_in("ada", solved())
    assert points(grade(room, ["ada"])) == {"ada": 100}
    source = room.source("01_small")
    source.write_text(source.read_text().replace('"points": 40', '"points": 50'))
    assert points(grade(room, ["ada"])) == {"ada": 110}


def test_why_a_submission_was_not_graded_is_said(room, monkeypatch):
    room.hand_in("ada", solved())

    def grade_one(autograder, module, student):
        (room.root / "solutions" / "01_small" / "01_small.ipynb").unlink()
        return before(autograder, module, student)

    before = classroom.grade_one
    monkeypatch.setattr(classroom, "grade_one", grade_one)
    problem = grade(room, ["ada"])["ada"].problem
    assert "No such file" in problem and "above traceback" not in problem and "nbgrader.converters" not in problem


def test_the_end_of_grade_names_what_a_person_should_look_at(room):
    (room.root / "submitted" / "mis").mkdir(parents=True)
    (room.root / "submitted" / "mis" / "01_small.ipynb").write_text(json.dumps(solved()))
    assert "submitted/mis/01_small.ipynb: not graded" in room.tito("grade", "01").stderr
    room.hand_in("ada", solved())
    for student, text in (("ben", "{{{"), ("cy", json.dumps(solved_02()))):
        room.hand_in(student, {})
        room.submitted(student).write_text(text)
    room.submitted("dan").parent.mkdir(parents=True)
    room.hand_in("zoe", small_course.as_01(small_course.small.release()))
    said = room.tito("grade", "01").stdout
    look = said.split("To look at:")[1]
    for line in (
        "ben: The file is not a notebook",
        "cy: Nothing of 01_small was found in the notebook",
        "dan: No notebook was handed in.",
        "zoe: every blank is as it was given",
        "submitted/mis/01_small.ipynb: not graded",
        "5 of 5 graded. Next: tito feedback 01",
    ):
        assert line in look, said
    assert "ada" not in look
    again = room.tito("grade", "01").stdout
    assert again.split("To look at:")[1] == look
    alone = room.tito("grade", "01", "--student", "nemo")
    assert alone.returncode == 1 and "nemo has not handed in 01_small" in alone.stderr


def test_control_c_says_what_is_kept_and_ends_at_once(room):
    for student in ("ada", "ben", "cy"):
        room.hand_in(student, solved())
    assert room.tito("grade", "01", "--student", "cy").returncode == 0
    before = notebooks(room)
    room.hand_in("cy", solved(t3="import time\nwhile True: time.sleep(1)"))
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True}
    process = room.start("grade", "01", "--workers", "2", **pipes)
    process.stdout.readline()
    process.stdout.readline()  # ada and ben: cy is left
    time.sleep(1)
    began = time.perf_counter()
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and time.perf_counter() - began < 3
    assert said.strip() == "Interrupted: 2 graded are kept; run it again to go on."
    assert before.items() <= notebooks(room).items()


def test_a_download_from_canvas_is_sorted(room):
    archive = room.root / "downloaded" / "01_small" / "archive"
    archive.mkdir(parents=True)
    names = ("adalovelace_12_345_01_small.ipynb", "ben2_LATE_13_346_01_small-1.ipynb", "c-d_14_347_my work (1).ipynb")
    with zipfile.ZipFile(archive / "submissions.zip", "w") as file:
        for name in (*names, "notes.ipynb"):
            file.writestr(name, "{}")
    done = room.nbgrader("zip_collect", "01_small")
    assert done.returncode == 0, done.stderr
    found = {path.relative_to(room.root / "submitted").as_posix() for path in room.root.glob("submitted/*/*/*")}
    assert {name for name in found if name.endswith(".ipynb")} == {
        "adalovelace/01_small/01_small.ipynb",
        "ben2/01_small/01_small.ipynb",
        "c-d/01_small/my work (1).ipynb",
    }, done.stderr


MISTAKES_OF_AN_INSTRUCTOR = [
    # what is written where, the commands, words of the answer
    ("tests/grading/01_small/misconceptions.toml", "[[[", ("validate", "grade"), "01_small/misconceptions.toml"),
    ("tests/grading/01_small/misconceptions.toml", lambda text: text.replace("replace", "repalce"), ("grade",), "missing"),
    ("solutions/01_small/01_small.ipynb", "{{{", ("validate", "grade"), "01_small.ipynb is not a notebook"),
    ("solutions/01_small/01_small.ipynb", "{}", ("grade",), "01_small.ipynb is not a notebook"),
    ("solutions/01_small/01_small.ipynb", lambda text: text.replace("def probe", "def def probe"), ("validate", "grade"), "not valid Python"),
    (".grading", "a file in the place of a folder", ("validate", "grade"), "/.grading"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "content", "commands", "says"), MISTAKES_OF_AN_INSTRUCTOR)
def test_an_instructors_mistake_is_one_message(room, path, content, commands, says):
    room.hand_in("ada", solved())
    path = room.root / path
    if path.is_dir():
        shutil.rmtree(path)
    path.write_text(content(path.read_text()) if callable(content) else content)
    for command in commands:
        done = room.tito(command, "01")
        assert done.returncode == 1 and says in done.stderr and "try:" in done.stderr, (command, done)


def test_a_gradebook_that_is_not_there_or_held_is_one_message(room):
    import sqlite3

    room.hand_in("ada", solved())
    room.db_url = "sqlite:////nonexistent/x.db"
    for command in (("grade", "01"), ("release", "01", "--no-lint"), ("feedback", "01")):
        (room.root / "autograded").mkdir(exist_ok=True)
        done = room.tito(*command)
        assert done.returncode == 1 and "unable to open database file" in done.stderr and "try:" in done.stderr
    room.db_url = ""
    with sqlite3.connect(room.root / "gradebook.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        done = room.tito("grade", "01")
        assert done.returncode == 1 and "database is locked" in done.stderr and "try:" in done.stderr
    assert (room.root / "modules" / "01_small" / "01_small.ipynb").is_file()


def kill_and_finish(room, kills: int) -> None:
    """Kill `tito grade` at random moments, half of the time with all its workers; look at the gradebook each time."""
    students = [f"s{number}" for number in range(6)]
    for number, student in enumerate(students):
        room.hand_in(student, solved(**list(WORK.values())[number % len(WORK)]))
    unbroken = shutil.copytree(room.root, room.root.parent / "unbroken")
    draw = random.Random(kills)
    for number in range(kills):
        again = ["--regrade"] if number % 2 else []
        process = room.start(
            "grade", "01", *again, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        if number % 4:  # begin to count when the first student is done, or at once
            process.stdout.readline()
            time.sleep(draw.random() * 0.5)
        else:
            time.sleep(draw.uniform(1, 4))
        os.killpg(process.pid, signal.SIGKILL) if number % 2 else process.kill()
        process.communicate()
        for student, tasks in room.scores().items():
            done = [points is not None for points in tasks.values()]
            assert all(done) or not any(done), (number, student, tasks)
    finished = room.tito("grade", "01")
    assert finished.returncode == 0 and "6 of 6 graded" in finished.stdout, finished.stdout + finished.stderr
    whole = object.__new__(TwoModules)
    whole.root, whole.db_url = unbroken, ""
    assert whole.tito("grade", "01").returncode == 0
    assert room.scores() == whole.scores() and len(room.scores()) == 6


@pytest.mark.timeout(600)
def test_a_killed_grader_leaves_no_half_written_score(room):
    kill_and_finish(room, 3)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_grader_killed_twenty_times_leaves_no_half_written_score(room):
    kill_and_finish(room, 20)

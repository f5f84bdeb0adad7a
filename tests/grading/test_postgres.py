"""The gradebook on a PostgreSQL server, which these tests start: four graders write at once, and no score is lost.

The server's programs come from PyPI's pgserver or from Debian's postgresql; run by root, the server is run by `nobody`.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from small_course import TwoModules, solved

LINE = "apt-get install postgresql, or pip install pgserver"
GRADERS = 4


def programs(home: Path) -> Path | None:
    """The folder with initdb and postgres, where an unprivileged user can run them."""
    found = importlib.util.find_spec("pgserver")
    package = Path(found.origin).parent if found and found.origin else None
    if package and (package / "pginstall" / "bin" / "postgres").is_file():
        shutil.copytree(package / "pginstall", home / "pgserver" / "pginstall")
        if (libraries := package.with_name("pgserver.libs")).is_dir():
            shutil.copytree(libraries, home / "pgserver.libs")
        return home / "pgserver" / "pginstall" / "bin"
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return installed[-1].parent if installed else None


@pytest.fixture(scope="module")
def server():
    """Its URL but for the database's name. It listens on a socket in a temporary folder, and on no port."""
    home = Path(tempfile.mkdtemp(prefix="tito-pg-"))
    home.chmod(0o755)
    try:
        pytest.importorskip("psycopg2", reason="psycopg2 is not installed: pip install psycopg2-binary")
        if (folder := programs(home)) is None:
            pytest.skip(f"PostgreSQL is not installed: {LINE}")
        user = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
        data, socket = home / "data", home / "socket"
        for path in (data, socket):
            path.mkdir(mode=0o700)
            if user:
                os.chown(path, 65534, 65534)
        options = {"cwd": home, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}, **user}
        made = [folder / "initdb", "-D", data, "-U", "grader", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        done = subprocess.run(made, capture_output=True, text=True, **options)
        assert done.returncode == 0, done.stderr
        with (home / "log").open("w") as log:
            command = [folder / "postgres", "-D", data, "-k", socket, "-c", "listen_addresses=", "-F"]
            process = subprocess.Popen(command, stdout=log, stderr=log, **options)
        try:
            yield wait_for(process, socket, home / "log")
        finally:
            process.send_signal(signal.SIGINT)  # do not wait for clients
            process.wait(30)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def wait_for(process, socket: Path, log: Path):
    import psycopg2

    while True:
        try:
            psycopg2.connect(dbname="postgres", user="grader", host=str(socket)).close()
            return lambda name: f"postgresql://grader@/{name}?host={socket}"
        except psycopg2.OperationalError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)


@pytest.fixture(scope="module")
def course(server, tmp_path_factory):
    import psycopg2

    connection = psycopg2.connect(server("postgres"))
    connection.autocommit = True
    connection.cursor().execute("CREATE DATABASE course")
    connection.close()
    return TwoModules(tmp_path_factory.mktemp("postgres"), server("course"), release=("01",))


needs_bwrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@needs_bwrap
def test_four_graders_write_at_once_and_no_score_is_lost(course):
    students = [f"s{number:02d}" for number in range(2 * GRADERS)]
    for number, student in enumerate(students):
        course.hand_in(student, solved(**({"t4": f"def median(xs):\n    return {number}"} if number % 2 else {})))
    done = course.tito("grade", "01", "--workers", str(GRADERS))
    assert done.returncode == 0, done.stdout + done.stderr
    right = {"01-1": 10.0, "01-2": 20.0, "01-3": 30.0, "01-4": 40.0}
    wrong = {**right, "01-4": 0.0}
    expected = {s: wrong if n % 2 else right for n, s in enumerate(students)}
    assert {student: course.scores()[student] for student in students} == expected
    assert not (course.root / "gradebook.db").exists()


@needs_bwrap
def test_plain_nbgrader_and_tito_share_the_servers_gradebook(course):
    course.hand_in("ada", solved())
    done = course.nbgrader("autograde", "01_small", "--student", "ada")
    assert done.returncode == 0, done.stderr
    shown = course.tito("scores", "01", "--format", "csv")
    assert shown.stdout.startswith("student,01.1,01.2,01.3,01.4,total\nada,10,20,30,40,100\n")


def test_a_server_that_does_not_answer_is_one_message(course, monkeypatch):
    monkeypatch.setattr(course, "db_url", "postgresql://grader:geheim@/course?host=/nowhere")
    course.hand_in("ada", solved())
    for command in (["grade", "01"], ["scores"]):
        done = course.tito(*command)
        assert done.returncode == 1 and "NBGRADER_DB_URL" in done.stderr and "geheim" not in done.stderr

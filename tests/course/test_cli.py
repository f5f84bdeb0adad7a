"""The command line as people meet it: quick, plain where it has to be, and clear about mistakes."""

import json
import os
import re
import subprocess
import sys
import time

import pytest

import tito as package
from tito import cli

ENVIRONMENT = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120"}


def program(*arguments, cwd, **environment):
    """tito in a process of its own, as it is typed."""
    command = [sys.executable, "-m", "tito.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env={**ENVIRONMENT, **environment}, capture_output=True, timeout=120)


COMMANDS = "new status export reset doctor lint clean release grade feedback scores test".split()


def test_help_lists_every_command(tito):
    said = tito("--help")
    assert said.code == 0
    for command in COMMANDS:
        assert re.search(rf"^ +{command} +\S", said.out, re.MULTILINE), command


@pytest.mark.parametrize(
    "command", [*COMMANDS, "test module", "test integration", "test parity", "test notebooks", "test all"]
)
def test_help_of_each_command_has_an_example(command, tito):
    said = tito(*command.split(), "--help")
    assert said.code == 0
    assert f"tito {command}" in said.out or command == "test"


def test_help_is_quick(tmp_path):
    times = []
    for _ in range(3):
        start = time.perf_counter()
        assert program("--help", cwd=tmp_path).returncode == 0
        times.append(time.perf_counter() - start)
    bare = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"])
    bare = time.perf_counter() - bare
    assert min(times) < 0.4 + 5 * bare, times


def test_help_imports_nothing_heavy():
    code = "import sys; import tito.cli; print([m for m in HEAVY if m in sys.modules])"
    heavy = ["numpy", "nbformat", "nbdev", "nbgrader", "nbclient", "jupyter_client", "rich", "torch", "tinytorch"]
    run = subprocess.run([sys.executable, "-c", code.replace("HEAVY", repr(heavy))], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stdout + run.stderr


MISTAKES = [
    # what is typed, words of the answer, exit code
    (("nonsense",), "No such command", 2),
    (("test",), "Usage", 2),
    (("test", "module"), "Missing argument", 2),
    (("test", "module", "99"), "no module '99'", 1),
    (("test", "module", "tensr"), "did you mean tensor?", 1),
    (("test", "module", "0"), "no module '0'", 1),
    (("test", "module", "-1"), "", 2),
    (("test", "module", "1.5"), "no module", 1),
    (("test", "module", "07"), "07 training has no notebook here", 1),
    (("test", "module", "01", "--task", "x"), "is no task of module 01", 1),
    (("test", "module", "01", "--task", "01.99"), "no task 01.99", 1),
    (("test", "module", "01", "--timeout", "soon"), "should be a valid number", 2),
    (("test", "module", "01", "--timeout", "0"), "", 2),
    (("test", "parity"), "no tests/parity here", 1),
    (("export",), "needs to know what to export", 1),
    (("export", "01", "--all"), "not both", 1),
    (("export", "banana"), "no module 'banana'", 1),
    (("reset", "banana"), "no module 'banana'", 1),
    (("reset",), "Missing argument", 2),
    (("new",), "Missing argument", 2),
    (("new", "tests"), "not empty", 1),
    (("new", "settings.ini"), "exists already", 1),
    (("new", "no/such/place"), "is no folder", 1),
    (("new", "late", "--from", "42"), "no module '42'", 1),
    (("new", "late", "--from", "09"), "reference of module 03", 1),
    (("release",), "needs to know what to release", 1),
    (("release", "09"), "09 convolutions has no notebook here", 1),
    (("grade", "01"), "Nobody has handed in", 1),
    (("grade", "01", "--student", "ada"), "ada has not handed in", 1),
    (("feedback", "01"), "has been graded", 1),
    (("scores",), "no scores", 1),
    (("scores", "01"), "no scores of 01_tensor", 1),
    (("clean", "nowhere.ipynb"), "does not exist", 1),
    (("clean", "settings.ini"), "not a notebook", 1),
    (("lint", "23"), "23 capstone has no notebook here", 1),
]


@pytest.mark.parametrize(
    ("typed", "words", "code"), MISTAKES, ids=lambda value: " ".join(value) if type(value) is tuple else ""
)
def test_a_mistake_gets_one_clear_message(typed, words, code, course, tito):
    said = tito(*typed, cwd=course)
    assert said.code == code, said
    if typed[0] not in ("nonsense", "test") or len(typed) > 1:
        assert words.lower() in said.err.lower(), said
    if code == 1:
        assert "try:" in said.err or "expected:" in said.err
        assert len(said.err.strip().splitlines()) <= 4


@pytest.mark.parametrize("typed", [("status",), ("export", "01"), ("test", "module", "01"), ("reset", "01"), ("lint",)])
def test_outside_every_course(typed, tmp_path, tito):
    said = tito(*typed, cwd=tmp_path)
    assert said.code == 1 and "is not in a course" in said.err and "tito new DIR" in said.err


@pytest.mark.parametrize("text", ["", "[DEFAULT]\nnbs_path = modules\n", "nonsense", "\xff\xfe"], ids=repr)
def test_a_broken_settings_file(text, tmp_path, tito):
    (tmp_path / "settings.ini").write_text(text, encoding="latin-1")
    said = tito("status", cwd=tmp_path)
    assert said.code == 1 and "settings.ini cannot be read" in said.err


BROKEN = [
    "",
    "{",
    "[]",
    "{}",
    '{"nbformat": 3, "cells": []}',
    '{"nbformat": 4, "cells": [1]}',
    '{"nbformat": 4, "cells": [{}]}',
]


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_notebook(text, workspace, tito):
    path = workspace / "modules/01_tensor/01_tensor.ipynb"
    path.write_text(text)
    for command in (("test", "module", "01"), ("export", "01"), ("export", "--all")):
        said = tito(*command, cwd=workspace)
        assert said.code == 1 and "is not a notebook that can be read" in said.err and "tito reset" in said.err, said
    assert tito("status", cwd=workspace).code == 0


def test_an_instructors_command_in_a_workspace(workspace, tito):
    for command in (("release", "01"), ("grade", "01"), ("feedback", "01"), ("scores",)):
        said = tito(*command, cwd=workspace)
        assert said.code == 1 and "student's workspace" in said.err


def test_what_is_in_the_way_is_one_message(course, tito):
    (course / "modules/01_tensor/01_tensor.ipynb").unlink()
    (course / "modules/01_tensor").rmdir()
    (course / "modules/01_tensor").write_text("a file")
    said = tito("release", "01", "--no-lint", cwd=course)
    assert said.code == 1 and "modules/01_tensor" in said.err and "permissions" in said.err, said
    assert "tito lint" not in said.err


def test_what_it_turns_into_a_message_and_what_not(tito, monkeypatch, capsys):
    for error, words in (
        (OSError(28, "No space left on device"), "No space left on device"),
        (
            PermissionError(13, "Permission denied", "/course/.x", None, "/course/marks.csv"),
            "/course/marks.csv: Permission denied",
        ),
        (json.JSONDecodeError("Expecting value", "", 0), "A notebook is not valid JSON"),
    ):
        monkeypatch.setattr(cli, "app", raising(error))
        assert cli.main([]) == 1
        said = capsys.readouterr().err
        assert words in said and "try:" in said
    monkeypatch.setattr(cli, "app", raising(KeyError("a fault of its own")))
    with pytest.raises(KeyError):
        cli.main([])
    monkeypatch.setattr(cli, "app", raising(SystemExit(130)))
    assert cli.main([]) == 130 and capsys.readouterr().err == "Interrupted.\n"


def raising(error):
    def app(**_):
        raise error

    return app


def test_a_lost_or_spoilt_record_is_no_loss(workspace, tito):
    for text in ("", "[]", '{"01": 3}', "\x00"):
        (workspace / ".tito/state.json").write_text(text)
        assert tito("status", cwd=workspace).code == 0


def test_modules_may_be_named_in_any_way(course, tito):
    for name in ("1", "01", "001"[1:], "tensor", "01_tensor", "TENSOR"):
        assert tito("export", name, cwd=course).out.count("tensor.py") == 1


def test_plain_text_without_utf8(course):
    """A terminal that knows only ASCII gets ASCII: no boxes, no question marks, no traceback."""
    for command in (["status"], ["doctor"], ["--help"], ["test", "module", "--help"]):
        run = program(*command, cwd=course, PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0")
        assert run.returncode == 0, run.stderr
        text = run.stdout.decode("ascii")
        assert "?" not in text.replace("did you mean", "") and "\x1b" not in text


def test_no_colour_in_a_pipe(course):
    environment = {name: value for name, value in ENVIRONMENT.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    command = [sys.executable, "-m", "tito.cli", "status"]
    run = subprocess.run(command, cwd=course, env=environment, capture_output=True)
    assert run.returncode == 0 and b"\x1b" not in run.stdout


def test_doctor_says_what_to_type(tito, course, monkeypatch):
    said = tito("doctor", cwd=course)
    assert said.code == 0 and "All that is needed is here." in said.out
    for name in ("Python", "numpy", "kernel", "bubblewrap", "GPU", "quarto", "course"):
        assert re.search(rf"^ *{name}\b", said.out, re.MULTILINE), name
    import importlib.metadata

    real = importlib.metadata.version

    def lost(name):
        if name == "nbdev":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", lost)
    said = tito("doctor", cwd=course)
    assert said.code == 1 and "Missing: nbdev" in said.out and "pip install 'tinytorch[student]'" in said.out


def test_the_status_of_a_fresh_clone(course, tito):
    said = tito("status", cwd=course)
    assert "3/3" in said.out and "Not here yet: 03 layers to 23 capstone" in said.out
    assert "This is the course repository" in said.err


def test_the_program_is_installed():
    from importlib.metadata import entry_points

    assert [point.value for point in entry_points(group="console_scripts", name="tito")] == ["tito.cli:main"]
    assert package.__doc__

"""What is committed is what the sources make: the library and the students' notebooks, byte for byte."""

import os
import shutil
import subprocess
import sys

import pytest

from tito.course import HOME, Course
from tito.export import build
from tito.release import fresh

COURSE = Course.read(HOME)
EACH = pytest.mark.parametrize("module", COURSE.modules(), ids=lambda module: module.folder)


@EACH
def test_the_library_is_a_fresh_export(module):
    made = build(COURSE.notebooks(module), HOME, "tinytorch")
    assert {f"tinytorch/{name}" for name in made} == set(module.targets)
    for name, source in made.items():
        assert (HOME / "tinytorch" / name).read_text(encoding="utf-8") == source, f"tito export {module.nn}"


@EACH
def test_the_students_notebooks_are_a_fresh_release(module):
    made = fresh(COURSE, module)
    folder = HOME / "modules" / module.folder
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    there = {name for name in there if not name.startswith(("_old/", ".ipynb_checkpoints/"))}
    assert there == set(made), f"tito release {module.nn}"
    for name, data in made.items():
        assert (folder / name).read_bytes() == data, f"tito release {module.nn}"


def test_the_release_of_the_sample_is_the_same_twice(course):
    mine = Course.read(course)
    for module in mine.modules():
        assert fresh(mine, module) == fresh(mine, module)


def test_plain_nbdev_export_writes_the_same_library(tmp_path):
    """nbdev_export itself, on a copy of the repository, changes no byte: neither of the library nor of pyproject.toml."""
    for name in ("solutions", "tinytorch"):
        shutil.copytree(HOME / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "_modidx.py", ".*"))
    for name in ("settings.ini", "pyproject.toml"):
        shutil.copy(HOME / name, tmp_path / name)

    def files():
        found = [*(tmp_path / "tinytorch").rglob("*.py"), tmp_path / "pyproject.toml"]
        return {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in found if path.name != "_modidx.py"}

    before = files()
    environment = {name: value for name, value in os.environ.items() if name != "IN_TEST"}
    command = [sys.executable, "-c", "from nbdev.doclinks import nbdev_export; nbdev_export()"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert files() == before


def test_plain_nbgrader_makes_the_same_release(course):
    """`nbgrader generate_assignment` on the command line and tito's own release agree."""
    mine = Course.read(course)
    module = mine.modules()[0]
    shutil.rmtree(mine.modules_folder / module.folder)
    environment = {**os.environ, "PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]}
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", module.folder]
    run = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    for name, data in fresh(mine, module).items():
        assert (mine.modules_folder / module.folder / name).read_bytes() == data

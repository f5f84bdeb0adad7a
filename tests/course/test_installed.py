"""An installed tito, as a wheel without the repository around it, makes a workspace that works."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from tito.course import HOME

BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel, built from a copy of the repository and unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    skip = shutil.ignore_patterns("__pycache__", "parity", "grading", "course", "_old")
    for name in ("tinytorch", "tests", "modules"):
        shutil.copytree(HOME / name, copy / name, ignore=skip)
    shutil.copytree(HOME / "tito", copy / "tito", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "settings.ini"):
        shutil.copy(HOME / name, copy / name)
    run = subprocess.run([sys.executable, "-c", BUILD, str(folder)], cwd=copy, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    site = folder / "site"
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    return site


def tito(installed, *arguments, cwd):
    environment = {**os.environ, "PYTHONPATH": str(installed), "NO_COLOR": "1"}
    command = [sys.executable, "-P", "-m", "tito.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def test_no_solution_is_packed_as_a_notebook(installed):
    names = [path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()]
    assert not [name for name in names if name.startswith(("solutions", "modules", "tests"))]
    assert any(name.startswith("tito/_course/modules/01_tensor/") for name in names)
    assert not [name for name in names if "tito/_course/tests/grading" in name]


def test_it_makes_a_workspace_that_tests_the_students_code(installed, tmp_path):
    run = tito(installed, "new", "mine", "--from", "02", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "mine/tests/01_tensor").is_dir() and (tmp_path / "mine/tinytorch/tensor.py").is_file()
    run = tito(installed, "status", cwd=tmp_path / "mine")
    assert run.returncode == 0 and "02_autograd.ipynb" in run.stdout
    run = tito(installed, "test", "module", "02", "--task", "02.1", cwd=tmp_path / "mine")
    assert run.returncode == 1 and "blank 02.1" in run.stdout, run.stdout + run.stderr

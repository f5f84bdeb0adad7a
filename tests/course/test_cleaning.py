"""Diffs stay readable, and no cleaning costs the grading metadata."""

import json
import shutil
import subprocess
import sys

import pytest
import sample_course

from tito import notebooks as nb
from tito.course import HOME, Course

SOURCES = sorted((HOME / "solutions").glob("*/*.ipynb"))


def nbdev_clean(root):
    command = [sys.executable, "-c", "from nbdev.clean import nbdev_clean; nbdev_clean('solutions')"]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert run.returncode == 0 and "Failed" not in run.stderr, run.stderr


def grading(path):
    return [cell["metadata"].get("nbgrader") for cell in nb.read(path)["cells"]]


@pytest.fixture
def dirty(tmp_path):
    """A notebook as JupyterLab leaves it: outputs, counts, widths, timestamps, the kernel's version."""
    cells = json.loads(json.dumps(sample_course.TENSOR))
    for number, cell in enumerate(cells):
        cell["metadata"] |= {
            "collapsed": False,
            "execution": {"iopub.execute_input": "now"},
            "tags": ["a"],
            "editable": True,
        }
        if cell["cell_type"] == "code":
            cell["execution_count"] = number
            cell["outputs"].append({"output_type": "stream", "name": "stdout", "text": "two\nlines\n"})
    plot = {
        "output_type": "display_data",
        "metadata": {"needs": 1},
        "data": {"image/png": "iVBORw0K\n", "text/plain": "x"},
    }
    cells[2]["outputs"].append(plot)
    cells[2]["metadata"]["tags"] = ["keep-output"]
    metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python", "version": "3.11.7"},
    }
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path = tmp_path / "solutions/01_tensor/01_tensor.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    shutil.copy(HOME / "settings.ini", tmp_path)
    return path


def test_nbdev_clean_keeps_the_grading_metadata(dirty, tmp_path):
    before = grading(dirty)
    nbdev_clean(tmp_path)
    assert grading(dirty) == before and any(before)


def test_tito_clean_keeps_what_counts_and_drops_the_rest(dirty, tito, tmp_path):
    before = grading(dirty)
    assert tito("clean", cwd=tmp_path).code == 0
    cells = nb.read(dirty)["cells"]
    assert grading(dirty) == before
    kept = [cell["id"] for cell in cells if cell.get("outputs")]
    assert kept == ["imports-1", "show-1", "show-2", "show-3", "show-4", "show-5"]
    assert all(cell.get("execution_count") is None for cell in cells)
    assert {key for cell in cells for key in cell["metadata"]} == {"nbgrader", "tags", "editable"}
    assert cells[2]["outputs"][1]["data"]["image/png"] == "iVBORw0K"


def test_both_cleaners_agree(dirty, tito, tmp_path):
    tito("clean", cwd=tmp_path)
    once = dirty.read_bytes()
    nbdev_clean(tmp_path)
    assert dirty.read_bytes() == once
    assert "cleaned" not in tito("clean", cwd=tmp_path).out


def test_check_only_looks(dirty, tito, tmp_path):
    before = dirty.read_bytes()
    said = tito("clean", "--check", dirty, cwd=tmp_path)
    assert said.code == 1 and "is not clean" in said.out and dirty.read_bytes() == before
    tito("clean", dirty, cwd=tmp_path)
    assert tito("clean", "--check", dirty, cwd=tmp_path).code == 0


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_committed_sources_are_clean(path):
    assert nb.dumps(nb.clean(nb.read(path))) == path.read_text(encoding="utf-8"), "tito clean"


def test_nbdev_clean_changes_no_committed_source(tmp_path):
    assert Course.read(HOME).nbs == HOME / "solutions"
    shutil.copytree(HOME / "solutions", tmp_path / "solutions")
    shutil.copy(HOME / "settings.ini", tmp_path)
    nbdev_clean(tmp_path)
    for path in SOURCES:
        assert (tmp_path / path.relative_to(HOME)).read_bytes() == path.read_bytes()

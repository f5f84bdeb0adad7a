"""README, the book's chapters and the packaging follow from one place each."""

import re
import subprocess
import tomllib

import pytest

from tito import documents
from tito.course import HOME, Course
from tito.grading.sandbox import Limits

PROJECT = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TARGETS = ("demo", "lab", "test", "test-slow", "bench", "mutants", "book", "sync", "lint", "clean")


@pytest.mark.parametrize("path", ["README.md", "_quarto.yml"])
def test_made_parts_are_fresh(path):
    assert (HOME / path).read_text(encoding="utf-8") == documents.fresh()[path], "run: make sync"


def test_code_lines_count_no_comments_docstrings_or_blanks():
    source = '"""Module."""\n\n# a comment\nx = """a\nb"""\n\n\ndef f():\n    """Says\n    much."""\n    return x\n'
    assert documents.code_lines(source) == 4


def test_readme_is_one_screen_and_shows_every_module_that_exists():
    text = (HOME / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 70
    assert "make demo" in text and "make test" in text
    for module in Course.read(HOME).modules():
        assert f"| {module.nn} | [{module.title}]" in text


@pytest.mark.parametrize("path", ["README.md", *documents.BEFORE])
def test_links_lead_somewhere(path):
    text = (HOME / path).read_text(encoding="utf-8")
    folder = HOME if path == "index.qmd" else (HOME / path).parent
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    assert [link for link in links if not (folder / link).exists()] == []


def test_every_target_is_there_and_explained():
    listed = subprocess.run(["make", "help"], cwd=HOME, capture_output=True, text=True, check=True).stdout
    for target in TARGETS:
        assert re.search(rf"^  make {target} +\S", listed, re.MULTILINE), target


def test_ci_runs_what_the_readme_says():
    script = (HOME / ".ci" / "run").read_text(encoding="utf-8")
    commands = [line for line in script.splitlines() if line and not line.startswith("#")]
    assert commands == ["set -eu", 'cd "$(dirname "$0")/.."', "exec make test"]
    assert (HOME / ".ci" / "run").stat().st_mode & 0o111


def test_the_library_needs_numpy_alone():
    assert [re.split(r"[<>=]", need)[0] for need in PROJECT["dependencies"]] == ["numpy"]


def test_torch_is_pinned_exactly_and_only_for_tests():
    needs = {extra: [need for need in needs if need.startswith("torch")] for extra, needs in EXTRAS.items()}
    assert {extra: need for extra, need in needs.items() if need} == {"test": ["torch==2.13.0"]}


def test_the_pins_that_nbdev_and_nbgrader_need():
    assert {"nbdev==2.4.14", "execnb<0.2", "fastcore<2"} <= set(EXTRAS["student"])
    assert "nbgrader==0.9.6" in EXTRAS["instructor"]


def test_version_is_the_same_everywhere():
    settings = (HOME / "settings.ini").read_text(encoding="utf-8")
    assert re.search(r"(?m)^version = (\S+)$", settings)[1] == PROJECT["version"]


EXTRAS = PROJECT["optional-dependencies"]


def test_the_book_tells_the_limits_that_hold():
    limits = Limits()
    said = f"use {limits.cell_cpu_seconds:g} s of processor time and last {limits.cell_seconds:g} s"
    for name in ("student", "instructor"):
        assert said in (HOME / "book" / f"{name}.qmd").read_text(encoding="utf-8")

"""The book without Quarto: pandoc renders the same sources."""

import html
import json
import re
import shutil

import pytest

from tito import book
from tito.course import HOME

pypandoc = pytest.importorskip("pypandoc", reason="pandoc comes with the extra `book`")


@pytest.fixture
def tree(tmp_path):
    """A book of a page that includes another, and a notebook of one cell."""
    (tmp_path / "book").mkdir()
    for name in ("page.html", "reader.lua"):
        shutil.copy(HOME / "book" / name, tmp_path / "book")
    for name in ("settings.ini", "_quarto.yml"):
        shutil.copy(HOME / name, tmp_path)
    (tmp_path / "index.qmd").write_text("{{< include book/index.qmd >}}\n")
    (tmp_path / "book" / "index.qmd").write_text("# Welcome {.unnumbered}\n\n[Students](book/student.qmd#a), $x^2$\n")
    (tmp_path / "book" / "student.qmd").write_text(
        "# For students\n\n[Tensor](../solutions/01_tensor/01_tensor.ipynb)\n"
    )
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# 01 Tensor"},
        {"cell_type": "code", "id": "b", "metadata": {}, "source": "6 * 7", "outputs": [], "execution_count": None},
    ]
    notebook = tmp_path / "solutions" / "01_tensor" / "01_tensor.ipynb"
    notebook.parent.mkdir(parents=True)
    notebook.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return tmp_path


def test_pages_links_includes_and_outputs(tree):
    made = {path.relative_to(tree / "_book").as_posix(): path.read_text() for path in book.by_pandoc(tree)}
    assert set(made) == {"index.html", "book/student.html", "solutions/01_tensor/01_tensor.html"}
    assert 'href="book/student.html#a"' in made["index.html"] and "<math" in made["index.html"]
    assert 'href="../solutions/01_tensor/01_tensor.html"' in made["book/student.html"]
    assert "<pre><code>42</code></pre>" in made["solutions/01_tensor/01_tensor.html"]
    for text in made.values():
        assert all(name in text for name in ("Welcome", "For students", "01 Tensor"))


def test_a_second_run_makes_nothing(tree):
    book.by_pandoc(tree)
    assert book.by_pandoc(tree) == []


SEEN = """#| export
# NBVAL_CHECK_OUTPUT
import sys

sys.modules["tinytorch.autograd"] = sys.modules[__name__]


def f(x):
    # why
    ### BEGIN SOLUTION
    y = x  # fmt: skip
    return y  # what
    ### END SOLUTION


assert f(1) == 1
### BEGIN HIDDEN TESTS
def probe_f(rng):
    return f(2)
### END HIDDEN TESTS
print("#| this is output, " + "x" * 150)
"""


def test_a_reader_sees_no_machinery(tree):
    path = tree / "solutions/01_tensor/01_tensor.ipynb"
    notebook = json.loads(path.read_text())
    new = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    notebook["cells"] += [{**new, "id": "c", "source": SEEN}, {**new, "id": "d", "source": "#| default_exp tensor"}]
    hints = {"cell_type": "markdown", "id": "e", "metadata": {"tags": ["hints"]}, "source": "1. A hint?"}
    notebook["cells"].append(hints)
    path.write_text(json.dumps(notebook))
    book.by_pandoc(tree)
    page = html.unescape(re.sub(r"<[^>]+>", "", (tree / "_book/solutions/01_tensor/01_tensor.html").read_text()))
    for mark in ("#| export", "default_exp", "NBVAL", "sys.modules", "###", "probe_f", "fmt: skip", "A hint?"):
        assert mark not in page, mark
    for text in ("# why", "y = x\n", "return y  # what", "assert f(1) == 1", "#| this is output, x"):
        assert text in page, text


def test_no_code_runs_off_the_page():
    """120 characters of 13 px fit into the column, and what is wider is wrapped."""
    style = (HOME / book.TEMPLATE).read_text()
    column = int(re.search(r"13rem minmax\(0, (\d+)rem\) 13rem", style)[1]) * 16
    assert re.search(r"pre, code { font: 13px/", style) and "white-space: pre-wrap" in style
    assert column - 2 * 16 - 2 * 13 - 3 >= 120 * 13 * 0.602, "DejaVu Sans Mono is 0.602 em wide"

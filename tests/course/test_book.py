"""The book without Quarto: pandoc renders the same sources."""

import json
import shutil

import pytest

from tito import book
from tito.course import HOME

pypandoc = pytest.importorskip("pypandoc", reason="pandoc comes with the extra `book`")


@pytest.fixture
def tree(tmp_path):
    """A book of a page that includes another, and a notebook of one cell."""
    (tmp_path / "book").mkdir()
    shutil.copy(HOME / "book" / "page.html", tmp_path / "book")
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

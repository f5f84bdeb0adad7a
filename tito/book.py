"""The book into _book/: by Quarto where it is installed, else the same sources by pandoc, notebooks included.

`python -m tito.book` runs every notebook for its outputs; a page is made again only when something it shows changed.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .console import Mistake, prepare_streams, say
from .course import HOME, Course
from .documents import chapters
from .running import environment

OUTPUT = "_book"
TEMPLATE = Path("book") / "page.html"
FILTER = Path("book") / "reader.lua"
"""What a reader need not see leaves the page; Quarto uses it too (_quarto.yml)."""


def page(chapter: str) -> str:
    """Where a chapter's page lies in the book: the same path, as HTML."""
    return Path(chapter).with_suffix(".html").as_posix()


def included(path: Path) -> str:
    """A .qmd file's text with its `{{< include FILE >}}` lines filled in, as Quarto does."""

    def fill(match: re.Match) -> str:
        return included(path.parent / match[1])

    return re.sub(r"(?m)^\{\{< include (\S+) >\}\}$", fill, path.read_text(encoding="utf-8"))


def title(path: Path) -> str:
    """The first heading, or the title in a .qmd file's header."""
    if path.suffix == ".ipynb":
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    else:
        text = included(path)
    found = re.search(r'(?m)^(?:# |title: "?)([^"\n{]+)', text)
    return found[1].strip() if found else path.stem


def navigation(titles: dict[str, str], current: str) -> str:
    rows = []
    for chapter, name in titles.items():
        link = os.path.relpath(page(chapter), Path(current).parent).replace(os.sep, "/")
        here = ' class="here"' if chapter == current else ""
        rows.append(f'<li><a{here} href="{link}">{html.escape(name)}</a></li>')
    return f"<ul>{''.join(rows)}</ul>"


def executed(root: Path, notebook: Path, cache: Path) -> Path:
    """The notebook with its outputs, run once for each of its versions; it is run in its own folder."""
    if cache.exists() and cache.stat().st_mtime > notebook.stat().st_mtime:
        return cache
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    content = nbformat.read(notebook, as_version=4)
    where = {"metadata": {"path": str(notebook.parent)}}
    try:
        client = NotebookClient(content, timeout=300, kernel_name="python3", resources=where)
        client.execute(env=environment(Course.read(root)), stderr=subprocess.DEVNULL)
    except CellExecutionError as error:
        raise Mistake(f"{notebook} does not run:\n{error}", hint=f"open {notebook} and run it from the top") from None
    cache.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(content, cache)
    return cache


def by_pandoc(root: Path) -> list[Path]:
    """Render every chapter that changed; the pages made."""
    try:
        import pypandoc
    except ImportError:
        raise Mistake(
            "There is neither quarto nor pandoc here.", expected="one of them", hint="make book (installs pandoc)"
        ) from None
    output = root / OUTPUT
    titles = {chapter: title(root / chapter) for chapter in chapters(root)}
    common = [root / TEMPLATE, root / FILTER, root / "_quarto.yml", Path(__file__)]
    made = []
    for chapter, name in titles.items():
        source, target = root / chapter, output / page(chapter)
        depends = [source, *common, *([root / "book" / "index.qmd"] if chapter == "index.qmd" else [])]
        if target.exists() and target.stat().st_mtime > max(path.stat().st_mtime for path in depends):
            continue
        say(f"  {chapter}")
        options = ["--standalone", "--toc", "--toc-depth=3", "--mathml", f"--template={root / TEMPLATE}"]
        options += [f"--lua-filter={root / FILTER}"]
        options += ["--wrap=none", f"--variable=chapters:{navigation(titles, chapter)}", f"--metadata=pagetitle:{name}"]
        if source.suffix == ".ipynb":
            source = executed(root, source, output / ".executed" / chapter)
            text = pypandoc.convert_file(
                str(source), "html", format="ipynb", extra_args=[*options, "--embed-resources"]
            )
        else:
            with tempfile.NamedTemporaryFile("w", suffix=".md", encoding="utf-8") as whole:
                whole.write(included(source))
                whole.flush()
                text = pypandoc.convert_file(whole.name, "html", format="markdown", extra_args=options)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(re.sub(r'(href="(?!\w+:)[^"#]+)\.(?:qmd|ipynb)\b', r"\1.html", text), encoding="utf-8")
        made.append(target)
    return made


def main() -> int:
    prepare_streams()
    try:
        if quarto := shutil.which("quarto"):
            return subprocess.run([quarto, "render"], cwd=HOME).returncode
        say("No quarto here: the book is rendered by pandoc.")
        made = by_pandoc(HOME)
    except Mistake as mistake:
        say(str(mistake), style="red")
        return 1
    say(f"{len(made)} pages made; the book begins at {os.path.relpath(HOME / OUTPUT / 'index.html')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

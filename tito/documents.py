"""The parts of README.md and _quarto.yml that follow from the registry: `python -m tito.documents` rewrites them.

A made part stands between two marks, `made: NAME` and `end: NAME`; the rest of the file is written by hand.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

from .course import HOME, Course
from .registry import MODULES

BEFORE = ("index.qmd", "book/student.qmd", "book/instructor.qmd", "book/contributor.qmd")
SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(source: str) -> int:
    """How many lines of `source` hold code: no blank lines, comments or docstrings."""
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in SILENT:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, node.end_lineno + 1))
    return len(lines)


def chapters(root: Path = HOME) -> list[str]:
    """The book in reading order, as paths from the root: the written chapters, then every module that exists."""
    written = [path for path in BEFORE if (root / path).exists()]
    course = Course.read(root)
    return written + [course.show(path) for module in MODULES for path in course.notebooks(module)]


def module_table(root: Path) -> str:
    """README's map: one row for each module that exists, one line for those to come."""
    rows = ["| | module | becomes | lines of code |", "|---|---|---|---:|"]
    course, coming, total = Course.read(root), [], 0
    for module in MODULES:
        if not course.notebooks(module):
            coming.append(f"{module.nn} {module.title}")
            continue
        files = [file for file in course.targets(module) if file.exists()]
        lines = sum(code_lines(file.read_text(encoding="utf-8")) for file in files)
        total += lines
        link = f"[{module.title}](modules/{module.folder}/{module.folder}.ipynb)"
        first = f"[{files[0].name}]({course.show(files[0])})" if files else ""
        others = f" and {len(files) - 1} more" if len(files) > 1 else ""
        rows.append(f"| {module.nn} | {link} | {first}{others} | {lines:,} |")
    rows.append(f"| | | together | {total:,} |")
    if coming:
        rows += ["", f"To come: {', '.join(coming)}."]
    return "\n".join(rows)


def chapter_list(root: Path) -> str:
    return "\n".join(f"    - {path}" for path in chapters(root))


PARTS = (("README.md", "modules", module_table), ("_quarto.yml", "chapters", chapter_list))


def fresh(root: Path = HOME) -> dict[str, str]:
    """Each document's path and the text that it should have now."""
    texts = {}
    for path, name, make in PARTS:
        text = (root / path).read_text(encoding="utf-8")
        pattern = re.compile(rf"(?ms)(^[^\n]*made: {name}\b[^\n]*\n).*?(^[^\n]*end: {name}\b)")
        if not pattern.search(text):
            raise SystemExit(f"{path} has lost its marks 'made: {name}' and 'end: {name}'.")
        made = make(root)
        texts[path] = pattern.sub(lambda match, made=made: f"{match[1]}{made}\n{match[2]}", text)
    return texts


def main() -> None:
    for path, text in fresh().items():
        if (HOME / path).read_text(encoding="utf-8") != text:
            (HOME / path).write_text(text, encoding="utf-8")
            print(f"{path}: brought up to date")


if __name__ == "__main__":
    main()

"""The rules for a source notebook, as findings that a person can act on."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from . import limits
from . import notebooks as nb
from .console import Mistake
from .course import Course
from .registry import Module

EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f]")
MARKS = (nb.BEGIN, nb.END, nb.BEGIN_HIDDEN, nb.END_HIDDEN)
COMPARED = 5
"""How many cells nbval compares in each graded notebook, at least."""


@dataclass(frozen=True)
class Finding:
    """One thing to mend: in which notebook, in which cell, what."""

    notebook: str
    cell: str
    what: str

    def __str__(self) -> str:
        return f"{self.notebook}, {self.cell}: {self.what}"


def lint_course(course: Course, modules: list[Module] | None = None) -> list[Finding]:
    """The findings in the notebooks of `modules` (all by default); ids are compared over the whole course."""
    findings, ids = [], Counter()
    for module in course.modules():
        for path in course.notebooks(module):
            ids.update(grade_ids(nb.read(path)))
    for module in course.modules() if modules is None else modules:
        for path in course.notebooks(module):
            notebook = nb.read(path)
            graded = path == course.notebook(module)
            found = lint(notebook, module, graded)
            found += [
                ("notebook", f"grade_id {name} is used {ids[name]} times in the course")
                for name in dict.fromkeys(grade_ids(notebook))
                if ids[name] > 1
            ]
            if nb.dumps(nb.clean(notebook)) != path.read_text(encoding="utf-8"):
                found.append(("notebook", "holds outputs, counts or metadata that do not belong here: tito clean"))
            findings += [Finding(course.show(path), *one) for one in found]
        findings += [Finding(path, one.where, one.what) for path, one in limits.of_module(course, module)]
        findings += [
            Finding(course.show(course.folder(module)), "export", text) for text in export_findings(course, module)
        ]
    return findings


def grade_ids(notebook: dict) -> list[str]:
    return [name for cell in notebook["cells"] if (name := nb.grade_id_of(cell))]


def export_findings(course: Course, module: Module) -> list[str]:
    """What an export of the module would stumble over."""
    from .export import build, check_cells, check_file

    try:
        for path in course.notebooks(module):
            check_cells(course, path)
        made = build(course.notebooks(module), course.root, course.lib.relative_to(course.root).as_posix())
        for name, source in made.items():
            check_file(course, name, source)
    except Mistake as mistake:
        return [mistake.problem]
    wanted = {path.relative_to(course.lib).as_posix() for path in course.targets(module)}
    strange, first = made.keys() - wanted, module.targets[:1]
    if strange or (first and course.targets(module)[0].relative_to(course.lib).as_posix() not in made):
        return [f"makes {sorted(made)}, the registry says {sorted(wanted)}"]
    return []


def lint(notebook: dict, module: Module, graded: bool = True) -> list[tuple[str, str]]:
    """(cell, what) for every rule that the notebook breaks."""
    found: list[tuple[str, str]] = []
    for number, cell in enumerate(notebook["cells"], 1):
        where = f"cell {number}"
        found += [(where, text) for text in (*prose(cell), *regions(cell), *outputs(cell))]
    found += whole(notebook["cells"], module, graded)
    if not graded:
        return found + [("notebook", f"{name}: a second notebook is not graded") for name in grade_ids(notebook)]
    return found + task_findings(notebook, module)


def whole(cells: list[dict], module: Module, graded: bool) -> Iterator[tuple[str, str]]:
    """What a notebook must have as a whole: a title, a place to export to, ids, outputs that nbval compares."""
    title = nb.text(cells[0]) if cells and cells[0]["cell_type"] == "markdown" else ""
    if not title.startswith("# "):
        yield "cell 1", "is no title: a text cell that begins with `# `"
    elif graded and not title.startswith(f"# {module.nn} "):
        yield "cell 1", f"the title begins with `# {module.nn} `"
    if module.targets and not any("#| default_exp" in nb.text(cell) for cell in cells):
        yield "notebook", "no cell says `#| default_exp NAME`"
    yield from ids_and_outputs(cells, COMPARED if graded else 0)


def ids_and_outputs(cells: list[dict], compared: int) -> Iterator[tuple[str, str]]:
    for name, count in Counter(cell.get("id") for cell in cells).items():
        if count > 1:
            yield "notebook", f"the cell id {name} is used {count} times"
    kept = sum(nb.KEEP_OUTPUT in nb.text(cell) and bool(cell.get("outputs")) for cell in cells)
    if kept < compared:
        yield "notebook", f"{kept} cells with an output that nbval compares; at least {compared} are wanted"


def prose(cell: dict) -> list[str]:
    """What no cell holds."""
    source, found = nb.text(cell), []
    if re.search(r"(?m)^[^#\s].*\n(.*\n)*#\s*\|", source) and cell["cell_type"] == "code":
        found.append("has a `#|` line below its first line of code, where nbdev takes it for a comment")
    if EMOJI.search(source):
        found.append("holds an emoji or a dingbat")
    if re.search(r"(?m)^\s*(import torch\b|from torch\b)", source):
        found.append("imports torch: PyTorch is the oracle of tests only")
    if re.search(r"(?<![\w.])/(home|root|Users|work)/\w", source):
        found.append("names an absolute path of one machine")
    if nb.exports(cell) and re.search(r"(?m)^\s*(import|from) matplotlib", source):
        found.append("exports an import of matplotlib: import it in the plotting cell")
    return found


def regions(cell: dict) -> list[str]:
    """Every region is closed, stands in the right kind of cell, and leaves the export line and the signature outside."""
    mark, lines = nb.task_of(cell), [line.strip() for line in nb.text(cell).splitlines()]
    role, found = mark and mark[1], list(mark_findings(lines))
    if nb.BEGIN in lines and role != "solution":
        found.append("has a solution region but no grade_id of the form NN-k-solution")
    if nb.BEGIN_HIDDEN in lines and role != "test":
        found.append("has hidden tests but no grade_id of the form NN-k")
    if cell["metadata"].get("nbgrader") and not mark:
        found.append(f"grade_id {cell['metadata']['nbgrader'].get('grade_id')!r}: expected NN-k or NN-k-solution")
    if role == "solution":
        found += solution_findings(cell, lines)
    if role == "test":
        found += test_findings(cell)
    return found


def mark_findings(lines: list[str]) -> Iterator[str]:
    """nbgrader's marks as nbgrader writes them, each beginning with its end."""
    for begin, end in ((nb.BEGIN, nb.END), (nb.BEGIN_HIDDEN, nb.END_HIDDEN)):
        mine = [line for line in lines if line in (begin, end)]
        if mine != [begin, end] * (len(mine) // 2):
            yield f"`{begin}` and `{end}` do not alternate"
    for line in lines:
        if re.match(r"#+\s*(BEGIN|END)\b", line) and line not in MARKS:
            yield f"`{line}` is written differently from nbgrader's mark"


def solution_findings(cell: dict, lines: list[str]) -> Iterator[str]:
    """A solution cell's flags and region, and what is left of it without the region."""
    grading = cell["metadata"]["nbgrader"]
    if not grading.get("solution") or grading.get("grade") or grading.get("locked"):
        yield "a solution cell has solution=true, grade=false, locked=false"
    if nb.BEGIN not in lines:
        yield "has no solution region: nbgrader would replace the whole cell, its export line too"
        return
    inside = [line.strip() for line in nb.solution_lines(nb.text(cell))]
    if any(re.match(r"#\s*\|", line) for line in inside):
        yield "`#| export` stands inside the solution region, where students lose it"
    if not nb.exports(cell):
        yield "has no `#| export` line"
    if not any(line and not line.startswith("#") for line in inside):
        yield "its solution region is empty"
    yield from blank_findings(nb.plain(nb.strip_solution(nb.text(cell))))


def blank_findings(source: str) -> Iterator[str]:
    """A solution cell without its solution: it compiles, it can be imported, and says what is to be written."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        yield f"does not compile without its solution: {error.msg}, line {error.lineno}"
        return
    if any(isinstance(node, ast.Raise) for node in tree.body):
        yield "its blank stands outside every function: the whole module could not be imported"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not ast.get_docstring(node) and not documented(node):
            yield f"{node.name} has no docstring outside its solution region"


def documented(node) -> bool:
    """Whether one of a class's methods that students see says what it does."""
    return any(isinstance(child, ast.FunctionDef) and ast.get_docstring(child) for child in getattr(node, "body", ()))


def test_findings(cell: dict) -> Iterator[str]:
    """Points, visible checks first, then probes and nothing else."""
    grading = cell["metadata"]["nbgrader"]
    if not grading.get("grade") or not grading.get("locked") or grading.get("solution"):
        yield "a test cell has grade=true, locked=true, solution=false"
    if not isinstance(grading.get("points"), int | float) or grading["points"] <= 0:
        yield f"has {grading.get('points')!r} points: expected a number above 0"
    visible, _, rest = nb.text(cell).partition(nb.BEGIN_HIDDEN)
    hidden, _, after = rest.partition(nb.END_HIDDEN)
    if after.strip():
        yield "has code after the hidden region"
    try:
        seen, tree = ast.parse(visible), ast.parse(hidden)
    except SyntaxError as error:
        yield f"does not compile: {error.msg}"
        return
    if not any(isinstance(node, ast.Assert) for node in ast.walk(seen)):
        yield "has no visible check (an assert before the hidden region)"
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign | ast.Import | ast.ImportFrom):
            yield f"line {node.lineno} of its hidden region runs: only probes and what they use stand there"
    yield from probe_findings(tree)


def probe_findings(tree: ast.Module) -> Iterator[str]:
    """Probes of the hidden region: one argument, one sentence, no assertion, a name each."""
    probes = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("probe_")]
    if not probes:
        yield "has no probe in its hidden region (`def probe_NAME(rng):`)"
    for node in probes:
        if [argument.arg for argument in node.args.args] != ["rng"]:
            yield f"{node.name} takes exactly one argument, rng"
        doc = ast.get_docstring(node)
        if not doc or "\n" in doc.strip():
            yield f"{node.name} needs a docstring of one line: what the feedback may say"
        if any(isinstance(child, ast.Assert) for child in ast.walk(node)):
            yield f"{node.name} asserts: a probe hands back values, the judge compares them"
    for name, count in Counter(node.name for node in probes).items():
        if count > 1:
            yield f"{name} is defined {count} times"


def outputs(cell: dict) -> list[str]:
    if cell["cell_type"] == "code" and cell.get("outputs") and not nb.keeps_outputs(cell):
        return ["holds an output, and is not marked NBVAL_CHECK_OUTPUT or tagged keep-output"]
    if any(output.get("output_type") == "error" for output in cell.get("outputs", ())):
        return ["holds an error as its output"]
    if " at 0x" in str(cell.get("outputs", "")):
        return ["holds an address in memory in its output, which changes with every run"]
    return []


def task_findings(notebook: dict, module: Module) -> list[tuple[str, str]]:
    """Every task has one test cell, a solution before it, and a heading that names it; no solution line is given away."""
    tasks, found = nb.tasks_of(notebook), []
    if not tasks:
        return [("notebook", "has no graded task")]
    expected = [f"{module.nn}.{number}" for number in range(1, len(tasks) + 1)]
    if list(tasks) != expected:
        found.append(("notebook", f"tasks are {', '.join(tasks)}: expected {', '.join(expected)}, in this order"))
    for task in tasks.values():
        if len(task.tests) != 1:
            found.append((task.id, f"has {len(task.tests)} test cells: expected one"))
        if not task.solutions:
            found.append((task.id, "has no solution cell"))
        if task.tests and task.solutions and task.solutions[-1].index > task.tests[0].index:
            found.append((task.id, "its test cell stands before its solution"))
        heading = f"## Task {task.id}: {task.title or 'Title'} ({task.points:g} points)"
        if not any(
            heading in nb.text(cell).split("\n") for cell in notebook["cells"] if cell["cell_type"] == "markdown"
        ):
            found.append((task.id, f"no heading names it with its points (`{heading}`)"))
    found += given_away(notebook)
    return found


def telling(line: str) -> bool:
    """Whether a line of a solution gives something away: long enough, no comment, not just the head of a block."""
    text = line.strip()
    return len(text) >= 20 and not text.startswith(("#", '"')) and not text.endswith((":", "(", "[", "{", ","))


def given_away(notebook: dict) -> list[tuple[str, str]]:
    """Lines of a solution that students would still see: in prose, in another cell, in the visible part of a test."""
    shown: dict[str, int] = {}
    for number, cell in enumerate(notebook["cells"], 1):
        source = nb.split_hidden(nb.strip_solution(nb.text(cell)))[0]
        for line in source.split("\n"):
            shown.setdefault(line.strip(), number)
    found = []
    for number, cell in enumerate(notebook["cells"], 1):
        for line in map(str.strip, nb.solution_lines(nb.text(cell))):
            if telling(line) and line in shown:
                found.append(
                    (f"cell {number}", f"students see this line of the solution in cell {shown[line]}: {line}")
                )
    return found

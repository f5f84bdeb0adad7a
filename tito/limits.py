"""How much a notebook may ask of its reader: the limits, what is measured against them, and what is over.

Lines are code lines everywhere: without blank lines, comments and docstrings, in the form that students get. Given code
is what stands in no task's cells: what is exported and is no task, and the examples. Complexity is McCabe's, with one more
for each further part of `and`/`or`, for each conditional expression, and for each loop and condition of a comprehension.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import notebooks as nb
from .course import Course
from .documents import code_lines
from .registry import Module

SEEN = 900
"""Lines of code in a graded notebook."""
RUN = 80
"""Lines of given code in a row: from the notebook's beginning, or from one task's cells to the next one's."""
RATIO = 2
"""Lines of given code before the last task, for each line of the solutions."""
CELL = 60
"""Lines of an exported cell, with its solutions."""
WIDTH = 120
"""Characters of a line of code."""
FILE = 700
"""Lines of a file of the library."""
COMPLEXITY = 15
"""Of a function."""
HINTS = 3
"""A question, a pointer, the shape of the solution."""
HEAD = ("## In two minutes", "## Words")
"""What stands before the first task: what earlier modules give, and the words that are used."""
READ, WRITE, WORDS = 15, 1, 150
"""The rule of hours: lines of code read in a minute, lines of a solution written in a minute (with thinking, checks and
corrections), words of prose read in a minute."""

BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)


@dataclass(frozen=True)
class Excess:
    """One thing that is over a limit: the rule, where it stands, its figure, and the sentence for a person."""

    rule: str
    where: str
    figure: float
    what: str
    count: int = 1


# ------------------------------------------------------------------------------------------------------------- measuring


def plain(source: str) -> str:
    """A cell as Python: IPython's own lines become `pass`."""
    return re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", source)


def lines_of(source: str) -> int:
    """The code lines of a cell; of what is no Python, its lines that are neither blank nor comments."""
    try:
        return code_lines(plain(source))
    except (SyntaxError, ValueError):
        return sum(bool(line.strip()) and not line.strip().startswith("#") for line in source.split("\n"))


def blank(source: str) -> str:
    """A cell as students get it: stubs in the place of solutions, no hidden tests."""
    return nb.split_hidden(nb.strip_solution(source))[0]


def solution_parts(source: str) -> list[tuple[int, str]]:
    """The solution regions of a cell: the line each begins at, and its code."""
    parts, inside = [], None
    for number, line in enumerate(source.split("\n"), 1):
        if line.strip() == nb.BEGIN:
            inside = (number, [])
        elif line.strip() == nb.END and inside:
            parts.append((inside[0], textwrap.dedent("\n".join(inside[1]))))
            inside = None
        elif inside:
            inside[1].append(line)
    return parts


def region_lines(text: str) -> int:
    """The code lines of a solution region, which may hold `return`."""
    body = textwrap.indent(text, "    ")
    return lines_of(f"def blank():\n    pass\n{body}") - 2


@dataclass(frozen=True)
class Sizes:
    """One graded notebook in figures."""

    seen: int
    solutions: int
    given: int
    before_last: int
    longest_run: int
    run_before: str
    prose: int

    @property
    def ratio(self) -> float:
        return self.before_last / max(self.solutions, 1)

    @property
    def hours(self) -> float:
        """How long the notebook takes by the rule of hours, in whole or half hours."""
        minutes = self.seen / READ + self.solutions / WRITE + self.prose / WORDS
        return max(1, round(minutes / 30)) / 2


def measure(notebook: dict) -> Sizes:
    """The figures of a graded notebook."""
    seen = solutions = given = before_last = run = 0
    longest, task = 0, ""
    for cell in nb.code_cells(notebook):
        source, mark = nb.text(cell), nb.task_of(cell)
        lines = lines_of(blank(source))
        seen += lines
        if not mark:
            given, run = given + lines, run + lines
            continue
        if mark[1] == "solution":
            solutions += sum(region_lines(text) for _, text in solution_parts(source))
            before_last = given
            if run > longest:
                longest, task = run, mark[0]
        run = 0
    prose = sum(
        len(nb.text(cell).split())
        for cell in notebook["cells"]
        if cell["cell_type"] == "markdown" and not is_hints(cell)
    )
    return Sizes(seen, solutions, given, before_last, longest, task, prose)


def complexity(function: ast.AST) -> int:
    """Of one function without those inside it."""
    total, waiting = 1, list(ast.iter_child_nodes(function))
    for node in waiting:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        total += isinstance(node, BRANCHES)
        total += len(node.values) - 1 if isinstance(node, ast.BoolOp) else 0
        total += 1 + len(node.ifs) if isinstance(node, ast.comprehension) else 0
        waiting += ast.iter_child_nodes(node)
    return total


def functions(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Every function, and its name with those of the classes and functions around it."""

    def inside(node: ast.AST, path: tuple[str, ...]) -> Iterator[tuple[str, ast.AST]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = (*path, child.name)
                if not isinstance(child, ast.ClassDef):
                    yield ".".join(name), child
                yield from inside(child, name)
            else:
                yield from inside(child, path)

    return inside(tree, ())


def parsed(source: str) -> ast.Module:
    try:
        return ast.parse(plain(source))
    except (SyntaxError, ValueError):
        return ast.parse("")


# ------------------------------------------------------------------------------------------------------------- findings


def excesses(notebook: dict, graded: bool = True) -> list[Excess]:
    """All that is over a limit in one notebook."""
    found = [*cell_sizes(notebook), *without_example(notebook)]
    if graded:
        found += [*notebook_sizes(notebook), *blanks(notebook), *hints(notebook), *head(notebook), *hours(notebook)]
        found += messages(notebook)
    return found


def notebook_sizes(notebook: dict) -> Iterator[Excess]:
    sizes = measure(notebook)
    if sizes.seen > SEEN:
        yield Excess("seen", "notebook", sizes.seen, f"shows {sizes.seen} lines of code: at most {SEEN}")
    if sizes.longest_run > RUN:
        what = f"{sizes.longest_run} lines of given code in a row stand before it: at most {RUN}"
        yield Excess("run", sizes.run_before, sizes.longest_run, what)
    if sizes.ratio > RATIO:
        what = f"{sizes.before_last} lines are given before the last task, and {sizes.solutions} are solutions: "
        yield Excess("ratio", "notebook", round(sizes.ratio, 2), f"{what}at most {RATIO} times as many")


def cell_sizes(notebook: dict) -> Iterator[Excess]:
    for number, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] != "code":
            continue
        source, where = nb.text(cell), f"cell {number}"
        widest = max(map(len, source.split("\n")))
        if widest > WIDTH:
            yield Excess("width", where, widest, f"has a line of {widest} characters: at most {WIDTH}")
        if not nb.exports(cell):
            continue
        if (lines := lines_of(source)) > CELL:
            yield Excess("cell", where, lines, f"is exported and has {lines} lines: at most {CELL}")
        for name, function in functions(parsed(source)):
            if (value := complexity(function)) > COMPLEXITY:
                yield Excess("complexity", where, value, f"{name} has a complexity of {value}: at most {COMPLEXITY}")


def names_of(tree: ast.Module) -> set[str]:
    """What an example can use of a cell: its functions, classes and their methods."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("__"):
            found.add(node.name)
    return found


def uses_of(tree: ast.Module) -> set[str]:
    """The names and attributes that a cell speaks of."""
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return found | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def sections(notebook: dict) -> Iterator[list[tuple[int, dict]]]:
    """The cells between two headings, numbered."""
    section: list[tuple[int, dict]] = []
    for number, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] == "markdown" and re.match(r"#+ ", nb.text(cell)):
            yield section
            section = []
        section.append((number, cell))
    yield section


def without_example(notebook: dict) -> Iterator[Excess]:
    """Given functions and classes that nothing shows at work before the next heading.

    A check or example uses one of the cell's names, or a given cell's of the same section which in turn uses one.
    """
    for section in sections(notebook):
        code = [(number, cell) for number, cell in section if cell["cell_type"] == "code"]
        trees = {number: parsed(blank(nb.text(cell))) for number, cell in code}
        given = {number: trees[number] for number, cell in code if nb.exports(cell) and not nb.task_of(cell)}
        shown = {number: uses_of(trees[number]) for number, cell in code if not nb.exports(cell)}
        for at, tree in given.items():
            mine, reached = names_of(tree), users_of(names_of(tree), given.values())
            if mine and not any(number > at and uses & reached for number, uses in shown.items()):
                listed = ", ".join(sorted(mine)[:3])
                what = f"no check and no example behind it shows {listed} at work"
                yield Excess("example", f"cell {at}", 1, what, lines_of(nb.text(notebook["cells"][at - 1])))


def users_of(names: set[str], trees: Iterable[ast.Module]) -> set[str]:
    """`names`, and what uses them directly or through others among `trees`."""
    reached, before = set(names), 0
    while before != len(reached):
        before = len(reached)
        for tree in trees:
            reached |= names_of(tree) if uses_of(tree) & reached else set()
    return reached


# --------------------------------------------------------------------------------------------------------- blanks, hints


def blank_functions(source: str) -> dict[str, int]:
    """The functions of a solution cell that have a blank, and the lines of each in the reference."""
    spans = [(node.lineno, node.end_lineno, name) for name, node in functions(parsed(source))]
    sizes: dict[str, int] = {}
    for line, text in solution_parts(source):
        around = [(last - first, name) for first, last, name in spans if first <= line <= last]
        name = min(around)[1] if around else "the cell"
        sizes[name] = sizes.get(name, 0) + region_lines(text)
    return sizes


def stated(prose: str, name: str, alone: bool) -> int | None:
    """The N of "about N lines" that is said of a function: behind its name, or anywhere when it is the only one."""
    short = name.rpartition(".")[2]
    for match in re.finditer(r"\babout (\d+) lines?\b", prose):
        named = re.findall(r"`([\w.]+)(?:\([^`]*\))?`", prose[: match.start()])
        if named and named[-1].rpartition(".")[2] == short and ("." not in named[-1] or name.endswith(named[-1])):
            return int(match[1])
    if alone and (found := re.search(r"\babout (\d+) lines?\b", prose)):
        return int(found[1])
    return None


def task_prose(notebook: dict, at: int) -> str:
    """The text of a task from its heading to its solution cell at index `at`, hints left out."""
    found = []
    for cell in reversed(notebook["cells"][:at]):
        if cell["cell_type"] == "markdown" and not is_hints(cell):
            found.append(nb.text(cell))
            if re.match(r"#+ ", found[-1]):
                break
    return "\n\n".join(reversed(found))


def blanks(notebook: dict) -> Iterator[Excess]:
    """Blanks whose size is not said, or is said wrongly."""
    for index, cell in enumerate(notebook["cells"]):
        mark = nb.task_of(cell)
        if not mark or mark[1] != "solution":
            continue
        prose, sizes = task_prose(notebook, index), blank_functions(nb.text(cell))
        for name, lines in sizes.items():
            said = stated(prose, name, len(sizes) == 1)
            if said is None:
                what = f"no `about N lines` is said of {name}, which has {lines}"
                yield Excess("unsized", mark[0], 1, what)
            elif abs(said - lines) > max(2, 0.3 * lines):
                yield Excess("size", mark[0], 1, f"`about {said} lines` is said of {name}, which has {lines}")


def is_hints(cell: dict) -> bool:
    return cell["cell_type"] == "markdown" and "hints" in cell["metadata"].get("tags", ())


def hint_list(cell: dict) -> list[str]:
    """The numbered items of a cell of hints."""
    parts = re.split(r"(?m)^\d+\.\s+", nb.text(cell))
    return [" ".join(part.split()) for part in parts[1:]]


NUMBERS = "no one two three four five six seven eight nine ten eleven twelve".split()


def in_words(hours: float) -> str:
    """`two hours`, `two and a half hours`, `half an hour`."""
    whole, half = int(hours), hours % 1 >= 0.5
    if not whole:
        return "half an hour"
    number = NUMBERS[whole] if whole < len(NUMBERS) else str(whole)
    return f"{number}{' and a half' if half else ''} hour{'s' if hours > 1 else ''}"


TIME = re.compile(r"\*\*Time\*\* about ([a-z0-9 ]+)\.")


def stated_hours(notebook: dict) -> float | None:
    """The hours that the notebook's head promises."""
    found = TIME.search(nb.text(notebook["cells"][0])) if notebook["cells"] else None
    return next((half / 2 for half in range(1, 41) if found and in_words(half / 2) == found[1]), None)


def hours(notebook: dict) -> Iterator[Excess]:
    """A promise that is more than half an hour off the rule."""
    said, due = stated_hours(notebook), measure(notebook).hours
    if said is None or abs(said - due) > 0.5:
        yield Excess(
            "hours", "notebook", 1, f"its head should say `**Time** about {in_words(due)}.`, by the rule of hours"
        )


def hints(notebook: dict) -> Iterator[Excess]:
    """Tasks without three hints directly before their blank."""
    cells = notebook["cells"]
    for task in nb.tasks_of(notebook).values():
        if not task.solutions:
            continue
        before = (
            cells[task.solutions[0].index - 1] if task.solutions[0].index else {"cell_type": "none", "metadata": {}}
        )
        count = len(hint_list(before)) if is_hints(before) else 0
        if count != HINTS:
            yield Excess("hints", task.id, 1, f"{count} hints directly before its solution: expected {HINTS}")


def head(notebook: dict) -> Iterator[Excess]:
    """Whether recap and glossary stand before the first task."""
    first = min((i for i, cell in enumerate(notebook["cells"]) if nb.task_of(cell)), default=0)
    lines = [line for cell in notebook["cells"][:first] for line in nb.text(cell).split("\n")]
    for heading in HEAD:
        if heading not in lines:
            yield Excess("head", "notebook", 1, f"has no part `{heading}` before its first task")


# -------------------------------------------------------------------------------------------------------------- messages


class Messages(ast.NodeVisitor):
    """The words that tests ask of an error's message, and the places where the whole message is handed back."""

    TEXT = {"split", "partition", "rpartition", "startswith", "endswith", "count", "find", "index", "removeprefix"}
    SAME = {"lower", "strip", "casefold", "upper", "rstrip", "lstrip", "split", "partition", "splitlines", "replace"}

    def __init__(self, tree: ast.Module):
        self.words: list[str] = []
        self.whole: list[int] = []
        self.errors = {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name}
        self.messages: set[str] = set()
        before = -1
        while before != len(self.messages):
            before = len(self.messages)
            self.follow(tree)
        self.visit(tree)

    def follow(self, tree: ast.Module) -> None:
        """The names that hold a message, and the functions that return one."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and self.carries(node.value):
                self.messages |= {target.id for target in node.targets if isinstance(target, ast.Name)}
            elif isinstance(node, ast.FunctionDef) and not node.name.startswith("probe_"):
                returned = [child.value for child in ast.walk(node) if isinstance(child, ast.Return) and child.value]
                if any(self.carries(value) for value in returned):
                    self.messages.add(node.name)

    def is_message(self, node: ast.AST) -> bool:
        """Whether an expression is a message itself: `str(error)`, a name of one, or a part of one."""
        if isinstance(node, ast.Name):
            return node.id in self.messages
        if isinstance(node, ast.Subscript):
            return self.is_message(node.value)
        if isinstance(node, ast.Attribute):
            return node.attr == "args" and isinstance(node.value, ast.Name) and node.value.id in self.errors
        if not isinstance(node, ast.Call):
            return False
        if isinstance(node.func, ast.Attribute):
            return node.func.attr in self.SAME and self.is_message(node.func.value)
        name = getattr(node.func, "id", "")
        told = node.args and isinstance(node.args[0], ast.Name) and node.args[0].id in self.errors
        return name in self.messages or (name in ("str", "repr") and bool(told))

    def carries(self, node: ast.AST) -> bool:
        """Whether a value that is handed on holds a message as it is."""
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return any(self.carries(item) for item in node.elts)
        if isinstance(node, ast.IfExp):
            return self.carries(node.body) or self.carries(node.orelse)
        if isinstance(node, ast.JoinedStr):
            parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
            return any(self.carries(p) or getattr(p, "id", None) in self.errors for p in parts)
        return self.is_message(node)

    def constants(self, node: ast.AST) -> None:
        self.words += [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]

    def visit_Compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        if any(self.is_message(part) for side in sides for part in ast.walk(side)):
            for side in sides:
                if not self.is_message(side):
                    self.constants(side)
        self.generic_visit(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        """`all(word in str(error) for word in ("none", "sum"))`"""
        asked = [n for n in ast.walk(node.elt) if isinstance(n, ast.Compare)]
        if any(self.is_message(part) for compare in asked for part in compare.comparators):
            for loop in node.generators:
                self.constants(loop.iter)
        self.generic_visit(node)

    visit_ListComp = visit_SetComp = visit_GeneratorExp

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in self.TEXT and self.is_message(function.value):
            for argument in node.args:
                self.constants(argument)
        elif isinstance(function, ast.Attribute) and function.attr in ("search", "match", "findall", "fullmatch"):
            if any(self.is_message(argument) for argument in node.args[1:]):
                self.constants(node.args[0])
        elif isinstance(function, ast.Attribute) and function.attr in ("append", "extend"):
            if any(self.carries(argument) for argument in node.args):
                self.whole.append(node.lineno)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.name.startswith("probe_"):
            for child in ast.walk(node):
                if isinstance(child, ast.Return) and child.value and self.carries(child.value):
                    self.whole.append(child.lineno)
        self.generic_visit(node)


def spoken(text: str) -> list[str]:
    """The runs of words in a text or pattern: numbers, marks and a pattern's own signs are no words."""
    text = re.sub(r"\\[a-zA-Z]|\(\?[a-z:]+\)?", " | ", text)
    return [" ".join(part.split()) for part in re.findall(r"[A-Za-z_][\w ,'-]*[A-Za-z_]|[A-Za-z_]", text)]


def names_made(tree: ast.Module) -> set[str]:
    """The names that a test makes up itself: its functions, and the arguments that it names."""
    made = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return made | {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword | ast.arg) and node.arg}


def messages(notebook: dict) -> Iterator[Excess]:
    """Tests that ask for words of a message which the task's docstrings do not state word for word."""
    for task in nb.tasks_of(notebook).values():
        shown = " ".join(" ".join(blank(cell.source).split()) for cell in task.solutions)
        for cell in task.tests:
            tree = parsed(cell.source)
            asked, own = Messages(tree), names_made(tree)
            for text in dict.fromkeys(asked.words):
                if missing := [part for part in spoken(text) if part not in shown and part not in own]:
                    what = f"a test asks for {missing[0]!r} in a message, which the docstring does not state"
                    yield Excess("words", task.id, 1, what)
            for line in dict.fromkeys(asked.whole):
                yield Excess("words", task.id, 1, f"line {line} of its test hands back a whole message")


# ---------------------------------------------------------------------------------------------------------- the course


def of_module(course: Course, module: Module) -> list[tuple[str, Excess]]:
    """(file, excess) for the module's notebooks and the files that they are exported to."""
    found = []
    for path in course.notebooks(module):
        graded = path == course.notebook(module)
        found += [(course.show(path), one) for one in excesses(nb.read(path), graded)]
    for path in course.targets(module):
        if path.is_file() and (lines := code_lines(path.read_text(encoding="utf-8"))) > FILE:
            found.append((course.show(path), Excess("file", "file", lines, f"has {lines} lines: at most {FILE}")))
    return found


def totals(found: Iterable[Excess]) -> dict[str, list[float]]:
    """For each rule how many are over it (of what lacks an example, how many lines), and the worst figure."""
    result: dict[str, list[float]] = {}
    for one in found:
        count, worst = result.get(one.rule, (0, 0))
        result[one.rule] = [count + one.count, max(worst, one.figure)]
    return result


def write_hours(course: Course) -> list[Path]:
    """Write the hours that the rule gives into every head that is too far off; the notebooks changed."""
    changed = []
    for module in course.modules():
        path = course.notebook(module)
        notebook = nb.read(path)
        if list(hours(notebook)):
            words = f"**Time** about {in_words(measure(notebook).hours)}."
            first = notebook["cells"][0]
            first["source"] = re.sub(r"\*\*Time\*\* [^.]+\.", words, nb.text(first)).splitlines(keepends=True)
            changed += [path] if nb.write(path, notebook) else []
    return changed


COLUMNS = ("seen", "written", "given", "before last", "ratio", "longest run", "before", "words", "hours")


def table(course: Course, modules: list[Module]) -> list[tuple[str, ...]]:
    """A row of figures for each module's graded notebook."""
    rows = []
    for module in modules:
        s = measure(nb.read(course.notebook(module)))
        rows.append((module.nn, s.seen, s.solutions, s.given, s.before_last, f"{s.ratio:.1f}", s.longest_run))
        rows[-1] = tuple(map(str, (*rows[-1], s.run_before, s.prose, s.hours)))
    return rows


if __name__ == "__main__":
    for changed in write_hours(Course.find()):
        print(f"{changed}: hours brought up to date")

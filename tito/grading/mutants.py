"""Mechanical mutants: small changes to every reference solution, each of which the hidden tests should notice.

    python -m tito.grading.mutants 01 02        per task: killed, survived, equivalent; the survivors by name
    python -m tito.grading.mutants 01 --sample 50

A mutant that survives shows a hole in the hidden tests, or changes nothing that can be seen. The second kind is written down with
its reason in tests/grading/NN_name/equivalents.toml:

    [[equivalent]]
    task = "01.3"
    mutant = "n < 2 -> n <= 2"
    reason = "for n = 2 both branches return the same."

A mutant is judged as a submission is, in the sandbox: what comes before the solution runs once, and is forked for each.
"""

from __future__ import annotations

import argparse
import ast
import copy
import multiprocessing
import os
import random
import sys
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..notebooks.tasks import Source, SourceCell, SourceError, Task
from .grade import Grader
from .release import Release
from .validate import differing


@dataclass(frozen=True)
class Mutant:
    """One small change: the task, what was changed (`old -> new`), the solution cell's id and its mutated text."""

    task: str
    change: str
    cell: str
    source: str


# -------------------------------------------------------------------------------------------------------------- making

BINARY = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Div,),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitXor: (ast.BitAnd,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
}
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ORDERED = (ast.Sub, ast.Div, ast.Pow, ast.MatMult, ast.FloorDiv, ast.Mod)


def regions(source: str) -> list[range]:
    """The line numbers inside solution regions."""
    found, start = [], None
    for number, line in enumerate(source.split("\n"), 1):
        if "BEGIN SOLUTION" in line:
            start = number
        elif "END SOLUTION" in line and start is not None:
            found.append(range(start, number + 1))
            start = None
    return found


def mutants_of(task: Task) -> list[Mutant]:
    """Every mutant of the task's solution regions, each once."""
    found: dict[tuple[str, str], Mutant] = {}
    for cell in task.solutions:
        for change, text in _mutate(cell):
            name, number = change, 2
            if (cell.id, text) in {(m.cell, m.source) for m in found.values()}:
                continue
            while (cell.id, name) in found:
                name, number = f"{change} (place {number})", number + 1
            found[cell.id, name] = Mutant(task.id, name, cell.id, text)
    return list(found.values())


def _mutate(cell: SourceCell) -> Iterator[tuple[str, str]]:
    tree = ast.parse(cell.source)
    inside = regions(cell.source)
    original = ast.unparse(tree)
    for statement, change in _changes(tree, lambda node: any(node.lineno in region for region in inside)):
        before = _said(statement)
        undo = change()
        after = _said(statement)
        try:
            text = ast.unparse(ast.fix_missing_locations(tree))
            compile(text, "mutant", "exec")
        except (SyntaxError, ValueError):
            text = original
        undo()
        if text != original:
            yield _difference(before, after), text


def _said(statement: ast.AST) -> str:
    """A statement in one line; of a compound one its first line."""
    shown = copy.copy(statement)
    if isinstance(getattr(shown, "body", None), list):
        shown.body = [ast.Expr(ast.Constant(...))]
        for field in ("orelse", "finalbody", "handlers"):
            if hasattr(shown, field):
                setattr(shown, field, [])
    try:
        return " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(shown))).split())
    except Exception:
        return type(statement).__name__


def _difference(before: str, after: str) -> str:
    return f"{before.removesuffix(' ...')} -> {after.removesuffix(' ...')}"


Change = Callable[[], Callable[[], None]]
"""Applies a change to the tree and returns what undoes it."""


def _set(node: ast.AST, field: str, value: object) -> Change:
    def change() -> Callable[[], None]:
        old = getattr(node, field)
        setattr(node, field, value)
        return lambda: setattr(node, field, old)

    return change


def _put(items: list, index: int, *values: object) -> Change:
    def change() -> Callable[[], None]:
        old = list(items)
        items[index : index + 1] = values
        return lambda: items.__setitem__(slice(None), old)

    return change


def _swap(items: list, i: int, j: int) -> Change:
    def change() -> Callable[[], None]:
        items[i], items[j] = items[j], items[i]
        return lambda: _swap(items, i, j)() and None

    return change


def _changes(tree: ast.Module, inside: Callable[[ast.AST], bool]) -> Iterator[tuple[ast.AST, Change]]:
    """Every single change, with the statement that it happens in."""

    def visit(node: ast.AST, statement: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
        if isinstance(node, (ast.Raise, ast.Assert, ast.JoinedStr)):
            return  # the wording of messages is not graded; that an error is raised is, by removing the statement
        here = isinstance(node, ast.Module) or not hasattr(node, "lineno") or inside(node)
        if here:
            for change in _expression(node):
                yield statement, change
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "type_comment", "decorator_list"):
                continue
            if isinstance(value, list):
                for index, item in enumerate(value):
                    if isinstance(item, ast.stmt):
                        if inside(item):
                            for change in _statement(item, value, index):
                                yield item, change
                        yield from visit(item, item)
                    elif isinstance(item, ast.AST):
                        yield from visit(item, statement)
            elif isinstance(value, ast.AST):
                yield from visit(value, statement)

    yield from visit(tree, tree)


def _statement(node: ast.stmt, body: list, index: int) -> Iterator[Change]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.Return):
        if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield _set(node, "value", ast.Constant(None))
    elif not isinstance(node, (ast.Pass, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal)):
        yield _replaced(node, body, index)
    if isinstance(node, (ast.If, ast.While)):
        yield _set(node, "test", ast.UnaryOp(ast.Not(), node.test))
    if isinstance(node, ast.AugAssign):
        for operator in BINARY.get(type(node.op), ()):
            yield _set(node, "op", operator())


def _replaced(node: ast.stmt, body: list, index: int) -> Change:
    """The statement removed; it is described by its own text and `pass`, so it is changed in place."""

    def change() -> Callable[[], None]:
        old_class, old = node.__class__, dict(node.__dict__)
        node.__class__ = ast.Pass
        for name in node._fields or ():
            node.__dict__.pop(name, None)

        def undo() -> None:
            node.__class__ = old_class
            node.__dict__.clear()
            node.__dict__.update(old)

        return undo

    return change


def _expression(node: ast.AST) -> Iterator[Change]:
    yield from EXPRESSIONS.get(type(node), lambda node: ())(node)


def _binary(node: ast.BinOp) -> Iterator[Change]:
    for operator in BINARY.get(type(node.op), ()):
        yield _set(node, "op", operator())
    if isinstance(node.op, ORDERED):

        def swap() -> Callable[[], None]:
            node.left, node.right = node.right, node.left
            return lambda: swap() and None

        yield swap


def _comparison(node: ast.Compare) -> Iterator[Change]:
    for index, operator in enumerate(node.ops):
        for other in COMPARISONS[type(operator)]:
            yield _put(node.ops, index, other())


def _unary(node: ast.UnaryOp) -> Iterator[Change]:
    if isinstance(node.op, (ast.USub, ast.Not)):
        yield _set(node, "op", ast.UAdd()) if isinstance(node.op, ast.USub) else _negated(node)


def _call(node: ast.Call) -> Iterator[Change]:
    starred = any(isinstance(argument, ast.Starred) for argument in node.args[:2])
    if len(node.args) >= 2 and not starred and ast.dump(node.args[0]) != ast.dump(node.args[1]):
        yield _swap(node.args, 0, 1)
    for index, keyword in enumerate(node.keywords):
        if keyword.arg is not None:
            yield _put(node.keywords, index)


def _negated(node: ast.UnaryOp) -> Change:
    return _set(node, "operand", ast.UnaryOp(ast.Not(), node.operand))


def _constant(node: ast.Constant) -> Iterator[Change]:
    value = node.value
    if isinstance(value, bool):
        yield _set(node, "value", not value)
    elif isinstance(value, int):
        yield _set(node, "value", value + 1)
        if value == 1:
            yield _set(node, "value", 0)
    elif isinstance(value, float):
        yield _set(node, "value", value * 2 if value else 1.0)
    elif isinstance(value, str):
        yield _set(node, "value", value + "x")


EXPRESSIONS: dict[type, Callable[..., Iterator[Change]]] = {
    ast.BinOp: _binary,
    ast.Compare: _comparison,
    ast.BoolOp: lambda node: iter([_set(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())]),
    ast.UnaryOp: _unary,
    ast.IfExp: lambda node: iter([_set(node, "test", ast.UnaryOp(ast.Not(), node.test))]),
    ast.Constant: _constant,
    ast.Call: _call,
}


# ------------------------------------------------------------------------------------------------------------- running


def noticed(grader: Grader, mutants: list[Mutant], seed: int = 0) -> dict[tuple[str, str], bool]:
    """(task, change) -> whether the mutant would lose points: some probe hands back something else than the reference's."""
    expected, found = grader.expected(seed), {}
    for id in dict.fromkeys(mutant.task for mutant in mutants):
        mine = [mutant for mutant in mutants if mutant.task == id]
        patches = [{mutant.cell: mutant.source} for mutant in mine]
        outcomes = grader.outcomes_of_variants(grader.source.tasks[id], patches, seed)
        for mutant, outcome in zip(mine, outcomes, strict=True):
            found[id, mutant.change] = bool(differing(expected[id], outcome))
    return found


def chosen(source: Source, sample: int | None = None, seed: int = 0) -> list[Mutant]:
    """All mutants of a module, or a random sample of them."""
    every = [mutant for task in source.tasks.values() for mutant in mutants_of(task)]
    return every if sample is None or sample >= len(every) else random.Random(seed).sample(every, sample)


@dataclass
class Report:
    """What became of a task's mutants."""

    task: str
    killed: int
    survived: list[Mutant]
    equivalent: list[Mutant]
    unknown: list[str]

    @property
    def rate(self) -> float:
        count = self.killed + len(self.survived)
        return self.killed / count if count else 1.0


def run(release: Release, equivalents: Path | None = None, sample: int | None = None) -> list[Report]:
    """Judge the mutants of a module, each core with a sandbox of its own."""
    mutants, cores = chosen(release.source, sample), os.cpu_count() or 1
    with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as pool:
        shares = pool.map(_share, [release] * cores, [mutants[core::cores] for core in range(cores)])
        verdicts = {name: verdict for share in shares for name, verdict in share.items()}
    return reports(release.source, verdicts, read_equivalents(equivalents, release.source))


def _share(release: Release, mutants: list[Mutant]) -> dict[tuple[str, str], bool]:
    with Grader(release) as grader:
        return noticed(grader, mutants)


def reports(source: Source, verdicts: dict[tuple[str, str], bool], known: dict[tuple[str, str], str]) -> list[Report]:
    """What `noticed` said, by task; `known`: see read_equivalents."""
    found = []
    for id, task in source.tasks.items():
        mutants = mutants_of(task)
        mine = [mutant for mutant in mutants if (id, mutant.change) in verdicts]
        alive = [mutant for mutant in mine if not verdicts[id, mutant.change]]
        told = [mutant for mutant in alive if (id, mutant.change) in known]
        survived = [mutant for mutant in alive if (id, mutant.change) not in known]
        unknown = sorted(change for task, change in known if task == id and change not in {m.change for m in mutants})
        unknown += sorted(change for task, change in known if task == id and verdicts.get((id, change)))
        found.append(Report(id, len(mine) - len(alive), survived, told, unknown))
    return found


def read_equivalents(path: Path | None, source: Source) -> dict[tuple[str, str], str]:
    """(task, change) -> the reason why the mutant does the same as the reference."""
    if path is None or not Path(path).is_file():
        return {}
    entries = tomllib.loads(Path(path).read_text(encoding="utf-8")).get("equivalent", [])
    for entry in entries:
        if not all(isinstance(entry.get(field), str) and entry[field] for field in ("task", "mutant", "reason")):
            raise SourceError(f"{Path(path).name}: every equivalent needs a task, a mutant and a reason: {entry}")
        if entry["task"] not in source.tasks:
            raise SourceError(f"{Path(path).name}: {source.name} has no task {entry['task']}")
    return {(entry["task"], entry["mutant"]): entry["reason"] for entry in entries}


def main(arguments: list[str] | None = None) -> int:
    from ..course import Course

    parser = argparse.ArgumentParser(prog="python -m tito.grading.mutants", description=__doc__.split("\n")[0])
    parser.add_argument("modules", nargs="*", help="numbers or names; all by default")
    parser.add_argument("--sample", type=int, help="only so many mutants of each module, drawn at random")
    parser.add_argument("--quiet", action="store_true", help="do not list the survivors")
    options = parser.parse_args(arguments)
    course = Course.find()
    modules = [course.module(name) for name in options.modules] if options.modules else course.modules()
    ok = True
    for module in modules:
        release = Release.open(course.notebook(module), folder=course.root / ".grading")
        if not release.source.tasks:
            continue
        equivalents = course.root / "tests" / "grading" / module.folder / "equivalents.toml"
        ok &= show(module.folder, run(release, equivalents, options.sample), options.quiet)
    return 0 if ok else 1


def show(name: str, reports: list[Report], quiet: bool = False) -> bool:
    """The table of a module; True when at least 97 % of the mutants that are not equivalent were killed."""
    killed, survived = sum(r.killed for r in reports), sum(len(r.survived) for r in reports)
    equivalent = sum(len(r.equivalent) for r in reports)
    rate = killed / (killed + survived) if killed + survived else 1.0
    print(f"{name}: {killed} killed, {survived} survived, {equivalent} equivalent: {rate:.1%}")
    for report in reports:
        print(
            f"  {report.task:6} {report.killed:5} killed {len(report.survived):4} survived {len(report.equivalent):4} equivalent"
        )
        if not quiet:
            for mutant in report.survived:
                print(f"           survived: {mutant.change}")
        for change in report.unknown:
            print(f"           claimed equivalent, but killed or not made: {change}")
    return rate >= 0.97


if __name__ == "__main__":
    sys.exit(main())

"""The names that a cell binds and needs, read from its syntax tree. No line of anybody's code is run."""

from __future__ import annotations

import ast
import copy
import functools
import hashlib
import re
import symtable
import warnings
from dataclasses import dataclass

LARGEST_CELL = 200_000
"""Characters of a cell beyond which it is not taken for code."""
MOST_EXTRAS = 50
"""Lines of IPython's own in one cell: its transformer goes over the whole cell for each of them."""


@dataclass(frozen=True)
class Names:
    """What a cell does with the notebook's names: those it binds (`defines` leaves imports out), and those it uses that
    come from other cells; `parsed` says that it is Python at all."""

    parsed: bool
    binds: frozenset[str] = frozenset()
    defines: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()


def plain(source: str) -> str:
    """A cell without its lines for IPython (`%time`, `!ls`), the numbers of the other lines kept."""
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.split("\n"))


def to_python(source: str) -> str:
    """IPython's extras (`%time`, `!ls`, `f?`) as plain Python; ordinary cells come back as they are."""
    extras = re.findall(r"(?m)^\s*[%!]|\?\s*$|^\s*\?|=\s*[%!]", source)
    if not extras or len(extras) > MOST_EXTRAS:
        return source
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(source)


# A notebook has a hundred cells, and most are the same in every submission; a syntax tree takes tens of kilobytes.
@functools.lru_cache(maxsize=512)
def parse(source: str) -> ast.Module | None:
    """The syntax tree, or None when there is none (or when the text is out of all proportion)."""
    if len(source) > LARGEST_CELL:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for text in (lambda: source, lambda: to_python(source)):
            try:
                return ast.parse(text())
            except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
                continue
            except Exception:  # IPython's transformers may fail in their own ways on text that is not code
                continue
    return None


@functools.lru_cache(maxsize=512)
def names_of(source: str) -> Names:
    """The names that a cell binds at the notebook's level, and those that it needs from the cells before it."""
    tree = parse(source)
    if tree is None:
        return Names(parsed=False)
    reading = _Reading()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            reading.block(tree.body)
        except Exception:
            return Names(parsed=False)
    return Names(True, frozenset(reading.binds), frozenset(reading.defines), frozenset(reading.uses))


class _Reading:
    """A cell read statement by statement: a name that is bound before it is used comes from no other cell."""

    def __init__(self) -> None:
        self.binds: set[str] = set()
        self.defines: set[str] = set()
        self.uses: set[str] = set()

    def block(self, nodes: list[ast.stmt]) -> None:
        for node in nodes:
            inner = [getattr(node, name) for name in ("body", "orelse", "finalbody") if getattr(node, name, None)]
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or not inner:
                self.simple(node)
                continue
            self.simple(_head(node))
            for part in inner:
                self.block(part)
            for handler in getattr(node, "handlers", ()):
                self.handler(handler)

    def handler(self, handler: ast.ExceptHandler) -> None:
        if handler.type is not None:
            self.simple(ast.Expr(handler.type))
        self.binds.update([handler.name] if handler.name else [])
        self.block(handler.body)

    def simple(self, node: ast.stmt) -> None:
        binds, defines, uses = _symbols(node)
        self.uses.update(uses - self.binds)
        self.binds.update(binds)
        self.defines.update(defines)


def _head(node: ast.stmt) -> ast.stmt:
    """A compound statement without what stands in it."""
    if isinstance(node, (ast.Try, ast.TryStar)):
        return ast.If(ast.Constant(1), [ast.Pass()], [])
    head = copy.copy(node)
    head.body, head.orelse, head.finalbody, head.handlers = [ast.Pass()], [], [], []
    return head


def _symbols(node: ast.stmt) -> tuple[set[str], set[str], set[str]]:
    """Of one statement: names bound at the top or as globals, the same without imports, names used."""
    binds, defines, uses = set(), set(), set()
    tables = [symtable.symtable(ast.unparse(node), "cell", "exec")]
    for table in tables:
        tables += table.get_children()
        top = table is tables[0]
        for symbol in (symbol for symbol in table.get_symbols() if top or symbol.is_global()):
            name, bound = symbol.get_name(), symbol.is_assigned() or symbol.is_imported()
            uses.update([name] if symbol.is_referenced() else [])
            binds.update([name] if bound else [])
            defines.update([name] if bound and not symbol.is_imported() else [])
    if isinstance(node, (ast.AugAssign, ast.Delete)):
        uses |= binds
    return binds, defines, uses


@functools.lru_cache(maxsize=512)
def fingerprint(source: str) -> str:
    """Two cells with the same meaning do the same: comments and blank lines do not count."""
    tree = parse(source)
    if tree is not None:
        try:
            return hashlib.sha256(ast.dump(tree).encode("utf-8", "surrogatepass")).hexdigest()
        except RecursionError:
            pass
    return "\n".join(line.rstrip() for line in source.strip().split("\n"))


def blank_out(source: str, unwanted: frozenset[str] | set[str]) -> str:
    """The cell with the definitions of `unwanted` names blanked out, line numbers kept."""
    tree = parse(source)
    if tree is None or not unwanted & names_of(source).binds:
        return source
    lines = source.split("\n")
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound, first = {node.name}, min([node.lineno, *(d.lineno for d in node.decorator_list)])
        elif isinstance(node, ast.Assign) and all(isinstance(t, ast.Name) for t in node.targets):
            bound, first = {t.id for t in node.targets}, node.lineno
        else:
            continue
        if bound <= unwanted:
            lines[first - 1 : node.end_lineno] = [""] * (node.end_lineno - first + 1)
    blanked = "\n".join(lines)
    return blanked if parse(blanked) is not None else source

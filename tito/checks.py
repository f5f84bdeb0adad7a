"""Checks that speak: a failed `assert` says which one it was, what came, and what was expected.

Assertions are rewritten before they run, as pytest does it; cells stay plain Python. Each operand is kept in a name of its
own while the expression is evaluated, once and in its own order, and read only when the assertion has failed:

    assert f(2) == 4 and g()     becomes     @1 = @2 = ... = @missing
                                             if not ((@1 := (@2 := f(2)) == (@3 := 4)) and (@4 := g())):
                                                 raise @explain(17, (@1, @2, @3, @4))
                                             del @1, @2, @3, @4

`load_ipython_extension` does it for a kernel (JupyterLab, Validate, `tito test`, Colab); `rewrite` for a syntax tree.
Only the standard library and NumPy are needed, so that the grader's sandbox can use this file as it is.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import linecache
import reprlib
import sys
from dataclasses import dataclass, field

import numpy as np

LONGEST = 300
"""Characters of a value that are shown."""
LARGEST = 10**7
"""Elements of an array that are compared once more to find the first that differs."""
DIFFERENT = {
    ast.Lt: "less than",
    ast.LtE: "at most",
    ast.Gt: "more than",
    ast.GtE: "at least",
    ast.NotEq: "anything but",
    ast.Is: "the same object as",
    ast.IsNot: "another object than",
    ast.In: "one of",
    ast.NotIn: "none of",
}
SAME = ("allclose", "isclose", "array_equal", "array_equiv", "equal", "assert_close")
"""Functions and methods that compare their first two values."""
MISSING = type("Missing", (), {"__repr__": lambda self: "not evaluated"})()


# ------------------------------------------------------------------------------------------------------ describing values


def attempt(function, *arguments, instead=None):
    """What a function gives, or `instead`: objects that a student's code made may fail at anything."""
    try:
        return function(*arguments)
    except Exception:
        return instead


def cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 20]} ... ({len(text)} characters)"


class Short(reprlib.Repr):
    """repr() that does not write out what is long."""

    def __init__(self):
        super().__init__()
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = self.maxdeque = 12
        self.maxstring = self.maxother = self.maxlong = LONGEST
        self.maxlevel = 4

    def repr1(self, x, level):
        known = attempt(value_text, x)
        return known if known is not None else super().repr1(x, level)

    def repr_instance(self, x, level):
        text = attempt(repr, x)
        return cut(text) if isinstance(text, str) else f"something of type {type(x).__name__}, without a repr"


def value_text(x) -> str | None:
    """The text of arrays, dtypes, classes and functions; None for everything else."""
    if isinstance(x, np.dtype):
        return str(x)
    if isinstance(x, type):
        return x.__name__
    if callable(x) and isinstance(getattr(type(x), "__name__", None), str) and type(x).__name__ == "function":
        return f"the function {x.__name__}"
    array = array_of(x)
    if array is None or isinstance(x, np.generic):
        return None
    kind = "array" if isinstance(x, np.ndarray) else type(x).__name__
    numbers = np.array2string(array, threshold=20, edgeitems=3, separator=", ", precision=8, max_line_width=10**6)
    return f"{array.dtype} {kind} of shape {array.shape}: {cut(' '.join(numbers.split()))}"


SHORT = Short()


def shown(x) -> str:
    """Any value in one line."""
    if issubclass(type(x), np.generic):
        return f"{cut(str(x))} ({x.dtype})"
    text = attempt(SHORT.repr, x)
    return cut(" ".join(text.split())) if isinstance(text, str) else f"something of type {type(x).__name__}"


def difference_lines(got, expected, close: dict | None = None) -> list[str]:
    return [f"  {text}" for text in attempt(differences, got, expected, close, instead=[])]


def array_of(x) -> np.ndarray | None:
    """The array of an array, a NumPy number or a tensor of any library; None for other things."""
    if isinstance(x, np.ndarray | np.generic):
        return np.asarray(x)
    if isinstance(x, type) or not (hasattr(type(x), "shape") or attempt(hasattr, x, "shape")):
        return None
    data = attempt(lambda: x.detach().numpy()) if attempt(hasattr, x, "detach") else None
    data = data if isinstance(data, np.ndarray) else attempt(lambda: x.data)
    return data if isinstance(data, np.ndarray) else None


# ---------------------------------------------------------------------------------------------------------- differences


def differences(got, expected, close: dict | None = None, path: str = "") -> list[str]:
    """Where two values differ first, in sentences; `close` holds the tolerances of a comparison that has some."""
    one, other = array_of(got), array_of(expected)
    if one is not None and other is not None or (one is not None or other is not None) and close is not None:
        return array_differences(attempt(np.asarray, got) if one is None else one, other, expected, close, path)
    if isinstance(got, str) and isinstance(expected, str):
        return text_differences(got, expected, path)
    if type(got) is type(expected) and isinstance(got, list | tuple):
        return sequence_differences(got, expected, close, path)
    if isinstance(got, dict) and isinstance(expected, dict):
        return dict_differences(got, expected, close, path)
    return number_differences(got, expected, path)


def at(path: str) -> str:
    return f" at {path}" if path else ""


def array_differences(a, b, expected, close, path) -> list[str]:
    b = attempt(np.asarray, expected) if b is None else b
    if a.shape != b.shape and (close is None or a.ndim and b.ndim):
        return [f"the shapes differ{at(path)}: {a.shape} and {b.shape}"]
    found = (
        [f"the dtypes differ{at(path)}: {a.dtype} and {b.dtype}"] if a.dtype != b.dtype else []
    )  # if nothing else does
    if a.size > LARGEST or not a.size:
        return found
    with np.errstate(all="ignore"):
        wrong = attempt(lambda: ~np.isclose(a, b, **close) if close is not None else np.asarray(a != b))
        if not isinstance(wrong, np.ndarray | np.generic) or not np.any(wrong):
            return found
        index = np.unravel_index(int(np.argmax(wrong)), np.shape(wrong))
        a, b = np.broadcast_arrays(a, b)
        words = f"got {shown(a[index].item())}, expected {shown(b[index].item())}"
        largest = ""
        if a.dtype.kind in "iufc" and b.dtype.kind in "iufc":
            largest = f", largest difference {np.abs(a - b.astype(np.result_type(a, b, np.float64)))[wrong].max():.6g}"
    place = path + (f"[{', '.join(map(str, index))}]" if index else "")
    return [f"first difference{at(place)}: {words} ({int(wrong.sum())} of {wrong.size} differ{largest})"]


def text_differences(got: str, expected: str, path: str) -> list[str]:
    if got == expected:
        return []
    index = next((i for i, (a, b) in enumerate(zip(got, expected)) if a != b), min(len(got), len(expected)))
    around = slice(max(0, index - 20), index + 20)
    words = f"got {got[around]!r}, expected {expected[around]!r}" if max(len(got), len(expected)) > 40 else ""
    return [f"the texts differ{at(path)} from character {index} on{': ' + words if words else ''}"]


def same(a, b, close) -> bool:
    """Whether two items count as equal; what cannot be compared does not."""
    if close is not None:
        return bool(attempt(lambda: np.all(np.isclose(a, b, **close)), instead=False))
    one, other = array_of(a), array_of(b)
    if one is not None and other is not None:
        return one.shape == other.shape and bool(attempt(lambda: np.all(one == other), instead=False))
    return a is b or bool(attempt(lambda: bool(a == b), instead=False))


def sequence_differences(got, expected, close, path) -> list[str]:
    found = []
    if len(got) != len(expected):
        found.append(f"the lengths differ{at(path)}: {len(got)} and {len(expected)}")
    for index, (a, b) in enumerate(zip(got, expected)):
        if not same(a, b, close):
            place = f"{path}[{index}]"
            inner = differences(a, b, close, place)
            told = f"first difference at {place}: got {shown(a)}, expected {shown(b)}"
            return [*found, *(inner if any("first difference" in line for line in inner) else [told, *inner])]
    return found


def dict_differences(got, expected, close, path) -> list[str]:
    lacks, extra = [k for k in expected if k not in got], [k for k in got if k not in expected]
    found = [f"missing{at(path)}: {shown(lacks)}"] if lacks else []
    found += [f"not expected{at(path)}: {shown(extra)}"] if extra else []
    for key in expected:
        if key in got and not same(got[key], expected[key], close):
            place = f"{path}[{key!r}]"
            told = f"first difference at {place}: got {shown(got[key])}, expected {shown(expected[key])}"
            return [*found, told, *differences(got[key], expected[key], close, place)]
    return found


def number_differences(got, expected, path) -> list[str]:
    numbers = all(
        isinstance(x, int | float | complex | np.generic) and not isinstance(x, bool) for x in (got, expected)
    )
    if not numbers:
        return [f"the types differ{at(path)}: {type(got).__name__} and {type(expected).__name__}"] * (
            type(got) is not type(expected) and shown(got) == shown(expected)
        )
    size = None if path else attempt(lambda: abs(got - expected))
    return [f"the difference{at(path)} is {size:.6g}"] if isinstance(size, float | np.floating) else []


# ------------------------------------------------------------------------------------------------ the parts of a check


def line(label: str, text: str) -> str:
    return f"  {label + ':':<9} {text}"


@dataclass
class Part:
    """A part of a check's expression. `slot` says where its value is kept among the values of the check."""

    node: ast.expr
    slot: int

    def failing(self, values) -> Part:
        """The innermost part that is to blame."""
        return self

    def told(self, values) -> list[str]:
        return [line("got", shown(values[self.slot])), line("expected", "true")]


@dataclass
class Chain(Part):
    """`and` and `or`: the last operand that was evaluated decided."""

    parts: list[Part] = field(default_factory=list)

    def failing(self, values) -> Part:
        if isinstance(self.node.op, ast.Or):
            return self
        evaluated = [part for part in self.parts if values[part.slot] is not MISSING]
        return evaluated[-1].failing(values) if evaluated else self

    def told(self, values) -> list[str]:
        parts = [part.failing(values) for part in self.parts if values[part.slot] is not MISSING]
        return [text for part in parts for text in (line("neither", ast.unparse(part.node)), *part.told(values))]


@dataclass
class Negation(Part):
    """`not x`"""

    inner: int = 0

    def told(self, values) -> list[str]:
        return [line("got", shown(values[self.inner])), line("expected", "false")]


@dataclass
class Comparison(Part):
    """`a == b`, also a chain `a < b < c`, and within `(a == b).all()`; the difference in `abs(a - b) < c`."""

    compare: ast.Compare | None = None
    slots: list[int] = field(default_factory=list)
    minus: tuple[int, int] | None = None

    def told(self, values) -> list[str]:
        reached = [i for i, slot in enumerate(self.slots) if values[slot] is not MISSING]
        right = max(reached)
        got, expected = values[self.slots[right - 1]], values[self.slots[right]]
        operator = type(self.compare.ops[right - 1])
        if operator is ast.Eq:
            found = [line("got", shown(got)), line("expected", shown(expected))]
            return found + difference_lines(got, expected)
        words = DIFFERENT[operator] + " "
        if operator in (ast.Is, ast.IsNot) and (expected is None or attempt(value_text, expected)):
            words = "" if operator is ast.Is else "anything but "
        found = [line("got", shown(got)), line("expected", words + shown(expected))]
        if self.minus and right == 1:
            one, other = (values[slot] for slot in self.minus)
            found += [line("of", shown(one)), line("and", shown(other))]
            found += difference_lines(one, other, {"rtol": 0, "atol": 0})
        return found


@dataclass
class Each(Part):
    """`all(condition for x in y)`: the item at which it ended."""

    element: Part | None = None
    names: dict[str, int] = field(default_factory=dict)

    def told(self, values) -> list[str]:
        if values[self.element.slot] is MISSING:
            return super().told(values)
        part = self.element.failing(values)
        where = ", ".join(f"{name} = {shown(values[slot])}" for name, slot in self.names.items())
        return [line("at", where), line("failed", ast.unparse(part.node)), *part.told(values)]


@dataclass
class Called(Part):
    """A call: its arguments, and the object whose method it is."""

    name: str = ""
    receiver: int | None = None
    arguments: list[int] = field(default_factory=list)
    keywords: dict[str, int] = field(default_factory=dict)

    def told(self, values) -> list[str]:
        owner = values[self.receiver] if self.receiver is not None else sys
        given = [values[slot] for slot in self.arguments]
        compared = given if isinstance(owner, type(sys)) else [owner, *given]
        if self.name in SAME and len(compared) >= 2:
            options = {name: values[slot] for name, slot in self.keywords.items()}
            return self.compared(*compared[:2], compared[2:4], options)
        if self.name == "isinstance" and len(given) == 2:
            got = f"{shown(given[0])}, of type {type(given[0]).__name__}"
            return [line("got", got), line("expected", f"an instance of {shown(given[1])}")]
        found = [line("got", shown(values[self.slot])), line("expected", "true")]
        return found + [line("with", shown(value)) for value in compared[:3]]

    def compared(self, got, expected, tolerances, options) -> list[str]:
        close = None
        if "close" in self.name:
            close = {**dict(zip(("rtol", "atol"), tolerances)), **options}
            close = {name: close[name] for name in ("rtol", "atol", "equal_nan") if name in close}
        found = difference_lines(got, expected, close)
        return [line("got", shown(got)), line("expected", shown(expected)), *found]


@dataclass
class Check:
    """One assertion of a cell: its number among them, its parts, and the names of its values."""

    number: int
    total: int
    part: Part
    names: list[str]


CHECKS: dict[int, Check] = {}
NEXT = itertools.count(1)


def explain(key: int, values: tuple, *message) -> AssertionError:
    """The error of the failed assertion; never fails itself."""
    check, frame = CHECKS[key], sys._getframe(1)
    if frame.f_locals is frame.f_globals:
        for name in check.names:
            frame.f_globals.pop(name, None)
    own = [str(attempt(str, message[0], instead="")).strip()] if message else []
    try:
        return AssertionError("\n".join(sentences(check, values, [text for text in own if text], frame)))
    except Exception:
        return AssertionError(*message)


def sentences(check: Check, values, own: list[str], frame) -> list[str]:
    part = check.part.failing(values)
    source = source_of(part.node, frame.f_code.co_filename)
    which = f"check {check.number} of {check.total}: " if check.total > 1 else ""
    head = [f"{which}{own[0]}", line("failed", source)] if own else [f"{which}{source}"]
    return head + (attempt(part.told, values) or [])


def source_of(node: ast.expr, file: str) -> str:
    """The text of an expression as it stands in its cell, or what Python makes of it."""
    source = "".join(linecache.getlines(file))
    text = attempt(ast.get_source_segment, source, node) if source else None
    return cut(" ".join((text or ast.unparse(node)).split()))


builtins.__dict__["@explain"], builtins.__dict__["@missing"] = explain, MISSING


# -------------------------------------------------------------------------------------------------------------- rewriting


def name(text: str, context=None) -> ast.Name:
    return ast.Name(text, context or ast.Load())


class Values:
    """The names in which one check keeps its values while it is evaluated."""

    def __init__(self, comprehensions: bool):
        self.names: list[str] = []
        self.comprehensions = comprehensions

    def keep(self, node: ast.expr) -> tuple[ast.expr, int]:
        """The expression that also keeps its value, and where."""
        self.names.append(f"@{len(self.names)}")
        return ast.copy_location(ast.NamedExpr(name(self.names[-1], ast.Store()), node), node), len(self.names) - 1

    def part(self, node: ast.expr) -> tuple[ast.expr, Part]:
        """An expression and its parts, the value of the whole kept too."""
        make = getattr(self, f"part_{type(node).__name__}", None)
        made, part = make(node) if make else (node, Part(node, 0))
        made, part.slot = self.keep(ast.copy_location(made, node))
        return made, part

    def part_BoolOp(self, node):
        made, parts = zip(*(self.part(value) for value in node.values))
        return ast.BoolOp(node.op, list(made)), Chain(node, 0, list(parts))

    def part_UnaryOp(self, node):
        if not isinstance(node.op, ast.Not):
            return node, Part(node, 0)
        inner, slot = self.keep(node.operand)
        return ast.UnaryOp(node.op, inner), Negation(node, 0, slot)

    def part_Compare(self, node):
        left, minus = self.difference(node.left)
        operands = [self.keep(left or node.left), *(self.keep(operand) for operand in node.comparators)]
        made, slots = [operand for operand, _ in operands], [slot for _, slot in operands]
        return ast.Compare(made[0], node.ops, made[1:]), Comparison(node, 0, node, slots, minus)

    def difference(self, node: ast.expr) -> tuple[ast.expr | None, tuple[int, int] | None]:
        """`a - b` with both kept, where it stands in calls such as `abs(a - b).max()`."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            (one, first), (other, second) = self.keep(node.left), self.keep(node.right)
            return ast.copy_location(ast.BinOp(one, node.op, other), node), (first, second)
        if not isinstance(node, ast.Call):
            return None, None
        if isinstance(node.func, ast.Attribute):
            inner, slots = self.difference(node.func.value)
            if inner is not None:
                function = ast.copy_location(ast.Attribute(inner, node.func.attr, ast.Load()), node.func)
                return ast.copy_location(ast.Call(function, node.args, node.keywords), node), slots
        inner, slots = self.difference(node.args[0]) if len(node.args) == 1 else (None, None)
        if inner is None or getattr(node.func, "attr", getattr(node.func, "id", "")) not in ("abs", "max", "norm"):
            return None, None
        return ast.copy_location(ast.Call(node.func, [inner], node.keywords), node), slots

    def part_Call(self, node):
        function, word = node.func, getattr(node.func, "attr", getattr(node.func, "id", ""))
        alone = node.args[0] if len(node.args) == 1 and not node.keywords else None
        if word in ("all", "bool") and isinstance(alone, ast.Compare):
            made, part = self.part_Compare(alone)
            part.node = node
            return ast.Call(function, [ast.copy_location(made, alone)], []), part
        if word == "all" and isinstance(function, ast.Attribute) and isinstance(function.value, ast.Compare):
            made, part = self.part_Compare(function.value)
            part.node = node
            function = ast.Attribute(ast.copy_location(made, function.value), word, ast.Load())
            return ast.Call(ast.copy_location(function, node.func), node.args, node.keywords), part
        if isinstance(alone, ast.GeneratorExp) and word == "all" and self.comprehensions:
            return self.each(node, alone)
        return self.call(node, word)

    def each(self, node, loop):
        before = len(self.names)
        element, part = self.part(loop.elt)
        again = [ast.NamedExpr(name(text, ast.Store()), name("@missing")) for text in self.names[before:]]
        bound = [n.id for one in loop.generators for n in ast.walk(one.target) if isinstance(n, ast.Name)]
        kept = {text: self.keep(ast.copy_location(name(text), loop.elt)) for text in dict.fromkeys(bound)}
        items = ast.Tuple([*again, *(made for made, _ in kept.values()), element], ast.Load())
        element = ast.Subscript(items, ast.Constant(len(items.elts) - 1), ast.Load())
        made = ast.GeneratorExp(ast.copy_location(element, loop.elt), loop.generators)
        names = {text: slot for text, (_, slot) in kept.items()}
        return ast.Call(node.func, [ast.copy_location(made, loop)], []), Each(node, 0, part, names)

    def call(self, node, word):
        part, function = Called(node, 0, word), node.func
        if isinstance(function, ast.Attribute):
            owner, part.receiver = self.keep(function.value)
            function = ast.copy_location(ast.Attribute(owner, function.attr, ast.Load()), function)
        arguments, keywords = [], []
        for argument in node.args:
            if isinstance(argument, ast.Starred | ast.GeneratorExp):
                arguments.append(argument)
                continue
            made, slot = self.keep(argument)
            arguments.append(made)
            part.arguments.append(slot)
        for keyword in node.keywords:
            made, slot = self.keep(keyword.value) if keyword.arg else (keyword.value, None)
            keywords.append(ast.copy_location(ast.keyword(keyword.arg, made), keyword))
            if keyword.arg:
                part.keywords[keyword.arg] = slot
        return ast.Call(function, arguments, keywords), part


class Rewriter(ast.NodeTransformer):
    """Rewrites every assertion of a syntax tree. One of these serves for any number of trees."""

    def __init__(self):
        self.number, self.total, self.in_class = 0, 0, False

    def visit_Module(self, node: ast.Module) -> ast.Module:
        self.number, self.total = 0, sum(isinstance(child, ast.Assert) for child in ast.walk(node))
        return ast.fix_missing_locations(self.generic_visit(node)) if self.total else node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        before, self.in_class = self.in_class, True  # a comprehension there may not bind a name outside of it
        node = self.generic_visit(node)
        self.in_class = before
        return node

    def visit_FunctionDef(self, node):
        before, self.in_class = self.in_class, False
        node = self.generic_visit(node)
        self.in_class = before
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Assert(self, node: ast.Assert) -> list[ast.stmt]:
        self.number += 1
        values, key = Values(not self.in_class), next(NEXT)
        test, part = values.part(node.test)
        CHECKS[key] = Check(self.number, self.total, part, values.names)
        kept = ast.Tuple([name(text) for text in values.names], ast.Load())
        error = ast.Call(name("@explain"), [ast.Constant(key), kept, *([node.msg] if node.msg else [])], [])
        made = [
            ast.Assign([name(text, ast.Store()) for text in values.names], name("@missing")),
            ast.If(ast.UnaryOp(ast.Not(), test), [ast.Raise(error)], []),
            ast.Delete([name(text, ast.Del()) for text in values.names]),
        ]
        return [ast.fix_missing_locations(ast.copy_location(one, node)) for one in made]


def rewrite(tree: ast.Module) -> ast.Module:
    """The tree with speaking assertions."""
    return Rewriter().visit(tree)


# ---------------------------------------------------------------------------------------------------------------- kernels


def load_ipython_extension(shell) -> None:
    """Let the assertions of every cell of this kernel speak."""
    if not any(isinstance(one, Rewriter) for one in shell.ast_transformers):
        shell.ast_transformers.append(Rewriter())


def unload_ipython_extension(shell) -> None:
    shell.ast_transformers[:] = [one for one in shell.ast_transformers if not isinstance(one, Rewriter)]

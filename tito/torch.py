"""A program that says `import torch` runs on tinytorch, with no line of it changed: `tito torch SCRIPT [ARGUMENTS]`.

A finder answers for `torch` and everything below it with the module of tinytorch that has the same path, the reference's or
the student's own. What tinytorch lacks is named at the line that wants it; `missing(script)` lists, without running the program,
every name below torch that it will want in vain. `python -m tito.torch SCRIPT` does the same as `tito torch SCRIPT`.
"""

from __future__ import annotations

import ast
import runpy
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from .console import Mistake

OUTSIDE = "outside this course"


def own_name(name: str) -> str:
    """tinytorch's name of a module of PyTorch: `torch.nn` is `tinytorch.nn`."""
    return "tiny" + name


class TorchFinder(MetaPathFinder, Loader):
    """Answers `import torch...` with the module of tinytorch that has the same path."""

    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self, is_package=True) if name.split(".")[0] == "torch" else None

    def create_module(self, spec):
        module = import_module(own_name(spec.name))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module):
        module.__spec__ = module.__spec__.loader_state  # importlib has just set torch's over tinytorch's own


@dataclass(frozen=True)
class Missing:
    """A name that a program wants and tinytorch lacks: in which line, and who builds it."""

    line: int
    name: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.name} is {self.reason}"


def reason_of(error: Exception) -> str:
    """ "built in module 09: ...", in the library's own words, or that the course does not build it."""
    _, built, module = str(error).partition(" is built in module ")
    return f"built in module {module}" if built else OUTSIDE


def lacks(name: str) -> tuple[str, str] | None:
    """The part of a dotted name below torch at which tinytorch has nothing, and the reason; None where it is there."""
    first, *rest = name.split(".")
    found, seen = import_module(own_name(first)), first
    for part in rest:
        if not isinstance(found, ModuleType):
            return None  # what a class or a tensor has is seen when the program runs
        seen = f"{seen}.{part}"
        try:
            found = getattr(found, part)
        except AttributeError as error:
            try:
                found = import_module(own_name(seen))
            except ImportError:
                return seen, reason_of(error)
    return None


def imported_names(tree: ast.AST) -> dict[str, str]:
    """What the imports of a program call the names below torch: {"F": "torch.nn.functional"}."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "torch":
                    names[alias.asname or "torch"] = alias.name if alias.asname else "torch"
        elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "torch":
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def dotted(node: ast.AST) -> list[str]:
    """`["F", "relu"]` for the expression `F.relu`; empty for what is more than names and dots."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else []


def wanted(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full name of everything below torch that a program names."""
    names = imported_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name.split(".")[0] == "torch")
        elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "torch":
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names if alias.name != "*")
        elif isinstance(node, ast.Attribute) and (parts := dotted(node)) and parts[0] in names:
            yield node.lineno, ".".join([names[parts[0]], *parts[1:]])


def missing(script: Path) -> list[Missing]:
    """Every name below torch that the program wants and tinytorch lacks, once each, at its first line."""
    found: dict[str, Missing] = {}
    for line, name in sorted(set(wanted(parse(script)))):
        if (lack := lacks(name)) and lack[0] not in found:
            found[lack[0]] = Missing(line, *lack)
    return list(found.values())


def parse(script: Path) -> ast.Module:
    try:
        return ast.parse(script.read_bytes(), str(script))
    except OSError as error:
        raise Mistake(f"{script}: {error.strerror}", hint="the path of a Python program") from None
    except (SyntaxError, ValueError) as error:
        raise Mistake(f"{script} is no Python program: {error}") from None


def prepare(script: Path) -> None:
    """Let `import torch` mean the tinytorch of the course that one stands in, or the installed one."""
    from .course import Course
    from .kernel import disown_other_packages

    if "torch" in sys.modules:
        raise Mistake("PyTorch itself is imported already", hint="run tito torch in a process of its own")
    try:
        course = Course.find()
    except Mistake:
        pass
    else:
        sys.path.insert(0, str(course.root))
        disown_other_packages(course.lib)
    sys.path.insert(0, str(script.resolve().parent))
    sys.meta_path.insert(0, TorchFinder())


def run(script: Path, arguments: list[str]) -> int:
    """Run the program as `python SCRIPT ARGUMENTS` does, with tinytorch for torch; its exit code."""
    parse(script)
    prepare(script)
    sys.argv = [str(script), *arguments]
    try:
        runpy.run_path(str(script), run_name="__main__")
    except (AttributeError, ImportError) as error:
        if not (name := name_lacked(error, script)):
            return show(error, script)
        line = line_of(error, script)
        others = sum(other.name != name for other in missing(script))
        hint = f"it wants {others} more: tito torch --check {script} lists them" if others else ""
        raise Mistake(f"{script}, line {line}: {name} is {reason_of(error)}", hint=hint) from None
    except Exception as error:
        return show(error, script)
    return 0


def name_lacked(error: AttributeError | ImportError, script: Path) -> str:
    """PyTorch's name of what tinytorch lacks; "" for an error of another kind."""
    owner, name = getattr(error, "obj", None), getattr(error, "name", None) or ""
    if reason_of(error) != OUTSIDE:  # a facade's own message, which does not say whose name it is
        return next((full for _, full in wanted(parse(script)) if full.endswith(f".{name}")), name)
    if isinstance(error, ModuleNotFoundError):
        return name.removeprefix("tiny") if name.split(".")[0] == "tinytorch" else ""
    if isinstance(error, ImportError):
        what = str(error).split("'")[1:2]
        return ".".join([name.removeprefix("tiny"), *what]) if name.split(".")[0] in ("tinytorch", "torch") else ""
    if isinstance(owner, ModuleType) and owner.__name__.split(".")[0] == "tinytorch":
        return f"{owner.__name__.removeprefix('tiny')}.{name}"
    kind = type(owner).__module__.split(".")[0] if owner is not None else ""
    return f"{type(owner).__name__}.{name}" if kind == "tinytorch" else ""


def line_of(error: BaseException, script: Path) -> int:
    """The last line of the program itself through which the error came."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(script)]
    return lines[-1] if lines else 0


def show(error: Exception, script: Path) -> int:
    """Print the traceback from the program's first line on, as Python would."""
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename != str(script):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace or error.__traceback__)
    return 1


if __name__ == "__main__":
    from .cli import main

    sys.exit(main(["torch", *sys.argv[1:]]))

"""What every visible check of a module says when it fails, as JSON: `python tests/course/speaking_checks.py NN`.

The reference is run, and each check twice: as it is, made to fail whatever its value, and with the task's functions giving
something else than they should.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import json
import linecache
import sys
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tito import checks  # noqa: E402
from tito import notebooks as nb  # noqa: E402
from tito.course import HOME, Course  # noqa: E402
from tito.limits import blank, plain  # noqa: E402
from tito.selection import cells_for_tasks  # noqa: E402

said: list[tuple[str, str]] = []


class Failing(checks.Rewriter):
    """Every assertion says what it would say if it failed, and the run goes on."""

    def visit_Assert(self, node):
        start, fails, end = super().visit_Assert(node)
        value = ast.Assign([checks.name("@value", ast.Store())], fails.test.operand)
        told = ast.Expr(ast.Call(checks.name("@collect"), [fails.body[0].exc], []))
        after = ast.If(checks.name("@value"), [told], [])  # what is false here already fails by itself
        return [ast.fix_missing_locations(ast.copy_location(one, node)) for one in (start, value, after)]


def run(source: str, name: str, space: dict, rewriter) -> None:
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    exec(compile(rewriter.visit(ast.parse(source)), name, "exec"), space)


def another(value):
    """Something of the same kind that is not right."""
    if isinstance(value, bool | np.bool_):
        return not value
    if isinstance(value, int | float | complex | np.generic):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(map(another, value))
    if isinstance(value, list):
        return [another(item) for item in value]
    if isinstance(value, np.dtype):
        return np.dtype("complex128")
    try:
        return value + 1
    except Exception:
        return None


def wrapped(function):
    return lambda *arguments, **options: another(function(*arguments, **options))


def mutated(source: str, number: int, space: dict, names: list[str]) -> list[str]:
    """What the top-level checks of a cell say when the task's functions give something else."""
    found, mine = [], dict(space)
    functions = {n: wrapped(space[n]) for n in names if callable(space.get(n)) and not isinstance(space[n], type)}
    for node in ast.parse(source).body:
        tree = ast.Module([node], [])
        try:
            if not isinstance(node, ast.Assert):
                exec(compile(tree, f"<cell {number}>", "exec"), mine)
                continue
            code = compile(checks.rewrite(tree), f"<cell {number}>", "exec")
            exec(code, {**mine, **functions})
        except AssertionError as error:
            found.append(str(error))
        except Exception:
            continue
    return found


def main(nn: str) -> None:
    course = Course.read(HOME)
    notebook = nb.read(course.notebook(course.module(nn)))
    space, count, changed = {"__name__": "__main__"}, 0, []
    task = ""
    builtins.__dict__["@collect"] = lambda error: said.append((task, str(error)))
    needed = cells_for_tasks(notebook)
    for index, cell in enumerate(notebook["cells"]):
        if index not in needed:
            continue
        source, mark = plain(nb.text(cell)), nb.task_of(cell)
        if not mark or mark[1] == "solution":
            run(source, f"<cell {index}>", space, checks.Rewriter())
            continue
        task, source = mark[0], plain(blank(nb.text(cell)))
        names = [name for cell in nb.tasks_of(notebook)[task].solutions for name in nb.names_of(cell.source).defines]
        changed += [(task, text) for text in mutated(source, index, dict(space), names)]
        run(source, f"<cell {index}>", space, Failing())
        count += sum(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(source)))
    sys.__stdout__.write(json.dumps({"count": count, "forced": said, "changed": changed}))


if __name__ == "__main__":
    import matplotlib

    matplotlib.use("agg")
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(io.StringIO()):
        main(sys.argv[1])

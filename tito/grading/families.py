"""Which kinds of wrong solution a task's probes notice: `python -m tito.grading.families [NN ...]`.

Each function that a task asks for is spoiled in the ways that its arguments and results allow, and the task's probes are run
again. A way that no probe notices is a family of probes that is missing.

| family | the function is spoiled so that | where |
|---|---|---|
| gradient | its result has lost its graph | a tensor that wants a gradient went in or came out |
| dtype | its result is wider: float64 for float32 | an array or a tensor of numbers came out |
| inputs | it overwrites what it was given | an array or tensor went in that it does not overwrite itself |
| option NAME | it ignores one argument, and takes the default | a parameter with a default |
| second of NAME | it ignores all but the first | a parameter that collects arguments, `*inputs` |

A family that a task does without is named with its reason in `tests/grading/NN_name/families.toml`:

    [[without]]
    task = "04.1"
    function = "reduce"
    family = "inputs"
    why = "it makes no array that it could overwrite"

What the arguments do not tell (state left over, None among the items, memory) is left to mutants and misconceptions. Nothing
here is a submission's code: the reference runs in this process.
"""

from __future__ import annotations

import functools
import inspect
import os
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from .. import notebooks as nb
from ..course import Course
from ..limits import blank_functions
from ..registry import Module
from ..running import environment
from ..selection import cells_for_tasks
from .judge import same

SEED = 1


@dataclass(frozen=True)
class Family:
    """One way to spoil one function of a task, and whether a probe noticed."""

    task: str
    function: str
    name: str
    noticed: bool

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.task, self.function, self.name)


# ------------------------------------------------------------------------------------------------------------- spoiling


def is_tensor(x) -> bool:
    return not isinstance(x, type) and hasattr(x, "requires_grad") and hasattr(x, "detach")


def data_of(x) -> np.ndarray | None:
    """The memory of an array or a tensor."""
    if isinstance(x, np.ndarray):
        return x
    return x.detach().numpy() if is_tensor(x) else None


def changed(value, change: Callable):
    """A result with `change` made to it, or to the items of a tuple or list."""
    if type(value) in (tuple, list):
        return type(value)(changed(item, change) for item in value)
    return change(value)


def without_graph(x):
    return x.detach() if is_tensor(x) else x


def widened(x):
    array = data_of(x)
    if array is None or array.dtype.kind not in "fiu" or array.dtype.itemsize > 4:
        return x
    wide = np.dtype(f"{array.dtype.kind}8")
    if isinstance(x, np.ndarray):
        return x.astype(wide)
    return x.to(wide) if hasattr(x, "to") else x


def lose_graph(function, arguments, options):
    return changed(function(*arguments, **options), without_graph)


def widen(function, arguments, options):
    return changed(function(*arguments, **options), widened)


def overwrite(function, arguments, options):
    """Call, then spoil what was given, unless the function overwrites it itself or hands it back."""
    given = [array for x in (*arguments, *options.values()) if (array := data_of(x)) is not None and array.size]
    before = [array.copy() for array in given]
    result = function(*arguments, **options)
    results = [data_of(x) for x in (result if isinstance(result, tuple | list) else [result])]
    for array, old in zip(given, before):
        shared = any(one is not None and np.shares_memory(one, array) for one in results)
        if array.flags.writeable and not shared and np.array_equal(array, old, equal_nan=array.dtype.kind in "fc"):
            np.add(array, 1, out=array, casting="unsafe")
    return result


def ignoring(name: str):
    """Calls that leave one argument at its default."""

    def call(function, arguments, options):
        signature = inspect.signature(function)
        bound = signature.bind(*arguments, **options)
        if name in bound.arguments:
            bound.arguments[name] = signature.parameters[name].default
        return function(*bound.args, **bound.kwargs)

    return call


def only_first(name: str):
    """Calls that give only the first of the arguments that `*name` collects."""

    def call(function, arguments, options):
        bound = inspect.signature(function).bind(*arguments, **options)
        bound.arguments[name] = bound.arguments.get(name, ())[:1]
        return function(*bound.args, **bound.kwargs)

    return call


# ------------------------------------------------------------------------------------------------------ one task's probes


class Probes:
    """The probes of a task, run on the reference in the names of its notebook."""

    def __init__(self, task: nb.Task, space: dict):
        self.task, self.space = task, space

    def results(self) -> list:
        """What each probe gives, an error by its type."""
        found = []
        for probe in self.task.probes:
            space = dict(self.space)
            exec(compile(self.task.hidden, f"<{self.task.id}>", "exec"), self.space)
            try:
                found.append(self.space[probe.name](np.random.default_rng(SEED)))
            except Exception as error:
                found.append(type(error).__name__)
            finally:
                self.space.clear()
                self.space.update(space)
        return found

    def with_function(self, name: str, wrap: Callable) -> list:
        """What the probes give while the function `name` (`f` or `Class.f`) is another."""
        owner, _, short = name.rpartition(".")
        place = self.space[owner] if owner else None
        function = vars(place)[short] if owner else self.space[short]
        other = functools.wraps(function)(lambda *a, **k: wrap(function, a, k))
        try:
            setattr(place, short, other) if owner else self.space.__setitem__(short, other)
            return self.results()
        finally:
            setattr(place, short, function) if owner else self.space.__setitem__(short, function)


class Watched:
    """What goes into a function and comes out of it while the probes run."""

    def __init__(self):
        self.calls = self.graphs = self.narrow = self.kept = 0

    def __call__(self, function, arguments, options):
        given = [x for x in (*arguments, *options.values()) if (a := data_of(x)) is not None and a.size]
        before = [data_of(x).copy() for x in given]
        result = function(*arguments, **options)
        results = result if isinstance(result, tuple | list) else [result]
        self.calls += 1
        self.graphs += any(is_tensor(x) and x.dtype.kind == "f" for x in results) and any(map(is_tensor, given))
        self.narrow += any(widened(x) is not x for x in results)
        self.kept += any(
            np.array_equal(data_of(x), old, equal_nan=old.dtype.kind in "fc") for x, old in zip(given, before)
        )
        return result


def families_of(task: nb.Task, space: dict) -> Iterator[Family]:
    """Every way in which the task's functions can be spoiled, and whether its probes notice."""
    probes, names = Probes(task, space), [n for cell in task.solutions for n in blank_functions(cell.source)]
    right = probes.results()
    for name in names:
        owner, _, short = name.rpartition(".")
        function = vars(space[owner]).get(short) if owner in space else space.get(short)
        if not inspect.isfunction(function) or owner and owner not in space:
            continue
        watched = Watched()
        probes.with_function(name, watched)
        if watched.calls:
            for family, wrap in ways(function, watched):
                came = probes.with_function(name, wrap)
                yield Family(task.id, name, family, not all(same(a, b) for a, b in zip(right, came)))


def ways(function, watched: Watched) -> Iterator[tuple[str, Callable]]:
    if watched.graphs:
        yield "gradient", lose_graph
    if watched.narrow:
        yield "dtype", widen
    if watched.kept:
        yield "inputs", overwrite
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is not parameter.empty:
            yield f"option {parameter.name}", ignoring(parameter.name)
        if parameter.kind is parameter.VAR_POSITIONAL:
            yield f"second of {parameter.name}", only_first(parameter.name)


# ---------------------------------------------------------------------------------------------------------- the course


def families(course: Course, module: Module) -> list[Family]:
    """The families of every task of a module; its notebook is run once, in its own folder."""
    path = course.notebook(module)
    notebook = nb.read(path)
    space, tasks, found = {"__name__": "__main__"}, nb.tasks_of(notebook), []
    before, at = os.getcwd(), {task.test.index: task for task in tasks.values()}
    os.chdir(path.parent)
    try:
        for index, source in sorted(cells_for_tasks(notebook).items()):
            visible = nb.plain(nb.split_hidden(source)[0])
            exec(compile(visible, f"<cell {index}>", "exec"), space)
            if index in at:
                found += families_of(at[index], space)
    finally:
        os.chdir(before)
    return found


def reasons(course: Course, module: Module) -> dict[tuple[str, str, str], str]:
    """Why a task does without a family: (task, function, family) -> the reason."""
    path = course.tests / "grading" / module.folder / "families.toml"
    listed = tomllib.loads(path.read_text(encoding="utf-8")).get("without", []) if path.is_file() else []
    return {(one["task"], one["function"], one["family"]): one["why"] for one in listed}


def lacking(course: Course, module: Module) -> list[Family]:
    """The families that no probe covers and no reason excuses."""
    excused = reasons(course, module)
    return [one for one in families(course, module) if not one.noticed and one.key not in excused]


def main(arguments: list[str]) -> int:
    """Print every family; each module in a process of its own, since a notebook may be a module of the package."""
    course = Course.find()
    modules = [course.module(text) for text in arguments] or course.modules()
    if len(modules) > 1:
        command = [sys.executable, "-m", "tito.grading.families"]
        ends = [subprocess.run([*command, module.nn], env=environment(course)).returncode for module in modules]
        return max(ends)
    return report(course, modules[0])


def report(course: Course, module: Module) -> int:
    warnings.simplefilter("ignore")
    excused, missing = reasons(course, module), 0
    for family in families(course, module):
        why = "" if family.noticed else excused.get(family.key, "MISSING")
        print(f"{family.task:<6} {family.function:<34} {family.name:<24} {why or 'noticed'}")
        missing += why == "MISSING"
    print(f"{module.nn}: {missing} families are missing")
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""From notebook to package: nbdev's export, compiled before it replaces anything, in one step for each file."""

from __future__ import annotations

import contextlib
import io
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import notebooks as nb
from .console import Mistake
from .course import Course
from .files import scratch, write_atomic
from .registry import Module


@dataclass(frozen=True)
class Exported:
    """The files of one export, and which of them are new or changed."""

    files: tuple[Path, ...]
    changed: tuple[Path, ...]


def build(notebooks: list[Path], root: Path, lib: str) -> dict[str, str]:
    """What nbdev makes of `notebooks`: path below the package -> text. Nothing is written into the course.

    nbdev writes each notebook's path, relative to the exported file, into the export; so it works on a copy of the
    course's layout in a scratch folder.
    """
    from nbdev.export import nb_export

    with scratch() as copy:
        package = copy / lib
        package.mkdir(parents=True)
        for path in notebooks:
            target = copy / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            with contextlib.redirect_stderr(io.StringIO()):
                nb_export(target, lib_path=package)
        files = sorted(package.rglob("*.py"))
        return {path.relative_to(package).as_posix(): path.read_text(encoding="utf-8") for path in files}


def export(course: Course, module: Module) -> Exported:
    """Export the module's notebooks into the package; a Mistake, and nothing written, when a cell does not compile."""
    notebooks = course.notebooks(module)
    for path in notebooks:
        check_cells(course, path)
    made = build(notebooks, course.root, course.lib.relative_to(course.root).as_posix())
    wanted = {path.relative_to(course.lib).as_posix() for path in course.targets(module)}
    if made.keys() - wanted or (wanted and not made):
        raise Mistake(
            f"Module {module.nn} exports to {listing(course, made)}.",
            expected=listing(course, wanted),
            hint="the notebook's cell `#| default_exp NAME` says where its `#| export` cells go",
        )
    files, changed = [], []
    for name, source in made.items():
        check_file(course, name, source)
    for name, source in made.items():
        path = course.lib / name
        files.append(path)
        if write_atomic(path, source):
            changed.append(path)
            forget_bytecode(path)
    for path in files:
        make_packages(course.lib, path)
    return Exported(tuple(files), tuple(changed))


def blank_tasks(course: Course, module: Module) -> list[str]:
    """The tasks that are not written yet."""
    tasks = nb.tasks_of(nb.read(course.notebook(module)))
    return [id for id, task in tasks.items() if any(cell.is_blank for cell in task.solutions)]


def check_cells(course: Course, path: Path) -> None:
    """A Mistake that names the cell and line when an exported cell is no Python."""
    for number, cell in enumerate(nb.read(path)["cells"], 1):
        if not nb.exports(cell):
            continue
        try:
            compile(nb.plain(nb.text(cell)), str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            mark = nb.task_of(cell)
            where = f"{mark[0]}: " if mark else ""
            line = getattr(error, "lineno", None) or 1
            shown = nb.text(cell).split("\n")[min(line, nb.text(cell).count("\n") + 1) - 1].strip()
            raise Mistake(
                f"{where}cell {number} of {course.show(path)} does not compile: {error.args[0]}, line {line}: {shown}",
                expected="Python code in every exported cell",
                hint="run the cell in JupyterLab, mend it and export again; the package is as it was",
            ) from None


def check_file(course: Course, name: str, source: str) -> None:
    """The whole exported file must compile too."""
    try:
        compile(source, name, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise Mistake(
            f"{course.show(course.lib / name)} would not compile: {error.msg}, line {error.lineno}",
            expected="exported cells that make a Python file together",
            hint="look at the cell that holds: " + (error.text or "").strip(),
        ) from None


def forget_bytecode(path: Path) -> None:
    """Python takes compiled code for current when second and size agree; a quick second export may look like that."""
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink(missing_ok=True)


def make_packages(lib: Path, path: Path) -> None:
    """An empty __init__.py in every folder between the package and `path`, as nbdev's add_init makes them."""
    for folder in path.parents:
        if folder == lib:
            break
        if not (folder / "__init__.py").exists():
            write_atomic(folder / "__init__.py", "")


def listing(course: Course, names) -> str:
    return ", ".join(course.show(course.lib / name) for name in sorted(names)) or "no file"

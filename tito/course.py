"""Where the files of a course lie. One code for the course repository and for a student's workspace."""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass
from pathlib import Path

from .console import Mistake
from .registry import MODULES, Module

HOME = Path(__file__).resolve().parents[1]
"""Where tito and the reference library are installed: the course repository, or site-packages."""


def home() -> Path:
    """The folder with the course's released notebooks and tests: of the repository, or packed into the installed tito."""
    packed = Path(__file__).resolve().parent / "_course"
    return packed if packed.is_dir() else HOME


def find_module(text: str) -> Module:
    """The module that `text` names: `7`, `07`, `07_training` or `training`; a Mistake for anything else."""
    wanted = str(text).strip().lower()
    for module in MODULES:
        if wanted in (str(module.number), module.nn, module.name, module.folder):
            return module
    from difflib import get_close_matches

    names = [name for module in MODULES for name in (module.name, module.folder)]
    near = get_close_matches(wanted, names, n=1)
    hint = f"tito status lists the modules{f'; did you mean {near[0]}?' if near else ''}"
    raise Mistake(
        f"There is no module {text!r}.", expected="a number from 01 to 23, or a name such as tensor", hint=hint
    )


def find_task(text: str, module: Module) -> str:
    """The task id `01.3` that `text` names within `module`; `3` and `01-3` will do too."""
    match = re.fullmatch(r"(?:0*(\d+)[.\-_])?(\d+)", text.strip())
    if not match or (match[1] and int(match[1]) != module.number):
        raise Mistake(f"{text!r} is no task of module {module.nn}.", expected=f"an id such as {module.nn}.3")
    return f"{module.nn}.{int(match[2])}"


@dataclass(frozen=True)
class Course:
    """A course on disk: `root`, the folder of notebooks `nbs`, the exported package `lib`."""

    root: Path
    nbs: Path
    lib: Path

    @classmethod
    def find(cls, start: Path | None = None) -> Course:
        """The course that `start` (the current directory) lies in: the nearest settings.ini above it says so."""
        start = Path(start or Path.cwd()).resolve()
        for folder in (start, *start.parents):
            if (folder / "settings.ini").is_file():
                course = cls.read(folder)
                if course.nbs.is_dir() or course.lib.is_dir():
                    return course
        raise Mistake(
            f"{start} is not in a course.",
            expected="a settings.ini (nbs_path, lib_path) in this folder or above it",
            hint="cd to your workspace, or make one: tito new DIR",
        )

    @classmethod
    def read(cls, root: Path) -> Course:
        """The course at `root`, as its settings.ini describes it."""
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string((root / "settings.ini").read_text(encoding="utf-8"))
            settings = parser["DEFAULT"]
            return cls(root, root / settings["nbs_path"], root / settings["lib_path"])
        except (configparser.Error, KeyError, UnicodeDecodeError) as error:
            raise Mistake(
                f"{root / 'settings.ini'} cannot be read: {error}",
                expected="[DEFAULT] with nbs_path and lib_path",
                hint="tito new DIR makes a fresh workspace; copy its settings.ini",
            ) from None

    def folder(self, module: Module) -> Path:
        """Where the module's notebooks lie that are exported: the source, or the student's own."""
        return self.nbs / module.folder

    def notebooks(self, module: Module) -> list[Path]:
        """The module's notebooks, the graded one first; empty where there are none."""
        main, strangers = self.notebook(module), self.strangers(module)
        others = [path for path in sorted(self.folder(module).glob("*.ipynb")) if path not in (main, *strangers)]
        return [main, *others] if main.is_file() else []

    def strangers(self, module: Module) -> list[Path]:
        """Notebooks in a student's folder of the module that were never released: `01_tensor (1).ipynb`."""
        released = self.released_folder / module.folder
        if self.nbs != self.modules_folder or released == self.folder(module) or not released.is_dir():
            return []
        known = {path.name for path in released.glob("*.ipynb")}
        return [path for path in sorted(self.folder(module).glob("*.ipynb")) if path.name not in known]

    def notebook(self, module: Module) -> Path:
        """The graded notebook, `01_tensor/01_tensor.ipynb`."""
        return self.folder(module) / f"{module.folder}.ipynb"

    def modules(self) -> list[Module]:
        """The modules that have a notebook here."""
        return [module for module in MODULES if self.notebook(module).is_file()]

    def module(self, text: str) -> Module:
        """The module that `text` names, if it has a notebook here."""
        module = find_module(text)
        if not self.notebook(module).is_file():
            here = ", ".join(other.nn for other in self.modules()) or "none"
            raise Mistake(
                f"Module {module.nn} {module.name} has no notebook here.",
                expected=f"{self.show(self.notebook(module))} (modules here: {here})",
                hint="tito status",
            )
        return module

    def targets(self, module: Module) -> list[Path]:
        """The files that the module is exported to."""
        return [self.lib.parent / target for target in module.targets]

    def exported(self, module: Module) -> bool:
        """Whether the module is in the package (a second file of it may come from a notebook that is not here)."""
        return all(path.is_file() for path in self.targets(module)[:1])

    @property
    def modules_folder(self) -> Path:
        """The students' notebooks: what nbgrader releases to, and where a student works."""
        return self.root / "modules"

    @property
    def released_folder(self) -> Path:
        """The notebooks as they were released: a workspace keeps a copy, in the repository they are modules/."""
        kept = self.root / ".tito" / "released"
        return kept if kept.is_dir() else self.modules_folder

    @property
    def tests(self) -> Path:
        return self.root / "tests"

    def show(self, path: Path) -> str:
        """`path` as it is written for people: from the course's root where it lies in it."""
        path = Path(path)
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

"""What a module is graded with, and outcomes and results kept by the content that they follow from."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..notebooks.tasks import Source, read_source
from .library import prepare, private
from .misconceptions import Misconception
from .misconceptions import path_of as misconceptions_path
from .misconceptions import read as read_misconceptions
from .submission import Submission


@dataclass(frozen=True)
class Release:
    """What a module is graded with: the source notebook, the library before it, its known misconceptions."""

    source: Source
    library: Path
    misconceptions: tuple[Misconception, ...] = ()
    folder: Path | None = None

    @classmethod
    def open(
        cls,
        path: str | Path,
        package: str | Path | None = None,
        misconceptions: str | Path | None = None,
        folder: str | Path | None = None,
    ) -> Release:
        """Read a source notebook. `package` is the library of which it sees the modules before it (the course's by
        default), `misconceptions` a TOML file, `folder` where prepared libraries and outcomes may be kept."""
        from ..course import HOME

        path = Path(path).resolve()
        root = path.parents[2] if len(path.parents) > 2 else HOME
        if package is None:
            package = root / "tinytorch" if (root / "tinytorch").is_dir() else HOME / "tinytorch"
        if misconceptions is None:
            misconceptions = misconceptions_path(root, path.stem)
        source = read_source(path)
        number = int(next(iter(source.tasks), path.stem)[:2])
        kept = Path(folder) if folder else private(Path(tempfile.gettempdir()) / f"tito-library-{os.getuid()}")
        library = prepare(Path(package), number, kept / "libraries")
        return cls(source, library, read_misconceptions(Path(misconceptions), source), Path(folder) if folder else None)

    @property
    def key(self) -> str:
        return key_of(version(), self.source.key, self.library.parent.name)

    def result_key(self, submission: Submission | None, seed: int) -> str:
        """The name of a result: the same reference, submission, seed and grader give the same one."""
        content = submission.digest if submission is not None else None
        return key_of("result", self.key, [m.__dict__ for m in self.misconceptions], content, seed)


class Cache:
    """JSON by content: in memory, and in a folder when there is one. Files appear whole or not at all."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder, self.memory = folder, {}

    def get(self, key: str, remember: bool = True) -> Any:
        if key in self.memory or self.folder is None:
            return self.memory.get(key)
        try:
            value = json.loads((self.folder / key[:2] / f"{key}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if remember:
            self.memory[key] = value
        return value

    def put(self, key: str, value: Any, remember: bool = True) -> None:
        if remember:
            self.memory[key] = value
        if self.folder is not None:
            path = self.folder / key[:2] / f"{key}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=".")
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(value, stream)
            os.replace(fresh, path)


def key_of(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()


@functools.lru_cache(maxsize=1)
def version() -> str:
    """Changes when the grader, Python or NumPy changes: no cached outcome outlives that."""
    here = Path(__file__).parent
    digest = hashlib.sha256(f"{sys.version_info[:3]} {np.__version__}".encode())
    for path in sorted([*here.rglob("*.py"), *(here.parent / "notebooks").glob("*.py")]):
        if path.stem not in ("feedback", "mutants", "plugins", "validate"):
            digest.update(path.read_bytes())
    return digest.hexdigest()

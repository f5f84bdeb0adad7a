"""Files written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path


def write_atomic(path: Path, text: str | bytes) -> bool:
    """Write `text` to `path` by renaming a finished file into place; False when `path` held it already."""
    data = text.encode("utf-8") if isinstance(text, str) else text
    if path.is_file() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True


def keep_aside(path: Path) -> Path:
    """Move `path` to the first free name in the folder `_old` beside it, which nbdev and tito leave alone."""
    folder = path.parent / "_old"
    folder.mkdir(exist_ok=True)
    number = 1
    while (aside := folder / f"{path.stem}-{number}{path.suffix}").exists():
        number += 1
    os.replace(path, aside)
    return aside


@contextmanager
def working_directory(path: Path):
    """`os.chdir` for a while: nbgrader and nbdev read their settings from where they stand."""
    before = Path.cwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def scratch():
    """A temporary directory as a resolved Path, removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="tito-")).resolve()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)

"""The library that a submission of module NN may see: the modules before NN, and no file of NN or later but what is given."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from ..registry import MODULES


def hidden_files(number: int) -> set[str]:
    """Files of the package, relative to its parent, that module `number` must not see."""
    later = [module for module in MODULES if module.number >= number]
    return {target for module in later for target in module.targets if target not in module.given}


def files_before(package: Path, number: int) -> dict[str, bytes]:
    """What the sandbox gets: path below the package -> content."""
    hidden = hidden_files(number)
    return {
        path.relative_to(package).as_posix(): path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file()
        and path.suffix not in (".pyc", ".ipynb")
        and "__pycache__" not in path.parts
        and f"{package.name}/{path.relative_to(package).as_posix()}" not in hidden
    }


def key_of(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def private(folder: Path) -> Path:
    """A folder in a place where others may write: made for this user alone. PermissionError when somebody else has made it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or (hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022)):
        raise PermissionError(
            f"{folder} belongs to somebody else, or others may write to it: remove it, or set TMPDIR to a folder of your own"
        )
    return folder


def prepare(package: Path, number: int, where: Path) -> Path:
    """A copy of the package's modules before `number` in a folder below `where`, named by its content.

    A copy that is there already is taken when it still holds that content, and is made again otherwise.
    """
    files = files_before(Path(package), number)
    home = where / f"{number:02d}-{key_of(files)[:16]}"
    target = home / Path(package).name
    if target.is_dir() and files_before(target, len(MODULES) + 1) != files:
        shutil.rmtree(home)
    if not target.is_dir():
        where.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=where, prefix=".new-"))
        try:
            for name, content in files.items():
                path = fresh / Path(package).name / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            (fresh / Path(package).name).mkdir(exist_ok=True)
            fresh.chmod(0o755)
            os.rename(fresh, home)
        except OSError:
            if not target.is_dir():
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return target

"""Which of the files in a student's folder is the submission."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ...notebooks.cells import BEGIN, BEGIN_HIDDEN
from ...notebooks.tasks import Source, read_source
from .form import Submission
from .repair import repair

READABLE = (".ipynb", ".json", ".txt", ".py")


@functools.lru_cache(maxsize=32)
def _source(path: str, changed: float) -> Source:
    return read_source(path)


def source_at(path: Path) -> Source:
    return _source(str(path), path.stat().st_mtime_ns)


@dataclass(frozen=True)
class Found:
    """The file that counts, repaired; `name` is None when there is none. What was remarked stands in the submission."""

    name: str | None
    submission: Submission


def best_file(path: Path, reference: Path) -> Found:
    """The file in the folder of `path` in which the most tasks are attempted, `path` itself when none has more."""
    source = source_at(reference)
    data, remarks = read_file(path)
    if data is not None and is_reference(data):
        data, remarks = None, [*remarks, f"{path.name} {REFERENCE}"]
    own = repair(source, data)
    if len(own.attempted) == len(source.tasks):
        return _found(path.name, own, remarks)
    best, name, beside = None, "", []
    for other in _beside(path, {file.name for file in reference.parent.glob("*")}):
        beside.append(str(other.relative_to(path.parent)))
        content, _ = read_file(other) if other.suffix.lower() in READABLE else (None, [])
        content = None if content is not None and is_reference(content) else content
        candidate = repair(source, content) if content is not None else own
        if len(candidate.attempted) > len((best or own).attempted):
            best, name = candidate, beside[-1]
    if best is not None:
        what = (
            "was not handed in" if data is None else "holds fewer solutions" if own.attempted else "holds no solution"
        )
        return _found(name, best, [*remarks, f"{path.name} {what}; {name[:80]} was graded instead."])
    if data is None and beside and not remarks:
        more = f" and {len(beside) - 3} more" if len(beside) > 3 else ""
        remarks = [f"There is no notebook in the folder, only {', '.join(name[:80] for name in beside[:3])}{more}."]
    if data is None and remarks:
        return Found(None, replace(own, remarks=tuple(remarks)))
    return _found(path.name if data is not None else None, own, remarks)


REFERENCE = "holds the marks of the course's own solutions or hidden tests: it is not graded."


def is_reference(data: bytes) -> bool:
    """Whether a file comes from the course's side: students' notebooks have no such marks, `solutions/` in a clone has."""
    return any(mark.encode() in data for mark in (BEGIN, BEGIN_HIDDEN))


def _found(name: str | None, submission: Submission, remarks: list[str]) -> Found:
    return Found(name, replace(submission, remarks=tuple(dict.fromkeys([*remarks, *submission.remarks]))))


def _beside(path: Path, expected: set[str]) -> Iterator[Path]:
    """The other files in the folder of `path` that may be work, in their order."""
    for other in sorted(path.parent.rglob("*"), key=str):
        hidden = any(part.startswith(".") for part in other.relative_to(path.parent).parts)
        known = other.name in {*expected, "timestamp.txt"} - {path.name}
        if other != path and not hidden and not known and other.is_file():
            yield other


def read_file(path: Path) -> tuple[bytes | None, list[str]]:
    """A file's bytes; links are not followed, because they may lead to what is not the student's."""
    if any(place.is_symlink() for place in (path, *path.parents[:2])):  # the file, the module's folder, the student's
        return None, [f"{path.name} is a link; links are not followed."]
    if not path.is_file():
        return None, []
    with path.open("rb") as stream:
        return stream.read(33 * 2**20), []

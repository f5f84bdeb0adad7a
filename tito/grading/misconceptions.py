"""Known misconceptions: named mistakes with a hint, each a small patch to the reference solution of one task."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from ..notebooks.tasks import Source, SourceError


@dataclass(frozen=True)
class Misconception:
    """A mistake that students really make. `patched` maps the id of the solution cell to its mistaken text."""

    task: str
    name: str
    hint: str
    cell: str
    source: str

    @property
    def patched(self) -> dict[str, str]:
        return {self.cell: self.source}


def path_of(root: Path, name: str) -> Path:
    """Where the misconceptions of a module are written down, in the course at `root`."""
    return root / "tests" / "grading" / name / "misconceptions.toml"


def read(path: Path, source: Source) -> tuple[Misconception, ...]:
    """The misconceptions of a module, each applied to the reference; none when the file does not exist."""
    if not Path(path).is_file():
        return ()
    try:
        entries = tomllib.loads(Path(path).read_text(encoding="utf-8")).get("misconception", [])
    except tomllib.TOMLDecodeError as error:
        raise SourceError(f"{_label(path)}: {error}") from None
    return tuple(_apply(entry, source, _label(path)) for entry in entries)


def _label(path: Path) -> str:
    return "/".join(Path(path).parts[-2:])


def _apply(entry: dict, source: Source, file: str) -> Misconception:
    said = f"{file}: {entry.get('task')} {entry.get('name')!r}"
    for field in ("task", "name", "hint", "replace", "with"):
        if not isinstance(entry.get(field), str):
            raise SourceError(f"{said}: `{field}` is missing")
    task = source.tasks.get(entry["task"])
    if task is None:
        raise SourceError(f"{said}: {source.name} has no such task")
    old = entry["replace"]
    places = [cell for cell in task.solutions if old in cell.source]
    if len(places) != 1 or places[0].source.count(old) != 1:
        count = sum(cell.source.count(old) for cell in places)
        raise SourceError(f"{said}: the text to replace occurs {count} times in the task's solution, not once")
    return Misconception(
        entry["task"], entry["name"], entry["hint"], places[0].id, places[0].source.replace(old, entry["with"])
    )

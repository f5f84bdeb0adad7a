"""Whatever was handed in as a list of raw cells. It may be anything at all: not even JSON, cut off, of another encoding."""

from __future__ import annotations

import json
from typing import Any

from ...notebooks.names import parse

LARGEST_FILE = 32 * 2**20
MOST_CELLS = 5_000


def load(data: bytes | str | dict | None) -> tuple[list[dict], list[str]]:
    """Whatever was handed in, as a list of raw cells, with remarks about what was wrong with the file."""
    remarks: list[str] = []
    if data is None:
        return [], ["No notebook was handed in."]
    if isinstance(data, dict):
        return _cells_of(data, remarks), remarks
    if isinstance(data, (bytes, bytearray)):
        if len(data) > LARGEST_FILE:
            return [], [f"The file is too large to be read ({len(data) / 2**20:.0f} MB; at most 32 MB)."]
        data = _decode(bytes(data), remarks)
    if not data.strip():
        return [], ["The file is empty."]
    notebook = _json(data)
    if notebook is None and "<<<<<<<" in data:
        notebook = _json(_first_version(data))
        if notebook is not None:
            remarks.append("The file held unsolved merge conflicts of git: the first version of each was taken.")
    if isinstance(notebook, dict):
        return _cells_of(notebook, remarks), remarks
    cells = _salvage(data)
    if cells:
        remarks.append(f"The file is not valid JSON: {len(cells)} cells were recovered from it.")
    elif notebook is None and not data.lstrip().startswith(("{", "[", "<")) and parse(data) is not None:
        remarks.append("The file is Python text, not a notebook: it was read as one cell.")
        cells = [{"cell_type": "code", "source": data}]
    else:
        remarks.append("The file is not a notebook, and no cell could be recovered from it.")
    return cells, remarks


def _first_version(text: str) -> str:
    """The text with the first side of every merge conflict of git."""
    kept, side = [], ""
    for line in text.splitlines(keepends=True):
        mark = line[:7]
        if mark == "<<<<<<<" or (side and mark in ("=======", ">>>>>>>")):
            side = "" if mark == ">>>>>>>" else mark
        elif side != "=======":
            kept.append(line)
    return "".join(kept)


def _decode(data: bytes, remarks: list[str]) -> str:
    for encoding in ("utf-8-sig", "utf-16") if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig",):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
        finally:
            if data[:2] in (b"\xff\xfe", b"\xfe\xff") and encoding == "utf-16":
                remarks.append("The file was encoded as UTF-16.")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    remarks.append("The file is not valid UTF-8: unreadable characters were replaced.")
    return data.decode("utf-8", "replace")


def _json(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError, MemoryError):
        return None


def _cells_of(notebook: dict, remarks: list[str]) -> list[dict]:
    cells = notebook.get("cells")
    if not isinstance(cells, list) and isinstance(notebook.get("worksheets"), list):  # nbformat 3
        cells = []
        for sheet in notebook["worksheets"]:
            for cell in sheet.get("cells", []) if isinstance(sheet, dict) else []:
                if isinstance(cell, dict):
                    cells.append({**cell, "source": cell.get("input", cell.get("source"))})
        remarks.append("The notebook is in an old format: it was converted.")
    if not isinstance(cells, list):
        remarks.append("The file is not a notebook: it has no cells.")
        return []
    if len(cells) > MOST_CELLS:
        remarks.append(f"The notebook has {len(cells)} cells: only the first {MOST_CELLS} were read.")
    good = [cell for cell in cells[:MOST_CELLS] if isinstance(cell, dict)]
    if len(good) < len(cells[:MOST_CELLS]):
        remarks.append("Some cells were damaged and left out.")
    elif not good:
        remarks.append("The notebook has no cells.")
    return good


def _salvage(text: str) -> list[dict]:
    """The cells that can still be read in a broken or truncated file."""
    decoder, cells, position = json.JSONDecoder(strict=False), [], text.find('"cells"')
    position = text.find("[", position) + 1 if position >= 0 else 0
    while len(cells) < MOST_CELLS and (position := text.find("{", position)) >= 0:
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            position = text.find('"cell_type"', position + 1)  # the broken cell is passed over
            if position < 0 or (position := text.rfind("{", 0, position)) < 0:
                break
            try:
                value, end = decoder.raw_decode(text, position)
            except (ValueError, RecursionError):
                position = text.find('"cell_type"', position) + 1
                continue
        if isinstance(value, dict) and "cell_type" in value:
            cells.append(value)
        position = end
    return cells


def text_of(value: Any) -> str:
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""

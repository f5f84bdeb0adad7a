"""The verdict: plain values of the reference beside plain values of a submission. No student code runs here.

Whole numbers, truth values, text and shapes must be equal. Of a dtype the kind counts, not the width. Floats may differ
by rounding: 1e-4 of the value, or 1e-6 of the array's largest value (at least 1e-6); 1e-6 and 1e-9 when both are float64 arrays.
NaN equals NaN. A list equals a tuple with the same content.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

KINDS = {"b": "boolean", "i": "integer", "u": "integer", "f": "float", "c": "complex", "U": "text", "S": "bytes"}
LONGEST = 60


@dataclass(frozen=True)
class Difference:
    """Where two values part: the place in the answer, what was expected there, what came, and how far off it is."""

    where: str
    expected: str
    came: str
    detail: str = ""

    def __str__(self) -> str:
        at = "At" if self.where.startswith("index") else "In"
        place = f"{at} {self.where}: expected" if self.where else "Expected"
        return f"{place} {self.expected}, got {self.came}." + (f" {self.detail}" if self.detail else "")


def difference(expected: Any, came: Any, where: str = "") -> Difference | None:
    """The first difference between two plain values, or None when they agree."""
    if isinstance(expected, dict):
        return _dicts(expected, came, where)
    if isinstance(expected, (list, tuple)):
        return _lists(expected, came, where)
    if expected is None or isinstance(expected, (str, bytes)):
        if type(expected) is type(came) and expected == came:
            return None
        if isinstance(expected, str) and isinstance(came, str):
            return _texts(expected, came, where)
        return Difference(where, describe(expected), describe(came))
    if not _numeric(came):
        return Difference(where, describe(expected), describe(came))
    loose = isinstance(expected, float) or isinstance(came, float)  # often float32 that became a Python number
    return _arrays(np.asarray(expected), np.asarray(came), where, isinstance(expected, np.ndarray), loose)


def same(expected: Any, came: Any) -> bool:
    return difference(expected, came) is None


def _numeric(value: Any) -> bool:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind in "biufc"
    return isinstance(value, (bool, int, float, complex))


def _dicts(expected: dict, came: Any, where: str) -> Difference | None:
    if not isinstance(came, dict):
        return Difference(where, describe(expected), describe(came))
    if expected.keys() != came.keys():
        missing = sorted(map(str, expected.keys() - came.keys()))
        extra = sorted(map(str, came.keys() - expected.keys()))
        got = [f"without {', '.join(missing[:3])}"] if missing else []
        got += [f"with {_count(len(extra))} that are not expected"] if extra else []
        return Difference(where, f"{len(expected)} entries", f"{_count(len(came))}, {truncate('; '.join(got))}")
    for key, value in expected.items():
        if found := difference(value, came[key], _inside(where, f"entry {truncate(repr(key), 30)}")):
            return found
    return None


def _lists(expected: list | tuple, came: Any, where: str) -> Difference | None:
    if not isinstance(came, (list, tuple)):
        return Difference(where, describe(expected), describe(came))
    if len(expected) != len(came):
        return Difference(where, describe(expected), describe(came))
    for index, (left, right) in enumerate(zip(expected, came, strict=False)):
        if found := difference(left, right, _inside(where, f"value {index + 1} of {len(expected)}")):
            return found
    return None


def _inside(where: str, part: str) -> str:
    return f"{where}, {part}" if where else part


def _texts(expected: str, came: str, where: str) -> Difference:
    first = next(
        (i for i, (a, b) in enumerate(zip(expected, came, strict=False)) if a != b), min(len(expected), len(came))
    )
    start = max(0, first - 20)
    detail = f"They differ from character {first + 1} on." if max(len(expected), len(came)) > 40 else ""
    return Difference(where, _quote(expected, start), f"another text of {_count(len(came))} characters", detail)


def _count(number: int) -> str:
    return str(number) if number < 100 else "100 or more"


def _quote(text: str, start: int) -> str:
    window = repr(text[start : start + 40])
    return f"{'... ' if start else ''}{window}{' ...' if len(text) > start + 40 else ''}"


def _arrays(expected: np.ndarray, came: np.ndarray, where: str, is_array: bool, loose: bool) -> Difference | None:
    if expected.shape != came.shape:
        return Difference(where, _form(expected), _form(came))
    kinds = [KINDS.get(a.dtype.kind, "unknown") for a in (expected, came)]
    if kinds[0] != kinds[1]:
        both = [f"{kind} values" if is_array else f"one {kind} value" for kind in kinds]
        return Difference(where, *both)
    wrong = ~_close(expected, came, loose)
    if not wrong.any():
        return None
    if not expected.shape:
        return Difference(where, *_numbers(expected[()], came[()]), _largest(expected, came, wrong))
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    index = f"index {first[0] if len(first) == 1 else first}"
    count = f"{int(wrong.sum())} of {wrong.size} values differ"
    detail = f"{count}; {_largest(expected, came, wrong).lower()}" if _largest(expected, came, wrong) else f"{count}."
    return Difference(_inside(where, index), *_numbers(expected[first], came[first]), detail)


def _close(expected: np.ndarray, came: np.ndarray, loose: bool) -> np.ndarray:
    if expected.dtype.kind not in "fc":
        return np.asarray(expected == came)
    share = 1 if expected.dtype.kind == "f" else 0.5
    narrow = min(
        expected.dtype.itemsize * share, max(4, came.dtype.itemsize * share)
    )  # half precision where it is asked for
    rtol, atol = (1e-6, 1e-9) if narrow >= 8 and not loose else (1e-4, 1e-6) if narrow >= 4 else (4e-3, 1e-3)
    wide = np.complex128 if expected.dtype.kind == "c" else np.float64
    left, right = expected.astype(wide), came.astype(wide)
    size = np.abs(left[np.isfinite(left)])
    atol *= max(1.0, float(size.max())) if size.size else 1.0
    with np.errstate(all="ignore"):
        return np.isclose(right, left, rtol=rtol, atol=atol, equal_nan=True)


def _largest(expected: np.ndarray, came: np.ndarray, wrong: np.ndarray) -> str:
    if expected.dtype.kind == "b":
        return ""
    wide = np.complex128 if expected.dtype.kind == "c" else np.float64
    with np.errstate(all="ignore"):
        gap = np.abs(expected[wrong].astype(wide) - came[wrong].astype(wide))
    gap = gap[np.isfinite(gap)]
    return f"Largest difference {gap.max():.3g}." if gap.size else ""


def _numbers(expected: Any, came: Any) -> tuple[str, str]:
    """Two numbers that differ, with digits enough to see it."""
    pair = number(expected), number(came)
    return pair if pair[0] != pair[1] else (number(expected, 12), number(came, 12))


def number(value: Any, digits: int = 6) -> str:
    """One number, short."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**15:
        return f"{float(value):.6g}" if abs(value) < 10**300 else "a huge number"
    return truncate(str(value), 40)


def _form(array: np.ndarray) -> str:
    if not array.shape:
        return f"one {KINDS.get(array.dtype.kind, 'unknown')} value"
    return f"shape {tuple(array.shape)}"


def describe(value: Any) -> str:
    """What a value is, in a few words."""
    if value is None:
        return "None"
    if isinstance(value, str):
        return f"the text {_quote(value, 0)}"
    if isinstance(value, bytes):
        return "bytes"
    if isinstance(value, dict):
        return f"a dictionary with {len(value)} entries"
    if isinstance(value, (list, tuple)):
        return f"{len(value)} value{'' if len(value) == 1 else 's'}"
    if isinstance(value, np.ndarray) and value.shape:
        return f"{KINDS.get(value.dtype.kind, 'unknown')} values of shape {tuple(value.shape)}"
    if _numeric(value):
        return number(value[()] if isinstance(value, np.ndarray) else value)
    return f"a {type(value).__name__}"


def truncate(text: str, length: int = LONGEST) -> str:
    """A short window of text, printable and on one line."""
    text = "".join(c if c.isprintable() else " " for c in text[: 4 * length])
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 3] + "..."


def redact(text: str, secret: str, instead: str = "(not shown)") -> str:
    """The text, unless it quotes something secret: twenty characters in a row of a hidden test are too many."""
    squeezed, hidden = "".join(text.split()), "".join(secret.split())
    leaks = any(squeezed[i : i + 20] in hidden for i in range(max(0, len(squeezed) - 19))) or "probe_" in squeezed
    return instead if leaks else text

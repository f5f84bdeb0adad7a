"""Plain values as JSON and back: what a probe hands back, on its way out of a box and in the files that keep it.

`encode` runs beside a student's code and trusts no method of a value's own; `decode` runs outside and believes nothing that it reads.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np


def encode(value: Any) -> Any:
    """Plain data only, by the base types' own methods: what a subclass overrides is never asked."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int.__pos__(value)
    if isinstance(value, float):
        return float.__pos__(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (np.ndarray, np.generic, complex)):
        return encode_array(value)
    if isinstance(value, list):
        return [encode(item) for item in list.__iter__(value)]
    if isinstance(value, tuple):
        return {"tuple": [encode(item) for item in tuple.__iter__(value)]}
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(item)] for key, item in dict.items(value)]}
    raise TypeError(
        f"expected arrays, numbers, text, or lists, tuples and dicts of them, but got {type(value).__name__}"
    )


def encode_array(value: Any) -> Any:
    array = np.array(value, subok=False, order="C")
    if array.dtype.kind not in "biufc":
        raise TypeError(f"expected an array of numbers, but got one of {array.dtype}")
    if array.dtype.kind in "fc" and array.dtype.itemsize > 8 * (1 + (array.dtype.kind == "c")):
        array = array.astype(complex if array.dtype.kind == "c" else float)
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    if isinstance(value, np.generic) and array.dtype.kind != "c":
        return array.item()
    return {"array": [array.dtype.str, list(array.shape), base64.b64encode(array.tobytes()).decode()]}


def clean_text(value: Any, limit: int) -> str:
    """A string that every file and page can hold: no half surrogates, no more than `limit` characters."""
    return value[:limit].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


PLAIN_TYPES = {"|b1", "|i1", "|u1", *(f"<{kind}{size}" for kind in "iu" for size in (2, 4, 8))}
PLAIN_TYPES |= {"<f2", "<f4", "<f8", "<c8", "<c16"}


def decode(value: Any) -> Any:
    """A probe's value from its JSON: exact built-in types and plain arrays, whatever the inside meant. ValueError if malformed."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return clean_text(value, len(value))
    if isinstance(value, list):
        return [decode(item) for item in value]
    ((kind, content),) = value.items()
    if not isinstance(content, list):
        raise ValueError(kind)
    if kind == "tuple":
        return tuple(decode(item) for item in content)
    if kind == "dict":
        return {
            clean_text(key, len(key)) if isinstance(key, str) else decode(key): decode(item) for key, item in content
        }
    dtype, shape, data = content
    if kind != "array" or dtype not in PLAIN_TYPES or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(kind)
    raw = base64.b64decode(data, validate=True)
    if dtype == "|b1":
        return (np.frombuffer(raw, "|u1") != 0).reshape(shape)  # a byte that is neither 0 nor 1 cannot play tricks
    return np.frombuffer(raw, dtype).reshape(shape).copy()

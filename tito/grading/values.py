"""Plain values as JSON, so that what a run returned can be kept in a file and read without running anything."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import numpy as np


def encode(value: Any) -> Any:
    """A plain value (numbers, text, arrays, lists, dictionaries) as something that json can write."""
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.ascontiguousarray(value)
        data = base64.b64encode(array.tobytes()).decode()
        return {"array": [array.dtype.str, list(np.shape(value)), data]}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if isinstance(value, complex):
        return {"complex": [encode(value.real), encode(value.imag)]}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {"dict": [[str(key), encode(item)] for key, item in value.items()]}
    return value


def decode(value: Any) -> Any:
    """The value back. Tuples come back as lists."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if isinstance(value, dict):
        ((kind, content),) = value.items()
        if kind == "array":
            return np.frombuffer(base64.b64decode(content[2]), dtype=np.dtype(content[0])).reshape(content[1])
        if kind == "float":
            return float(content)
        if kind == "complex":
            return complex(decode(content[0]), decode(content[1]))
        return {key: decode(item) for key, item in content}
    return value


def dumps(value: Any) -> str:
    return json.dumps(encode(value), sort_keys=True)


def loads(text: str) -> Any:
    return decode(json.loads(text))

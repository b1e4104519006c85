"""JSON as RFC 8259 has it, and as databases, prompts and other programs can take it."""

import json
import math
import re
from typing import Any

DEEPEST = 100
_HALF = re.compile("[\ud800-\udfff]")
_HALF_IN_JSON = re.compile(r"[\ud800-\udfff]|\\u[dD][89a-fA-F]")
"""In a text without any there is nothing to look for in the value, which would take longer than reading it."""


def read_json(text: str) -> Any:
    """Raises ValueError for what is no JSON: Python would read NaN, Infinity and 1e999 too, and for what is nested more
    than 100 levels deep. Half of a surrogate pair, as a program leaves that cuts text inside an emoji, is replaced.
    """
    try:
        value = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except RecursionError:
        raise ValueError(f"it is nested more than {DEEPEST} levels deep") from None
    if _deeper_than(value, DEEPEST):
        raise ValueError(f"it is nested more than {DEEPEST} levels deep")
    return whole_characters(value) if _HALF_IN_JSON.search(text) else value


def whole_characters(value: Any) -> Any:
    """The value with U+FFFD for every surrogate that stands alone, which no UTF-8 can hold."""
    if isinstance(value, str):
        # Pairs that stand as two halves become the character they mean.
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if _HALF.search(value) else value
    if isinstance(value, list):
        return [whole_characters(item) for item in value]
    if isinstance(value, dict):
        return {whole_characters(key): whole_characters(item) for key, item in value.items()}
    return value


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is no number")
    return value


def _deeper_than(value: Any, levels: int) -> bool:
    left = [(value, 1)]
    while left:
        part, level = left.pop()
        if isinstance(part, dict | list):
            if level > levels:
                return True
            left.extend((inner, level + 1) for inner in (part.values() if isinstance(part, dict) else part))
    return False

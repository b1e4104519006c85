"""The preview of a result as data, also where it was cut off."""

import json
import re
from dataclasses import dataclass
from typing import Any

_CUT = re.compile(r"\s*,?\s*(?:\.\.\.|…)[^\]}\"]*")
_LARGEST = 20_000  # characters of a preview that are looked at


@dataclass(frozen=True)
class Preview:
    """`whole` is False when more was there than is shown; `more` how many items are not shown, where that is told."""

    value: Any = None
    whole: bool = True
    more: int | None = None


def read_preview(text: str) -> Preview:
    text = text[:_LARGEST]
    try:
        return Preview(json.loads(text))
    except ValueError:
        pass
    told = re.search(r"(?:\.\.\.|…)\s*\(?\+?\s*(\d+)\s+more", text)
    more = int(told[1]) if told else None
    outside = _outside_strings(text)
    for candidate in (outside, *_cuts(outside)):
        try:
            return Preview(json.loads(candidate), whole=False, more=more)
        except ValueError:
            continue
    return Preview(text, whole=False, more=more)


def _outside_strings(text: str) -> str:
    """Takes the dots that stand for left out items away, but not those inside texts."""
    parts = re.split(r'("(?:[^"\\]|\\.)*")', text)
    return "".join(part if part.startswith('"') else _CUT.sub("", part) for part in parts)


def _cuts(text: str) -> list[str]:
    """The text ended after each of its last complete values, brackets closed."""
    found: list[str] = []
    depth: list[str] = []
    inside = escaped = False
    for at, sign in enumerate(text):
        if inside:
            inside, escaped = (escaped or sign != '"'), (sign == "\\" and not escaped)
            continue
        if sign == '"':
            inside = True
        elif sign in "{[":
            depth.append("}" if sign == "{" else "]")
        elif sign in "}]" and depth:
            depth.pop()
            found.append(text[: at + 1] + "".join(reversed(depth)))
        elif sign == "," and depth:
            found.append(text[:at] + "".join(reversed(depth)))
    return list(reversed(found[-40:]))

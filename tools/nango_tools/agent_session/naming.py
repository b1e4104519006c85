"""Names that chat models take for functions: letters, digits, `_` and `-`, 64 at most."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

_LONGEST = 64
_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_-]")
_MARKS = (8, 16, 32)
"""Digits: a tool may be called as another one is with its mark."""


def function_names(ids: Iterable[str]) -> dict[str, str]:
    """By tool id: `github/list-issues` becomes `github__list-issues`. Two tools never share a name."""
    plain = {tool_id: _NOT_ALLOWED.sub("_", tool_id.replace("/", "__", 1)) for tool_id in ids}
    names = {tool_id: name if len(name) <= _LONGEST else _marked(tool_id, name, 8) for tool_id, name in plain.items()}
    for digits in _MARKS:
        times = Counter(names.values())
        names |= {
            tool_id: _marked(tool_id, plain[tool_id], digits) for tool_id, name in names.items() if times[name] > 1
        }
    return names


def _marked(tool_id: str, name: str, digits: int) -> str:
    mark = hashlib.sha256(tool_id.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
    return f"{name[: _LONGEST - digits - 1]}-{mark}"

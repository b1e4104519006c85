"""Names that chat models take for functions: letters, digits, `_` and `-`, 64 at most."""

import hashlib
import re
from collections.abc import Iterable

_LONGEST = 64
_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_-]")
_MARK = 8


def function_names(ids: Iterable[str]) -> dict[str, str]:
    """By tool id: `github/list-issues` becomes `github__list-issues`. Two tools never share a name."""
    wanted = list(dict.fromkeys(ids))
    plain = {tool_id: _NOT_ALLOWED.sub("_", tool_id.replace("/", "__", 1)) for tool_id in wanted}
    count: dict[str, int] = {}
    for name in plain.values():
        count[name] = count.get(name, 0) + 1
    return {
        tool_id: name if count[name] == 1 and len(name) <= _LONGEST else _marked(tool_id, name)
        for tool_id, name in plain.items()
    }


def _marked(tool_id: str, name: str) -> str:
    mark = hashlib.sha256(tool_id.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK]
    return f"{name[: _LONGEST - _MARK - 1]}-{mark}"

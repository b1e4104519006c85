"""Query strings with brackets: `tags[a]=b` is an object, `ids[]=a`, `ids[0]=a` and a name that comes twice are lists."""

import re
from typing import Any
from urllib.parse import parse_qsl

_NAME = re.compile(r"(?P<first>[^\[]+)(?P<steps>(\[[^\[\]]*\])*)")
_STEP = re.compile(r"\[([^\[\]]*)\]")
_INDEX = re.compile(r"[0-9]{1,2}")
GREATEST_INDEX = 20


def parse(text: str) -> dict[str, Any]:
    """The parameters by name, each a string, or strings in lists and objects. A name with odd brackets is kept as it is."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        named = _NAME.fullmatch(name)
        if named is None:
            _merge(found, {name: value})
        else:
            _merge(found, {named["first"]: _nested(_STEP.findall(named["steps"]), value)})
    return found


def _nested(steps: list[str], value: str) -> Any:
    if not steps:
        return value
    inner = _nested(steps[1:], value)
    if steps[0] == "" or (_INDEX.fullmatch(steps[0]) and int(steps[0]) <= GREATEST_INDEX):
        return [inner]
    return {steps[0]: inner}


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        held = into.get(name)
        if held is None:
            into[name] = value
        elif isinstance(held, dict) and isinstance(value, dict):
            _merge(held, value)
        else:
            into[name] = _items(held) + _items(value)


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

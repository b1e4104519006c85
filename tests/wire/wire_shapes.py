"""When two answers are the same: what cannot be the same twice (ids, times, tokens, addresses) is compared by its form."""

import json
import re
from base64 import b64decode
from collections.abc import Callable
from typing import Any

from pydantic_core import from_json

FORMS = (
    (r"nango_connect_session_[0-9a-f]{64}", "<session token>"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
    (r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", r"<time \2>"),
    (r"\w{3}, \d\d \w{3} 20\d\d \d\d:\d\d:\d\d GMT", "<date>"),
    (r"http://(localhost|127\.0\.0\.1):\d+/(connect(?=\?))?", "<address>"),
    (r"^\d{13}_[\w-]{8}$", "<log id>"),
    (r"^1[789]\d{8}$", "<epoch>"),
    (r"^at .*\(?[\w.-]+:\d+:\d+\)?$", "<stack frame>"),
)
CURSOR = re.compile(r"[A-Za-z0-9+/]{80,}={0,2}")
"""Of records: a time and an id."""

NUMBERED = ({"connection_id"}, {"name", "type"})
"""Beside these, a number called `id` is a row of some table."""

LEFT = "x-ratelimit-remaining"
"""How much is left of a quota depends on what was asked before; that nothing is left does not."""

OF_NO_ACCOUNT = {"user-agent", "accept-encoding", "connection", "server", "content-length"}
"""Headers in which HTTP libraries and servers speak of themselves, where an answer tells of headers."""


def shape(value: Any) -> Any:
    """`value` with the forms of what changes from server to server in place of it."""
    if isinstance(value, dict):
        shaped = {key: shape(each) for key, each in value.items()}
        if isinstance(value.get("id"), int) and any(beside <= set(value) for beside in NUMBERED):
            shaped["id"] = "<number>"
        if value.get(LEFT, "0") != "0":
            shaped[LEFT] = "<left>"
        if isinstance(value.get("at"), int):
            shaped["at"] = "<milliseconds>"
        if isinstance(value.get("sdk_version"), str):
            shaped["sdk_version"] = "<version>"
        if isinstance(value.get("headers"), dict):
            shaped["headers"] = {key: each for key, each in shaped["headers"].items() if key not in OF_NO_ACCOUNT}
        return shaped
    if isinstance(value, list):
        return sorted((shape(each) for each in value), key=_place)
    if isinstance(value, str):
        return _of_text(value)
    return value


def _place(element: Any) -> tuple[str, ...]:
    """Where an element stands in a list that comes in the order of the server's tables: integrations and what they have
    deployed, which a deployment reorders, and the states of syncs. Other lists stay as they are.
    """
    match element:
        case {"providerConfigKey": str(key)}:
            return (key,)
        case {"variant": _, "connection_id": str(connection), "name": str(name)}:
            return (connection, name)
        case {"parameters": _, "name": str(name), "description": str(description)}:
            return (name, description)
    return ()


def _of_text(text: str) -> Any:
    """JSON in a string (Nango's MCP puts results and errors so) is compared as JSON, and whether it is indented."""
    if text.startswith(("{", "[")):
        try:
            return {"json": shape(json.loads(text)), "indented": "\n" in text}
        except ValueError:
            pass
    if CURSOR.fullmatch(text):
        text = b64decode(text).decode(errors="replace")
    for pattern, form in FORMS:
        text = re.sub(pattern, form, text)
    return text


def messages(text: str) -> list[Any]:
    """The JSON messages of a stream of server-sent events; of a last one that was cut off, what is there."""
    return [from_json(line[6:], allow_partial=True) for line in text.splitlines() if line.startswith("data: ")]


def differences(expected: Any, found: Any, at: str = "$", *, cut_off: bool = False) -> list[str]:
    """What differs, a line each, empty if nothing. Of an answer that was cut off, the end is not compared."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return _of_objects(expected, found, at, cut_off=cut_off)
    if isinstance(expected, list) and isinstance(found, list):
        return _of_lists(expected, found, at, cut_off=cut_off)
    if isinstance(expected, str) and _WILDCARDS.get(expected, _never)(found):
        return []
    if cut_off and isinstance(expected, str) and isinstance(found, str) and found.startswith(expected):
        return []
    if expected == found and isinstance(expected, bool) == isinstance(found, bool):
        return []
    return [f"{at}: expected {_brief(expected)}, found {_brief(found)}"]


def _never(_: Any) -> bool:
    return False


_WILDCARDS: dict[str, Callable[[Any], bool]] = {
    "<any>": lambda _: True,
    "<text>": lambda found: isinstance(found, str) and bool(found),
    "<integer>": lambda found: isinstance(found, int) and not isinstance(found, bool),
    "<objects>": lambda found: (
        isinstance(found, list) and bool(found) and all(isinstance(each, dict) for each in found)
    ),
}
"""For tables that are written by hand."""


def _of_objects(expected: dict[str, Any], found: dict[str, Any], at: str, *, cut_off: bool) -> list[str]:
    lines = [f"{at}.{key}: missing, expected {_brief(expected[key])}" for key in expected if key not in found]
    if not cut_off:
        lines += [f"{at}.{key}: not expected, found {_brief(found[key])}" for key in found if key not in expected]
    last = next(reversed(expected), None)
    for key, value in expected.items():
        if key in found:
            lines += differences(value, found[key], f"{at}.{key}", cut_off=cut_off and key == last)
    return lines


def _of_lists(expected: list[Any], found: list[Any], at: str, *, cut_off: bool) -> list[str]:
    lines = []
    names, others = [_name(each) for each in expected], [_name(each) for each in found]
    if names != others[: len(names)] and None not in names + others:
        return [f"{at}: expected {_brief(names)}, found {_brief(others)}"]
    if len(found) < len(expected) or (len(found) > len(expected) and not cut_off):
        lines.append(f"{at}: expected {len(expected)} elements, found {len(found)}: {_brief(found)}")
    for number, (one, other) in enumerate(zip(expected, found, strict=False)):
        is_last = number == len(expected) - 1
        lines += differences(one, other, f"{at}[{number}]", cut_off=cut_off and is_last)
    return lines


def _name(value: Any) -> Any:
    """By what an element of a list is told from the others."""
    if not isinstance(value, dict):
        return None
    return value.get("connection_id") or value.get("unique_key") or value.get("name")


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else f"{text[:300]}…"

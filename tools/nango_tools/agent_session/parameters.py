"""A tool's arguments as a function's parameters."""

import json
from typing import Any

from nango_tools.agent_session.wording import tidy
from nango_tools.catalog.tool import Tool

_ALTERNATIVES = ("anyOf", "oneOf", "allOf")
_NOT_TAKEN = frozenset({*_ALTERNATIVES, "not", "enum", "const", "if", "then", "else"})


def parameters_of(tool: Tool) -> dict[str, Any]:
    """The schema as chat models take it: an object, without alternatives at the top (endpoints refuse the whole request then).

    What they would say is not lost: arguments are checked against the tool's own schema before they are sent.
    """
    schema = tidy(tool.input_schema)
    properties: dict[str, Any] = {}
    for word in _ALTERNATIVES:
        for part in schema.get(word) or []:
            properties |= part.get("properties") or {} if isinstance(part, dict) else {}
    properties |= schema.get("properties") or {}
    plain = {key: part for key, part in schema.items() if key not in _NOT_TAKEN}
    return {**plain, "type": "object", "properties": properties}


def read_arguments(given: Any) -> Any:
    """Some models write the object as text."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        return given

"""A tool's arguments as a function's parameters."""

import json
import re
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from nango_tools.agent_session.wording import BY_NAME, DATA, brief_type, name_in_words, one_line, tidy, with_note
from nango_tools.catalog.tool import Tool

_ALTERNATIVES = ("anyOf", "oneOf", "allOf")
_NOT_TAKEN = frozenset({*_ALTERNATIVES, "not", "enum", "const", "if", "then", "else"})
_TAKEN_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
"""Of a parameter: endpoints refuse the whole request for another one."""
_REFERENCE = "$ref"
_NOTE = 800


def schema_problem(tool: Tool) -> str | None:
    """Why nothing can be checked against the tool's schema, and endpoints would refuse a request with it. A millisecond."""
    try:
        Draft202012Validator.check_schema(tool.input_schema)
    except SchemaError as error:
        where = ".".join(map(str, error.absolute_path)) or "the schema"
        return one_line(f"Its input schema is no valid JSON Schema ({where}: {error.message}).", 300)
    except RecursionError:
        return "Its input schema is too deep to be checked."
    return None


def arguments_of(tool: Tool) -> dict[str, Any]:
    """What arguments there are, without alternatives at the top."""
    schema = tidy(tool.input_schema)
    properties: dict[str, Any] = {}
    for word in _ALTERNATIVES:
        for part in _list(schema.get(word)):
            properties |= _dict(part.get("properties")) if isinstance(part, dict) else {}
    properties |= _dict(schema.get("properties"))
    plain = {key: part for key, part in schema.items() if key not in _NOT_TAKEN}
    return {**plain, "type": "object", "properties": properties}


def parameters_of(tool: Tool) -> tuple[dict[str, Any], str]:
    """The schema as chat models take it: an object, without alternatives at the top (endpoints refuse the whole request then);
    and in words the arguments that can't be called what they are called there, "" where all can.

    What they would say is not lost: arguments are checked against the tool's own schema before they are sent.
    """
    found = arguments_of(tool)
    left, note = _told_in_words(found, [name for name in found["properties"] if not _TAKEN_NAME.fullmatch(name)])
    taken: dict[str, Any] = _taken(left)
    return taken, note


def _taken(schema: Any) -> Any:
    """Arrays say what they hold, and no property is called like a reference, which LangChain would follow."""
    if isinstance(schema, list):
        return [_taken(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        key: part
        if key in DATA
        else {name: _taken(one) for name, one in part.items()}
        if key in BY_NAME and isinstance(part, dict)
        else _taken(part)
        for key, part in schema.items()
    }
    kinds = found.get("type")
    if "array" in (kinds if isinstance(kinds, list) else [kinds]):
        found.setdefault("items", {})
    left, note = _told_in_words(found, [_REFERENCE] if _REFERENCE in _dict(found.get("properties")) else [])
    return with_note(left, note) if note else left


def _told_in_words(schema: dict[str, Any], names: list[str]) -> tuple[dict[str, Any], str]:
    """The schema without those properties, and a sentence about them: they can be given all the same."""
    if not names:
        return schema, ""
    properties, required = schema["properties"], _list(schema.get("required"))
    told = ", ".join(
        f"{name_in_words(name)} ({brief_type(properties[name])}{', required' if name in required else ''})"
        for name in names
    )
    kept = {key: part for key, part in schema.items() if key != "additionalProperties" or part is not False}
    if "required" in kept:
        kept["required"] = [name for name in required if name not in names]
    kept["properties"] = {name: part for name, part in properties.items() if name not in names}
    return kept, one_line(f"Also takes: {told}.", _NOTE)


def read_arguments(given: Any) -> Any:
    """Some models write the object as text."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        return given


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

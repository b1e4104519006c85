"""Tools and outputs as short text: a typed signature for a JSON Schema, a shape and a preview for a value."""

import json
from typing import Any

from nango_tools import Tool

MAX_DEPTH = 4
MAX_SIGNATURE = 1_500
PREVIEW = 2_000


def tool_signature(tool: Tool) -> str:
    """`integration/tool(owner: string, state?: "open"|"closed") -> {issues: [...]}`, access, description, parameters."""
    required = set(tool.input_schema.get("required") or [])
    properties: dict[str, Any] = tool.input_schema.get("properties") or {}
    parameters = ", ".join(
        f"{name}{'' if name in required else '?'}: {type_of(schema, MAX_DEPTH - 1)}"
        for name, schema in properties.items()
    )
    returns = f" -> {type_of(tool.output_schema, MAX_DEPTH)}" if tool.output_schema else ""
    lines = [
        f"{tool.id}({cut(parameters, MAX_SIGNATURE)}){cut(returns, MAX_SIGNATURE)}",
        f"  [{tool.access}] {one_line(tool.description, 300)}",
    ]
    for name, schema in properties.items():
        if isinstance(schema, dict) and schema.get("description"):
            lines.append(f"  {name}: {one_line(str(schema['description']), 160)}")
    return "\n".join(lines)


def type_of(schema: Any, depth: int) -> str:
    """A JSON Schema as a type. What lies deeper than `depth` is `any`."""
    if not isinstance(schema, dict) or not schema:
        return "any"
    for word in ("anyOf", "oneOf"):
        if isinstance(schema.get(word), list):
            return _union(type_of(part, depth) for part in schema[word])
    if isinstance(schema.get("enum"), list):
        return _union(json.dumps(value, ensure_ascii=False) for value in schema["enum"][:20])
    if "const" in schema:
        return json.dumps(schema["const"], ensure_ascii=False)
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return _union(type_of({**schema, "type": kind}, depth) for kind in kinds)
    if kinds == "array":
        return f"[{type_of(schema.get('items'), depth - 1) if depth > 0 else 'any'}]"
    if kinds == "object" or "properties" in schema:
        properties = schema.get("properties")
        if not properties or depth <= 0:
            return "object"
        required = set(schema.get("required") or [])
        inner = (
            f"{name}{'' if name in required else '?'}: {type_of(part, depth - 1)}" for name, part in properties.items()
        )
        return "{" + ", ".join(inner) + "}"
    return str(kinds) if kinds else "any"


def shape_of(value: Any, depth: int = MAX_DEPTH) -> str:
    """The shape of an output: `{issues: [{number: integer, title: string}] (3)}`."""
    if isinstance(value, dict):
        if depth <= 0:
            return "object"
        shown = list(value.items())[:40]
        more = ", …" if len(value) > len(shown) else ""
        return "{" + ", ".join(f"{key}: {shape_of(item, depth - 1)}" for key, item in shown) + more + "}"
    if isinstance(value, list):
        if not value:
            return "[] (0)"
        return f"[{shape_of(value[0], depth - 1) if depth > 0 else 'any'}] ({len(value)})"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "null" if value is None else "string"


def preview_of(value: Any, limit: int = PREVIEW) -> str:
    """The value as JSON on one line. Too long, it is shortened so that it stays JSON, and the line says how.

    `<` is escaped, so that no block of a prompt ends early.
    """
    text = _one_line_json(value)
    if len(text) <= limit:
        return text
    for items, characters in ((50, 200), (20, 120), (10, 80), (5, 60), (3, 40), (1, 20)):
        shortened = _one_line_json(_shortened(value, items, characters))
        if len(shortened) <= limit:
            return f"{shortened} (shortened: lists to {items} items, texts to {characters} characters)"
    return f'"{cut(text, limit)}" (cut; {len(text)} characters in all)'


def _one_line_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _shortened(value: Any, items: int, characters: int) -> Any:
    if isinstance(value, str):
        return cut(value, characters)
    if isinstance(value, list):
        return [_shortened(item, items, characters) for item in value[:items]]
    if isinstance(value, dict):
        return {key: _shortened(item, items, characters) for key, item in value.items()}
    return value


def abridged(value: Any, limit: int = 300) -> Any:
    """The value with long texts and lists cut, marked where they are: for prompts and for the state."""
    if isinstance(value, str):
        return cut(value, limit)
    if isinstance(value, list):
        more = [f"… {len(value) - 20} more"] if len(value) > 20 else []
        return [*(abridged(item, limit) for item in value[:20]), *more]
    if isinstance(value, dict):
        return {key: abridged(item, limit) for key, item in value.items()}
    return value


def one_line(text: str, limit: int) -> str:
    """Text from outside on one line, so that it can't look like a line of the prompt."""
    return cut(" ".join(text.replace("<", "‹").replace(">", "›").split()), limit)


def cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _union(parts: Any) -> str:
    return "|".join(dict.fromkeys(parts)) or "any"

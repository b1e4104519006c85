"""Tools and outputs as short text: a typed signature for a JSON Schema, a shape and a preview for a value."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from nango_tools import Tool

MAX_DEPTH = 4
MAX_SIGNATURE = 1_500
MAX_SHAPE = 1_000
PREVIEW = 2_000
SELECTED_PREVIEW = 6_000
"""Characters. What a step's `select` found was asked for, so more of it is shown."""
ABRIDGED = 2_000
"""Bytes of JSON."""

_MAX_NAME = 120
_MAX_PROPERTIES = 60
_MAX_CHOICES = 20
_MAX_FIELDS = 40
_MAX_DESCRIBED = 2_000
_MAX_NESTED_UNIONS = 3
_MAX_BYTES = 6_500
"""Of a preview: in some scripts a character is four. It is kept in the state, which must stay small."""
_MAX_SHOWN_DEPTH = 16
"""What lies deeper in an output that is shortened is `…`. Whoever walks through it recurses, and outputs come from outside."""
_LEVELS = ((50, 100, 200), (20, 60, 120), (10, 40, 80), (5, 30, 60), (3, 20, 40), (1, 10, 20))
"""Items of a list, fields of an object, characters of a text: what is left of them."""
_KINDS = {"string", "number", "integer", "boolean", "null", "object", "array"}
_PLAIN_NAME = re.compile(r"[\w$@.#/+*-]{1,120}")
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\uf8ff\ufeff\ufff0-\ufffb\U000e0000-\U0010ffff]"
)
"""What controls a line or its direction, or hides: a model reads it, and whoever looks at the prompt does not see it. Joiners
stay: they are part of the spelling in some scripts."""


def tool_signature(tool: Tool) -> str:
    """`integration/tool(owner: string, state?: "open"|"closed") -> {issues: [...]}`, access, description, parameters."""
    returns = f" -> {cut(type_of(tool.output_schema, MAX_DEPTH), MAX_SIGNATURE)}" if tool.output_schema else ""
    lines = [
        f"{tool.id}({_parameters(tool.input_schema)}){returns}",
        f"  [{tool.access}] {one_line(tool.description, 300)}",
        *_described(tool.input_schema),
    ]
    return "\n".join(lines)


def type_of(schema: Any, depth: int, unions: int = _MAX_NESTED_UNIONS) -> str:
    """A JSON Schema as a type. What lies deeper than `depth` is `any`; what is left out is marked with `…`."""
    if not isinstance(schema, dict) or not schema:
        return "any"
    for word in ("anyOf", "oneOf"):
        if isinstance(schema.get(word), list):
            return _union(schema[word], lambda part: type_of(part, depth, unions - 1)) if unions else "any"
    if isinstance(schema.get("enum"), list):
        return _union(schema["enum"], _literal)
    if "const" in schema:
        return _literal(schema["const"])
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return _union(kinds, lambda kind: type_of({**schema, "type": kind}, depth, unions - 1)) if unions else "any"
    if kinds == "array":
        return f"[{type_of(schema.get('items'), depth - 1) if depth > 0 else 'any'}]"
    if kinds == "object" or "properties" in schema:
        if not _properties(schema) or depth <= 0:
            return "object"
        inner = _fields(schema, depth - 1)
        return "{" + ", ".join(inner[:_MAX_PROPERTIES]) + (", …" if len(inner) > _MAX_PROPERTIES else "") + "}"
    return kinds if isinstance(kinds, str) and kinds in _KINDS else "any"


def _parameters(schema: Mapping[str, Any]) -> str:
    """As deep as there is room for; names of optional ones are left out last, and never silently."""
    for depth in range(MAX_DEPTH - 1, -1, -1):
        fields = _fields(schema, depth)
        text = ", ".join(fields)
        if len(text) <= MAX_SIGNATURE:
            return text
    required = tuple(f"{name_as_data(name)}:" for name in _required(schema))
    fields.sort(key=lambda field: not field.startswith(required))
    shown: list[str] = []
    for field in fields:
        if len(", ".join([*shown, field])) > MAX_SIGNATURE:
            break
        shown.append(field)
    return ", ".join([*shown, "…"])


def _fields(schema: Mapping[str, Any], depth: int) -> list[str]:
    required = _required(schema)
    return [
        f"{name_as_data(name)}{'' if name in required else '?'}: {type_of(part, depth)}"
        for name, part in _properties(schema).items()
    ]


def _properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties")
    return properties if isinstance(properties, dict) else {}


def _required(schema: Mapping[str, Any]) -> set[str]:
    """In old drafts `required` is a boolean."""
    required = schema.get("required")
    return {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()


def _described(input_schema: Mapping[str, Any]) -> Iterator[str]:
    left = _MAX_DESCRIBED
    for name, schema in _properties(input_schema).items():
        if not isinstance(schema, dict) or not schema.get("description"):
            continue
        line = f"  {name_as_data(name)}: {one_line(str(schema['description']), 160)}"
        left -= len(line)
        if left < 0:
            yield "  …"
            return
        yield line


def name_as_data(name: str) -> str:
    """A name from outside: as it is where it could not be taken for anything else, in quotes otherwise."""
    return name if _PLAIN_NAME.fullmatch(name) else cut(_one_line_json(name), _MAX_NAME)


def _literal(value: Any) -> str:
    return cut(_one_line_json(value), _MAX_NAME)


def shape_of(value: Any) -> str:
    """The shape of an output: `{issues: [{number: integer, title: string}] (3)}`; as deep as there is room for."""
    for depth in range(MAX_DEPTH, 0, -1):
        shape = _shape(value, depth)
        if len(shape) <= MAX_SHAPE:
            break
    return cut(shape, MAX_SHAPE)


def _shape(value: Any, depth: int) -> str:
    if isinstance(value, dict):
        if depth <= 0:
            return "object"
        more = ", …" if len(value) > _MAX_FIELDS else ""
        shown = islice(value.items(), _MAX_FIELDS)
        return "{" + ", ".join(f"{name_as_data(key)}: {_shape(item, depth - 1)}" for key, item in shown) + more + "}"
    if isinstance(value, list):
        if not value:
            return "[] (0)"
        return f"[{_shape(value[0], depth - 1) if depth > 0 else 'any'}] ({len(value)})"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "null" if value is None else "string"


def preview_of(value: Any, limit: int = PREVIEW) -> str:
    """The value as JSON on one line. Too long (`limit`: characters), it is shortened so that it stays JSON, and the line says how.

    `<` is escaped, so that no block of a prompt ends early.
    """
    if characters_in(value, most=limit) <= limit and _fits(text := _one_line_json(value), limit):
        return text
    shortened = ""
    for items, fields, characters in _LEVELS:
        shortened = _one_line_json(_shortened(value, items, fields, characters))
        if _fits(shortened, limit):
            told = f"lists to {items} items, objects to {fields} fields, texts to {characters} characters"
            return f"{shortened} (shortened: {told})"
    while not _fits(shortened, limit):
        shortened = cut(shortened, min(limit, len(shortened) * 3 // 4))
    return f'"{shortened}" (cut; about {characters_in(value)} characters in all)'


def characters_in(value: Any, *, most: int | None = None) -> int:
    """How long the value is as JSON, at the least: what must be escaped is not counted. Gives up counting beyond `most`."""
    count, left = 0, [value]
    while left and (most is None or count <= most):
        part = left.pop()
        if isinstance(part, str):
            count += len(part) + 2
        elif isinstance(part, dict):
            count += 2 + sum(len(key) + 4 for key in part)
            left.extend(part.values())
        elif isinstance(part, list):
            count += 2 + len(part)
            left.extend(part)
        else:
            count += 1
    return count


def _fits(text: str, limit: int) -> bool:
    return len(text) <= limit and len(text.encode("utf-8", "surrogatepass")) <= _MAX_BYTES


def _one_line_json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return _UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _shortened(value: Any, items: int, fields: int, characters: int, depth: int = _MAX_SHOWN_DEPTH) -> Any:
    if isinstance(value, str):
        return cut(value, characters)
    if isinstance(value, list | dict) and value and not depth:
        return "…"
    if isinstance(value, list):
        return [_shortened(item, items, fields, characters, depth - 1) for item in value[:items]]
    if isinstance(value, dict):
        return {
            cut(key, _MAX_NAME): _shortened(item, items, fields, characters, depth - 1)
            for key, item in islice(value.items(), fields)
        }
    return value


def abridged(value: Any, limit: int = ABRIDGED) -> Any:
    """The value with long texts and lists cut, marked where they are: for prompts and for the state. `limit`: bytes of JSON."""
    for items, fields, characters in ((20, 100, 300), (10, 40, 120), (5, 20, 60), (3, 10, 40), (1, 5, 20)):
        short = _abridged(value, items, fields, characters)
        text = json.dumps(short, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode("utf-8", "surrogatepass")) <= limit:
            return short
    return cut(text, limit // 4)


def _abridged(value: Any, items: int, fields: int, characters: int, depth: int = _MAX_SHOWN_DEPTH) -> Any:
    if isinstance(value, str):
        return cut(value, characters)
    if isinstance(value, list | dict) and value and not depth:
        return "…"
    if isinstance(value, list):
        more = [f"… {len(value) - items} more"] if len(value) > items else []
        return [*(_abridged(item, items, fields, characters, depth - 1) for item in value[:items]), *more]
    if isinstance(value, dict):
        more_fields = {"…": f"{len(value) - fields} more"} if len(value) > fields else {}
        shown = islice(value.items(), fields)
        return {
            cut(key, _MAX_NAME): _abridged(item, items, fields, characters, depth - 1) for key, item in shown
        } | more_fields
    # A checkpoint holds numbers of 64 bits, JSON any.
    return str(value) if isinstance(value, int) and not -(2**63) <= value < 2**64 else value


def one_line(text: str, limit: int) -> str:
    """Text from outside on one line, so that it can't look like a line of the prompt, without what nobody sees."""
    words = " ".join(text.replace("<", "‹").replace(">", "›").split())
    return cut(_UNSEEN.sub("", words), limit)


def cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _union(parts: list[Any], as_text: Callable[[Any], str]) -> str:
    texts = list(dict.fromkeys(as_text(part) for part in parts[:_MAX_CHOICES]))
    return "|".join([*texts, *(["…"] if len(parts) > _MAX_CHOICES else [])]) or "any"

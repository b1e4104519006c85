"""A JSON Schema (draft 2020-12) without what is not checked: whatever fits the schema, fits what is left of it.

Leaving a keyword out lets more fit. Where the schema turns that around (in `not`, for example), the whole of it is left out.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any


class BrokenSchema(ValueError):
    """What stands there means nothing. `str()` tells which keyword."""


def leniently(schema: Any) -> Any:
    """Only `KEYWORDS` stand in it. Takes time in proportion to the schema. Raises `BrokenSchema` and `RecursionError`."""
    return _read(schema)[0]


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or math.isfinite(value)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_SAID: dict[str, Callable[[Any], bool]] = {
    "type": lambda value: (
        (_is_names(value) and bool(value) and _TYPES.issuperset(value)) or (isinstance(value, str) and value in _TYPES)
    ),
    "enum": lambda value: isinstance(value, list),
    "const": lambda _: True,
    "required": _is_names,
    "dependentRequired": lambda value: isinstance(value, dict) and all(map(_is_names, value.values())),
    "multipleOf": lambda value: _is_number(value) and value > 0,
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _is_count),
    **dict.fromkeys(("minContains", "maxContains"), _is_count),
}
"""Keywords without a schema in them, and whether their value has the right form."""

_ONE = ("not", "if", "then", "else", "items", "contains", "additionalProperties", "propertyNames")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("properties", "dependentSchemas")
_ASIDE = frozenset({"minContains", "maxContains", "then", "else"})
"""Others ask for these."""

KEYWORDS = frozenset({*_SAID, *_ONE, *_LISTS, *_NAMED}) - _ASIDE

_LEFT_OUT = frozenset(
    {"pattern", "patternProperties", "uniqueItems", "unevaluatedItems", "unevaluatedProperties", "$dynamicRef"}
)


def _read(schema: Any) -> tuple[Any, bool]:
    """(what is left, whether that is all that was said)"""
    if isinstance(schema, bool):
        return schema, True
    if not isinstance(schema, Mapping):
        raise BrokenSchema("a schema is missing")
    if "$ref" in schema:
        raise BrokenSchema("$ref")  # all that can be followed were replaced when the tool was found
    left: dict[str, Any] = {}
    whole = _LEFT_OUT.isdisjoint(schema)
    parts: dict[str, bool] = {}
    for keyword, value in schema.items():
        if keyword in _SAID:
            if not _SAID[keyword](value):
                raise BrokenSchema(keyword)
            left[keyword] = value
        elif keyword in _ONE:
            left[keyword], parts[keyword] = _read(value)
        elif keyword in _LISTS:
            if not isinstance(value, list) or not value:
                raise BrokenSchema(keyword)
            read = [_read(one) for one in value]
            left[keyword], parts[keyword] = [one for one, _ in read], all(is_whole for _, is_whole in read)
        elif keyword in _NAMED:
            if not isinstance(value, Mapping):
                raise BrokenSchema(keyword)
            named = {name: _read(one) for name, one in value.items()}
            left[keyword] = {name: one for name, (one, _) in named.items()}
            parts[keyword] = all(is_whole for _, is_whole in named.values())
    _loosen(schema, left, parts)
    return left, whole and all(parts.values())


def _loosen(schema: Mapping[str, Any], left: dict[str, Any], parts: Mapping[str, bool]) -> None:
    """Where a part that lets more fit would make the whole let less."""
    if schema.get("patternProperties"):
        left.pop("additionalProperties", None)  # which names are additional, the patterns tell
    if not parts.get("not", True):
        del left["not"]
    if not parts.get("if", True):
        del left["if"]
    if not parts.get("contains", True):
        left.pop("maxContains", None)
    if not parts.get("oneOf", True):
        left["allOf"] = [*left.get("allOf", ()), {"anyOf": left.pop("oneOf")}]

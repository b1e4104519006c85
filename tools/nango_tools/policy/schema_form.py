"""What may stand in a JSON Schema that is a condition: few keywords, none of which can be slow, fetch anything or be misspelt.

JSON Schema lets pass what it says nothing of: `amount: {maximum: 100}` fits a call without an amount, and one of "5000". Where
that would let a call through (in what allows, and in the `not` of what denies or asks), every part must say something that not every
value fits, every property must be required, and a bound stands beside the one type that it bounds.
"""

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

MAX_NODES = 200
_Path = tuple[str | int, ...]

_OF_TYPE = {
    "object": ("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
    "array": ("items", "contains", "minContains", "maxContains", "minItems", "maxItems"),
    "string": ("minLength", "maxLength"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
_TYPES = {"number": {"number", "integer"}}
_EVERY_TYPE = {"null", "boolean", "object", "array", "number", "string"}
_OF_ANY_TYPE = ("type", "enum", "const", "allOf", "anyOf", "not", "title", "description", "$comment")
KEYWORDS = (*_OF_ANY_TYPE, *(keyword for keywords in _OF_TYPE.values() for keyword in keywords))


class BadSchema(ValueError):
    """path: to the place in the schema. `str()` is a sentence."""

    def __init__(self, path: _Path, message: str) -> None:
        super().__init__(message)
        self.path = path


def check_schema(schema: Mapping[str, Any], *, strict: bool) -> None:
    """`strict`: only what says enough to be fitted by nothing that it does not speak of. Raises `BadSchema`."""
    if not schema:
        raise BadSchema((), "the schema says nothing: every call fits it. Leave `arguments` out.")
    _Check().visit(schema, (), strict=strict, is_object=True)
    metaschema = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    error = best_match(metaschema.iter_errors(schema))
    if error is not None:
        raise BadSchema(tuple(error.absolute_path), f"no JSON Schema: {error.message[:200]}.")


class _Check:
    def __init__(self) -> None:
        self._nodes = 0

    def visit(self, schema: Any, path: _Path, *, strict: bool, is_object: bool = False) -> None:
        if strict and schema is True:
            raise BadSchema(path, "`true` fits anything: say a type, enum or const.")
        if not isinstance(schema, Mapping):
            return  # false; all else the metaschema refuses
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise BadSchema(path, f"the schema has more than {MAX_NODES} parts.")
        for keyword in schema:
            if keyword not in KEYWORDS:
                raise BadSchema(
                    (*path, keyword), f"`{keyword}` can't stand in a condition; there are {', '.join(KEYWORDS)}."
                )
        if strict:
            _check_strictness(schema, path, is_object=is_object)
        for name, below in _mapping(schema.get("properties")).items():
            self.visit(below, (*path, "properties", name), strict=strict)
        for keyword in ("items", "contains"):
            self.visit(schema.get(keyword), (*path, keyword), strict=strict)
        if schema.get("additionalProperties") is not True:  # as without it
            self.visit(schema.get("additionalProperties"), (*path, "additionalProperties"), strict=strict)
        for keyword in ("allOf", "anyOf"):
            for index, below in enumerate(_list(schema.get(keyword))):
                self.visit(below, (*path, keyword, index), strict=strict, is_object=is_object)
        self.visit(schema.get("not"), (*path, "not"), strict=True, is_object=is_object)


def _check_strictness(schema: Mapping[str, Any], path: _Path, *, is_object: bool) -> None:
    if "not" in schema:
        raise BadSchema((*path, "not"), "`not` can't stand here: say what a call must be, or ask with JMESPath.")
    for kind, keywords in _OF_TYPE.items():
        for keyword in keywords:
            if keyword in schema and not _is_only(schema, kind, is_object=is_object):
                raise BadSchema(
                    (*path, keyword),
                    f"say `type: {kind}` too, and no other: anything of another would fit `{keyword}`.",
                )
    for name in _mapping(schema.get("properties")):
        if name not in _list(schema.get("required")):
            raise BadSchema(
                (*path, "properties", name), f"`{name}` must stand in `required`: a call without it would fit."
            )
    if not _says_something(schema, is_object=is_object):
        raise BadSchema(
            path,
            "every call fits this: say what must be `required`, and of which type, enum or const it is."
            if is_object
            else "anything fits this: say a type, enum or const.",
        )


def _is_only(schema: Mapping[str, Any], kind: str, *, is_object: bool) -> bool:
    """Is what fits of that type for certain?"""
    if (is_object and kind == "object") or "enum" in schema or "const" in schema:
        return True
    return "type" in schema and _types(schema) <= _TYPES.get(kind, {kind})


def _says_something(schema: Mapping[str, Any], *, is_object: bool) -> bool:
    """Is there anything that does not fit? Of the parts below, each was asked by itself."""
    if any(keyword in schema for keyword in ("enum", "const", "allOf", "anyOf")):
        return True
    if not is_object:
        return "type" in schema and not _types(schema) >= _EVERY_TYPE
    return (
        bool(_list(schema.get("required")))
        or "maxProperties" in schema
        or schema.get("minProperties", 0) != 0
        or schema.get("additionalProperties", True) is not True
    )


def _types(schema: Mapping[str, Any]) -> set[str]:
    said = schema.get("type")
    return {one for one in (said if isinstance(said, list) else [said]) if isinstance(one, str)}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

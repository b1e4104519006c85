"""What may stand in a JSON Schema that is a condition: few keywords, none of which can be slow, fetch anything or be misspelt.

JSON Schema lets pass what it says nothing of: `amount: {maximum: 100}` fits a call without an amount, and one of "5000". Where
that would let a call through (in what allows, and in the `not` of what denies or asks), it must be said that the property is required
and of which type it is.
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
        if not isinstance(schema, Mapping):
            return  # true and false; all else the metaschema refuses
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
        for keyword in ("items", "contains", "additionalProperties"):
            self.visit(schema.get(keyword), (*path, keyword), strict=strict)
        for keyword in ("allOf", "anyOf"):
            for index, below in enumerate(_list(schema.get(keyword))):
                self.visit(below, (*path, keyword, index), strict=strict, is_object=is_object)
        self.visit(schema.get("not"), (*path, "not"), strict=True, is_object=is_object)


def _check_strictness(schema: Mapping[str, Any], path: _Path, *, is_object: bool) -> None:
    if "not" in schema:
        raise BadSchema((*path, "not"), "`not` can't stand here: say what a call must be, or ask with JMESPath.")
    said = any(keyword in schema for keyword in ("type", "enum", "const"))
    for kind, keywords in _OF_TYPE.items():
        for keyword in keywords:
            if keyword in schema and not (said or (kind == "object" and is_object)):
                raise BadSchema(
                    (*path, keyword), f"say `type: {kind}` too: anything of another type would fit `{keyword}`."
                )
    for name in _mapping(schema.get("properties")):
        if name not in _list(schema.get("required")):
            raise BadSchema(
                (*path, "properties", name), f"`{name}` must stand in `required`: a call without it would fit."
            )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

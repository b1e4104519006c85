"""Do the arguments fit the tool's JSON Schema: as far as they are known when planned, fully once bound."""

import json
from typing import Any

import jsonschema
from jsonschema import Draft202012Validator

from nango_graph.planning.references import is_unbound
from nango_tools.fitting import misfit

# What these say about a value depends on parts of it that are not known yet.
_DEPENDS_ON_VALUES = {
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "if",
    "enum",
    "const",
    "contains",
    "dependentSchemas",
}
_KINDS = ("array", "boolean", "integer", "null", "number", "object", "string")


class _Unknown(str):
    """Stands for a value that a reference will bring."""

    __slots__ = ()


def argument_problem(schema: dict[str, Any], arguments: Any, *, bound: bool) -> str | None:
    """What is wrong, in one compact line; None if nothing. With `bound` false, references may become anything."""
    try:
        known = arguments if bound else _with_unknowns(arguments)
        if too_long := _longer_than_64_bits(arguments):
            return f"{too_long}: the number is longer than 64 bits, which not everything that reads JSON can hold"
    except RecursionError:
        return "arguments: they are too deep to be checked"
    return misfit(schema, known, undecided=_undecided)


def _longer_than_64_bits(value: Any, where: str = "") -> str:
    """Where such a number stands; "" if nowhere. Checkpoints could not be written with it."""
    if isinstance(value, int):
        return (where or "arguments") if not -(2**63) <= value < 2**64 else ""
    if not isinstance(value, dict | list):
        return ""
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    found = (_longer_than_64_bits(part, f"{where}.{name}" if where else str(name)) for name, part in parts)
    return next(filter(None, found), "")


def coerced(schema: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Values that came back from a form as strings, in the types that the schema has."""
    properties = _mapping(schema.get("properties"))
    return {name: _coerce(_mapping(properties.get(name)), value) for name, value in arguments.items()}


def _mapping(schema: Any) -> dict[str, Any]:
    """Nothing where a schema is true, false or broken."""
    return schema if isinstance(schema, dict) else {}


def _coerce(schema: dict[str, Any], value: Any) -> Any:
    if not isinstance(value, str):
        return value
    said = schema.get("type")
    kinds = [kind for kind in (said if isinstance(said, list) else [said]) if kind in _KINDS]
    if "string" in kinds or not kinds:
        return value
    try:
        read = json.loads(value)
        json.dumps(read, allow_nan=False)  # NaN is read, and 1e999 is read as infinity
    except (ValueError, RecursionError):
        return value
    return read if any(Draft202012Validator.TYPE_CHECKER.is_type(read, kind) for kind in kinds) else value


def _with_unknowns(value: Any) -> Any:
    if isinstance(value, str):
        return _Unknown(value) if is_unbound(value) else value
    if isinstance(value, list):
        return [_with_unknowns(item) for item in value]
    if isinstance(value, dict):
        return {key: _with_unknowns(item) for key, item in value.items()}
    return value


def _undecided(error: jsonschema.ValidationError) -> bool:
    if isinstance(error.instance, _Unknown):
        return True
    return error.validator in _DEPENDS_ON_VALUES and _holds_unknown(error.instance)


def _holds_unknown(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_holds_unknown, value))
    if isinstance(value, dict):
        return any(map(_holds_unknown, value.values()))
    return isinstance(value, _Unknown)

"""Do arguments fit a tool's JSON Schema? Nango itself checks nothing."""

from collections.abc import Callable
from typing import Any

import jsonschema
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

_LONGEST = 300


def misfit(
    schema: dict[str, Any],
    arguments: Any,
    *,
    undecided: Callable[[jsonschema.ValidationError], bool] = lambda _: False,
) -> str | None:
    """What is wrong, in one compact line; None if nothing. undecided: which errors do not count yet."""
    try:
        Draft202012Validator.check_schema(schema)
        # An empty registry: without one, a `$ref` to an address is fetched.
        validator = Draft202012Validator(schema, registry=Registry())
        errors = [error for error in validator.iter_errors(arguments) if not undecided(error)]
    except (SchemaError, Unresolvable, RecursionError) as broken:
        return f"the tool's own schema is broken ({type(broken).__name__}), so nothing can be checked against it"
    if not errors:
        return _unknown_name(schema, arguments)
    error = best_match(errors)
    where = ".".join(map(str, error.absolute_path)) or "arguments"
    return f"{where}: {error.message if len(error.message) < _LONGEST else error.validator}"


def _unknown_name(schema: dict[str, Any], arguments: Any) -> str | None:
    """An argument that the tool does not have. The hosted MCP drops `additionalProperties`."""
    properties = schema.get("properties")
    open_ended = schema.get("additionalProperties") or schema.get("patternProperties")
    if not properties or open_ended or not isinstance(arguments, dict):
        return None
    if any(word in schema for word in ("anyOf", "oneOf", "allOf", "if")):
        return None
    unknown = sorted(set(arguments) - set(properties))
    return f"{unknown[0]}: there is no such argument (there are: {', '.join(sorted(properties))})" if unknown else None

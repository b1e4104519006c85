"""JSON Schema of the types that actions declare, in the form in which Nango deploys them."""

from typing import Any, cast

from pydantic import TypeAdapter


def definitions(name: str, declared: TypeAdapter[Any]) -> dict[str, Any]:
    """`{name: schema, ...}` with the schemas that it refers to beside it, as in `json_schema.definitions`."""
    schema = declared.json_schema(ref_template="#/definitions/{model}")
    nested = schema.pop("$defs", {})
    return {key: _plain(value) for key, value in {name: schema, **nested}.items()}


def record_schema(declared: type) -> dict[str, Any]:
    """The schema of a sync's records, for a type that refers to no others."""
    found: dict[str, Any] = definitions("record", TypeAdapter(declared))["record"]
    return found


def _plain(schema: Any) -> Any:
    """Without the titles that pydantic invents, and closed, as Nango's compiler closes objects."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _plain(value) for key, value in schema.items() if not (key == "title" and isinstance(value, str))}
    if "properties" in plain and plain.get("type") == "object":
        plain["additionalProperties"] = False
    return cast("dict[str, Any]", plain)

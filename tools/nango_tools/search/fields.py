"""The texts of a tool that are searched, each with what a word in it counts."""

from collections.abc import Iterator
from typing import Any

from nango_tools.catalog.tool import Tool

FIELDS = {"name": 1.5, "description": 1.0, "schema": 0.6, "integration": 4.0}


def texts_of(tool: Tool) -> dict[str, str]:
    """One text for each of `FIELDS`."""
    return {
        "name": tool.name,
        "description": tool.description,
        "schema": " ".join(_schema_words(tool.input_schema)),
        "integration": tool.integration,
    }


def _schema_words(schema: Any) -> Iterator[str]:
    """Names of properties, their descriptions and the values that they may have."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties" and isinstance(value, dict):
                for name, inner in value.items():
                    yield str(name)
                    yield from _schema_words(inner)
            elif key == "description":
                yield str(value)
            elif key == "enum" and isinstance(value, list):
                yield from (item for item in value if isinstance(item, str))
            elif key in ("items", "anyOf", "oneOf", "allOf", "additionalProperties"):
                yield from _schema_words(value)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _schema_words(inner)

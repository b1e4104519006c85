"""What a tool of the Management MCP is, and the vocabulary of their schemas."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from nango_sandbox.api.validation import check
from nango_sandbox.errors import NangoError
from nango_sandbox.services import Services

Schema = dict[str, Any]
DIALECT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
READS = {"readOnlyHint": True}


class ToolFailedError(Exception):
    """The tool says no: a result with `isError`, whose only text is the message."""


def writes(*, destructive: bool = False, idempotent: bool = False, open_world: bool = False) -> dict[str, bool]:
    return {
        "readOnlyHint": False,
        "destructiveHint": destructive,
        "idempotentHint": idempotent,
        "openWorldHint": open_world,
    }


@dataclass(frozen=True)
class Caller:
    """Who calls. The request carries the API key."""

    services: Services
    request: Request


@dataclass(frozen=True)
class Tool:
    """scopes: any of them shows the tool, written without `environment:`
    call: raises ToolFailedError
    narrowed: the schema that arguments call for, where that tells better what is wrong than the schema that is shown
    """

    name: str
    description: str
    input_schema: Schema
    output_schema: Schema
    annotations: Mapping[str, bool]
    scopes: tuple[str, ...]
    call: Callable[[Caller, dict[str, Any]], Awaitable[dict[str, Any]]]
    narrowed: Callable[[dict[str, Any]], Schema] | None = None

    def to_wire(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "description": self.description,
            "inputSchema": DIALECT | self.input_schema,
            "outputSchema": DIALECT | self.output_schema,
            "annotations": dict(self.annotations),
            "execution": {"taskSupport": "forbidden"},
        }

    def check(self, arguments: dict[str, Any]) -> None:
        """Raises ToolFailedError with every finding on a line."""
        try:
            check(arguments, self.narrowed(arguments) if self.narrowed else self.input_schema, "invalid_body")
        except NangoError as error:
            raise self.invalid(*map(_line, error.error["errors"])) from error

    def invalid(self, *lines: str) -> ToolFailedError:
        found = "\n".join(lines)
        return ToolFailedError(
            f"MCP error -32602: Input validation error: Invalid arguments for tool {self.name}: {found}"
        )


def _line(finding: dict[str, Any]) -> str:
    path = ".".join(finding["path"])
    return f"{finding['message']} at {path}" if path else str(finding["message"])


def record(properties: Schema, *optional: str) -> Schema:
    """A closed object, of which everything is required but what is named."""
    required = [name for name in properties if name not in optional]
    return {
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def open_record(properties: Schema) -> Schema:
    """A closed object of which nothing is required."""
    return record(properties, *properties)


def mapping(values: Schema, keys: Schema | None = None) -> Schema:
    return {"type": "object", "propertyNames": keys or {"type": "string"}, "additionalProperties": values}


def nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def listing(items: Schema) -> Schema:
    return {"type": "array", "items": items}


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
BOOLEAN: Schema = {"type": "boolean"}
URL_OR_EMPTY: Schema = {"anyOf": [{"type": "string", "format": "uri"}, {"type": "string", "const": ""}]}

_LEAP_YEAR = r"(?:\d\d[2468][048]|\d\d[13579][26]|\d\d0[48]|[02468][048]00|[13579][26]00)"
_DAY = r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|(?:02)-(?:0[1-9]|1\d|2[0-8]))"
_TIME = r"(?:(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:Z))"
MOMENT: Schema = {
    "type": "string",
    "format": "date-time",
    "pattern": rf"^(?:{_LEAP_YEAR}-02-29|\d{{4}}-{_DAY})T{_TIME}$",
}

_NAME = {"type": "string", "minLength": 1, "maxLength": 255}
CONNECTION_ID: Schema = {**_NAME, "pattern": r"""^[a-zA-Z0-9,.;:=+~[\]|@${}"'\\/_ -]+$"""}
INTEGRATION_ID: Schema = {**_NAME, "pattern": "^[a-zA-Z0-9~:.@ _-]+$"}
TAG_NAME: Schema = {"type": "string", "maxLength": 64, "pattern": r"^[a-zA-Z][a-zA-Z0-9_\-./]*$"}
TAGS: Schema = mapping({"type": "string", "minLength": 1, "maxLength": 255}, TAG_NAME)

JSON: Schema = {"$ref": "#/$defs/__schema0"}
JSON_DEFINED: Schema = {
    "$defs": {
        "__schema0": {
            "anyOf": [TEXT, NUMBER, BOOLEAN, {"type": "null"}, listing({"$ref": "#/$defs/__schema0"}), mapping(JSON)]
        }
    }
}
"""To be put beside the properties of a schema that uses JSON."""

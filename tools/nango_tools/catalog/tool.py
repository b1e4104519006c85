"""A tool and an integration, as the planner and the human who approves see them."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from nango_tools.access import Access

Source = Literal["mcp", "scripts", "both"]

INPUT = "input"
"""The argument that holds the whole input of a tool that is `wrapped`."""


class Tool(BaseModel):
    """One action, as the planner and the human who approves it see it.

    input_schema, output_schema: JSON Schema without references; output_schema None where the author declared none
    access, reason: what it may do to the account, and why that is thought
    method: the HTTP method that its author declared, None where none is; several, separated by commas
    version: of the deployed function, to be shown; None where Nango does not tell
    fingerprint: hex SHA-256 of name, description, both schemas, method and scopes; another one means another tool
    source: which listing it was in
    wrapped: the action takes something else than an object (a list, a string), which the argument `input` holds
    """

    model_config = ConfigDict(frozen=True)

    integration: str
    name: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    scopes: tuple[str, ...]
    access: Access
    reason: str
    fingerprint: str
    source: Source
    method: str | None = None
    version: str | None = None
    wrapped: bool = False

    @property
    def id(self) -> str:
        """Unambiguous: neither the integration nor the name holds a slash."""
        return f"{self.integration}/{self.name}"

    def input_of(self, arguments: Mapping[str, Any]) -> Any:
        """What the action is sent for these arguments, which fit `input_schema`."""
        return arguments.get(INPUT) if self.wrapped else arguments


class IntegrationSummary(BaseModel):
    """An integration and the (name, description) of each of its enabled actions."""

    model_config = ConfigDict(frozen=True)

    key: str
    provider: str
    display_name: str
    tools: tuple[tuple[str, str], ...]

"""Error results of the Management MCP: `isError` and a sentence, no code and no status [mcp-management]."""

import re

from nango_tools.errors import (
    Call,
    InsufficientScopeError,
    InvalidInput,
    ManagementToolFailed,
    NangoError,
    NotFound,
    Outcome,
    UnknownConnection,
    UnknownIntegration,
)
from nango_tools.failures.table import credentials_no_longer_work, says_that_credentials_fail

# A provider's body can be inside a result, but an error's text is Nango's: whole sentences, from their beginning.
_INVALID = re.compile(r"MCP error -32602: Input validation error\b")
_NO_TOOL = re.compile(r"MCP error -32602: Tool \S+ not found\Z")
_HIDDEN = re.compile(r"MCP error -32602: Tool \S+ disabled\Z")
_NO_INTEGRATION = re.compile(r'Integration ".*" does not exist\Z|Integrations do not exist: ', re.DOTALL)
_NO_CONNECTION = re.compile(r"Failed to (?:find|get) connection\Z")


def from_tool_text(said: str, call: Call) -> NangoError:
    """The error for the text of an `isError` result; the outcome is unknown where the text fits nothing known."""
    if _INVALID.match(said):
        return InvalidInput(f"the tool refused its arguments: {said}", call=call, code="-32602")
    if _NO_TOOL.match(said):
        return NotFound("the Management MCP has no such tool", call=call, code="-32602")
    if _HIDDEN.match(said):
        return InsufficientScopeError("the API key has no scope for this tool", call=call, code="-32602")
    if says_that_credentials_fail(said):
        return credentials_no_longer_work(said, Outcome.REJECTED, call=call)
    if _NO_CONNECTION.match(said):
        return UnknownConnection(said, call=call)
    if _NO_INTEGRATION.match(said):
        return UnknownIntegration(said, call=call)
    return ManagementToolFailed(f"the tool failed: {said or 'it does not say why'}", call=call)

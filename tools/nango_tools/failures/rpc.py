"""JSON-RPC errors of the hosted MCP: -32603 for everything, with the real error inside the message [mcp-tools-call]."""

from typing import Any

from nango_tools.errors import ActionNotFound, Call, InvalidInput, NangoError, OutcomeLost
from nango_tools.failures.table import Answer, from_answer
from nango_tools.failures.wording import integer, issues_in_a_line, json_or_none, mapping, text, without_credentials

# The protocol layer's own: no function was looked up.
_REFUSALS = (-32700, -32600, -32601, -32602)


def from_rpc_error(error: dict[str, Any], call: Call) -> NangoError:
    """The error for a JSON-RPC `error` of the hosted MCP, whose message is JSON to be parsed again, or plain text."""
    rpc_code = integer(error.get("code"))
    said = text(error.get("message")) or ""
    inner = json_or_none(said)
    if isinstance(inner, dict) and isinstance(inner.get("type"), str):
        upstream = mapping(mapping(inner.get("additional_properties")).get("upstream_response"))
        answer = Answer(
            status=integer(inner.get("status")) or 500,
            code=inner["type"],
            message=text(inner.get("message")),
            payload=without_credentials(inner.get("payload")),
            upstream_status=integer(upstream.get("status")),
            upstream_body=without_credentials(upstream.get("body")),
            upstream_headers=mapping(upstream.get("headers")),
        )
        return from_answer(answer, call)
    if call.action is not None and said == f"Action {call.action} not found":
        return ActionNotFound(said, call=call, code="not_found")
    if rpc_code in _REFUSALS:
        return InvalidInput(f"the MCP server refused the request: {said}", call=call, code=str(rpc_code))
    if _is_refused_params(inner):
        problem = f"the MCP server refused the arguments: {issues_in_a_line(inner)}"
        return InvalidInput(problem, call=call, code="invalid_params")
    return OutcomeLost(f"the MCP server reported {said or 'an error without a message'}", call=call, code=str(rpc_code))


def _is_refused_params(inner: Any) -> bool:
    return (
        isinstance(inner, list)
        and bool(inner)
        and all(isinstance(issue, dict) and isinstance(issue.get("path"), list) for issue in inner)
        and all(issue["path"][:1] == ["params"] for issue in inner)
    )

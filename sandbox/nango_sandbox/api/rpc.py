"""JSON-RPC over one POST, as Nango's two MCP servers speak it: stateless, answers as server-sent events.

No server of the MCP SDK: the wire is a real Nango's down to its oddities.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07")

PARSE_ERROR, METHOD_NOT_FOUND, INTERNAL_ERROR, TRANSPORT_ERROR = -32700, -32601, -32603, -32000

Handler = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""`(method, params) -> result`. Raises RpcError."""


class RpcError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def refusal(status: int, code: int, message: str) -> JSONResponse:
    """An answer to no message in particular."""
    return JSONResponse({"jsonrpc": "2.0", "error": {"code": code, "message": message}, "id": None}, status)


def method_not_allowed() -> Response:
    """To GET. A real server forgets to say that it is JSON."""
    return Response(refusal(405, TRANSPORT_ERROR, "Method not allowed.").body, 405)


async def answer(request: Request, body: Any, handle: Handler) -> Response:
    """Every request in a body that is JSON already, answered; 202 if there is none among its messages."""
    accepted = request.headers.get("accept", "")
    if "application/json" not in accepted or "text/event-stream" not in accepted:
        message = "Not Acceptable: Client must accept both application/json and text/event-stream"
        return refusal(406, TRANSPORT_ERROR, message)
    messages = body if isinstance(body, list) else [body]
    if not messages or not all(map(_is_rpc, messages)):
        return refusal(400, PARSE_ERROR, "Parse error: Invalid JSON-RPC message")
    version = request.headers.get("mcp-protocol-version")
    if version is not None and version not in VERSIONS:
        supported = ", ".join(VERSIONS)
        message = f"Bad Request: Unsupported protocol version: {version} (supported versions: {supported})"
        return refusal(400, TRANSPORT_ERROR, message)
    requests = [each for each in messages if "method" in each and "id" in each]
    if not requests:
        return Response(status_code=202)
    answers = [await _answered(each, handle) for each in requests]
    return Response(
        "".join(
            f"event: message\ndata: {json.dumps(each, separators=(',', ':'), ensure_ascii=False)}\n\n"
            for each in answers
        ),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache, no-transform"},
    )


def initialized(params: dict[str, Any], server: dict[str, str], capabilities: dict[str, Any]) -> dict[str, Any]:
    """The result of `initialize`: the version that was asked for, where it is known. Raises RpcError."""
    asked = text(params, "protocolVersion")
    version = asked if asked in VERSIONS else VERSIONS[0]
    return {"protocolVersion": version, "capabilities": capabilities, "serverInfo": server}


def _is_rpc(message: object) -> bool:
    """A request, a notification or a response of JSON-RPC 2.0."""
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return False
    if "id" in message and (isinstance(message["id"], bool) or not isinstance(message["id"], str | int)):
        return False
    if isinstance(message.get("method"), str):
        return isinstance(message.get("params", {}), dict)
    return "id" in message and ("result" in message or "error" in message)


async def _answered(message: dict[str, Any], handle: Handler) -> dict[str, Any]:
    try:
        result = await handle(message["method"], message.get("params", {}))
    except RpcError as error:
        return {"jsonrpc": "2.0", "id": message["id"], "error": {"code": error.code, "message": error.message}}
    return {"result": result, "jsonrpc": "2.0", "id": message["id"]}


def text(params: dict[str, Any], name: str) -> str:
    """A parameter that must be a string. Raises RpcError."""
    value = params.get(name)
    if not isinstance(value, str):
        raise _invalid("string", value, name)
    return value


def mapping(params: dict[str, Any], name: str) -> dict[str, Any] | None:
    """A parameter that is an object, or is not there. Raises RpcError."""
    value = params.get(name)
    if value is not None and not isinstance(value, dict):
        raise _invalid("record", value, name)
    return value


def _invalid(expected: str, value: object, name: str) -> RpcError:
    received = {list: "array", dict: "object", str: "string", bool: "boolean", int: "number"}.get(
        type(value), "undefined"
    )
    message = f"Invalid input: expected {expected}, received {received}"
    found = {"expected": expected, "code": "invalid_type", "path": ["params", name], "message": message}
    return RpcError(INTERNAL_ERROR, json.dumps([found], indent=2))

"""JSON-RPC over one POST, as Nango's two MCP servers speak it: stateless, answers as server-sent events.

No server of the MCP SDK: the wire is a real Nango's down to its oddities.
"""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07")

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INTERNAL_ERROR, TRANSPORT_ERROR = -32700, -32600, -32601, -32603, -32000
MOST_MESSAGES = 100
SAFE = 2**53 - 1
"""The greatest whole number that JavaScript keeps exactly."""

Shape = str | Mapping[str, Any]
"""A type by its name, or the members of an object, which may have others; a name that ends in `?` may be missing."""

_INITIALIZE = {
    "protocolVersion": "string",
    "capabilities": {
        "experimental?": "record",
        "sampling?": {},
        "elicitation?": {},
        "roots?": {"listChanged?": "boolean"},
        "tasks?": {},
        "extensions?": "record",
    },
    "clientInfo": {"name": "string", "title?": "string", "version": "string"},
}
PARAMS: Mapping[str, Mapping[str, Shape]] = {
    "initialize": {"params": _INITIALIZE},
    "ping": {"params?": {}},
    "tools/list": {"params?": {"cursor?": "string"}},
    "tools/call": {"params": {"task?": {"ttl?": "number"}, "name": "string", "arguments?": "record"}},
}
"""The methods that the servers know, and what their messages must hold."""

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
    if request.headers.get("content-type") is None:
        return refusal(415, TRANSPORT_ERROR, "Unsupported Media Type: Content-Type must be application/json")
    messages = body if isinstance(body, list) else [body]
    if len(messages) > MOST_MESSAGES:
        message = f"Invalid Request: Batch must not exceed {MOST_MESSAGES} messages"
        return refusal(400, INVALID_REQUEST, message)
    if not all(map(_is_rpc, messages)):
        return refusal(400, PARSE_ERROR, "Parse error: Invalid JSON-RPC message")
    if any(map(_initializes, messages)):
        if len(messages) > 1:
            message = "Invalid Request: Only one initialization request is allowed"
            return refusal(400, INVALID_REQUEST, message)
    elif (version := request.headers.get("mcp-protocol-version")) is not None and version not in VERSIONS:
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
    """The result of `initialize`: the version that was asked for, where it is known."""
    asked = params["protocolVersion"]
    version = asked if asked in VERSIONS else VERSIONS[0]
    return {"protocolVersion": version, "capabilities": capabilities, "serverInfo": server}


def _is_rpc(message: object) -> bool:
    """A request, a notification or a response of JSON-RPC 2.0, with nothing beside what those hold."""
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return False
    if "id" in message and not (isinstance(message["id"], str) or _is_whole(message["id"])):
        return False
    held = message.keys() - {"jsonrpc", "id"}
    if "method" in held:
        return held <= {"method", "params"} and isinstance(message["method"], str) and _has_meta(message, "params")
    if "result" in held:
        return held == {"result"} and "id" in message and _has_meta(message, "result")
    error = message.get("error")
    if held != {"error"} or not isinstance(error, dict):
        return False
    return _is_whole(error.get("code")) and isinstance(error.get("message"), str)


def _has_meta(message: dict[str, Any], name: str) -> bool:
    """Whether a part of a message, if it is there, is an object whose `_meta` the protocol can read."""
    part = message.get(name, {})
    if not isinstance(part, dict):
        return False
    meta = part.get("_meta", {})
    if not isinstance(meta, dict):
        return False
    token = meta.get("progressToken", "")
    task = meta.get("io.modelcontextprotocol/related-task", {"taskId": ""})
    known = isinstance(task, dict) and isinstance(task.get("taskId"), str)
    return known and (isinstance(token, str) or _is_whole(token))


def _is_whole(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1 and abs(value) <= SAFE


def _initializes(message: dict[str, Any]) -> bool:
    """Whether it is a request to initialize that can be understood."""
    if message.get("method") != "initialize":
        return False
    return not list(_findings(PARAMS["initialize"], message, ()))


async def _answered(message: dict[str, Any], handle: Handler) -> dict[str, Any]:
    asked = message["id"] if isinstance(message["id"], str) else int(message["id"])
    try:
        _check(message)
        result = await handle(message["method"], message.get("params", {}))
    except RpcError as error:
        return {"jsonrpc": "2.0", "id": asked, "error": {"code": error.code, "message": error.message}}
    return {"result": result, "jsonrpc": "2.0", "id": asked}


def _check(message: dict[str, Any]) -> None:
    """Raises RpcError for a method that no server knows, one that asks for a task, and parameters that do not fit."""
    method = message["method"]
    shape = PARAMS.get(method)
    if shape is None:
        raise RpcError(METHOD_NOT_FOUND, "Method not found")
    task = message.get("params", {}).get("task")
    if task is not None and not list(_findings({"ttl?": "number"}, task, ())):
        raise RpcError(INTERNAL_ERROR, f"Server does not support task creation (required for {method})")
    found = list(_findings(shape, message, ()))
    if found:
        raise RpcError(INTERNAL_ERROR, json.dumps(found, indent=2))


def _findings(shape: Shape, value: object, path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """What does not fit, in the words of zod and in the order of the shape."""
    expected = shape if isinstance(shape, str) else "object"
    received = _kind(value)
    if received != ("object" if expected == "record" else expected):
        message = f"Invalid input: expected {expected}, received {received}"
        yield {"expected": expected, "code": "invalid_type", "path": list(path), "message": message}
    elif not isinstance(shape, str) and isinstance(value, dict):
        for name, member in shape.items():
            bare = name.removesuffix("?")
            if bare in value or bare == name:
                yield from _findings(member, value.get(bare, _MISSING), (*path, bare))


_MISSING = object()


def _kind(value: object) -> str:
    kinds = {list: "array", dict: "object", str: "string", bool: "boolean", int: "number", float: "number"}
    return "null" if value is None else kinds.get(type(value), "undefined")

"""POST /mcp: one connection's actions as MCP tools. Stateless: no session, and `initialize` is optional.

A handler of its own and not the MCP SDK's server, because the wire is a real Nango's down to its oddities: every
failure is JSON-RPC error -32603, arguments are not validated, schemas lose parts.
"""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nango_sandbox.api.actions import CONNECTION_HEADERS
from nango_sandbox.api.auth import with_api_key
from nango_sandbox.api.validation import read_headers, read_json
from nango_sandbox.errors import NangoError, issue
from nango_sandbox.functions.action import Action
from nango_sandbox.functions.failures import FunctionFailure
from nango_sandbox.services import Services
from nango_sandbox.store.connections import Connection

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07")
SERVER = {"name": "Nango Connection Tools MCP server", "version": "1.0.0"}

PARSE_ERROR, METHOD_NOT_FOUND, INTERNAL_ERROR, TRANSPORT_ERROR = -32700, -32601, -32603, -32000


class RpcError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def _refusal(status: int, code: int, message: str) -> JSONResponse:
    return JSONResponse({"jsonrpc": "2.0", "error": {"code": code, "message": message}, "id": None}, status)


async def post_mcp(request: Request) -> Response:
    services = await with_api_key(request, "mcp")
    body = await read_json(request)
    headers = read_headers(request, CONNECTION_HEADERS)
    connection = await services.connections.get(headers["connection-id"], headers["provider-config-key"])
    if connection is None:
        message = "Provided connection-id and provider-config-key do not match a valid connection"
        raise NangoError(400, "unknown_connection", message)
    accepted = request.headers.get("accept", "")
    if "application/json" not in accepted or "text/event-stream" not in accepted:
        message = "Not Acceptable: Client must accept both application/json and text/event-stream"
        return _refusal(406, TRANSPORT_ERROR, message)
    messages = body if isinstance(body, list) else [body]
    if not messages or not all(map(_is_rpc, messages)):
        return _refusal(400, PARSE_ERROR, "Parse error: Invalid JSON-RPC message")
    version = request.headers.get("mcp-protocol-version")
    if version is not None and version not in VERSIONS:
        supported = ", ".join(VERSIONS)
        message = f"Bad Request: Unsupported protocol version: {version} (supported versions: {supported})"
        return _refusal(400, TRANSPORT_ERROR, message)
    requests = [each for each in messages if "method" in each and "id" in each]
    if not requests:
        return Response(status_code=202)
    answers = [await _answer(services, connection, each) for each in requests]
    return Response(
        "".join(
            f"event: message\ndata: {json.dumps(each, separators=(',', ':'), ensure_ascii=False)}\n\n"
            for each in answers
        ),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache, no-transform"},
    )


def _is_rpc(message: object) -> bool:
    """A request, a notification or a response of JSON-RPC 2.0."""
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return False
    if "id" in message and (isinstance(message["id"], bool) or not isinstance(message["id"], str | int)):
        return False
    if isinstance(message.get("method"), str):
        return isinstance(message.get("params", {}), dict)
    return "id" in message and ("result" in message or "error" in message)


async def _answer(services: Services, connection: Connection, message: dict[str, Any]) -> dict[str, Any]:
    try:
        result = await _result(services, connection, message["method"], message.get("params", {}))
    except RpcError as error:
        return {"jsonrpc": "2.0", "id": message["id"], "error": {"code": error.code, "message": error.message}}
    return {"result": result, "jsonrpc": "2.0", "id": message["id"]}


async def _result(services: Services, connection: Connection, method: str, params: dict[str, Any]) -> dict[str, Any]:
    match method:
        case "initialize":
            asked = _text(params, "protocolVersion")
            version = asked if asked in VERSIONS else VERSIONS[0]
            return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": SERVER}
        case "ping":
            return {}
        case "tools/list":
            tools = [_tool(each) for each in services.integrations[connection.integration].actions]
            return {"tools": [each for each in tools if each is not None]}
        case "tools/call":
            return await _call(services, connection, params)
        case _:
            raise RpcError(METHOD_NOT_FOUND, "Method not found")


def _tool(action: Action) -> dict[str, Any] | None:
    """Name, schema, description, and nothing else. An action whose input is no object is left out.

    `additionalProperties` and the schemas that the input refers to are lost on the way, as on a real server.
    """
    schema = action.signature.input_schema()
    if schema.get("type") != "object":
        return None
    kept = {key: schema[key] for key in ("type", "properties", "required") if schema.get(key)}
    return {"name": action.name, "inputSchema": kept, "description": action.description}


async def _call(services: Services, connection: Connection, params: dict[str, Any]) -> dict[str, Any]:
    if "task" in params:
        raise RpcError(INTERNAL_ERROR, "Server does not support task creation (required for tools/call)")
    name, arguments = _text(params, "name"), params.get("arguments")
    if arguments is not None and not isinstance(arguments, dict):
        raise _invalid("record", arguments, "arguments")
    action = services.integrations[connection.integration].action(name)
    if action is None:
        raise RpcError(INTERNAL_ERROR, f"Action {name} not found")
    try:
        output = await services.runner.run(connection, action, arguments, via="mcp")
    except FunctionFailure as failure:
        raise RpcError(INTERNAL_ERROR, failure.mcp_message()) from failure
    return {"content": [{"type": "text", "text": json.dumps(output, indent=2, ensure_ascii=False)}]}


def _text(params: dict[str, Any], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str):
        raise _invalid("string", value, name)
    return value


def _invalid(expected: str, value: object, name: str) -> RpcError:
    received = {list: "array", dict: "object", str: "string", bool: "boolean", int: "number"}.get(
        type(value), "undefined"
    )
    message = f"Invalid input: expected {expected}, received {received}"
    found = {"expected": expected, **issue("invalid_type", message, "params", name)}
    ordered = {key: found[key] for key in ("expected", "code", "path", "message")}
    return RpcError(INTERNAL_ERROR, json.dumps([ordered], indent=2))


async def get_mcp(request: Request) -> JSONResponse:
    await with_api_key(request)
    return _refusal(405, TRANSPORT_ERROR, "Method not allowed.")


routes = [
    Route("/mcp", post_mcp, methods=["POST"]),
    Route("/mcp", get_mcp, methods=["GET"]),
]

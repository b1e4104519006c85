"""POST /mcp: one connection's actions as MCP tools.

Every failure is JSON-RPC error -32603, arguments are not validated, schemas lose parts, as on a real server.
"""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nango_sandbox.api import rpc
from nango_sandbox.api.actions import CONNECTION_HEADERS
from nango_sandbox.api.auth import with_api_key
from nango_sandbox.api.rpc import INTERNAL_ERROR, METHOD_NOT_FOUND, RpcError
from nango_sandbox.api.validation import read_headers, read_json
from nango_sandbox.errors import NangoError
from nango_sandbox.functions.action import Action
from nango_sandbox.functions.failures import FunctionFailure
from nango_sandbox.functions.triggering import trigger
from nango_sandbox.services import Services
from nango_sandbox.store.connections import Connection

SERVER = {"name": "Nango Connection Tools MCP server", "version": "1.0.0"}


async def post_mcp(request: Request) -> Response:
    services = await with_api_key(request, "mcp")
    body = await read_json(request)
    headers = read_headers(request, CONNECTION_HEADERS)
    connection = await services.connections.get(headers["connection-id"], headers["provider-config-key"])
    if connection is None:
        message = "Provided connection-id and provider-config-key do not match a valid connection"
        raise NangoError(400, "unknown_connection", message)

    async def handle(method: str, params: dict[str, Any]) -> dict[str, Any]:
        return await _result(services, connection, method, params)

    return await rpc.answer(request, body, handle)


async def _result(services: Services, connection: Connection, method: str, params: dict[str, Any]) -> dict[str, Any]:
    match method:
        case "initialize":
            return rpc.initialized(params, SERVER, {"tools": {}})
        case "ping":
            return {}
        case "tools/list":
            actions = services.integrations[connection.integration].actions
            tools = [_tool(each) for each in actions if each.enabled]
            return {"tools": [each for each in tools if each is not None]}
        case "tools/call":
            return await _call(services, connection, params)
        case _:
            raise RpcError(METHOD_NOT_FOUND, "Method not found")


def _tool(action: Action) -> dict[str, Any] | None:
    """Name, schema, description, and nothing else. Where the input is neither an object nor nothing, the tool is left out.

    `additionalProperties` and the schemas that the input refers to are lost on the way, as on a real server.
    """
    schema = action.signature.input_schema()
    if schema.get("type") not in ("object", "null"):
        return None
    kept = {key: schema[key] for key in ("properties", "required") if schema.get(key)}
    return {"name": action.name, "inputSchema": {"type": "object", **kept}, "description": action.description}


async def _call(services: Services, connection: Connection, params: dict[str, Any]) -> dict[str, Any]:
    name, arguments = params["name"], params.get("arguments")
    action = services.integrations[connection.integration].action(name)
    if action is None:
        raise RpcError(INTERNAL_ERROR, f"Action {name} not found")
    try:
        output = await trigger(services, connection, action, arguments, via="mcp")
    except FunctionFailure as failure:
        raise RpcError(INTERNAL_ERROR, failure.mcp_message()) from failure
    return {"content": [{"type": "text", "text": json.dumps(output, indent=2, ensure_ascii=False)}]}


async def get_mcp(request: Request) -> Response:
    await with_api_key(request, "mcp")
    return rpc.method_not_allowed()


routes = [
    Route("/mcp", post_mcp, methods=["POST"]),
    Route("/mcp", get_mcp, methods=["GET"]),
]

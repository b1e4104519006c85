"""The Management MCP, for whoever runs the environment: `POST /mcp` on the host name mcp.localhost, and on any host
`POST /management/mcp`.

Unlike the MCP of a connection it tells which tools write, checks arguments, and its failures are results with `isError`.
It acts on what the REST API acts on. Tools outside the key's scopes are hidden.
"""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Host, Route, Router

from nango_sandbox.api import rpc
from nango_sandbox.api.auth import may, with_api_key
from nango_sandbox.api.management import connections, integrations, logs, proxy
from nango_sandbox.api.management.tool import Caller, Tool, ToolFailedError
from nango_sandbox.api.rpc import RpcError
from nango_sandbox.api.validation import read_json
from nango_sandbox.errors import NangoError

HOST = "mcp.localhost"
PATH = "/management/mcp"
"""Where it is on every host name. A real server has it only on another host; few resolvers know mcp.localhost."""
SERVER = {"name": "Nango Management MCP server", "version": "1.0.0"}
TOOLS = {
    each.name: each
    for each in (
        connections.CREATE_SESSION,
        integrations.LIST,
        integrations.GET,
        integrations.CREATE,
        integrations.UPDATE,
        integrations.DELETE,
        connections.LIST,
        connections.GET,
        proxy.REQUEST,
        logs.LIST,
        logs.GET,
    )
}


async def serve(request: Request) -> Response:
    if request.url.path not in ("/mcp", PATH) or request.method not in ("GET", "POST"):
        raise NangoError(404, "not_found", "Not found")
    services = await with_api_key(request)
    if request.method == "GET":
        return rpc.method_not_allowed()
    caller = Caller(services, request)

    async def handle(method: str, params: dict[str, Any]) -> dict[str, Any]:
        match method:
            case "initialize":
                return rpc.initialized(params, SERVER, {"tools": {"listChanged": True}})
            case "ping":
                return {}
            case "tools/list":
                return {"tools": [each.to_wire() for each in TOOLS.values() if await _shown(request, each)]}
            case "tools/call":
                return await _call(caller, params)
            case _:
                raise RpcError(rpc.METHOD_NOT_FOUND, "Method not found")

    return await rpc.answer(request, await read_json(request), handle)


async def _shown(request: Request, tool: Tool) -> bool:
    return any([await may(request, scope) for scope in tool.scopes])


async def _call(caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
    name, arguments = params["name"], params.get("arguments", {})
    try:
        tool = TOOLS.get(name)
        if tool is None:
            raise _unusable(name, "not found")
        if not await _shown(caller.request, tool):
            raise _unusable(name, "disabled")
        tool.check(arguments)
        output = await tool.call(caller, arguments)
    except ToolFailedError as failure:
        return {"content": [{"type": "text", "text": str(failure)}], "isError": True}
    text = json.dumps(output, indent=2, ensure_ascii=False)
    return {"content": [{"type": "text", "text": text}], "structuredContent": output}


def _unusable(name: str, why: str) -> ToolFailedError:
    return ToolFailedError(f"MCP error -32602: Tool {name} {why}")


_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]
routes: list[BaseRoute] = [
    Host(HOST, Router([Route("/{path:path}", serve, methods=_METHODS)])),
    Route(PATH, serve, methods=["GET", "POST"]),
]

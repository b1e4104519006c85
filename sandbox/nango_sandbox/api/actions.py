"""POST /action/trigger: run an action and wait for its output."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox.api.auth import with_api_key
from nango_sandbox.api.validation import closed, read_body, read_headers, refuse_query
from nango_sandbox.errors import NangoError, issue
from nango_sandbox.functions.failures import FunctionFailure

_NAME = r"""^[a-zA-Z0-9,.;:=+~[\]|@${}"'\\/_ -]+$"""
CONNECTION_HEADERS = closed(
    {
        "connection-id": {"type": "string", "pattern": _NAME},
        "provider-config-key": {"type": "string", "pattern": r"^[a-zA-Z0-9~:.@ _-]+$"},
    },
    "connection-id",
    "provider-config-key",
)
_BODY = closed({"action_name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]+$"}, "input": {}}, "action_name")
MOST_RETRIES = 5


def _check_retries(request: Request) -> None:
    """A synchronous action ignores the number, but it must be one."""
    sent = request.headers.get("x-max-retries")
    if sent is None:
        return
    if not sent.isdecimal():
        found = issue("invalid_type", "Invalid input: expected number, received NaN", "x-max-retries")
    elif int(sent) > MOST_RETRIES:
        found = issue("too_big", f"Too big: expected number to be <={MOST_RETRIES}", "x-max-retries")
    else:
        return
    raise NangoError(400, "invalid_headers", errors=[found])


async def trigger_action(request: Request) -> JSONResponse:
    services = await with_api_key(request, "actions:execute")
    refuse_query(request)
    headers = read_headers(request, CONNECTION_HEADERS)
    _check_retries(request)
    body: dict[str, Any] = await read_body(request, _BODY)
    connection = await services.connections.get(headers["connection-id"], headers["provider-config-key"])
    if connection is None:
        raise NangoError(400, "unknown_connection", "Failed to find connection")
    action = services.integrations[connection.integration].action(body["action_name"])
    if action is None:
        raise NangoError(404, "not_found", "Action not found")
    try:
        output = await services.runner.run(connection, action, body.get("input"), via="rest")
    except FunctionFailure as failure:
        return JSONResponse({"error": failure.rest_error()}, failure.status)
    return JSONResponse(output)


routes = [Route("/action/trigger", trigger_action, methods=["POST"])]

"""POST /action/trigger: run an action and wait for its output, or put it in the queue. GET /action/{id}: its outcome.

The deprecated /v1/{path} does the same for the route that an action declares.
"""

import re
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox.api.auth import with_api_key
from nango_sandbox.api.validation import closed, read_body, read_headers, read_json, refuse_query
from nango_sandbox.errors import NangoError, issue
from nango_sandbox.functions.action import Action
from nango_sandbox.functions.failures import FunctionFailure
from nango_sandbox.functions.triggering import trigger
from nango_sandbox.services import Services
from nango_sandbox.store.async_actions import AsyncAction
from nango_sandbox.store.connections import Connection

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
_YES = ("true", "1", "yes", "on", "y", "enabled")
_NO = ("false", "0", "no", "off", "n", "disabled")


def _is_async(request: Request) -> bool:
    sent = request.headers.get("x-async", "false").lower()
    if sent not in _YES + _NO:
        options = "|".join(f'"{option}"' for option in _YES + _NO)
        found = issue("invalid_value", f"Invalid option: expected one of {options}", "x-async")
        raise NangoError(400, "invalid_headers", errors=[found])
    return sent in _YES


def _retries(request: Request) -> int:
    """A synchronous action ignores the number, but it must be one."""
    sent = request.headers.get("x-max-retries", "0")
    if not re.fullmatch(r"-?\d+(\.\d+)?", sent):
        found = issue("invalid_type", "Invalid input: expected number, received NaN", "x-max-retries")
        raise NangoError(400, "invalid_headers", errors=[found])
    retries = float(sent)
    if 0 <= retries <= MOST_RETRIES:
        return int(retries)
    code, message = ("too_small", ">=0") if retries < 0 else ("too_big", f"<={MOST_RETRIES}")
    found = issue(code, f"{code.capitalize().replace('_', ' ')}: expected number to be {message}", "x-max-retries")
    raise NangoError(400, "invalid_headers", errors=[found])


async def _connection(services: Services, headers: dict[str, str]) -> Connection:
    connection = await services.connections.get(headers["connection-id"], headers["provider-config-key"])
    if connection is None:
        raise NangoError(400, "unknown_connection", "Failed to find connection")
    return connection


async def trigger_action(request: Request) -> JSONResponse:
    services = await with_api_key(request, "actions:execute")
    headers = read_headers(request, CONNECTION_HEADERS)
    is_async, retries = _is_async(request), _retries(request)
    refuse_query(request)
    body: dict[str, Any] = await read_body(request, _BODY)
    connection = await _connection(services, headers)
    action = services.integrations[connection.integration].action(body["action_name"])
    if action is None:
        raise NangoError(404, "not_found", "Action not found")
    if is_async:
        return await _queued(services, connection, action, body.get("input"), retries)
    return await _answered(services, connection, action, body.get("input"))


async def _answered(services: Services, connection: Connection, action: Action, given: Any) -> JSONResponse:
    _refuse_disabled(action)
    try:
        return JSONResponse(await trigger(services, connection, action, given, via="rest"))
    except FunctionFailure as failure:
        return JSONResponse({"error": failure.rest_error()}, failure.status)


async def _queued(services: Services, connection: Connection, action: Action, given: Any, retries: int) -> JSONResponse:
    _refuse_disabled(action)
    queued = AsyncAction(
        connection_id=connection.connection_id,
        integration=connection.integration,
        action=action.name,
        input=given,
        retries=retries,
        due=services.clock.now(),
    )
    await services.async_actions.add(queued)
    location = f"/action/{queued.id}"
    return JSONResponse({"id": queued.id, "statusUrl": location}, 202, {"Location": location})


def _refuse_disabled(action: Action) -> None:
    if not action.enabled:
        raise NangoError(404, "disabled_resource", "The action is disabled")


async def get_result(request: Request) -> JSONResponse:
    """404 until it is done, and for ever if its output is null."""
    services = await with_api_key(request, "actions:execute")
    asked: str = request.path_params["id"]
    try:
        action_id = str(UUID(asked))
    except ValueError as error:
        found = issue("invalid_format", "Invalid UUID", "id")
        raise NangoError(400, "invalid_uri_params", errors=[found]) from error
    action = await services.async_actions.get(action_id)
    if action is None or action.outcome is None or action.outcome.body is None:
        raise NangoError(404, "not_found", f"No action '{asked}' found")
    return JSONResponse(action.outcome.body, action.outcome.status)


async def trigger_by_route(request: Request) -> JSONResponse:
    services = await with_api_key(request, "actions:execute")
    refuse_query(request)
    connection = await _connection(services, read_headers(request, CONNECTION_HEADERS))
    given = await read_json(request)
    route = request.method, f"/{request.path_params['path']}"
    for action in services.integrations[connection.integration].actions:
        if action.endpoint and (action.endpoint.method, action.endpoint.path) == route:
            return await _answered(services, connection, action, given)
    raise NangoError(404, "not_found", "No function has this endpoint")


routes = [
    Route("/action/trigger", trigger_action, methods=["POST"]),
    Route("/action/{id}", get_result, methods=["GET"]),
    Route("/v1/{path:path}", trigger_by_route, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
]

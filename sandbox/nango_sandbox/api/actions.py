"""POST /action/trigger: run an action and wait for its output, or put it in the queue. GET /action/{id}: its outcome.

The deprecated /v1/{path} does the same for the route that an action declares.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox.api.auth import with_api_key
from nango_sandbox.api.names import BOOLEAN, CONNECTION_ID, INTEGRATION_KEY, WORD, YES
from nango_sandbox.api.validation import closed, read_body, read_headers, read_json, read_path, refuse_query
from nango_sandbox.errors import NangoError
from nango_sandbox.functions.action import Action
from nango_sandbox.functions.failures import FunctionFailure
from nango_sandbox.functions.triggering import trigger
from nango_sandbox.services import Services
from nango_sandbox.store.async_actions import AsyncAction
from nango_sandbox.store.connections import Connection

MOST_RETRIES = 5
_CONNECTION = {"connection-id": CONNECTION_ID, "provider-config-key": INTEGRATION_KEY}
CONNECTION_HEADERS = closed(_CONNECTION, *_CONNECTION)
_RETRIES = {"type": "number", "minimum": 0, "maximum": MOST_RETRIES}
_HEADERS = closed({**_CONNECTION, "x-async": BOOLEAN, "x-max-retries": _RETRIES}, *_CONNECTION)
_BODY = {"type": "object", "required": ["action_name"], "properties": {"action_name": WORD}}
_HEX = "[0-9a-fA-F]"
_UUID = {
    "type": "string",
    "pattern": f"^({_HEX}{{8}}-{_HEX}{{4}}-[1-8]{_HEX}{{3}}-[89abAB]{_HEX}{{3}}-{_HEX}{{12}}|0{{8}}(-0{{4}}){{3}}-0{{12}})$",
    "message": "Invalid UUID",
}


async def _connection(services: Services, headers: dict[str, str]) -> Connection:
    connection = await services.connections.get(headers["connection-id"], headers["provider-config-key"])
    if connection is None:
        raise NangoError(400, "unknown_connection", "Failed to find connection")
    return connection


async def trigger_action(request: Request) -> JSONResponse:
    services = await with_api_key(request, "actions:execute")
    headers = read_headers(request, _HEADERS)
    is_async, retries = headers.get("x-async") in YES, int(headers.get("x-max-retries", 0))
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
    asked = read_path(request, id=_UUID)["id"]
    action = await services.async_actions.get(asked.lower())
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

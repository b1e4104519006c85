"""What the end user's browser calls with a connect session token, for integrations that need no redirect."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox.api.actions import CONNECTION_HEADERS
from nango_sandbox.api.auth import with_query_token
from nango_sandbox.api.validation import closed, read_body, read_json, read_query
from nango_sandbox.connecting import authorize
from nango_sandbox.errors import NangoError, issue
from nango_sandbox.functions.action import AuthMode

_SECRET = {"type": "string", "minLength": 1}
_QUERY = {
    "type": "object",
    "properties": {
        "connection_id": CONNECTION_HEADERS["properties"]["connection-id"],
        "params": {"type": "object", "propertyNames": {}},
    },
}
_NOTHING = closed({})
_API_KEY = closed({"apiKey": _SECRET}, "apiKey")
_BASIC = closed({"username": {"type": "string"}, "password": {"type": "string"}}, "username", "password")


async def _connect(request: Request, auth_mode: AuthMode, schema: dict[str, Any]) -> JSONResponse:
    """The session is looked at first, then what the end user typed, which `schema` describes, then the query."""
    services, session = await with_query_token(request)
    typed: dict[str, Any] = await read_json(request)
    if typed is not None or schema is not _NOTHING:
        typed = await read_body(request, schema)
    query = read_query(request, _QUERY)
    if "connection_id" in query:
        found = issue("custom", "connection_id is forbidden when using session token", "connection_id")
        raise NangoError(400, "invalid_query_params", errors=[found])
    key = request.path_params["integration"]
    integration = services.integrations.get(key)
    if integration is None:
        raise NangoError(404, "unknown_provider_config")
    if integration.auth_mode != auth_mode:
        raise NangoError(400, "invalid_auth_mode")
    credentials = {"type": auth_mode, **(typed or {})}
    connection = await authorize(services, session, integration, credentials, query.get("params"))
    return JSONResponse({"connectionId": connection.connection_id, "providerConfigKey": connection.integration})


async def unauthenticated(request: Request) -> JSONResponse:
    return await _connect(request, "NONE", _NOTHING)


async def api_key(request: Request) -> JSONResponse:
    return await _connect(request, "API_KEY", _API_KEY)


async def basic(request: Request) -> JSONResponse:
    return await _connect(request, "BASIC", _BASIC)


routes = [
    Route("/auth/unauthenticated/{integration}", unauthenticated, methods=["POST"]),
    Route("/api-auth/api-key/{integration}", api_key, methods=["POST"]),
    Route("/api-auth/basic/{integration}", basic, methods=["POST"]),
]

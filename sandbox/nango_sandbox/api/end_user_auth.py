"""What the end user's browser calls with a connect session token, for integrations that need no redirect."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox.api.auth import integration_not_found, services_of, session_of
from nango_sandbox.api.validation import closed, read_body, read_query
from nango_sandbox.connecting import authorize
from nango_sandbox.errors import NangoError, issue
from nango_sandbox.functions.action import AuthMode

_SECRET = {"type": "string", "minLength": 1}
_QUERY = closed(
    {"connect_session_token": {"type": "string"}, "connection_id": {"type": "string"}, "params": {"type": "object"}},
    "connect_session_token",
)
_API_KEY = closed({"apiKey": _SECRET}, "apiKey")
_BASIC = closed({"username": {"type": "string"}, "password": {"type": "string"}}, "username", "password")


async def _connect(request: Request, auth_mode: AuthMode, schema: dict[str, Any] | None = None) -> JSONResponse:
    """The session is looked at first, then what the end user typed, which `schema` describes."""
    services = services_of(request)
    query = read_query(request, _QUERY)
    session = await session_of(services, query["connect_session_token"])
    services.rate_limits.count(request, "end users")
    if "connection_id" in query:
        found = issue("custom", "connection_id is forbidden when using session token", "connection_id")
        raise NangoError(400, "invalid_query_params", errors=[found])
    typed = {} if schema is None else await read_body(request, schema)
    key = request.path_params["integration"]
    integration = services.integrations.get(key)
    if integration is None:
        raise integration_not_found(key)
    if integration.auth_mode != auth_mode:
        raise NangoError(400, "invalid_auth_mode", f"Provider {integration.provider} does not support {auth_mode} auth")
    credentials = {"type": auth_mode, **typed}
    connection = await authorize(services, session, integration, credentials, query.get("params"))
    return JSONResponse({"connectionId": connection.connection_id, "providerConfigKey": connection.integration})


async def unauthenticated(request: Request) -> JSONResponse:
    return await _connect(request, "NONE")


async def api_key(request: Request) -> JSONResponse:
    return await _connect(request, "API_KEY", _API_KEY)


async def basic(request: Request) -> JSONResponse:
    return await _connect(request, "BASIC", _BASIC)


routes = [
    Route("/auth/unauthenticated/{integration}", unauthenticated, methods=["POST"]),
    Route("/api-auth/api-key/{integration}", api_key, methods=["POST"]),
    Route("/api-auth/basic/{integration}", basic, methods=["POST"]),
]

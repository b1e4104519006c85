"""Integrations: list, get, create, change, delete."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox import integrating
from nango_sandbox.api.auth import integration_not_found, may, with_api_key, with_key_or_token
from nango_sandbox.api.integration_body import (
    CONFIG,
    CUSTOM,
    DISPLAY_NAME,
    FORWARD_WEBHOOKS,
    KEY,
    PROVIDER,
    credentials_schema,
    listed,
    public,
)
from nango_sandbox.api.validation import closed, read_body, read_path, read_query, refuse_query
from nango_sandbox.errors import NangoError, issue
from nango_sandbox.integrating import IntegrationRefusedError
from nango_sandbox.services import Services

_INCLUDE = {"type": "string", "enum": ["webhook", "credentials"]}
_GET = closed({"include": {"anyOf": [_INCLUDE, {"type": "array", "items": _INCLUDE}]}})
_PLAIN = {"display_name": DISPLAY_NAME, "forward_webhooks": FORWARD_WEBHOOKS}
_NAMED = {"provider": PROVIDER, "unique_key": KEY, **_PLAIN}
_QUICKSTART = closed(_NAMED, "provider", "unique_key")

_MESSAGES = {
    "incompatible_credentials": "incompatible credentials auth type and provider auth",
    "missing_credentials": "Missing credentials",
    "has_connections": "Can't rename an integration with active connections",
    "no_app_needed": "Quickstart is only available for providers that require a developer app",
    "no_shared_app": "No Nango-provided developer app is configured for this provider",
}


def _settings(body: Any) -> dict[str, Any]:
    return {"credentials": credentials_schema(body), "integration_config": CONFIG}


def _create_schema(body: Any) -> dict[str, Any]:
    return closed({**_NAMED, **_settings(body)}, "provider", "unique_key")


def _patch_schema(body: Any) -> dict[str, Any]:
    return closed({"unique_key": KEY, **_PLAIN, **_settings(body), "custom": CUSTOM})


def _refusal(refused: IntegrationRefusedError, *, creating: bool) -> NangoError:
    match refused.reason:
        case "unknown":
            return integration_not_found(refused.key)
        case "unknown_provider":
            return NangoError(400, "invalid_body", errors=[issue("invalid_string", "Invalid provider", "provider")])
        case "exists" if creating:
            found = issue("invalid_string", "Unique key already exists", "uniqueKey")
            return NangoError(400, "invalid_body", errors=[found])
        case "exists":
            return NangoError(400, "invalid_body", "uniqueKey is already used by another integration")
        case reason:
            return NangoError(400, "invalid_body", _MESSAGES[reason])


def _custom(body: dict[str, Any]) -> dict[str, str] | None:
    """`integration_config` and `custom` are kept in one place; the former wins."""
    if "integration_config" not in body and "custom" not in body:
        return None
    return {**body.get("custom", {}), **body.get("integration_config", {})}


async def list_integrations(request: Request) -> JSONResponse:
    services, session = await with_key_or_token(request, "integrations:list", "integrations:list_credentials")
    refuse_query(request)
    keys = [key for key in services.integrations if session is None or session.allows(key)]
    return JSONResponse({"data": [public(services, each) for each in listed(services, keys)]})


def _key(request: Request) -> str:
    return read_path(request, uniqueKey=KEY)["uniqueKey"]


async def get_integration(request: Request) -> JSONResponse:
    """`include` may come twice. Without the scope for credentials they are left out, and nothing tells so."""
    services = await with_api_key(request, "integrations:read", "integrations:read_credentials")
    include = read_query(request, _GET).get("include", [])
    include = [include] if isinstance(include, str) else include
    key = _key(request)
    if key not in services.integrations:
        raise integration_not_found(key)
    if not await may(request, "integrations:read_credentials"):
        include = [each for each in include if each != "credentials"]
    return JSONResponse({"data": public(services, services.integrations.stored(key), include)})


async def create_integration(request: Request) -> JSONResponse:
    services = await with_api_key(request, "integrations:create")
    refuse_query(request)
    body = await read_body(request, _create_schema)
    return await _created(services, body, credentials=body.get("credentials"), custom=_custom(body))


async def quickstart_integration(request: Request) -> JSONResponse:
    """With an OAuth app of Nango's own instead of the developer's."""
    services = await with_api_key(request, "integrations:create")
    refuse_query(request)
    body = await read_body(request, _QUICKSTART)
    return await _created(services, body, shared_app=True)


async def _created(services: Services, body: dict[str, Any], **more: Any) -> JSONResponse:
    try:
        made = await integrating.create(
            services,
            key=body["unique_key"],
            provider=body["provider"],
            display_name=body.get("display_name"),
            forward_webhooks=body.get("forward_webhooks", True),
            **more,
        )
    except IntegrationRefusedError as refused:
        raise _refusal(refused, creating=True) from refused
    return JSONResponse({"data": public(services, made)})


async def update_integration(request: Request) -> JSONResponse:
    services = await with_api_key(request, "integrations:update")
    refuse_query(request)
    key = _key(request)
    body = await read_body(request, _patch_schema)
    try:
        changed = await integrating.update(
            services,
            key,
            new_key=body.get("unique_key"),
            display_name=body.get("display_name"),
            credentials=body.get("credentials"),
            forward_webhooks=body.get("forward_webhooks"),
            custom=_custom(body),
        )
    except IntegrationRefusedError as refused:
        raise _refusal(refused, creating=False) from refused
    return JSONResponse({"data": public(services, changed)})


async def delete_integration(request: Request) -> JSONResponse:
    services = await with_api_key(request, "integrations:delete")
    refuse_query(request)
    try:
        await integrating.delete(services, _key(request))
    except IntegrationRefusedError as refused:
        raise NangoError(404, "not_found", "Integration does not exist") from refused
    return JSONResponse({"success": True})


routes = [
    Route("/integrations", list_integrations, methods=["GET"]),
    Route("/integrations", create_integration, methods=["POST"]),
    Route("/integrations/quickstart", quickstart_integration, methods=["POST"]),
    Route("/integrations/{uniqueKey}", get_integration, methods=["GET"]),
    Route("/integrations/{uniqueKey}", update_integration, methods=["PATCH"]),
    Route("/integrations/{uniqueKey}", delete_integration, methods=["DELETE"]),
]

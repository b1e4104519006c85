"""Integrations and providers."""

from datetime import UTC
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox.api.auth import integration_not_found, with_api_key, with_key_or_token
from nango_sandbox.api.validation import closed, read_query, refuse_query
from nango_sandbox.errors import NangoError
from nango_sandbox.functions.action import Integration
from nango_sandbox.services import Services


def _logo(services: Services, provider: str) -> str:
    return f"{services.base_url}/images/template-logos/{provider}.svg"


def _integration(services: Services, integration: Integration) -> dict[str, Any]:
    created_at = services.keys.created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "unique_key": integration.key,
        "provider": integration.provider,
        "display_name": integration.display_name,
        "logo": _logo(services, integration.provider),
        "forward_webhooks": True,
        "created_at": created_at,
        "updated_at": created_at,
    }


def _provider(services: Services, integration: Integration) -> dict[str, Any]:
    return {
        "display_name": integration.display_name,
        "categories": list(integration.categories),
        "auth_mode": integration.auth_mode,
        "name": integration.provider,
        "logo_url": _logo(services, integration.provider),
    }


async def list_integrations(request: Request) -> JSONResponse:
    services, session = await with_key_or_token(request, "integrations:list", "integrations:list_credentials")
    refuse_query(request)
    shown = [each for key, each in sorted(services.integrations.items()) if session is None or session.allows(key)]
    return JSONResponse({"data": [_integration(services, each) for each in shown]})


async def get_integration(request: Request) -> JSONResponse:
    services = await with_api_key(request, "integrations:read", "integrations:read_credentials")
    refuse_query(request)
    key = request.path_params["integration"]
    if key not in services.integrations:
        raise integration_not_found(key)
    return JSONResponse({"data": _integration(services, services.integrations[key])})


def _providers(services: Services) -> dict[str, dict[str, Any]]:
    return {each.provider: _provider(services, each) for each in services.integrations.values()}


async def list_providers(request: Request) -> JSONResponse:
    services, _ = await with_key_or_token(request)
    search = read_query(request, closed({"search": {"type": "string"}})).get("search", "").lower()
    known = _providers(services)
    return JSONResponse({"data": [known[name] for name in sorted(known) if search in name]})


async def get_provider(request: Request) -> JSONResponse:
    services, _ = await with_key_or_token(request)
    name = request.path_params["provider"]
    provider = _providers(services).get(name)
    if provider is None:
        raise NangoError(404, "not_found", f"Unknown provider {name}")
    return JSONResponse({"data": provider})


routes = [
    Route("/integrations", list_integrations, methods=["GET"]),
    Route("/integrations/{integration}", get_integration, methods=["GET"]),
    Route("/providers", list_providers, methods=["GET"]),
    Route("/providers/{provider}", get_provider, methods=["GET"]),
]

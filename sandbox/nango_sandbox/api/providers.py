"""Providers: what can be integrated, and how its users authorize."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox.api.auth import with_key_or_token
from nango_sandbox.api.integration_body import logo
from nango_sandbox.api.names import WORD
from nango_sandbox.api.validation import closed, read_path, read_query, refuse_query
from nango_sandbox.errors import NangoError
from nango_sandbox.providers.table import Provider
from nango_sandbox.services import Services


def _public(services: Services, provider: Provider) -> dict[str, Any]:
    return provider.to_wire() | {"logo_url": logo(services, provider.name)}


async def list_providers(request: Request) -> JSONResponse:
    services, _ = await with_key_or_token(request)
    search = read_query(request, closed({"search": WORD})).get("search", "").lower()
    found = [
        each
        for each in services.providers.values()
        if search in each.name.lower() or search in each.display_name.lower()
    ]
    return JSONResponse({"data": [_public(services, each) for each in found]})


async def get_provider(request: Request) -> JSONResponse:
    services, _ = await with_key_or_token(request)
    refuse_query(request)
    name = read_path(request, provider=WORD)["provider"]
    provider = services.providers.get(name)
    if provider is None:
        raise NangoError(404, "not_found", f"Unknown provider {name}")
    return JSONResponse({"data": _public(services, provider)})


routes = [
    Route("/providers", list_providers, methods=["GET"]),
    Route("/providers/{provider}", get_provider, methods=["GET"]),
]

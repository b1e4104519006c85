"""GET /scripts/config: what is deployed, with schemas. Needs no connection."""

from datetime import UTC
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox.api.auth import with_api_key
from nango_sandbox.functions.action import Action, Integration
from nango_sandbox.services import Services


def _script(number: int, integration: Integration, action: Action, deployed: str) -> dict[str, Any]:
    given, returned = action.model_name("Input", integration.key), action.model_name("Output", integration.key)
    models = action.signature.definitions(given, returned)
    return {
        "id": number,
        "name": action.name,
        "type": "action",
        "returns": [returned],
        "description": action.description,
        "attributes": {},
        "scopes": list(action.scopes),
        "version": "1.0.0",
        "source": "repo",
        "endpoints": [
            {"method": each.method, "path": each.path, "group": integration.display_name}
            for each in (action.endpoint and [action.endpoint]) or []
        ],
        "input": given,
        "enabled": True,
        "last_deployed": deployed,
        "webhookSubscriptions": [],
        "json_schema": {"definitions": models},
        "sdk_version": "sandbox",
        "models": [{"name": name, "fields": []} for name in models],
        "features": [],
    }


def _configuration(services: Services) -> list[dict[str, Any]]:
    deployed = services.keys.created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    configuration, number = [], 0
    for integration in services.integrations.values():
        if not integration.actions:
            continue
        scripts = []
        for action in sorted(integration.actions, key=lambda each: each.name):
            number += 1
            scripts.append(_script(number, integration, action, deployed))
        configuration.append(
            {
                "actions": scripts,
                "providerConfigKey": integration.key,
                "provider": integration.provider,
                "syncs": [],
                "on-events": [],
            }
        )
    return configuration


async def get_scripts_config(request: Request) -> JSONResponse:
    """Unknown parameters and formats are ignored, and so is `provider_config_key`, as on a real server."""
    services = await with_api_key(request, "functions:list", "integrations:list_functions")
    return JSONResponse(_configuration(services))


routes = [Route("/scripts/config", get_scripts_config, methods=["GET"])]

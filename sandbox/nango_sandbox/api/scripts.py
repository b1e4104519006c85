"""GET /scripts/config: what is deployed, with schemas. Needs no connection."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox.api.auth import with_api_key
from nango_sandbox.api.connection_body import wire_time
from nango_sandbox.functions.action import Sync
from nango_sandbox.functions.deployed import Deployed, deployed
from nango_sandbox.services import Services


def _script(each: Deployed, deployed_at: str | None) -> dict[str, Any]:
    function, models = each.function, each.definitions()
    script = {
        "id": each.id,
        "name": function.name,
        "type": each.kind,
        "returns": each.returns,
        "description": function.description,
        "attributes": {},
        "scopes": list(function.scopes),
        "version": function.version,
        "source": "repo",
        "endpoints": [
            {"method": endpoint.method, "path": endpoint.path, "group": endpoint.group or each.integration.display_name}
            for endpoint in (function.endpoint and [function.endpoint]) or []
        ],
        "input": each.input,
        "enabled": function.enabled,
        "last_deployed": deployed_at,
        "webhookSubscriptions": [],
        "json_schema": {"definitions": models},
        "sdk_version": "sandbox",
        "models": [{"name": name, "fields": []} for name in models],
        "features": [],
    }
    return script | ({"sync_type": "full", **schedule(function)} if isinstance(function, Sync) else {})


def schedule(sync: Sync) -> dict[str, Any]:
    return {"runs": sync.frequency, "auto_start": sync.auto_start, "track_deletes": sync.track_deletes}


def _by_integration(services: Services) -> list[dict[str, Any]]:
    """Those integrations that have functions; disabled ones are among them."""
    at = wire_time(services.keys.created_at, "Z")
    configuration: dict[str, dict[str, Any]] = {}
    for each in deployed(services.integrations):
        key = each.integration.key
        empty = {"actions": [], "providerConfigKey": key, "provider": each.integration.provider, "syncs": []}
        entry = configuration.setdefault(key, {**empty, "on-events": []})
        entry[f"{each.kind}s"].append(_script(each, at))
    return list(configuration.values())


def _as_tools(services: Services) -> list[dict[str, Any]]:
    """All functions in one list, syncs too: nothing says which integration one is of, and names may come twice."""
    return [
        _tool(script)
        for integration in _by_integration(services)
        for script in (*integration["syncs"], *integration["actions"])
    ]


def _tool(script: dict[str, Any]) -> dict[str, Any]:
    schema = script["json_schema"]["definitions"][script["input"]]
    fields = schema if schema.get("type") == "object" else {}
    parameters = {"type": "object", "properties": fields.get("properties", {}), "required": fields.get("required", [])}
    return {"name": script["name"], "description": script["description"], "parameters": parameters}


async def get_scripts_config(request: Request) -> JSONResponse:
    """Unknown parameters and formats are ignored, and so is `provider_config_key`, as on a real server."""
    services = await with_api_key(request, "functions:list", "integrations:list_functions")
    if request.query_params.get("format") == "openai":
        return JSONResponse({"data": _as_tools(services)})
    return JSONResponse(_by_integration(services))


routes = [Route("/scripts/config", get_scripts_config, methods=["GET"])]

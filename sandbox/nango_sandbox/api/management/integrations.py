"""Tools for integrations: list, get, create, update, delete."""

from typing import Any, NoReturn

from nango_sandbox import integrating
from nango_sandbox.api.auth import may
from nango_sandbox.api.integration_body import (
    CONFIG,
    CREDENTIALS,
    CUSTOM,
    DISPLAY_NAME,
    FORWARD_WEBHOOKS,
    KEY,
    PROVIDER,
    credentials_schema,
    listed,
    public,
)
from nango_sandbox.api.management.tool import (
    BOOLEAN,
    READS,
    TEXT,
    Caller,
    Schema,
    Tool,
    ToolFailedError,
    listing,
    mapping,
    nullable,
    record,
    writes,
)
from nango_sandbox.integrating import IntegrationRefusedError

_MAYBE = nullable(TEXT)
_OAUTH_APP = {"client_id": _MAYBE, "client_secret": _MAYBE}
_OWN_ONLY = "Only where credential_source is own."

_PLAIN: Schema = {
    "unique_key": TEXT,
    "provider": TEXT,
    "display_name": TEXT,
    "logo": TEXT,
    "credentials_label": mapping(TEXT),
    "preconfigured_credentials": listing(TEXT),
    "forward_webhooks": BOOLEAN,
    "created_at": TEXT,
    "updated_at": TEXT,
}
_SHARED_ONLY = ("credentials_label", "preconfigured_credentials")
"""Fields that only Nango's own OAuth apps have."""
_INCLUDED: Schema = {
    "webhook_url": _MAYBE,
    "credentials": nullable(
        {
            "anyOf": [
                record(
                    {
                        "type": {"type": "string", "enum": ["OAUTH1", "OAUTH2", "TBA"]},
                        **_OAUTH_APP,
                        "scopes": _MAYBE,
                        "webhook_secret": _MAYBE,
                    }
                ),
                record(
                    {
                        "type": {"type": "string", "const": "APP"},
                        "app_id": _MAYBE,
                        "private_key": _MAYBE,
                        "app_link": _MAYBE,
                    }
                ),
                record(
                    {
                        "type": {"type": "string", "const": "CUSTOM"},
                        **_OAUTH_APP,
                        "app_id": _MAYBE,
                        "app_link": _MAYBE,
                        "private_key": _MAYBE,
                    }
                ),
            ]
        }
    ),
}
_ONE = record({"data": record(_PLAIN, *_SHARED_ONLY)})

_CREATE = record(
    {
        "provider": PROVIDER,
        "integration_id": KEY,
        "display_name": DISPLAY_NAME,
        "forward_webhooks": FORWARD_WEBHOOKS,
        "credential_source": {
            "description": "`own`: with the credentials given here. `nango`: with an OAuth app of Nango's.",
            "type": "string",
            "enum": ["nango", "own"],
        },
        "credentials": {"description": _OWN_ONLY, **CREDENTIALS},
        "integration_config": {"description": _OWN_ONLY, **CONFIG},
    },
    "display_name",
    "forward_webhooks",
    "credentials",
    "integration_config",
)
_BY_SOURCE = [
    {
        "properties": {"credential_source": {"const": "nango"}},
        "not": {"anyOf": [{"required": ["credentials"]}, {"required": ["integration_config"]}]},
    },
    {"properties": {"credential_source": {"const": "own"}}},
]
_UPDATE = record(
    {
        "integration_id": KEY,
        "new_integration_id": KEY,
        "display_name": DISPLAY_NAME,
        "credentials": CREDENTIALS,
        "forward_webhooks": FORWARD_WEBHOOKS,
        "integration_config": CONFIG,
        "custom": CUSTOM,
    },
    "new_integration_id",
    "display_name",
    "credentials",
    "forward_webhooks",
    "integration_config",
    "custom",
)

_MESSAGES = {
    "unknown_provider": "Invalid provider",
    "incompatible_credentials": "Credentials are incompatible with the provider auth mode",
    "missing_credentials": "Credentials are required for this provider",
    "exists": "Integration ID already exists",
    "has_connections": "Can't rename an integration with active connections",
    "no_app_needed": "Nango-provided credentials are only available for OAuth providers that require a developer app",
    "no_shared_app": "Nango-provided credentials are not configured for this provider",
}


def _refuse(refused: IntegrationRefusedError) -> NoReturn:
    unknown = f'Integration "{refused.key}" does not exist'
    raise ToolFailedError(_MESSAGES.get(refused.reason, unknown)) from refused


def _narrowed(schema: Schema, arguments: dict[str, Any]) -> Schema:
    return {**schema, "properties": {**schema["properties"], "credentials": credentials_schema(arguments)}}


async def _list(caller: Caller, _: dict[str, Any]) -> dict[str, Any]:
    services = caller.services
    return {"data": [public(services, each) for each in listed(services, services.integrations)]}


async def _get(caller: Caller, arguments: dict[str, Any]) -> dict[str, Any]:
    services, key = caller.services, arguments["integration_id"]
    if key not in services.integrations:
        _refuse(IntegrationRefusedError("unknown", key))
    include = arguments.get("include", [])
    if not await may(caller.request, "integrations:read_credentials"):
        include = [each for each in include if each != "credentials"]
    return {"data": public(services, services.integrations.stored(key), include)}


async def _create(caller: Caller, arguments: dict[str, Any]) -> dict[str, Any]:
    shared = arguments["credential_source"] == "nango"
    own_only = [name for name in ("credentials", "integration_config") if name in arguments]
    if shared and own_only:
        raise CREATE.invalid(*(f"{name} is only allowed when credential_source is own at {name}" for name in own_only))
    try:
        made = await integrating.create(
            caller.services,
            key=arguments["integration_id"],
            provider=arguments["provider"],
            display_name=arguments.get("display_name"),
            credentials=arguments.get("credentials"),
            shared_app=shared,
            forward_webhooks=arguments.get("forward_webhooks", True),
            custom=arguments.get("integration_config"),
        )
    except IntegrationRefusedError as refused:
        _refuse(refused)
    return {"data": public(caller.services, made)}


async def _update(caller: Caller, arguments: dict[str, Any]) -> dict[str, Any]:
    custom = {**arguments.get("custom", {}), **arguments.get("integration_config", {})}
    try:
        changed = await integrating.update(
            caller.services,
            arguments["integration_id"],
            new_key=arguments.get("new_integration_id"),
            display_name=arguments.get("display_name"),
            credentials=arguments.get("credentials"),
            forward_webhooks=arguments.get("forward_webhooks"),
            custom=custom or None,
        )
    except IntegrationRefusedError as refused:
        _refuse(refused)
    return {"data": public(caller.services, changed)}


async def _delete(caller: Caller, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        await integrating.delete(caller.services, arguments["integration_id"])
    except IntegrationRefusedError as refused:
        _refuse(refused)
    return {"success": True}


LIST = Tool(
    "integrations_list",
    "Every integration of this environment.",
    record({}),
    record({"data": listing(record(_PLAIN, *_SHARED_ONLY))}),
    READS,
    ("integrations:list", "integrations:list_credentials"),
    _list,
)
GET = Tool(
    "integrations_get",
    "One integration; with its webhook URL and its credentials where `include` asks for them.",
    record(
        {
            "integration_id": KEY,
            "include": {
                "maxItems": 2,
                "type": "array",
                "items": {"type": "string", "enum": ["webhook", "credentials"]},
            },
        },
        "include",
    ),
    record({"data": record({**_PLAIN, **_INCLUDED}, *_SHARED_ONLY, *_INCLUDED)}),
    READS,
    ("integrations:read", "integrations:read_credentials"),
    _get,
)
CREATE = Tool(
    "integrations_create",
    "Add an integration of a provider, with credentials of your own or with an OAuth app of Nango's.",
    {"oneOf": _BY_SOURCE, **_CREATE},
    _ONE,
    writes(),
    ("integrations:create",),
    _create,
    lambda arguments: _narrowed(_CREATE, arguments),
)
UPDATE = Tool(
    "integrations_update",
    "Change an integration: its id, name, credentials or settings.",
    _UPDATE,
    _ONE,
    writes(),
    ("integrations:update",),
    _update,
    lambda arguments: _narrowed(_UPDATE, arguments),
)
DELETE = Tool(
    "integrations_delete",
    "Delete an integration, and the connections that users made for it.",
    record({"integration_id": KEY}),
    record({"success": {"type": "boolean", "const": True}}),
    writes(destructive=True, idempotent=True),
    ("integrations:delete",),
    _delete,
)

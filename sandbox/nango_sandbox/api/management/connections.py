"""Tools for connections: list, get; and the connect session with which an end user makes one."""

from typing import Any

from nango_sandbox.api.auth import may
from nango_sandbox.api.connect_sessions import connect_link
from nango_sandbox.api.connection_body import credentials_body, full, summary, wire_time
from nango_sandbox.api.connections import matches
from nango_sandbox.api.integration_body import KEY
from nango_sandbox.api.management.tool import (
    BOOLEAN,
    CONNECTION_ID,
    INTEGRATION_ID,
    MOMENT,
    NUMBER,
    READS,
    TAG_NAME,
    TAGS,
    TEXT,
    URL_OR_EMPTY,
    Caller,
    Schema,
    Tool,
    ToolFailedError,
    listing,
    mapping,
    nullable,
    open_record,
    record,
    writes,
)
from nango_sandbox.api.tags import read_end_user, read_tags
from nango_sandbox.api.webhook_url import check_webhook_url
from nango_sandbox.credentials import RefreshFailedError, fetch
from nango_sandbox.errors import NangoError
from nango_sandbox.store.sessions import Defaults

MOST = 10_000
"""Connections that one call lists."""

_LINE: Schema = {"type": "string", "minLength": 1, "maxLength": 255}
_NAME: Schema = {"type": "string", "maxLength": 255}
_EMAIL: Schema = {
    "type": "string",
    "minLength": 5,
    "format": "email",
    "pattern": r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$",
}
_NULLABLE = nullable(TEXT)
_OPEN = mapping({})

_END_USER = record(
    {"id": _LINE, "email": _EMAIL, "display_name": _NAME, "tags": mapping(_NAME, TAG_NAME)},
    "email",
    "display_name",
    "tags",
)
_DEFAULTS = open_record(
    {
        "user_scopes": TEXT,
        "authorization_params": mapping(TEXT),
        "connection_config": {
            "type": "object",
            "properties": {"oauth_scopes_override": TEXT},
            "additionalProperties": {},
        },
    }
)
_SUMMARY: Schema = {
    "id": NUMBER,
    "connection_id": TEXT,
    "provider_config_key": TEXT,
    "provider": TEXT,
    "metadata": nullable(_OPEN),
    "tags": mapping(TEXT),
    "errors": listing(record({"type": TEXT, "log_id": TEXT})),
    "end_user": nullable(
        record(
            {
                "id": TEXT,
                "display_name": _NULLABLE,
                "email": _NULLABLE,
                "tags": nullable(mapping(TEXT)),
                "organization": nullable(record({"id": TEXT, "display_name": _NULLABLE})),
            }
        )
    ),
}
_LISTED = {
    **{name: _SUMMARY[name] for name in ("id", "connection_id", "provider_config_key", "provider")},
    "created": TEXT,
    **{name: _SUMMARY[name] for name in ("metadata", "tags", "errors", "end_user")},
}
_FULL = {
    **_SUMMARY,
    "connection_config": _OPEN,
    "webhook_url_override": _NULLABLE,
    "created_at": TEXT,
    "updated_at": TEXT,
    "last_fetched_at": _NULLABLE,
    "credentials": _OPEN,
}
_FILTERS = {
    "connection_id": "connectionId",
    "search": "search",
    "end_user_id": "endUserId",
    "integration_id": "integrationId",
    "end_user_organization_id": "endUserOrganizationId",
}
"""Arguments by the query parameters of `GET /connections` that they are."""


async def _create_session(caller: Caller, arguments: dict[str, Any]) -> dict[str, Any]:
    services = caller.services
    if "tags" not in arguments and "end_user" not in arguments:
        raise CREATE_SESSION.invalid("At least one of end_user or tags must be provided")
    allowed = arguments.get("allowed_integrations", [])
    defaults = arguments.get("integrations_config_defaults", {})
    unknown = [key for key in (*allowed, *defaults) if key not in services.integrations]
    if unknown:
        message = f"Integrations do not exist: {', '.join(unknown)}"
        raise ToolFailedError(message)
    url = arguments.get("webhook_url_override")
    try:
        if url:
            check_webhook_url(url)
        tags = read_tags(arguments)
    except NangoError as error:
        raise CREATE_SESSION.invalid(*(each["message"] for each in error.error["errors"])) from error
    session = await services.sessions.create(
        tags=tags,
        end_user=read_end_user(arguments),
        allowed_integrations=tuple(allowed),
        webhook_url_override=url or None,
        integrations_config_defaults={key: Defaults.model_validate(each) for key, each in defaults.items()},
    )
    return {
        "token": session.token,
        "connect_link": connect_link(services, session),
        "expires_at": wire_time(session.expires_at, "Z"),
    }


async def _list(caller: Caller, arguments: dict[str, Any]) -> dict[str, Any]:
    limit, page = arguments.get("limit", MOST), arguments.get("page", 0)
    wanted = {parameter: arguments[name] for name, parameter in _FILTERS.items() if name in arguments}
    tags = {key.lower(): value for key, value in arguments.get("tags", {}).items()}
    found = await caller.services.connections.newest_first(tags=tags)
    kept = [each for each in found if matches(each, wanted)]
    return {
        "connections": [
            {**summary(each), "created": wire_time(each.created_at, "Z")}
            for each in kept[page * limit : (page + 1) * limit]
        ]
    }


async def _get(caller: Caller, arguments: dict[str, Any]) -> dict[str, Any]:
    services = caller.services
    shown = await may(caller.request, "connections:read_credentials")
    refresh_token, force = arguments.get("refresh_token", False), arguments.get("force_refresh", False)
    if not shown and (refresh_token or force):
        message = "Credential and refresh options require the environment:connections:read_credentials scope"
        raise ToolFailedError(message)
    held = await services.connections.get(arguments["connection_id"], arguments["integration_id"])
    if held is None:
        message = "Failed to find connection"
        raise ToolFailedError(message)
    if not shown:
        return {name: value for name, value in full(held, {}, "Z").items() if name != "credentials"}
    try:
        connection = await fetch(services, held, force=force)
    except RefreshFailedError as error:
        raise ToolFailedError(error.message) from error
    return full(connection, credentials_body(connection, refresh_token=refresh_token), "Z")


CREATE_SESSION = Tool(
    "connect_session_create",
    "Make a short-lived session in which an end user authorizes an integration: send them its connect_link, "
    "and find what they made with connections_list. Takes tags, or an end_user, or both.",
    open_record(
        {
            "organization": record({"id": _NAME, "display_name": _NAME}, "display_name"),
            "allowed_integrations": listing(KEY),
            "integrations_config_defaults": mapping(_DEFAULTS, KEY),
            "overrides": mapping(open_record({"docs_connect": TEXT}), KEY),
            "webhook_url_override": URL_OR_EMPTY,
            "end_user": _END_USER,
            "tags": TAGS,
        }
    ),
    record(
        {
            "token": {"type": "string", "minLength": 1},
            "connect_link": {"type": "string", "format": "uri"},
            "expires_at": MOMENT,
        }
    ),
    writes(),
    ("connect_sessions:write",),
    _create_session,
)
LIST = Tool(
    "connections_list",
    "The connections of this environment, newest first; filters narrow it down.",
    open_record(
        {
            "connection_id": CONNECTION_ID,
            "search": _LINE,
            "end_user_id": _LINE,
            "integration_id": INTEGRATION_ID,
            "end_user_organization_id": _LINE,
            "tags": TAGS,
            "limit": {"type": "integer", "minimum": 1, "maximum": MOST},
            "page": {"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
        }
    ),
    record({"connections": listing(record(_LISTED))}),
    READS,
    ("connections:list", "connections:list_credentials"),
    _list,
)
GET = Tool(
    "connections_get",
    "One connection. With access to credentials they are shown, and refreshed before where they have expired.",
    record(
        {
            "connection_id": CONNECTION_ID,
            "integration_id": INTEGRATION_ID,
            "refresh_token": BOOLEAN,
            "force_refresh": BOOLEAN,
            "refresh_github_app_jwt_token": BOOLEAN,
        },
        "refresh_token",
        "force_refresh",
        "refresh_github_app_jwt_token",
    ),
    record(_FULL, "credentials"),
    writes(open_world=True),
    ("connections:read", "connections:read_credentials"),
    _get,
)

"""Connections: list, get, import, tags, metadata, delete."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox.api.auth import may, with_api_key
from nango_sandbox.api.connection_body import CREDENTIALS, NO_KNOWN_TYPE, credentials_body, full, summary, wire_time
from nango_sandbox.api.names import BOOLEAN, CONNECTION_ID, INTEGRATION_KEY, YES
from nango_sandbox.api.tags import END_USER, MOST_TAGS, TAGS, read_end_user, read_tags
from nango_sandbox.api.validation import closed, read_body, read_path, read_query, refuse_query
from nango_sandbox.api.webhook_url import WEBHOOK_URL, check_webhook_url
from nango_sandbox.connecting import store_connection
from nango_sandbox.credentials import RefreshFailedError, fetch
from nango_sandbox.errors import NangoError, issue
from nango_sandbox.services import Services
from nango_sandbox.store.connections import Connection

_TEXT = {"type": "string"}
_NAME = {"type": "string", "minLength": 1, "maxLength": 255}
_OBJECT = {"type": "object"}

_LIST = closed(
    {
        "connectionId": _NAME,
        "search": _NAME,
        "endUserId": _NAME,
        "endUserOrganizationId": _NAME,
        "integrationId": {"type": "string", "minLength": 1},
        "tags": TAGS,
        "limit": {"type": "number", "minimum": 1, "maximum": 2000},
        "page": {"type": "number", "minimum": 0},
    }
)
_ONE = {"provider_config_key": INTEGRATION_KEY}
_REFRESHING = ("force_refresh", "refresh_token", "refresh_github_app_jwt_token")
_GET = closed({**_ONE, **dict.fromkeys(_REFRESHING, BOOLEAN)}, "provider_config_key")
_KEY = closed(_ONE, "provider_config_key")
_PATCH = closed({"tags": TAGS, "end_user": END_USER, "webhook_url_override": WEBHOOK_URL})
_METADATA = closed(
    {
        "connection_id": {"anyOf": [CONNECTION_ID, {"type": "array", "items": CONNECTION_ID}]},
        "provider_config_key": INTEGRATION_KEY,
        "metadata": _OBJECT,
    },
    "connection_id",
    "provider_config_key",
    "metadata",
)


def _import_schema(body: Any) -> dict[str, Any]:
    sent = body.get("credentials") if isinstance(body, dict) else None
    kind = sent.get("type") if isinstance(sent, dict) else None
    return closed(
        {
            "provider_config_key": _NAME,
            "credentials": CREDENTIALS.get(kind, NO_KNOWN_TYPE) if isinstance(kind, str) else NO_KNOWN_TYPE,
            "connection_id": _NAME,
            "metadata": _OBJECT,
            "connection_config": _OBJECT,
            "tags": TAGS,
            "end_user": END_USER,
            "webhook_url_override": WEBHOOK_URL,
        },
        "provider_config_key",
        "credentials",
    )


def _not_found() -> NangoError:
    return NangoError(404, "not_found", "Failed to find connection")


async def list_connections(request: Request) -> JSONResponse:
    services = await with_api_key(request, "connections:list", "connections:list_credentials")
    query = read_query(request, _LIST)
    limit, page = int(query.get("limit", 2000)), int(query.get("page", 0))
    found = await services.connections.newest_first(tags=_tags(query.get("tags", {})))
    kept = [each for each in found if matches(each, query)]
    return JSONResponse(
        {
            "connections": [
                {**summary(each), "created": wire_time(each.created_at)}
                for each in kept[page * limit : (page + 1) * limit]
            ]
        }
    )


def _tags(asked: dict[str, str]) -> dict[str, str]:
    """Raises NangoError 400 for what no connection could have."""
    keys = [key.lower() for key in asked]
    messages = [f'Duplicate tag key after case normalization: "{key}"' for key in set(keys) if keys.count(key) > 1]
    if len(keys) > MOST_TAGS:
        messages = [f"Tags cannot contain more than {MOST_TAGS} keys"]
    if messages:
        raise NangoError(400, "invalid_query_params", errors=[issue("custom", each, "tags") for each in messages])
    return {key.lower(): value for key, value in asked.items()}


def matches(connection: Connection, query: dict[str, Any]) -> bool:
    end_user = connection.end_user
    organization = (end_user and end_user.organization) or {}
    searched = [connection.connection_id, *connection.tags.values()]
    if end_user is not None:
        searched += [text for text in (end_user.id, end_user.display_name, end_user.email) if text]
    tests: dict[str, Callable[[str], bool]] = {
        "connectionId": lambda wanted: connection.connection_id == wanted,
        "integrationId": lambda wanted: connection.integration in [each.strip() for each in wanted.split(",")],
        "endUserId": lambda wanted: end_user is not None and end_user.id == wanted,
        "endUserOrganizationId": lambda wanted: organization.get("id") == wanted,
        "search": lambda wanted: any(wanted.lower() in text.lower() for text in searched),
    }
    return all(test(query[name]) for name, test in tests.items() if name in query)


def _path(request: Request) -> str:
    return read_path(request, connectionId=CONNECTION_ID)["connectionId"]


def _check_integration(services: Services, key: str) -> None:
    if key not in services.integrations:
        raise NangoError(400, "unknown_provider_config", "Provider does not exists")


async def get_connection(request: Request) -> JSONResponse:
    services = await with_api_key(request, "connections:read", "connections:read_credentials")
    query = read_query(request, _GET)
    connection_id, key = _path(request), query["provider_config_key"]
    _check_integration(services, key)
    shown = await may(request, "connections:read_credentials")
    options = {name: query.get(name) in YES for name in _REFRESHING}
    if any(options.values()) and not shown:
        message = "Credential and refresh options require the environment:connections:read_credentials scope"
        raise NangoError(403, "forbidden", message)
    if not shown:
        connection = await services.connections.change(connection_id, key, last_fetched_at=services.clock.now())
        if connection is None:
            raise _not_found()
        return JSONResponse(full(connection, {}))
    connection = await services.connections.get(connection_id, key)
    if connection is None:
        raise _not_found()
    try:
        fetched = await fetch(services, connection, force=options["force_refresh"])
    except RefreshFailedError as error:
        raise error.to_nango_error() from error
    return JSONResponse(full(fetched, credentials_body(fetched, refresh_token=options["refresh_token"])))


async def import_connection(request: Request) -> JSONResponse:
    services = await with_api_key(request, "connections:create")
    refuse_query(request)
    body = await read_body(request, _import_schema)
    integration = services.integrations.get(body["provider_config_key"])
    if integration is None:
        raise NangoError(404, "not_found", "Integration does not exist")
    sent = body["credentials"]["type"]
    if sent != integration.auth_mode:
        raise NangoError(400, "invalid_body", f"Provider {integration.auth_mode} does not support {sent} auth")
    if url := body.get("webhook_url_override"):
        check_webhook_url(url)
    stored = await store_connection(
        services,
        integration,
        _with_expiry(body["credentials"]),
        connection_id=body.get("connection_id"),
        tags=read_tags(body),
        metadata=body.get("metadata", {}),
        connection_config=body.get("connection_config", {}),
        end_user=read_end_user(body),
        webhook_url_override=url,
    )
    return JSONResponse(full(stored, credentials_body(stored), zone="Z"), 201)


def _with_expiry(credentials: dict[str, Any]) -> dict[str, Any]:
    """The credentials, with the time of their end written as Nango writes times."""
    if "expires_at" not in credentials:
        return credentials
    try:
        moment = _moment(credentials["expires_at"])
    except (ValueError, OverflowError) as error:
        found = issue("invalid_type", "Invalid input: expected date, received Date", "credentials", "expires_at")
        raise NangoError(400, "invalid_body", errors=[found]) from error
    return {**credentials, "expires_at": wire_time(moment, "Z")}


def _moment(sent: Any) -> datetime:
    """As JavaScript makes a date: of milliseconds, or of text in ISO 8601 or RFC 5322. Raises ValueError, OverflowError."""
    match sent:
        case str():
            moment = _written(sent)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        case int() | float() | None:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=sent or 0)
        case _:
            raise ValueError(sent)


def _written(date: str) -> datetime:
    try:
        return datetime.fromisoformat(date)
    except ValueError:
        return parsedate_to_datetime(date)


async def patch_connection(request: Request) -> JSONResponse:
    services = await with_api_key(request, "connections:update")
    query = read_query(request, _KEY)
    body = await read_body(request, _PATCH)
    connection_id, key = _path(request), query["provider_config_key"]
    _check_integration(services, key)
    fields: dict[str, Any] = {}
    if "tags" in body or "end_user" in body:
        fields["tags"] = read_tags(body)
    if "end_user" in body:
        fields["end_user"] = read_end_user(body)
    if "webhook_url_override" in body:
        if body["webhook_url_override"]:
            check_webhook_url(body["webhook_url_override"])
        fields["webhook_url_override"] = body["webhook_url_override"] or None
    if await services.connections.change(connection_id, key, **fields) is None:
        raise _not_found()
    return JSONResponse({"success": True})


async def delete_connection(request: Request) -> JSONResponse:
    services = await with_api_key(request, "connections:delete")
    connection_id, query = _path(request), read_query(request, _KEY)
    if not await services.connections.delete(connection_id, query["provider_config_key"]):
        raise NangoError(400, "unknown_connection")
    return JSONResponse({"success": True})


async def set_metadata(request: Request) -> JSONResponse:
    """POST replaces the metadata, PATCH merges its top level; for one connection or several."""
    services = await with_api_key(request, "connections:update")
    refuse_query(request)
    body = await read_body(request, _METADATA)
    sent, key = body["connection_id"], body["provider_config_key"]
    ids = [sent] if isinstance(sent, str) else sent
    held = [await services.connections.get(each, key) for each in ids]
    for connection_id, connection in zip(ids, held, strict=True):
        if connection is None:
            message = (
                f"Connection with connection id {connection_id} and provider config key {key} not found. "
                "Please make sure the connection exists in the Nango dashboard"
            )
            if len(ids) > 1:
                message += ". No actions were taken on any of the connections as a result of this failure."
            raise NangoError(404, "unknown_connection", message)
    merge = request.method == "PATCH"
    for connection in held:
        if connection is not None:
            before = connection.metadata if merge else {}
            await services.connections.change(connection.connection_id, key, metadata={**before, **body["metadata"]})
    return JSONResponse(body, 200 if merge else 201)


routes = [
    Route("/connections", list_connections, methods=["GET"]),
    Route("/connections", import_connection, methods=["POST"]),
    Route("/connections/metadata", set_metadata, methods=["POST", "PATCH"]),
    Route("/connections/{connectionId}", get_connection, methods=["GET"]),
    Route("/connections/{connectionId}", patch_connection, methods=["PATCH"]),
    Route("/connections/{connectionId}", delete_connection, methods=["DELETE"]),
]

"""GET /records: what syncs have copied. PATCH /records/prune: forget it, except for the ids."""

from datetime import UTC, datetime
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox.api.actions import CONNECTION_HEADERS
from nango_sandbox.api.auth import with_api_key
from nango_sandbox.api.validation import check, closed, read_body, read_headers, refuse_query
from nango_sandbox.errors import NangoError, issue
from nango_sandbox.services import Services
from nango_sandbox.store.connections import Connection
from nango_sandbox.store.records import Cursor, LastAction, Record, record_time
from nango_sandbox.store.syncs import BASE

_TEXT = {"type": "string"}
_CURSOR = {"type": "string", "minLength": 1, "maxLength": 1000}
_LIMIT = {"type": "number", "minimum": 1, "maximum": 10_000}
_QUERY = closed(
    {
        "model": _TEXT,
        "variant": _TEXT,
        "delta": _TEXT,
        "modified_after": _TEXT,
        "limit": _LIMIT,
        "filter": {"type": "array", "items": {"enum": ["added", "updated", "deleted", "ADDED", "UPDATED", "DELETED"]}},
        "cursor": _CURSOR,
        "ids": {"type": "array", "maxItems": 100, "items": {"type": "string", "minLength": 1, "maxLength": 256}},
    },
    "model",
)
_PRUNE = closed({"model": _TEXT, "variant": _TEXT, "until_cursor": _CURSOR, "limit": _LIMIT}, "model", "until_cursor")
_DEFAULT, _DEFAULT_TO_PRUNE = 100, 1000


def _query(request: Request) -> dict[str, Any]:
    query: dict[str, Any] = dict(request.query_params)
    if "ids" in query:
        query["ids"] = request.query_params.getlist("ids")
    if "filter" in query:
        query["filter"] = query["filter"].split(",")
    if query.get("limit", "").isdecimal():
        query["limit"] = int(query["limit"])
    check(query, _QUERY, "invalid_query_params")
    return query


def _since(query: dict[str, Any]) -> datetime | None:
    for name in ("delta", "modified_after"):
        if name in query:
            try:
                moment = datetime.fromisoformat(query[name])
            except ValueError as error:
                found = issue("invalid_format", "Invalid ISO datetime", name)
                raise NangoError(400, "invalid_query_params", errors=[found]) from error
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _model(asked: dict[str, Any]) -> str:
    variant = asked.get("variant", BASE)
    return asked["model"] if variant == BASE else f"{asked['model']}::{variant}"


async def _connection(services: Services, request: Request) -> Connection:
    headers = read_headers(request, CONNECTION_HEADERS)
    connection = await services.connections.get(headers["connection-id"], headers["provider-config-key"])
    if connection is None:
        message = "Provided ConnectionId and ProviderConfigKey does not match a valid connection"
        raise NangoError(400, "unknown_connection", message)
    return connection


def _body(record: Record) -> dict[str, Any]:
    metadata = {
        "first_seen_at": record_time(record.first_seen_at),
        "last_modified_at": record_time(record.last_modified_at),
        "last_action": record.last_action,
        "deleted_at": record.deleted_at and record_time(record.deleted_at),
        "pruned_at": record.pruned_at and record_time(record.pruned_at),
        "cursor": str(record.cursor),
    }
    return {**record.data, "_nango_metadata": metadata}


def _cursor(text: str, doing: str) -> Cursor:
    """What is malformed is no fault of the caller's, as a real server has it."""
    try:
        return Cursor.read(text)
    except ValueError as error:
        raise NangoError(500, "server_error", f"Failed to {doing} records") from error


async def list_records(request: Request) -> JSONResponse:
    """A model that no sync brings is empty."""
    services = await with_api_key(request, "records:read")
    query = _query(request)
    connection = await _connection(services, request)
    since = _since(query)
    after = _cursor(query["cursor"], "fetch") if "cursor" in query else None
    actions = cast("list[LastAction]", [each.upper() for each in query.get("filter", [])])
    records, following = await services.records.page(
        connection.id,
        _model(query),
        query.get("limit", _DEFAULT),
        after=after,
        modified_after=since,
        actions=actions,
        ids=query.get("ids"),
    )
    return JSONResponse({"next_cursor": following and str(following), "records": [_body(each) for each in records]})


async def prune_records(request: Request) -> JSONResponse:
    services = await with_api_key(request, "records:write")
    refuse_query(request)
    body = await read_body(request, _PRUNE)
    connection = await _connection(services, request)
    until = _cursor(body["until_cursor"], "prune")
    limit = int(body.get("limit", _DEFAULT_TO_PRUNE))
    pruned = await services.records.prune(connection.id, _model(body), until, limit, services.clock.now())
    return JSONResponse({"count": len(pruned), "has_more": bool(pruned) and pruned[-1] != until})


routes = [
    Route("/records", list_records, methods=["GET"]),
    Route("/records/prune", prune_records, methods=["PATCH"]),
]

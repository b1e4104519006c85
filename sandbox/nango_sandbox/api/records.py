"""GET /records: what syncs have copied. PATCH /records/prune: forget it, except for the ids."""

from datetime import datetime
from math import ceil
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox.api.actions import CONNECTION_HEADERS
from nango_sandbox.api.auth import with_api_key
from nango_sandbox.api.names import MODEL, WORD
from nango_sandbox.api.validation import closed, read_body, read_headers, read_query, refuse_query
from nango_sandbox.errors import NangoError, issue
from nango_sandbox.services import Services
from nango_sandbox.store.connections import Connection
from nango_sandbox.store.records import Cursor, LastAction, Record, record_time
from nango_sandbox.store.syncs import BASE

_ID = {"type": "string", "minLength": 1, "maxLength": 256}
_ACTIONS = ("added", "updated", "deleted", "ADDED", "UPDATED", "DELETED")
_MOMENT = {
    "type": "string",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?Z$",
    "message": "Invalid ISO datetime",
}
_CURSOR = {"type": "string", "minLength": 1, "maxLength": 1000}
_LIMIT = {"type": "number", "minimum": 1, "maximum": 10_000}
_QUERY = closed(
    {
        "model": MODEL,
        "variant": WORD,
        "delta": _MOMENT,
        "modified_after": _MOMENT,
        "limit": _LIMIT,
        "filter": {"type": "string"},
        "cursor": _CURSOR,
        "ids": {"anyOf": [_ID, {"type": "array", "maxItems": 100, "items": _ID}]},
    },
    "model",
)
_PRUNE = closed({"model": MODEL, "variant": WORD, "until_cursor": _CURSOR, "limit": _LIMIT}, "model", "until_cursor")
_DEFAULT, _DEFAULT_TO_PRUNE = 100, 1000


def _query(request: Request) -> dict[str, Any]:
    query = read_query(request, _QUERY)
    if "ids" in query:
        query["ids"] = [query["ids"]] if isinstance(query["ids"], str) else query["ids"]
    if "filter" in query:
        query["filter"] = query["filter"].split(",")
        options = "|".join(f'"{each}"' for each in _ACTIONS)
        found = [
            issue("invalid_value", f"Invalid option: expected one of {options}", "filter", str(place))
            for place, each in enumerate(query["filter"])
            if each not in _ACTIONS
        ]
        if found:
            raise NangoError(400, "invalid_query_params", errors=found)
    return query


def _since(query: dict[str, Any]) -> datetime | None:
    for name in ("delta", "modified_after"):
        if name in query:
            try:
                moment = datetime.fromisoformat(query[name])
            except ValueError as error:
                found = issue("invalid_format", "Invalid ISO datetime", name)
                raise NangoError(400, "invalid_query_params", errors=[found]) from error
            return moment
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
        ceil(query.get("limit", _DEFAULT)),
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

"""Syncs: status, trigger, start, pause, frequency, variants."""

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox.api.auth import with_api_key
from nango_sandbox.api.connection_body import wire_time
from nango_sandbox.api.names import CONNECTION_ID, INTEGRATION_KEY, WORD
from nango_sandbox.api.validation import closed, read_body, read_path, read_query, refuse_query
from nango_sandbox.errors import NangoError
from nango_sandbox.functions.action import Sync
from nango_sandbox.functions.frequency import interval
from nango_sandbox.functions.syncing import declared_sync, is_due, new_sync, next_run
from nango_sandbox.services import Services
from nango_sandbox.store.connections import Connection
from nango_sandbox.store.syncs import BASE, SyncName, SyncState
from nango_sandbox.store.syncs import Request as SyncRequest

_TEXT = {"type": "string"}
_SYNCS = {
    "type": "array",
    "items": {
        "anyOf": [_TEXT, closed({"name": _TEXT, "variant": _TEXT}, "name", "variant")],
        "message": "Each sync must be either a string or a { name: string, variant: string } object",
    },
}
_ONE = {"provider_config_key": INTEGRATION_KEY, "connection_id": CONNECTION_ID}
_STATUS = closed({"syncs": _TEXT, **_ONE}, "syncs", "provider_config_key")
_TRIGGER = closed(
    {
        "syncs": _SYNCS,
        "provider_config_key": _TEXT,
        "connection_id": _TEXT,
        "sync_mode": {"enum": ["incremental", "full_refresh", "full_refresh_and_clear_cache"]},
        "full_resync": {"type": "boolean"},
        "opts": closed({"reset": {"type": "boolean"}, "emptyCache": {"type": "boolean"}}),
    },
    "syncs",
)
_COMMAND = closed({"syncs": {**_SYNCS, "maxItems": 256}, **_ONE}, "syncs", "provider_config_key")
_VARIANT = closed(_ONE, *_ONE)
_EVERY = (
    "^(?<every>every )?((?<amount>[0-9]+)?\\s?(?<unit>(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?))"
    "|(?<unit2>(month|week|half day|half hour|quarter hour)))$"
)
_FREQUENCY = closed(
    {
        "sync_name": WORD,
        "sync_variant": WORD,
        **_ONE,
        "frequency": {"anyOf": [{"type": "string", "pattern": _EVERY}, {"type": "null"}]},
    },
    "sync_name",
    "provider_config_key",
    "connection_id",
    "frequency",
)


def _named(sent: str | dict[str, str]) -> SyncName:
    """As `issues`, `issues::variant`, or an object."""
    if isinstance(sent, dict):
        return SyncName(sent["name"], sent["variant"])
    name, _, variant = sent.partition("::")
    return SyncName(name, variant or BASE)


def _chosen(syncs: list[SyncState], names: list[SyncName]) -> list[SyncState]:
    """No names are all of them."""
    return [each for each in syncs if not names or SyncName(each.name, each.variant) in names]


async def _status(services: Services, sync: SyncState, declared: Sync) -> dict[str, Any]:
    now = services.clock.now()
    is_running = sync.id in services.syncs.running or is_due(sync, now)
    execution: str | None = sync.last.status if sync.last else None
    if is_running:
        status = execution = "RUNNING"
    elif sync.paused:
        status = "PAUSED"
    else:
        status = "ERROR" if execution == "STOPPED" else "SUCCESS"
    frequency = sync.frequency or declared.frequency
    next_at = sync.next_at if sync.next_at > now else next_run(sync.created_at, interval(frequency), now)
    told = {
        "id": sync.id,
        "connection_id": sync.connection_id,
        "type": "INITIAL",
        "finishedAt": sync.last and wire_time(sync.last.finished_at, "Z"),
        "nextScheduledSyncAt": None if sync.paused else wire_time(next_at, "Z"),
        "name": sync.name,
        "variant": sync.variant,
        "status": status,
        "frequency": frequency,
        "latestResult": sync.last and {model: counts.model_dump() for model, counts in sync.last.result.items()},
        "latestExecutionStatus": execution,
        "recordCount": {model: await services.records.count(sync, model) for model in declared.models},
        "checkpoint": None,
    }
    never = {"finishedAt", "latestResult", "latestExecutionStatus"}
    return {name: value for name, value in told.items() if value is not None or name not in never}


async def get_status(request: Request) -> JSONResponse:
    """An integration or a sync that does not exist has no syncs, and nothing tells so."""
    services = await with_api_key(request, "syncs:read")
    query = read_query(request, _STATUS)
    key, connection_id, asked = query["provider_config_key"], query.get("connection_id"), query["syncs"]
    connection = None
    if connection_id is not None:
        connection = await services.connections.get(connection_id, key)
        if connection is None:
            raise NangoError(400, "invalid_body", "Connection not found")
    names = [] if asked == "*" else [_named(each) for each in asked.split(",")]
    found = _chosen(await services.syncs.all(key, None if connection is None else connection.id), names)
    declared = [(each, declared_sync(services, each)) for each in found]
    return JSONResponse({"syncs": [await _status(services, each, sync) for each, sync in declared if sync is not None]})


async def _commanded(services: Services, body: dict[str, Any], key: str) -> list[SyncState]:
    """The syncs that a command is for, of one connection or of all."""
    if key not in services.integrations:
        message = f"There is no Provider Configuration matching this key. (providerConfigKey: {key})"
        raise NangoError(404, "unknown_provider_config", message, payload={})
    connection_id = body.get("connection_id")
    connection = None
    if connection_id:
        connection = await services.connections.get(connection_id, key)
        if connection is None:
            named = {"connectionId": connection_id, "providerConfigKey": key}
            message = (
                "No connection matching the provided params of 'connection_id' and 'provider_config_key'. "
                f"Please make sure these values exist in the Nango dashboard {json.dumps(named, indent=2)}"
            )
            raise NangoError(404, "unknown_connection", message, payload=named)
    names = [_named(each) for each in body["syncs"]]
    found = _chosen(await services.syncs.all(key, None if connection is None else connection.id), names)
    if not found:
        raise NangoError(400, "no_syncs_found", "No syncs found given the inputs.", payload={})
    return found


async def _change(services: Services, syncs: list[SyncState], how: Callable[[SyncState], SyncState]) -> JSONResponse:
    for each in syncs:
        await services.syncs.change(each.id, how)
    return JSONResponse({"success": True})


async def trigger_syncs(request: Request) -> JSONResponse:
    """Run now, paused or not. One that runs already runs once more afterwards."""
    services = await with_api_key(request, "syncs:execute")
    refuse_query(request)
    body = await read_body(request, _TRIGGER)
    key = body.get("provider_config_key") or request.headers.get("provider-config-key")
    if not key:
        message = "Missing provider_config_key. Provide it in the body or headers."
        raise NangoError(400, "missing_provider_config_key", message)
    of_header = request.headers.get("connection-id")
    syncs = await _commanded(services, {"connection_id": of_header, **body}, key)
    opts = body.get("opts", {})
    clear = body.get("sync_mode") == "full_refresh_and_clear_cache" or opts.get("emptyCache", False)
    wanted = SyncRequest(at=services.clock.now(), clear=clear)
    return await _change(services, syncs, lambda sync: sync.model_copy(update={"request": wanted}))


async def start_syncs(request: Request) -> JSONResponse:
    """Put the schedule on. A run that was due meanwhile takes place at once."""
    return await _set_paused(request, paused=False)


async def pause_syncs(request: Request) -> JSONResponse:
    return await _set_paused(request, paused=True)


async def _set_paused(request: Request, *, paused: bool) -> JSONResponse:
    services = await with_api_key(request, "syncs:execute")
    body = await read_body(request, _COMMAND)
    syncs = await _commanded(services, body, body["provider_config_key"])
    return await _change(services, syncs, lambda sync: sync.model_copy(update={"paused": paused}))


async def _connection(services: Services, body: dict[str, Any]) -> Connection:
    connection = await services.connections.get(body["connection_id"], body["provider_config_key"])
    if connection is None:
        raise NangoError(400, "unknown_connection")
    return connection


async def _one(services: Services, connection: Connection, name: SyncName) -> SyncState | None:
    found = _chosen(await services.syncs.all(connection=connection.id), [name])
    return found[0] if found else None


async def update_frequency(request: Request) -> JSONResponse:
    """For one connection; null goes back to what the sync declares."""
    services = await with_api_key(request, "syncs:update")
    refuse_query(request)
    body = await read_body(request, _FREQUENCY)
    connection = await _connection(services, body)
    sync = await _one(services, connection, SyncName(body["sync_name"], body.get("sync_variant", BASE)))
    declared = None if sync is None else declared_sync(services, sync)
    if sync is None or declared is None:
        raise NangoError(400, "unknown_sync")
    frequency: str | None = body["frequency"]
    told = frequency or declared.frequency
    try:
        every = interval(told)
    except ValueError as error:
        raise NangoError(400, "invalid_body", "Sync interval is invalid") from error

    def change(held: SyncState) -> SyncState:
        now = services.clock.now()
        next_at = held.next_at if held.next_at <= now else next_run(held.created_at, every, now)
        return held.model_copy(update={"frequency": frequency, "next_at": next_at})

    await services.syncs.change(sync.id, change)
    return JSONResponse({"frequency": told})


async def create_variant(request: Request) -> JSONResponse:
    """The same function once more for the connection, with records of its own."""
    services = await with_api_key(request, "syncs:variant:create")
    body = await read_body(request, _VARIANT)
    path = read_path(request, name=WORD, variant=WORD)
    refuse_query(request)
    name, variant = path["name"], path["variant"]
    if variant.lower() == BASE:
        raise NangoError(400, "invalid_variant", f'Variant name "{variant}" is protected.')
    connection = await _connection(services, body)
    declared = services.integrations[connection.integration].sync(name)
    if declared is None:
        raise NangoError(400, "unknown_sync")
    sync = new_sync(connection, declared, services.clock.now(), variant=variant)
    if not await services.syncs.add(sync):
        raise NangoError(400, "sync_variant_already_exists")
    return JSONResponse({"id": sync.id, "name": sync.name, "variant": sync.variant})


async def delete_variant(request: Request) -> JSONResponse:
    services = await with_api_key(request, "syncs:variant:delete")
    body = await read_body(request, _VARIANT)
    path = read_path(request, name=WORD, variant=WORD)
    refuse_query(request)
    name, variant = path["name"], path["variant"]
    if variant.lower() == BASE:
        raise NangoError(400, "invalid_variant", f'Cannot delete protected variant "{variant}".')
    sync = await _one(services, await _connection(services, body), SyncName(name, variant))
    if sync is None:
        raise NangoError(404, "not_found")
    await services.syncs.delete(sync.id)
    return JSONResponse({"success": True})


routes = [
    Route("/sync/status", get_status, methods=["GET"]),
    Route("/sync/trigger", trigger_syncs, methods=["POST"]),
    Route("/sync/start", start_syncs, methods=["POST"]),
    Route("/sync/pause", pause_syncs, methods=["POST"]),
    Route("/sync/update-connection-frequency", update_frequency, methods=["PUT"]),
    Route("/sync/{name}/variant/{variant}", create_variant, methods=["POST"]),
    Route("/sync/{name}/variant/{variant}", delete_variant, methods=["DELETE"]),
]

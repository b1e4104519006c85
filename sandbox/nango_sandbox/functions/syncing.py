"""Syncs run: when a connection is made, by their schedules, and when somebody asks for it.

The schedule of a sync counts from when its connection was made. A run that was due while the sync was paused, or while
the sandbox did not run, is made up for once.
"""

import json
import logging
import secrets
from datetime import datetime, timedelta
from typing import Any

from nango_sandbox.background import first_of
from nango_sandbox.credentials import usable
from nango_sandbox.errors import NangoError
from nango_sandbox.functions.action import Sync
from nango_sandbox.functions.failures import FunctionFailure, ThrownError
from nango_sandbox.functions.frequency import interval
from nango_sandbox.functions.thrown import thrown
from nango_sandbox.services import Services
from nango_sandbox.store.connections import Connection
from nango_sandbox.store.syncs import Counts, LastRun, SyncState

_log = logging.getLogger(__name__)


async def add_syncs(services: Services, connection: Connection) -> None:
    """The syncs of a connection's integration, as far as the connection has not got them."""
    integration = services.integrations.get(connection.integration)
    for declared in sorted(integration.syncs if integration else (), key=lambda each: each.name):
        await services.syncs.add(new_sync(connection, declared, services.clock.now()))


def new_sync(connection: Connection, declared: Sync, now: datetime, **fields: Any) -> SyncState:
    return SyncState(
        connection=connection.id,
        connection_id=connection.connection_id,
        integration=connection.integration,
        name=declared.name,
        paused=not declared.auto_start,
        created_at=now,
        next_at=now,
        **fields,
    )


def declared_sync(services: Services, sync: SyncState) -> Sync | None:
    """None if it is no longer deployed."""
    integration = services.integrations.get(sync.integration)
    return integration.sync(sync.name) if integration else None


def next_run(first: datetime, every: timedelta, now: datetime) -> datetime:
    """When a schedule has it run after `now`."""
    return first + ((now - first) // every + 1) * every


async def run_syncs(services: Services) -> None:
    """Run every sync when it is due, each by itself, for ever."""
    for connection in reversed(await services.connections.newest_first()):
        await add_syncs(services, connection)
    while True:
        services.syncs.changed.clear()
        now = services.clock.now()
        waiting: list[datetime] = []
        for sync in await services.syncs.all():
            declared = declared_sync(services, sync)
            if declared is None or not declared.enabled or sync.id in services.syncs.running:
                continue
            if is_due(sync, now):
                services.syncs.running.add(sync.id)
                services.background.start(_run(services, sync, declared, now))
            elif not sync.paused:
                waiting.append(sync.next_at)
        seconds = (min(waiting) - now).total_seconds() if waiting else None
        await first_of(services.clock, services.syncs.changed, seconds, background=True)


def is_due(sync: SyncState, now: datetime) -> bool:
    return sync.request is not None or (not sync.paused and sync.next_at <= now)


async def _run(services: Services, sync: SyncState, declared: Sync, now: datetime) -> None:
    try:
        if sync.request is not None and sync.request.clear:
            await services.records.clear(sync)
        try:
            result = await _copy(services, sync, declared)
        except FunctionFailure as failure:
            await _failed(services, sync, declared, now, failure)
        except Exception as error:  # noqa: BLE001 - it is logged, and the sync failed
            _log.exception("%s of %s could not run", sync.name, sync.integration)
            await _failed(services, sync, declared, now, thrown(error))
        else:
            if result is None:
                await services.syncs.delete(sync.id)
            else:
                await _succeeded(services, sync, declared, now, result)
    finally:
        services.syncs.running.discard(sync.id)
        services.syncs.changed.set()


async def _copy(services: Services, sync: SyncState, declared: Sync) -> dict[str, Counts] | None:
    """What changed, by model; None if the connection ended meanwhile."""
    connection = await services.connections.get(sync.connection_id, sync.integration)
    if connection is None or connection.id != sync.connection:
        return None
    if declared.uses_credentials:
        try:
            await usable(services, connection)
        except NangoError:
            return None
    brought = json.loads(await services.runner.copied(connection, declared.name, declared.function))
    _check(brought, declared)
    result = {}
    for model in declared.models:
        counts = await services.records.save(
            sync, model, brought.get(model, []), services.clock.now(), track_deletes=declared.track_deletes
        )
        if counts is None:
            return None
        result[model] = counts
    return result


def _check(brought: Any, declared: Sync) -> None:
    """Raises ThrownError for what is not records of the models that the sync declares."""
    if not isinstance(brought, dict) or not brought.keys() <= declared.models.keys():
        raise ThrownError(f"The sync {declared.name} gives records of {', '.join(declared.models)}, and nothing else")
    for model, records in brought.items():
        for each in records:
            if not isinstance(each, dict) or not each.get("id"):
                raise ThrownError(f"Missing id field in record: {json.dumps(each)}. Model: {model}")


async def _succeeded(
    services: Services, sync: SyncState, declared: Sync, started_at: datetime, result: dict[str, Counts]
) -> None:
    ended = LastRun(status="SUCCESS", finished_at=services.clock.now(), result=result)
    await _end(services, sync, declared, started_at, ended, succeeded_at=started_at, log_id=None)
    for model, counts in result.items():
        services.webhooks.synced(sync, model, started_at, counts)


async def _failed(
    services: Services, sync: SyncState, declared: Sync, started_at: datetime, failure: FunctionFailure
) -> None:
    now = services.clock.now()
    ended = LastRun(status="STOPPED", finished_at=now, result={})
    log_id = f"{int(now.timestamp() * 1000)}_{secrets.token_urlsafe(6)}"
    await _end(services, sync, declared, started_at, ended, log_id=log_id)
    services.webhooks.sync_failed(sync, declared.models, started_at, now, failure)


async def _end(
    services: Services, sync: SyncState, declared: Sync, started_at: datetime, ended: LastRun, **fields: Any
) -> None:
    """The error of the last run goes from the connection, that of this one comes."""

    def end(held: SyncState) -> SyncState:
        # What was asked for while it ran is still to be done.
        asked_later = held.request is not None and held.request != sync.request
        update = {"last": ended, "request": held.request if asked_later else None, **fields}
        if not sync.paused and held.next_at <= started_at:
            every = interval(held.frequency or declared.frequency)
            update["next_at"] = next_run(held.created_at, every, started_at)
        return held.model_copy(update=update)

    # The lock under which errors of connections change.
    async with services.refreshing:
        connection = await services.connections.get(sync.connection_id, sync.integration)
        if connection is not None and connection.id == sync.connection:
            errors = [each for each in connection.errors if each["log_id"] != sync.log_id]
            if log_id := fields.get("log_id"):
                errors.append({"type": "sync", "log_id": log_id})
            if errors != connection.errors:
                await services.connections.change(sync.connection_id, sync.integration, errors=errors)
    await services.syncs.change(sync.id, end)

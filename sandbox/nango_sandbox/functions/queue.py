"""The queue of asynchronous actions: one at a time, first come first served, until the sandbox stops and beyond.

What waits when the sandbox stops runs when it starts again. What was running then may have taken effect: it is not
repeated, and its outcome is a failure that says so.
"""

import asyncio
import logging
from datetime import datetime, timedelta

from nango_sandbox.background import first_of
from nango_sandbox.errors import NangoError
from nango_sandbox.functions.action import Action
from nango_sandbox.functions.failures import FunctionFailure, Interrupted
from nango_sandbox.functions.run import ledger_entry
from nango_sandbox.functions.thrown import thrown
from nango_sandbox.functions.triggering import trigger
from nango_sandbox.services import Services
from nango_sandbox.store.async_actions import AsyncAction, Outcome
from nango_sandbox.store.connections import Connection

RETRY_AFTER = timedelta(seconds=5)
"""Between the end of a run that failed and the next one. Others run meanwhile."""

_log = logging.getLogger(__name__)


async def work_off_queue(services: Services) -> None:
    """Run what is in the queue, and what comes, for ever."""
    for each in await services.async_actions.unfinished():
        if each.started_at is not None:
            await _give_up(services, each)
    while True:
        services.async_actions.changed.clear()
        waiting = await services.async_actions.unfinished()
        now = services.clock.now()
        ready = next((each for each in waiting if each.due <= now), None)
        if ready is not None:
            await _run(services, ready, now)
        else:
            seconds = min((each.due - now).total_seconds() for each in waiting) if waiting else None
            await first_of(services.clock, services.async_actions.changed, seconds, background=False)


async def _run(services: Services, queued: AsyncAction, now: datetime) -> None:
    started = queued.model_copy(update={"started_at": now})
    await services.async_actions.put(started)
    try:
        outcome, failed = await _outcome(services, queued)
    except asyncio.CancelledError:
        # The sandbox stops. The ledger has it already.
        interrupted = Interrupted()
        await _finish(services, started, Outcome(status=interrupted.status, body={"error": interrupted.rest_error()}))
        raise
    if failed and queued.retries:
        later = services.clock.now() + RETRY_AFTER
        await services.async_actions.put(queued.model_copy(update={"retries": queued.retries - 1, "due": later}))
        return
    await _finish(services, started, outcome)


async def _outcome(services: Services, queued: AsyncAction) -> tuple[Outcome, bool]:
    """What the synchronous call would answer now, and whether that is a failure."""
    connection, action = await _found(services, queued)
    if connection is None:
        return _refused(NangoError(400, "unknown_connection", "Failed to find connection")), True
    if action is None:
        return _refused(NangoError(404, "not_found", "Action not found")), True
    try:
        return Outcome(status=200, body=await trigger(services, connection, action, queued.input, via="rest")), False
    except FunctionFailure as failure:
        return Outcome(status=failure.status, body={"error": failure.rest_error()}), True
    except NangoError as error:
        return _refused(error), True
    except Exception as error:  # noqa: BLE001
        # Whatever is wrong with this one, the next one runs.
        _log.exception("%s of %s could not run", queued.action, queued.integration)
        unforeseen = thrown(error)
        return Outcome(status=unforeseen.status, body={"error": unforeseen.rest_error()}), True


async def _found(services: Services, queued: AsyncAction) -> tuple[Connection | None, Action | None]:
    integration = services.integrations.get(queued.integration)
    action = None if integration is None else integration.action(queued.action)
    return await services.connections.get(queued.connection_id, queued.integration), action


def _refused(error: NangoError) -> Outcome:
    return Outcome(status=error.status, body=error.body)


async def _give_up(services: Services, queued: AsyncAction) -> None:
    interrupted = Interrupted()
    error = interrupted.rest_error()
    connection, action = await _found(services, queued)
    if connection is not None and action is not None and queued.started_at is not None:
        entry = ledger_entry(connection, action, queued.input, "rest", at=queued.started_at)
        await services.ledger.record(entry.failed(interrupted.status, error))
    await _finish(services, queued, Outcome(status=interrupted.status, body={"error": error}))


async def _finish(services: Services, queued: AsyncAction, outcome: Outcome) -> None:
    await services.async_actions.put(queued.model_copy(update={"outcome": outcome}))
    services.webhooks.async_action_done(queued)

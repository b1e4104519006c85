"""Waking the thread of a wait that has ended, from a request that can't wait for what the thread then does."""

import asyncio
import logging
from typing import Literal

from nango_graph.errors import UsageError
from nango_graph.records import Wait
from nango_graph.services import Services
from nango_graph.waiting.threads import Threads, Woken

SECONDS = 8.0
"""Nango gives up on an answer after 20, and has been asked itself before."""
_log = logging.getLogger(__name__)


async def wake(services: Services, threads: Threads, wait: Wait) -> Woken | Literal["failed"]:
    """Never raises: that the wait has ended is committed, and a sweep wakes the thread again."""
    try:
        async with asyncio.timeout(SECONDS):
            try:
                turn = await services.records.turns.get(wait.turn_id, wait.thread_id)
            except UsageError:
                last = await services.records.turns.last_of(wait.thread_id)
                if last is None:
                    return "elsewhere"
                turn = last
            return await threads.wake(turn, wait_id=wait.id)
    except Exception as error:  # noqa: BLE001 - whatever a host's threads raise, the delivery itself was taken
        _log.error("The thread of wait %s could not be woken (%s): a sweep does.", wait.id, type(error).__name__)
        return "failed"

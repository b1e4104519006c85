"""Is what a wait is for there now? Nango is asked, and what it says is committed.

Whoever then wakes the thread runs the graph without input. That carries no authority and may happen twice: the graph looks at
the wait, and at Nango, itself.
"""

from collections.abc import Sequence

from nango_graph.connections.finding import Found, find_connections
from nango_graph.connections.scopes import authorized_anew
from nango_graph.records import Wait
from nango_graph.services import Services
from nango_graph.waiting.probing import probe


async def look_at_waits(services: Services, thread_id: str) -> bool:
    """True if the thread has something to go on with: a wait of it has ended, now or since before.

    Raises `TransientError` and the like if Nango can't be asked; the waits stay as they are.
    """
    live = await services.records.waits.live_in(thread_id)
    still_open = [wait for wait in live if wait.state == "open"]
    return len(still_open) < len(live) or bool(await satisfied_now(services, still_open))


async def satisfied_now(services: Services, waits: Sequence[Wait]) -> list[Wait]:
    """Those whose connection is there now and works, which is noted. Nango's list is asked once for each requester."""
    satisfied = []
    for requester in dict.fromkeys(wait.requester for wait in waits):
        theirs = [wait for wait in waits if wait.requester == requester]
        found = await find_connections(services, requester, {wait.integration for wait in theirs})
        satisfied += [wait for wait in theirs if await _is_satisfied(services, wait, found[wait.integration])]
    return satisfied


async def _is_satisfied(services: Services, wait: Wait, found: Found) -> bool:
    candidates = [*found.usable, *(one.connection for one in found.unconfirmed)]
    if wait.reason == "scopes":
        candidates = [connection for connection in candidates if await authorized_anew(services, wait, connection)]
    elif wait.reason == "broken" and wait.connection_id in {connection.connection_id for connection in found.all}:
        # Another one that works is not what was asked for.
        candidates = [connection for connection in candidates if connection.connection_id == wait.connection_id]
    # The one that was to be mended before any other that has come to be.
    for connection in sorted(candidates, key=lambda one: one.connection_id != wait.connection_id):
        checked_by = await probe(services, connection)
        if checked_by is not None:
            return await services.records.waits.satisfy(
                wait.id, connection_id=connection.connection_id, checked_by=checked_by, now=services.clock.now()
            )
    return False

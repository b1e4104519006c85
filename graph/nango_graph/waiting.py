"""Ends waits: looks at Nango for the connection that a wait is for, commits what it finds, and says whom to wake.

Whoever wakes a thread runs the graph without input. That carries no authority and may happen twice: the graph looks at the
wait, and at Nango, itself.
"""

from collections.abc import Sequence

from nango_graph.connecting import WAIT_TAG, find_connections
from nango_graph.records import Wait
from nango_graph.services import Services
from nango_tools import AuthWebhook


async def look_at_waits(services: Services, thread_id: str) -> bool:
    """True if the thread has something to go on with: a wait of it is satisfied, now or since before.

    Raises `TransientError` and the like if Nango can't be asked; the waits stay as they are.
    """
    live = await services.records.waits.live_in(thread_id)
    still_open = [wait for wait in live if wait.state == "open"]
    return len(still_open) < len(live) or bool(await _satisfied_now(services, still_open))


async def threads_to_wake(services: Services, webhook: AuthWebhook) -> Sequence[str]:
    """Threads with a wait that this delivery is about and that is satisfied. A delivery proves nothing: Nango is asked."""
    wait_id = webhook.tags.get(WAIT_TAG)
    wait = await services.records.waits.get(wait_id) if wait_id else None
    if wait is None or wait.integration != webhook.integration_id or not webhook.success:
        return []
    if wait.state == "satisfied" or (wait.state == "open" and await _satisfied_now(services, [wait])):
        return [wait.thread_id]
    return []


async def _satisfied_now(services: Services, waits: Sequence[Wait]) -> list[Wait]:
    """Those whose connection is there now and usable, which is noted. Nango is asked once for each requester."""
    satisfied = []
    for requester in {wait.requester for wait in waits}:
        theirs = [wait for wait in waits if wait.requester == requester]
        found = await find_connections(services, requester, [wait.integration for wait in theirs])
        satisfied += [wait for wait in theirs if found[wait.integration].usable]
    for wait in satisfied:
        await services.records.waits.change(wait.id, "satisfied", only_from=("open",), now=services.clock.now())
    return satisfied

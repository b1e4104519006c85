"""Ends waits: looks at Nango for the connection that a wait is for, commits what it finds, and says whom to wake.

Whoever wakes a thread runs the graph without input. That carries no authority and may happen twice: the graph looks at the
wait, and at Nango, itself.
"""

from collections.abc import Sequence

from nango_graph.connecting import WAIT_TAG, find_connections
from nango_graph.records import Wait
from nango_graph.services import Services
from nango_tools import AuthWebhook, NangoError


async def look_at_waits(services: Services, thread_id: str) -> bool:
    """True if the thread has something to go on with: a wait of it is satisfied, now or since before.

    Raises `TransientError` and the like if Nango can't be asked; the waits stay as they are.
    """
    live = await services.records.waits.live_in(thread_id)
    ready = [wait for wait in live if wait.state == "satisfied" or await _satisfied_now(services, wait)]
    return bool(ready)


async def threads_to_wake(services: Services, webhook: AuthWebhook) -> Sequence[str]:
    """Threads with a wait that this delivery is about and that is satisfied. A delivery proves nothing: Nango is asked."""
    wait_id = webhook.tags.get(WAIT_TAG)
    wait = await services.records.waits.get(wait_id) if wait_id else None
    if wait is None or wait.integration != webhook.integration_id or not webhook.success:
        return []
    if wait.state == "satisfied" or (wait.state == "open" and await _satisfied_now(services, wait)):
        return [wait.thread_id]
    return []


async def _satisfied_now(services: Services, wait: Wait) -> bool:
    found = (await find_connections(services, wait.requester, [wait.integration]))[wait.integration]
    if not found.usable:
        return False
    await services.records.waits.change(wait.id, "satisfied", only_from=("open",), now=services.clock.now())
    return True


async def quietly_look_at_waits(services: Services, thread_id: str) -> bool:
    """`look_at_waits` for a poller: an outage of Nango is no news, the next look may succeed."""
    try:
        return await look_at_waits(services, thread_id)
    except NangoError:
        return False

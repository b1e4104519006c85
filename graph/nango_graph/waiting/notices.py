"""What a webhook about a connection means for the waits: a delivery proves nothing, Nango is asked."""

from collections.abc import Sequence

from nango_graph.connections.finding import WAIT_TAG
from nango_graph.services import Services
from nango_graph.waiting.looking import satisfied_now
from nango_tools import AuthWebhook


async def threads_to_wake(services: Services, webhook: AuthWebhook) -> Sequence[str]:
    """Threads with a wait that this delivery is about and that is satisfied."""
    wait_id = webhook.tags.get(WAIT_TAG)
    wait = await services.records.waits.get(wait_id) if wait_id else None
    if wait is None or wait.integration != webhook.integration_id or not webhook.success:
        return []
    if wait.state == "satisfied" or (wait.state == "open" and await satisfied_now(services, [wait])):
        return [wait.thread_id]
    return []

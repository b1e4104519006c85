"""How many calls leave at the same time: in all, and to one connection."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nango_graph.settings import AgentSettings


class Slots:
    """Of one run. `each`: how many there are for one connection."""

    def __init__(self, settings: AgentSettings) -> None:
        self.each = min(settings.concurrency, settings.concurrency_per_connection)
        self._all = asyncio.Semaphore(settings.concurrency)
        self._each = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(self.each))

    @asynccontextmanager
    async def of(self, connection_id: str) -> AsyncIterator[None]:
        # That of the connection first: a crowd at one must not take the places of all others.
        async with self._each[connection_id], self._all:
            yield

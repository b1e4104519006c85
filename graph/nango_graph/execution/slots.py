"""How many calls are on their way at the same time: in all, and to one connection. One that only waits leaves its place to others."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nango_graph.settings import AgentSettings


class Place:
    """Of one call among those that may be on their way."""

    def __init__(self, *bounds: asyncio.Semaphore) -> None:
        self._bounds = bounds
        self._taken: list[asyncio.Semaphore] = []

    async def take(self) -> None:
        for bound in self._bounds:
            await bound.acquire()
            self._taken.append(bound)

    def leave(self) -> None:
        while self._taken:
            self._taken.pop().release()

    @asynccontextmanager
    async def left(self) -> AsyncIterator[None]:
        """Others have it meanwhile. It is taken again behind whoever waits for one by then."""
        self.leave()
        yield
        await self.take()


class Slots:
    """Of one run. `each`: how many there are for one connection."""

    def __init__(self, settings: AgentSettings) -> None:
        self.each = min(settings.concurrency, settings.concurrency_per_connection)
        self._all = asyncio.Semaphore(settings.concurrency)
        self._each = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(self.each))

    @asynccontextmanager
    async def of(self, connection_id: str) -> AsyncIterator[Place]:
        # That of the connection first: a crowd at one must not take the places of all others.
        place = Place(self._each[connection_id], self._all)
        try:
            await place.take()
            yield place
        finally:
            place.leave()

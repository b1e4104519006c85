"""A value that is fetched once for all who ask, and kept for a while."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from nango_tools.errors import TransientError

T = TypeVar("T")

RETRY_AFTER = 15.0
"""Seconds after a fetch that failed, before an old value is tried to be renewed again."""


@dataclass(slots=True)
class _Flight(Generic[T]):
    task: asyncio.Task[T]
    waiting: int = 0


class Kept(Generic[T]):
    """One value, fetched by whoever asks first and kept for `ttl` seconds of `clock`. Who asks meanwhile shares the fetch.

    A fetch that fails is not kept. Where a TransientError says that the other side can't be asked just now, a value that
    is there already is served for up to `grace` seconds after its time, and else what stands in for it, if anything does.

    until: when the value's time is over, by `clock`; last: the value, whether its time is over or not
    failure: why the value is an old one, or stands in for another; None for one that was fetched
    """

    def __init__(self, ttl: float, clock: Callable[[], float], *, grace: float = 0.0) -> None:
        self._ttl = ttl
        self._clock = clock
        self._grace = grace
        self._usable_until = -math.inf
        self._flight: _Flight[T] | None = None
        self.until = -math.inf
        self.last: T | None = None
        self.failure: TransientError | None = None

    def fresh(self) -> T | None:
        return self.last if self._clock() < self.until else None

    async def get(
        self,
        fetch: Callable[[], Awaitable[T]],
        *,
        within: "Kept[Any] | None" = None,
        instead: Callable[[], Awaitable[T | None]] | None = None,
    ) -> T:
        """within: what `fetch` makes its value of; its time is over no later. instead: what stands in for the value."""
        if self._clock() < self.until:
            return self.last  # type: ignore[return-value] # None only where it was fetched
        if self._flight is None:
            self._flight = _Flight(asyncio.create_task(self._fetched(fetch, within, instead)))
        flight = self._flight
        flight.waiting += 1
        try:
            # Whoever gives up leaves the fetch to the others.
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if self._flight is flight and (flight.task.done() or not flight.waiting):
                flight.task.cancel()
                self._flight = None

    async def _fetched(
        self,
        fetch: Callable[[], Awaitable[T]],
        within: "Kept[Any] | None",
        instead: Callable[[], Awaitable[T | None]] | None,
    ) -> T:
        try:
            value = await fetch()
        except TransientError as error:
            now = self._clock()
            if now < self._usable_until:
                self.until = min(now + RETRY_AFTER, self._usable_until)
            elif instead is not None and (stand_in := await instead()) is not None:
                self.last, self.until = stand_in, now + RETRY_AFTER
            else:
                raise
            self.failure = error
            return self.last  # type: ignore[return-value] # as above
        self.last, self.failure = value, None
        self.until = min(self._clock() + self._ttl, within.until if within else math.inf)
        self._usable_until = self.until + self._grace
        return value

"""A value that is fetched once, and kept for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """One value, fetched by whoever asks first and kept for a while."""

    def __init__(self, ttl: float, clock: Callable[[], float]) -> None:
        self._ttl = ttl
        self._clock = clock
        self._lock = asyncio.Lock()
        self._value: tuple[T, float] | None = None

    def fresh(self) -> T | None:
        return self._value[0] if self._value and self._clock() < self._value[1] else None

    async def get(self, fetch: Callable[[], Awaitable[T]]) -> T:
        async with self._lock:
            if self._value is None or self._clock() >= self._value[1]:
                self._value = (await fetch(), self._clock() + self._ttl)
            return self._value[0]

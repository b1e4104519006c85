"""An event loop whose time is moved: sleeping takes no time, and nothing but sleeping moves it. One that nobody can wake is seen."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Stuck(Exception):
    """Everything waits, and nothing is left that could end it."""


class _Skipping(selectors.DefaultSelector):
    """Where the loop would wait, its time moves."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if ready := super().select(0):
            return ready
        if timeout is None:
            raise Stuck
        self.now += max(timeout, 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """For code that waits for its own tasks and for sleeping alone: no threads, no network."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.now

    def took(self, work: Coroutine[Any, Any, T]) -> tuple[T, float]:
        """What it brought, and how many seconds of this loop's time it took. Raises `Stuck`."""
        since = self.time()
        return self.run_until_complete(work), self.time() - since

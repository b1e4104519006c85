"""Asking again and again until something is there, the deadline passes, or somebody calls it off."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from nango_tools.errors import NangoError, NangoUnavailable, NetworkFailure, RateLimited

T = TypeVar("T")

HICCUPS = (RateLimited, NangoUnavailable, NetworkFailure)
"""What says nothing about the thing that is waited for."""


@dataclass(frozen=True)
class Waiting:
    """sleep: how to wait (seconds). clock: seconds that only rise."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic

    async def until(
        self,
        look: Callable[[], Awaitable[T]],
        *,
        pending: tuple[type[NangoError], ...],
        pauses: Iterator[float],
        timeout: float,  # noqa: ASYNC109 - a deadline for many requests
        cancelled: asyncio.Event | None = None,
    ) -> T:
        """What `look` returns, once it raises none of `pending` and no hiccup; anything else that it raises is raised.

        It is looked at once at least, and once more when `timeout` seconds are over: that exception is raised then.
        """
        deadline = self.clock() + timeout
        while True:
            try:
                return await look()
            except NangoError as error:
                if not isinstance(error, (*pending, *HICCUPS)):
                    raise
                left = deadline - self.clock()
                if left <= 0 or (cancelled is not None and cancelled.is_set()):
                    raise
                pause = min(max(next(pauses), error.retry_after or 0), left)
            await self._pause(pause, cancelled)

    async def _pause(self, seconds: float, cancelled: asyncio.Event | None) -> None:
        if cancelled is None:
            await self.sleep(seconds)
            return
        tasks = [asyncio.ensure_future(self.sleep(seconds)), asyncio.ensure_future(cancelled.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def growing(first: float, longest: float) -> Iterator[float]:
    """Pauses in seconds, each half as long again as the one before."""
    pause = min(first, longest)
    while True:
        yield pause
        pause = min(pause * 1.5, longest)

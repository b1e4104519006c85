"""Asking again and again until something is there, the deadline passes, or somebody calls it off."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from nango_tools.errors import (
    InvalidInput,
    NangoError,
    NangoUnavailable,
    NetworkFailure,
    Outcome,
    RateLimited,
    TimedOut,
)

T = TypeVar("T")

_LAST_LOOK = 1.0
"""Seconds that a look has left at the deadline."""

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

        It is looked at once at least, and once more when `timeout` seconds are over: that exception is raised then. A
        look that is under way at the deadline has a second more; one that is called off ends at once. TimedOut then.
        """
        if not timeout >= 0:
            raise InvalidInput(f"{timeout:g} seconds are no time to wait", outcome=Outcome.NOT_SENT)
        deadline = self.clock() + timeout
        calling_off = asyncio.ensure_future((cancelled or asyncio.Event()).wait())
        try:
            while True:
                looking = asyncio.ensure_future(look())
                left = max(0.0, deadline - self.clock())
                if not await _done(looking, calling_off, seconds=left + _LAST_LOOK):
                    raise TimedOut("Nango had not answered by then", outcome=Outcome.UNKNOWN)
                try:
                    return await looking
                except NangoError as error:
                    if not isinstance(error, (*pending, *HICCUPS)):
                        raise
                    left = deadline - self.clock()
                    if left <= 0 or calling_off.done():
                        raise
                    pause = min(max(next(pauses), error.retry_after or 0), left)
                    if not await _done(asyncio.ensure_future(self.sleep(pause)), calling_off):
                        raise
        finally:
            calling_off.cancel()


async def _done(task: asyncio.Future[Any], calling_off: asyncio.Future[Any], *, seconds: float | None = None) -> bool:
    """Whether the task has ended, before it was called off or took longer; it is cancelled then."""
    try:
        await asyncio.wait((task, calling_off), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return task.done()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def growing(first: float, longest: float) -> Iterator[float]:
    """Pauses in seconds, each half as long again as the one before."""
    pause = min(first, longest)
    while True:
        yield pause
        pause = min(pause * 1.5, longest)

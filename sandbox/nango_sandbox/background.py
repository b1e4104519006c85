"""What goes on whether or not somebody waits for it: functions whose caller has gone, the queue, the syncs."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from nango_sandbox.clock import Clock

T = TypeVar("T")

PAUSE = 1
"""Seconds before what crashed begins again."""

_log = logging.getLogger(__name__)


class Background:
    """The tasks of one sandbox. They end with it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def keep(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start what never ends. If it crashes nevertheless, the log says so, and it begins again."""
        self.start(self._kept(work))

    async def _kept(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await work()
            except Exception:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                _log.exception("What the sandbox does in the background crashed. It begins again.")
                await asyncio.sleep(PAUSE)

    async def close(self) -> None:
        """Interrupt what still runs, and wait until it has ended."""
        while self._tasks:
            tasks = [*self._tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def first_of(clock: Clock, happened: asyncio.Event, seconds: float | None, *, background: bool) -> None:
    """Wait until something happened, or so many seconds of the clock have passed."""
    if seconds is None:
        await happened.wait()
        return
    waiting = asyncio.ensure_future(happened.wait()), asyncio.ensure_future(clock.sleep(seconds, background=background))
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

"""The sandbox's time: the system clock, plus how far it was moved."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import NamedTuple


class _Sleeper(NamedTuple):
    due: datetime
    loop: asyncio.AbstractEventLoop
    moved: asyncio.Event


class Clock:
    """Now, and waiting for later. It may be moved from any thread, which wakes whoever is due."""

    def __init__(self) -> None:
        self._moved = timedelta(0)
        self._changed = threading.Condition()  # over an RLock: moving to the next asks for the time inside
        self._sleepers: set[_Sleeper] = set()

    def now(self) -> datetime:
        """The time in UTC, with its zone."""
        with self._changed:
            return datetime.now(UTC) + self._moved

    def advance(self, seconds: float) -> None:
        """Move the clock forward by so many seconds."""
        if seconds < 0:
            message = f"The clock only moves forward, and {seconds} seconds is backward."
            raise ValueError(message)
        with self._changed:
            self._moved += timedelta(seconds=seconds)
            for sleeper in self._sleepers:
                sleeper.loop.call_soon_threadsafe(sleeper.moved.set)

    def advance_to_next(self, patience: float = 10) -> float:
        """Move the clock to when the first of those who sleep is due. Returns by how many seconds.

        Blocks until somebody sleeps: call it from another thread than the sandbox's (`asyncio.to_thread`). Raises
        TimeoutError if nobody does within `patience` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._sleepers, patience):
                message = f"Nobody has waited for the sandbox's clock for {patience} seconds."
                raise TimeoutError(message)
            seconds = max(0.0, (min(each.due for each in self._sleepers) - self.now()).total_seconds())
            self.advance(seconds)
            return seconds

    async def sleep(self, seconds: float) -> None:
        """Wait until this clock shows so many seconds more, whether time passed or the clock was moved."""
        moved = asyncio.Event()
        sleeper = _Sleeper(self.now() + timedelta(seconds=seconds), asyncio.get_running_loop(), moved)
        with self._changed:
            self._sleepers.add(sleeper)
            self._changed.notify_all()
        try:
            while (left := (sleeper.due - self.now()).total_seconds()) > 0:
                moved.clear()
                try:
                    await asyncio.wait_for(moved.wait(), left)
                except TimeoutError:
                    continue
        finally:
            with self._changed:
                self._sleepers.discard(sleeper)

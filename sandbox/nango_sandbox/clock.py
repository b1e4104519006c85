"""The sandbox's time: the system clock, plus how far it was moved."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

FARTHEST = timedelta(days=100 * 365)
"""How far a clock can be moved in all, so that no date leaves the calendar."""


class _Sleeper(NamedTuple):
    due: datetime
    background: bool
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
        """Move the clock forward by so many seconds. Raises ValueError for backward, and beyond 100 years in all."""
        if seconds < 0:
            message = f"The clock only moves forward, and {seconds} seconds is backward."
            raise ValueError(message)
        with self._changed:
            if not seconds <= (FARTHEST - self._moved).total_seconds():
                message = f"The clock moves by 100 years in all, and {seconds} seconds would be beyond."
                raise ValueError(message)
            self._moved += timedelta(seconds=seconds)
            for sleeper in self._sleepers:
                sleeper.loop.call_soon_threadsafe(sleeper.moved.set)

    @property
    def moved(self) -> timedelta:
        """How far it was moved in all."""
        with self._changed:
            return self._moved

    async def moved_from(self, known: timedelta) -> timedelta:
        """Wait until it was moved farther. Returns how far, in all."""
        woken = asyncio.Event()
        never = datetime.max.replace(tzinfo=UTC)
        sleeper = _Sleeper(never, background=True, loop=asyncio.get_running_loop(), moved=woken)
        with self._changed:
            self._sleepers.add(sleeper)
        try:
            while (moved := self.moved) <= known:
                woken.clear()
                if self.moved <= known:
                    await woken.wait()
            return moved
        finally:
            with self._changed:
                self._sleepers.discard(sleeper)

    def advance_to_next(self, patience: float = 10) -> float:
        """Move the clock to when the first of those who sleep is due. Returns by how many seconds.

        What only goes on by itself, like the schedules of syncs, is not minded.

        Blocks until somebody sleeps: call it from another thread than the sandbox's (`asyncio.to_thread`). Raises
        TimeoutError if nobody does within `patience` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(self._awaited, patience):
                message = f"Nobody has waited for the sandbox's clock for {patience} seconds."
                raise TimeoutError(message)
            seconds = max(0.0, (min(self._awaited()) - self.now()).total_seconds())
            self.advance(seconds)
            return seconds

    async def sleep(self, seconds: float, *, background: bool = False) -> None:
        """Wait until this clock shows so many seconds more, whether time passed or the clock was moved.

        background: whether `advance_to_next` does not mind it
        """
        moved = asyncio.Event()
        sleeper = _Sleeper(self.now() + timedelta(seconds=seconds), background, asyncio.get_running_loop(), moved)
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

    def _awaited(self) -> list[datetime]:
        return [each.due for each in self._sleepers if not each.background]

"""The sweep: finds what no webhook told, what was told and not passed on, and runs that were killed.

Of several workers one sweeps, as long as it holds the lease. Whatever it does may happen twice without harm.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from nango_graph.clock import SystemClock
from nango_graph.errors import UsageError
from nango_graph.records import Lease, Records, TurnRow, Wait
from nango_graph.services import Services, ServicesSource
from nango_graph.waiting.looking import satisfied_now
from nango_graph.waiting.threads import Threads, Woken
from nango_tools import NangoError, RateLimited

_log = logging.getLogger(__name__)

DAY = 24 * 3600.0
WEEK = 7 * DAY
"""For so long it is kept that an asynchronous action is over: for runs that were killed and go on late."""
FIRST, MOST = 5.0, 300.0
"""Seconds between two looks at a wait."""
AT_ONCE = 200
"""Rows that a pass takes up of each kind."""
_LEASE = "sweep"


@dataclass(slots=True)
class Swept:
    """What one pass did."""

    leading: bool = True
    """False if another worker sweeps; the rest is nothing then."""
    looked: int = 0
    """Waits that Nango was asked about."""
    satisfied: int = 0
    overdue: int = 0
    """Waits whose deadline has come."""
    woken: int = 0
    taken_up: int = 0
    """Killed runs that go on."""


class Sweep:
    """`looks_a_minute` is how often it asks Nango for somebody's connections, at most: the key's limit is shared with the runs.

    Waits are judged by the services' clock; leases and the budget by the machine's.
    """

    def __init__(
        self,
        services: ServicesSource | Services,
        threads: Threads,
        *,
        looks_a_minute: int = 60,
        lease_lasts: float = 30.0,
    ) -> None:
        self._services = services
        self._threads = threads
        self._budget = _Budget(looks_a_minute)
        self._lease_lasts = lease_lasts
        self._lease: Lease | None = None
        self._clock = SystemClock()
        self._tidied = 0.0

    async def once(self) -> Swept:
        """One pass. Raises what the database raises; what Nango or a thread fails at is tried again at a later pass."""
        services = await self._opened()
        swept = Swept()
        if await self._leads(services.records):
            await self._take_up_killed_runs(services.records, swept)
            due = await services.records.waits.due(services.clock.now(), limit=AT_ONCE)
            still_open = [wait for wait in due if wait.state == "open" and wait.deadline > services.clock.now()]
            for wait in due:
                if wait not in still_open:
                    swept.overdue += wait.state == "open"
                    await self._nudge(services, wait, swept)
            await self._look(services, still_open, swept)
        else:
            swept.leading = False
        return swept

    async def close(self) -> None:
        """Lets another worker sweep at once."""
        if self._lease is not None:
            await (await self._opened()).records.leases.give_back(self._lease)
            self._lease = None

    async def _opened(self) -> Services:
        return self._services if isinstance(self._services, Services) else await self._services()

    async def _leads(self, records: Records) -> bool:
        now, leases = self._clock.now(), records.leases
        if self._lease is None or not await leases.renew(self._lease, seconds=self._lease_lasts, now=now):
            self._lease = await leases.take(_LEASE, kind="sweep", seconds=self._lease_lasts, now=now)
        if self._lease is not None and now - self._tidied > DAY / 24:
            self._tidied = now
            await leases.forget(now - DAY)
            await records.async_actions.forget(now - WEEK)
        return self._lease is not None

    async def _take_up_killed_runs(self, records: Records, swept: Swept) -> None:
        for lease in await records.leases.abandoned(self._clock.now(), limit=AT_ONCE):
            turn = await records.turns.last_of(lease.thread_id)
            woken = await self._wake(turn, None) if turn is not None else "elsewhere"
            swept.taken_up += woken == "woken"
            if woken == "elsewhere":
                await records.leases.give_back(lease)

    async def _look(self, services: Services, waits: list[Wait], swept: Swept) -> None:
        """Asks Nango once for each requester. Those that the budget leaves out stay due."""
        for requester in dict.fromkeys(wait.requester for wait in waits):
            if not self._budget.allows(self._clock.now()) or not await self._leads(services.records):
                return
            theirs = [wait for wait in waits if wait.requester == requester]
            swept.looked += len(theirs)
            try:
                satisfied = {wait.id for wait in await satisfied_now(services, theirs)}
            except NangoError as error:
                _log.warning("Waits could not be looked at, which is tried again: %s", error)
                await self._later(services, theirs)
                if isinstance(error, RateLimited):
                    return
                continue
            swept.satisfied += len(satisfied)
            for wait in theirs:
                if wait.id in satisfied:
                    await self._nudge(services, wait, swept)
            await self._later(services, [wait for wait in theirs if wait.id not in satisfied])

    async def _nudge(self, services: Services, wait: Wait, swept: Swept) -> None:
        """Until the graph has passed it. That a deadline came is for the graph to note, so that a nudge that is lost is repeated."""
        waits, now = services.records.waits, services.clock.now()
        woken = await self._wake(await _turn_of(wait, services.records), wait.id)
        swept.woken += woken == "woken"
        if woken == "elsewhere" and wait.state == "cancelled":
            await waits.heard(wait.id)
        elif woken != "elsewhere":
            await waits.look_again(wait.id, at=now + interval(wait.looks), looks=wait.looks + 1)
        elif wait.deadline <= now:
            await waits.change(wait.id, "expired", only_from=("open", "satisfied"), now=now)
        else:
            at = now + min(DAY, 60.0 * 2 ** min(wait.looks, 20))
            await waits.look_again(wait.id, at=min(at, wait.deadline), looks=wait.looks + 1)

    async def _later(self, services: Services, waits: Iterable[Wait]) -> None:
        now = services.clock.now()
        for wait in waits:
            at = min(now + interval(wait.looks), wait.deadline)
            await services.records.waits.look_again(wait.id, at=at, looks=wait.looks + 1)

    async def _wake(self, turn: TurnRow | None, wait_id: str | None) -> Woken:
        if turn is None:
            return "elsewhere"
        try:
            return await self._threads.wake(turn, wait_id=wait_id)
        except Exception as error:  # noqa: BLE001 - one thread that can't be woken must not keep the others waiting
            _log.warning("Thread %s could not be woken, which is tried again: %s", turn.thread_id, type(error).__name__)
            return "busy"


def interval(looks: int) -> float:
    """Seconds until the next look, after so many: about a tenth of the time for which it was looked already."""
    return min(MOST, FIRST * 1.1 ** max(0, min(looks, 100) - 10))


async def _turn_of(wait: Wait, records: Records) -> TurnRow | None:
    try:
        return await records.turns.get(wait.turn_id, wait.thread_id)
    except UsageError:
        return await records.turns.last_of(wait.thread_id)


class _Budget:
    def __init__(self, a_minute: int) -> None:
        self._most = self._left = float(a_minute)
        self._at = 0.0

    def allows(self, now: float) -> bool:
        """One more? What is not used adds up, to a minute's."""
        self._left = min(self._most, self._left + max(0.0, now - self._at) * self._most / 60)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


@asynccontextmanager
async def sweeping(
    services: ServicesSource | Services, threads: Threads, *, every: float = 5.0, looks_a_minute: int = 60
) -> AsyncIterator[Sweep]:
    """Sweeps in the background, at once and then `every` seconds. Whatever fails is tried again at the next pass."""
    sweep, over = Sweep(services, threads, looks_a_minute=looks_a_minute), asyncio.Event()
    passes = asyncio.create_task(_passes(sweep, every, over))
    try:
        yield sweep
    finally:
        over.set()
        await asyncio.wait([passes], timeout=every)
        passes.cancel()
        with suppress(Exception):
            await sweep.close()


async def _passes(sweep: Sweep, every: float, over: asyncio.Event) -> None:
    while not over.is_set():
        try:
            await sweep.once()
        except Exception as error:  # noqa: BLE001 - it must outlive a database that is away for a while
            _log.warning("A sweep failed, and is tried again: %s", type(error).__name__)
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), every)

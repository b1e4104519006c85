"""One run at a time in a thread, where no server's queue sees to that: a lease in the records, renewed while the run lasts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from langgraph.config import get_config
from langgraph.runtime import RunControl
from sqlalchemy.exc import SQLAlchemyError

from nango_graph.clock import SystemClock
from nango_graph.errors import UsageError
from nango_graph.records import Lease, Records

BUSY = "Another run is going on in this thread. Wait until it has ended, then try again."
LOST = "Another run has taken over this thread, because this one did not show that it was alive. This one has stopped."
LEASE_KEY = "__nango_agent_lease"
"""Where a run's config holds its lease. It is an object that only `DurableGraph` puts there: no client can send one."""
_AGAIN = 0.1
_CLOCK = SystemClock()
"""Leases are about processes that live now: a clock that is moved would end them."""


class ThreadBusy(UsageError):
    """Another run holds the thread. Nothing was done: the same can be tried again later."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. A killed run's thread is free again after `lasts`, or at once where it can be seen that its process is gone."""

    lasts: float = 15.0
    renewed_every: float = 5.0
    patience: float = 10.0
    """How long a person's answer waits for the run before it."""


@asynccontextmanager
async def only_run(
    records: Records, thread_id: str, namespace: str, *, pace: Pace, patient: bool, by_force: bool, control: RunControl
) -> AsyncIterator[Lease]:
    """Holds the thread's lease, and gives it back however the run ends. Raises `ThreadBusy`.

    `namespace` tells graphs inside one parent's thread apart. `by_force`: a server's queue has let the run through, so the lease is
    taken whoever holds it, and what an older run still does is told by its fence. A lease that is lost drains `control`: the run stops before its next step, and this raises `ThreadBusy`.
    """
    name = f"run:{thread_id}|{namespace}"
    lease = await _taken(
        records, name, thread_id, pace=pace, patience=pace.patience if patient else 0.0, force=by_force
    )
    over = asyncio.Event()
    keeping = asyncio.create_task(_keep(records, lease, pace, control, over))
    try:
        yield lease
    finally:
        over.set()
        await asyncio.shield(_end(records, lease, keeping))


def lease_of_run() -> Lease | None:
    """The lease of the run that a node runs in, with the fence that its writes are claimed with."""
    try:
        lease = get_config().get("configurable", {}).get(LEASE_KEY)
    except RuntimeError:
        return None
    return lease if isinstance(lease, Lease) else None


async def _end(records: Records, lease: Lease, keeping: asyncio.Task[None]) -> None:
    await asyncio.wait([keeping])
    await records.leases.give_back(lease)


async def _taken(records: Records, name: str, thread_id: str, *, pace: Pace, patience: float, force: bool) -> Lease:
    until = _CLOCK.now() + patience
    while True:
        now = _CLOCK.now()
        lease = await records.leases.take(
            name, kind="run", thread_id=thread_id, seconds=pace.lasts, now=now, by_force=force
        )
        if lease is not None:
            return lease
        if now >= until:
            raise ThreadBusy(BUSY)
        await _CLOCK.sleep(_AGAIN)


async def _keep(records: Records, lease: Lease, pace: Pace, control: RunControl, over: asyncio.Event) -> None:
    until = lease.until
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), pace.renewed_every)
        if over.is_set():
            return
        now = _CLOCK.now()
        try:
            kept = await records.leases.renew(lease, seconds=pace.lasts, now=now)
        except (SQLAlchemyError, OSError):
            # The database may be back in time.
            kept = now < until
        else:
            until = now + pace.lasts
        if not kept:
            control.request_drain(LOST)
            return

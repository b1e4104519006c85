"""Leases: of several workers, one does it. A lease that was never given back tells of a process that was killed.

Times are those of the machine's clock, whatever clock the agent is handed: a lease is about processes that live now.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, delete, or_, select, update

from nango_graph.records.database import Database
from nango_graph.records.tables import leases
from nango_graph.records.workers import is_surely_gone, this_process

Kind = Literal["run", "sweep"]
_FREE = "free"
"""Kind of a row whose lease was given back: kept for a while, so that the fence goes on rising."""


@dataclass(frozen=True, slots=True)
class Lease:
    name: str
    worker: str
    fence: int
    """Rises with every new holder: what an older one still does can be told by it."""
    until: float
    thread_id: str = ""


class Leases:
    def __init__(self, database: Database, worker: str) -> None:
        self._database = database
        self._handle = worker
        self._worker = ""

    async def take(
        self, name: str, *, kind: Kind, thread_id: str = "", seconds: float, now: float, by_force: bool = False
    ) -> Lease | None:
        """The lease, if nobody holds it any more; None while somebody does. `by_force` takes it in any case.

        Nobody holds what was given back, has run out, or was held by a process that is surely gone.
        """
        worker = await self._me()
        values = {"kind": kind, "thread_id": thread_id, "worker": worker, "until": now + seconds}
        new = self._database.insert_if_absent(leases).values(name=name, fence=1, **values)
        if await self._database.execute(new.returning(leases.c.fence)) is not None:
            return Lease(name, worker, 1, now + seconds, thread_id)
        free = (leases.c.kind == _FREE) | (leases.c.until < now)
        taken = await self._take_over(leases.c.name == name if by_force else and_(leases.c.name == name, free), values)
        if taken is None:
            holder = await self._holder(name)
            if holder is not None and await asyncio.to_thread(is_surely_gone, _process(holder)):
                taken = await self._take_over(and_(leases.c.name == name, leases.c.worker == holder), values)
        return Lease(name, worker, taken, now + seconds, thread_id) if taken is not None else None

    async def renew(self, lease: Lease, *, seconds: float, now: float) -> bool:
        """False if somebody else has it by now."""
        later = update(leases).where(is_held(lease)).values(until=now + seconds)
        return await self._database.execute(later.returning(leases.c.name)) is not None

    async def give_back(self, lease: Lease) -> None:
        """Does nothing if somebody else has it by now."""
        await self._database.execute(update(leases).where(is_held(lease)).values(kind=_FREE))

    async def abandoned(self, now: float, *, limit: int) -> list[Lease]:
        """Of runs that ended without giving their lease back: it has run out, or its process is surely gone."""
        me = await self._me()
        machine = me.partition(":")[0]
        query = (
            select(leases)
            .where(
                leases.c.kind == "run",
                leases.c.worker != me,
                or_(leases.c.until < now, leases.c.worker.startswith(f"{machine}:", autoescape=True)),
            )
            .order_by(leases.c.until)
            .limit(limit)
        )
        held = [_lease(row) for row in await self._database.rows(query)]
        return [
            lease
            for lease in held
            if lease.until < now or await asyncio.to_thread(is_surely_gone, _process(lease.worker))
        ]

    async def forget(self, before: float) -> None:
        """Deletes rows of leases that were given back and would have run out before then."""
        await self._database.execute(delete(leases).where(leases.c.kind == _FREE, leases.c.until < before))

    async def _take_over(self, condition: Any, values: dict[str, Any]) -> int | None:
        query = update(leases).where(condition).values(fence=leases.c.fence + 1, **values).returning(leases.c.fence)
        taken = await self._database.execute(query)
        return int(taken.fence) if taken is not None else None

    async def _holder(self, name: str) -> str | None:
        found = await self._database.row(select(leases.c.worker).where(leases.c.name == name))
        return found.worker if found is not None else None

    async def _me(self) -> str:
        if not self._worker:
            self._worker = f"{await asyncio.to_thread(this_process)}:{self._handle}"
        return self._worker


def is_held(lease: Lease) -> ColumnElement[bool]:
    """Of its row: has nobody taken it over, and was it not given back? (That it ran out, and nobody wanted it, takes nothing away.)"""
    return and_(
        leases.c.name == lease.name,
        leases.c.worker == lease.worker,
        leases.c.fence == lease.fence,
        leases.c.kind != _FREE,
    )


def _process(worker: str) -> str:
    return worker.rpartition(":")[0]


def _lease(row: Any) -> Lease:
    return Lease(row.name, row.worker, row.fence, row.until, row.thread_id)

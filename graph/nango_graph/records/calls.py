"""Calls: what was called, and what came of it. Writes are claimed before they leave: see claims.py."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, select

from nango_graph.records.batching import Batches
from nango_graph.records.database import Database
from nango_graph.records.decisions import CallKey
from nango_graph.records.tables import calls, decisions
from nango_tools import Access

CallState = Literal["claimed", "succeeded", "not_sent", "rejected", "failed", "unknown"]
ENDED: tuple[CallState, ...] = ("succeeded", "not_sent", "rejected", "failed")
NEVER_RAN: tuple[CallState, ...] = ("not_sent", "rejected")
Cause = Literal["authorization", "replayed"]
AUTHORIZATION: Cause = "authorization"
REPLAYED: Cause = "replayed"
_AT_ONCE = 200
"""Rows in one transaction."""
_NAMED_AT_ONCE = 500
"""Steps in one query: what a database takes is bounded."""


@dataclass(frozen=True, slots=True)
class Call:
    key: CallKey
    tool: str
    connection_id: str
    access: str
    digest: str
    arguments: Any
    state: CallState
    worker: str
    lease_until: float
    output: Any = None
    error: str | None = None
    cause: Cause | None = None
    """`authorization`: it did not succeed because the connection had broken, which Nango confirmed. `replayed`: it was not sent;
    the same write of another plan of the turn, whose outcome this is, stands for it.
    """
    async_id: str | None = None
    """Nango's id of the asynchronous action that it became: whoever knows it may ask what came of it."""
    artifact: str | None = None
    """Id of the artifact that holds the output, where it is large; then `output` is None."""
    position: int | None = None
    """Of its item in the list that its step goes through, from 0. Older rows have none."""

    @property
    def may_be_claimed_again(self) -> bool:
        return self.cause == AUTHORIZATION and self.state in NEVER_RAN

    @property
    def is_in_doubt(self) -> bool:
        """Does nobody know whether it took effect? A read, however it ended, took none."""
        return self.state == "unknown" and self.access != Access.READ.value


def is_followed() -> ColumnElement[bool]:
    """Was something decided on the attempt after a call?"""
    return exists().where(
        decisions.c.plan_id == calls.c.plan_id,
        decisions.c.step == calls.c.step,
        decisions.c.item == calls.c.item,
        decisions.c.attempt == calls.c.attempt + 1,
    )


# Made once: to put a statement together takes longer than to carry it out.
_OF_TENANT = (
    select(calls)
    .where(calls.c.tenant == bindparam("of_tenant"))
    .order_by(calls.c.started_at, calls.c.step, calls.c.item, calls.c.attempt)
)
_OF_PLAN = _OF_TENANT.where(calls.c.plan_id == bindparam("of_plan"))
_OF_THREAD = _OF_TENANT.where(calls.c.thread_id == bindparam("of_thread"))
_IN_FLIGHT = _OF_THREAD.where(calls.c.state == "claimed")
_UNSETTLED = _OF_THREAD.where(
    calls.c.access != "read",
    calls.c.state == "unknown",
    ~is_followed(),
)


class Calls:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._batches = Batches(self._insert, most=_AT_ONCE)

    async def record(self, call: Call, *, tenant: str, thread_id: str, now: float) -> None:
        """The outcome of a read. The first one stands, so that what was seen stays what was seen. Committed when this
        returns; what many tasks record at once is committed together.
        """
        await self._batches.add(call_values(call, tenant=tenant, thread_id=thread_id, now=now, finished=now))

    async def settled(self) -> None:
        """Returns once all that was given to `record` is committed."""
        await self._batches.settled()

    async def _insert(self, rows: Sequence[dict[str, Any]]) -> None:
        await self._database.execute(self._database.insert_if_absent(calls), rows)

    async def get(self, key: CallKey) -> Call | None:
        row = await self._database.row(select(calls).where(is_call(key)))
        return as_call(row) if row is not None else None

    async def in_flight(self, thread_id: str, tenant: str) -> list[Call]:
        """Writes of the thread that were claimed and have not ended."""
        return await self._many(_IN_FLIGHT, of_thread=thread_id, of_tenant=tenant)

    async def unsettled(self, thread_id: str, tenant: str) -> list[Call]:
        """Writes of the thread whose outcome nobody knows and no human was asked about. (A read took no effect.)"""
        return await self._many(_UNSETTLED, of_thread=thread_id, of_tenant=tenant)

    async def of_plan(self, plan_id: str, tenant: str) -> list[Call]:
        return await self._many(_OF_PLAN, of_plan=plan_id, of_tenant=tenant)

    async def of_thread(self, thread_id: str, tenant: str) -> list[Call]:
        return await self._many(_OF_THREAD, of_thread=thread_id, of_tenant=tenant)

    async def of_steps(self, steps: Collection[str], thread_id: str, tenant: str) -> list[Call]:
        """Those that succeeded, of these steps of the thread's plans."""
        found: list[Call] = []
        left = sorted(steps)
        while left:
            some, left = left[:_NAMED_AT_ONCE], left[_NAMED_AT_ONCE:]
            of_them = _OF_THREAD.where(calls.c.step.in_(some), calls.c.state == "succeeded")
            found += await self._many(of_them, of_thread=thread_id, of_tenant=tenant)
        return found

    async def steps_done(self, plan_id: str, tenant: str) -> set[str]:
        """Ids of the steps of a plan of which a call succeeded, without their outputs."""
        query = (
            select(calls.c.step)
            .where(calls.c.plan_id == plan_id, calls.c.tenant == tenant, calls.c.state == "succeeded")
            .distinct()
        )
        return {row.step for row in await self._database.rows(query)}

    async def _many(self, query: Select[Any], **values: str) -> list[Call]:
        return [as_call(row) for row in await self._database.rows(query, values)]


def is_call(key: CallKey) -> ColumnElement[bool]:
    return and_(
        calls.c.plan_id == key.plan_id,
        calls.c.step == key.step,
        calls.c.item == key.item,
        calls.c.attempt == key.attempt,
    )


def call_values(call: Call, *, tenant: str, thread_id: str, now: float, finished: float | None) -> dict[str, Any]:
    return {
        "plan_id": call.key.plan_id,
        "step": call.key.step,
        "item": call.key.item,
        "attempt": call.key.attempt,
        "tenant": tenant,
        "thread_id": thread_id,
        "tool": call.tool,
        "connection_id": call.connection_id,
        "access": call.access,
        "digest": call.digest,
        "arguments": call.arguments,
        "state": call.state,
        "worker": call.worker,
        "lease_until": call.lease_until,
        "output": call.output,
        "error": call.error,
        "cause": call.cause,
        "async_id": call.async_id,
        "artifact": call.artifact,
        "position": call.position,
        "started_at": now,
        "finished_at": finished,
    }


def was_sent() -> ColumnElement[bool]:
    """A call of its own, and no copy of what came of another one."""
    return calls.c.cause.is_distinct_from(REPLAYED)


def as_call(row: Any) -> Call:
    return Call(
        key=CallKey(row.plan_id, row.step, row.item, row.attempt),
        tool=row.tool,
        connection_id=row.connection_id,
        access=row.access,
        digest=row.digest,
        arguments=row.arguments,
        state=row.state,
        worker=row.worker,
        lease_until=row.lease_until,
        output=row.output,
        error=row.error,
        cause=row.cause,
        async_id=row.async_id,
        artifact=row.artifact,
        position=row.position,
    )

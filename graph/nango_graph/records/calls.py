"""Calls: the outcome of every read, and the ledger of writes, which are claimed here before they leave.

A write, or a read that a rule asks for, is claimed by one committed `INSERT … ON CONFLICT DO NOTHING`. Whoever inserts the row may send, once;
everybody else finds the row. A claim whose worker is gone becomes `unknown` when its lease has run out. A write that Nango
refused because the connection was broken never ran: once that is mended it may be claimed again, under the same approval.
"""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from nango_graph.identity import BY_RULE
from nango_graph.records.database import Database
from nango_graph.records.decisions import CallKey, Decision, as_decision, decision_values
from nango_graph.records.tables import calls, decisions, plans

CallState = Literal["claimed", "succeeded", "not_sent", "rejected", "failed", "unknown"]
ENDED: tuple[CallState, ...] = ("succeeded", "not_sent", "rejected", "failed")
NEVER_RAN: tuple[CallState, ...] = ("not_sent", "rejected")
Cause = Literal["authorization"]
AUTHORIZATION: Cause = "authorization"


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
    """`authorization`: it did not succeed because the connection had broken, which Nango confirmed."""

    @property
    def may_be_claimed_again(self) -> bool:
        return self.cause == AUTHORIZATION and self.state in NEVER_RAN


_MAY_BE_CLAIMED_AGAIN = and_(calls.c.cause == AUTHORIZATION, calls.c.state.in_(NEVER_RAN))
_GIVEN_UP = {"state": "unknown", "error": "The process that sent it ended before the answer came."}


class NotAllowed(Exception):
    """A claim that no standing decision covers. `str()` says why, for the answer."""


class Calls:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self,
        call: Call,
        *,
        tenant: str,
        thread_id: str,
        now: float,
        by_rule: Decision | None = None,
        fingerprint: str = "",
    ) -> Call | None:
        """Claims a write, all checks and the row in one transaction. None: go and send. A call: it exists already.

        Raises `NotAllowed` unless the plan is open, of this tenant and thread, and this exact action was approved: by a
        human, for the tool with this `fingerprint` and access; or by a rule that allows it at this moment, whose decision is
        `by_rule`. It is recorded before the claim.
        """
        async with self._database.transaction() as connection:
            plan = (
                await connection.execute(
                    select(plans.c.turn_id, plans.c.state).where(
                        plans.c.id == call.key.plan_id, plans.c.tenant == tenant, plans.c.thread_id == thread_id
                    )
                )
            ).one_or_none()
            if plan is None:
                raise NotAllowed("the records have no such plan in this thread; ask for it again")
            existing = await self._one(connection, _is(call.key))
            if existing is not None and not existing.may_be_claimed_again:
                return existing
            before = await self._one(connection, _done_before(call.key))
            if before is not None:
                return before
            if plan.state != "open":
                raise NotAllowed("the plan was closed by a newer message; ask for it again")
            twin = await self._one(connection, _twin(call.key.plan_id, plan.turn_id, call.digest, tenant))
            if twin is not None:
                return twin
            if by_rule is not None:
                values = decision_values(by_rule, tenant=tenant, thread_id=thread_id, now=now)
                await connection.execute(self._database.insert_if_absent(decisions).values(values))
            approved = (
                await connection.execute(
                    select(decisions).where(
                        decisions.c.plan_id == call.key.plan_id,
                        decisions.c.step == call.key.step,
                        decisions.c.item == call.key.item,
                        decisions.c.attempt == call.key.attempt,
                        decisions.c.tenant == tenant,
                        decisions.c.verdict == "approved",
                    )
                )
            ).one_or_none()
            if approved is None or approved.digest != call.digest:
                raise NotAllowed("no approval covers exactly this action")
            if by_rule is None and not as_decision(approved).is_for(fingerprint, call.access):
                raise NotAllowed("the tool is not as it was when this was approved; ask for it again")
            if by_rule is None and approved.actor.startswith(BY_RULE):
                raise NotAllowed("the rule that allowed this does not hold any more")
            values = _values(call, tenant=tenant, thread_id=thread_id, now=now, finished=None)
            statement = (
                self._database.insert_if_absent(calls).values(values)
                if existing is None
                else update(calls).where(_is(call.key), _MAY_BE_CLAIMED_AGAIN).values(values)
            )
            claimed = await connection.execute(statement.returning(calls.c.step))
            return None if claimed.first() is not None else await self._one(connection, _is(call.key))

    async def finish(self, key: CallKey, *, state: CallState, output: Any, error: str | None, now: float) -> None:
        """The outcome of a claimed call. One that was given up as unknown is still corrected by a late answer."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(calls)
                .where(_is(key), calls.c.state.in_(("claimed", "unknown")))
                .values(state=state, output=output, error=error, finished_at=now)
            )

    async def broke(self, key: CallKey) -> None:
        """Notes that a call did not succeed because its connection had broken."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(calls).where(_is(key), calls.c.state.in_((*NEVER_RAN, "failed"))).values(cause=AUTHORIZATION)
            )

    async def record(self, call: Call, *, tenant: str, thread_id: str, now: float) -> None:
        """The outcome of a read. The first one stands, so that what was seen stays what was seen."""
        async with self._database.transaction() as connection:
            await connection.execute(
                self._database.insert_if_absent(calls).values(
                    _values(call, tenant=tenant, thread_id=thread_id, now=now, finished=now)
                )
            )

    async def give_up(self, key: CallKey, *, now: float) -> None:
        """A claim whose lease has run out: nobody knows whether the action ran."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(calls)
                .where(_is(key), calls.c.state == "claimed", calls.c.lease_until < now)
                .values(**_GIVEN_UP, finished_at=now)
            )

    async def settle(self, key: CallKey, *, state: CallState, error: str | None, now: float) -> None:
        """What a human says about an unknown outcome."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(calls)
                .where(_is(key), calls.c.state == "unknown")
                .values(state=state, error=error, finished_at=now)
            )

    async def get(self, key: CallKey) -> Call | None:
        async with self._database.transaction() as connection:
            return await self._one(connection, _is(key))

    async def done_before(self, plan_id: str, turn_id: str, digest: str, tenant: str) -> Call | None:
        """The same action, sent under another plan of the same turn: what a re-plan must not repeat."""
        async with self._database.transaction() as connection:
            return await self._one(connection, _twin(plan_id, turn_id, digest, tenant))

    async def in_flight(self, thread_id: str, tenant: str) -> list[Call]:
        """Writes of the thread that were claimed and have not ended."""
        return await self._many(
            and_(calls.c.thread_id == thread_id, calls.c.tenant == tenant, calls.c.state == "claimed")
        )

    async def unsettled(self, thread_id: str, tenant: str) -> list[Call]:
        """Writes of the thread whose outcome nobody knows and no human was asked about. (A read took no effect.)"""
        decided = exists().where(
            decisions.c.plan_id == calls.c.plan_id,
            decisions.c.step == calls.c.step,
            decisions.c.item == calls.c.item,
            decisions.c.attempt == calls.c.attempt + 1,
        )
        return await self._many(
            and_(
                calls.c.thread_id == thread_id,
                calls.c.tenant == tenant,
                calls.c.access != "read",
                calls.c.state == "unknown",
                ~decided,
            )
        )

    async def of_plan(self, plan_id: str, tenant: str) -> list[Call]:
        return await self._many(and_(calls.c.plan_id == plan_id, calls.c.tenant == tenant))

    async def of_thread(self, thread_id: str, tenant: str) -> list[Call]:
        return await self._many(and_(calls.c.thread_id == thread_id, calls.c.tenant == tenant))

    async def _many(self, condition: ColumnElement[bool]) -> list[Call]:
        query = select(calls).where(condition).order_by(calls.c.started_at)
        async with self._database.transaction() as connection:
            return [_call(row) for row in await connection.execute(query)]

    async def _one(self, connection: AsyncConnection, condition: ColumnElement[bool]) -> Call | None:
        row = (await connection.execute(select(calls).where(condition).limit(1))).first()
        return _call(row) if row is not None else None


def _is(key: CallKey) -> ColumnElement[bool]:
    return and_(
        calls.c.plan_id == key.plan_id,
        calls.c.step == key.step,
        calls.c.item == key.item,
        calls.c.attempt == key.attempt,
    )


def _done_before(key: CallKey) -> ColumnElement[bool]:
    """An earlier attempt that is under way, or has succeeded after all: no later one may follow."""
    return and_(
        calls.c.plan_id == key.plan_id,
        calls.c.step == key.step,
        calls.c.item == key.item,
        calls.c.attempt < key.attempt,
        calls.c.state.in_(("claimed", "succeeded")),
    )


def _twin(plan_id: str, turn_id: str, digest: str, tenant: str) -> ColumnElement[bool]:
    return and_(
        calls.c.digest == digest,
        calls.c.tenant == tenant,
        calls.c.plan_id != plan_id,
        calls.c.plan_id.in_(select(plans.c.id).where(plans.c.turn_id == turn_id)),
        calls.c.access != "read",
        calls.c.state.in_(("claimed", "succeeded", "unknown")),
    )


def _values(call: Call, *, tenant: str, thread_id: str, now: float, finished: float | None) -> dict[str, Any]:
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
        "started_at": now,
        "finished_at": finished,
    }


def _call(row: Any) -> Call:
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
    )

"""The ledger: writes are claimed here before they leave.

A write, or a read that a rule asks for, is claimed by one committed `INSERT … ON CONFLICT DO NOTHING`. Whoever inserts the row may send, once;
everybody else finds the row. A run that was overtaken by another one of its thread claims nothing any more: its lease is looked
at in the same transaction. A claim whose worker is gone becomes `unknown` when its lease has run out. A write that Nango
refused because the connection was broken never ran: once that is mended it may be claimed again, under the same approval.

What a turn plans anew is not sent twice: a write that another of its plans did stands for an equal one, once. It is then used up,
which a row of the equal one's own tells.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, update

from nango_graph.identity import BY_RULE
from nango_graph.records.calls import (
    AUTHORIZATION,
    NEVER_RAN,
    REPLAYED,
    Call,
    CallState,
    as_call,
    call_values,
    is_call,
    was_sent,
)
from nango_graph.records.database import Database
from nango_graph.records.decisions import CallKey, Decision, as_decision, decision_values, is_decision
from nango_graph.records.leases import Lease, is_held
from nango_graph.records.sent import Sent, failed_in_turn, is_settled, same_action, was_made_again, writes_sent
from nango_graph.records.tables import calls, decisions, leases, plans

_MAY_BE_CLAIMED_AGAIN = and_(calls.c.cause == AUTHORIZATION, calls.c.state.in_(NEVER_RAN))
_GIVEN_UP = {"state": "unknown", "error": "The process that sent it ended before the answer came."}


class NotAllowed(Exception):
    """A claim that no standing decision covers. `str()` says why, for the answer."""


class Overtaken(NotAllowed):
    """The claim of a run whose thread another run has taken over."""


class Claims:
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
        lease: Lease | None = None,
    ) -> Call | None:
        """Claims a write, all checks and the row in one transaction. None: go and send. A call: it exists already, under
        this key or, in a plan of the same turn, under another one.

        Raises `NotAllowed` unless the plan is open, of this tenant and thread, and this exact action was approved: by a
        human, for the tool with this `fingerprint` and access; or by a rule that allows it at this moment, whose decision is
        `by_rule`, and which is recorded with the claim; that one covers no repeat of what may have happened before. Raises `Overtaken`
        unless `lease`, of the run that claims, is the newest one of its name. (Without one the claim is not a run's of ours.)
        """

        def work(connection: Connection) -> Call | None:
            if lease is not None:
                # Locked until the claim is committed: who takes over afterwards finds it.
                held = select(leases.c.name).where(is_held(lease)).with_for_update(read=True)
                if connection.execute(held).first() is None:
                    raise Overtaken("another run has taken over this thread")
            plan = connection.execute(
                select(plans.c.turn_id, plans.c.state).where(
                    plans.c.id == call.key.plan_id, plans.c.tenant == tenant, plans.c.thread_id == thread_id
                )
            ).one_or_none()
            if plan is None:
                raise NotAllowed("the records have no such plan in this thread; ask for it again")
            existing = _one(connection, is_call(call.key))
            if existing is not None and not existing.may_be_claimed_again:
                return existing
            before = _one(connection, _done_before(call.key))
            if before is not None:
                return before
            if plan.state != "open":
                raise NotAllowed("the plan was closed by a newer message; ask for it again")
            twin = _unsettled(connection, call, plan.turn_id, tenant)
            if twin is not None:
                return twin
            if by_rule is not None:
                values = decision_values(by_rule, tenant=tenant, thread_id=thread_id, now=now)
                connection.execute(self._database.insert_if_absent(decisions).values(values))
            approved = connection.execute(
                # Locked until the claim is committed: a rejection that comes meanwhile finds the call.
                select(decisions)
                .where(is_decision(call.key), decisions.c.tenant == tenant, decisions.c.verdict == "approved")
                .with_for_update(read=True)
            ).one_or_none()
            if approved is None or approved.digest != call.digest:
                raise NotAllowed("no approval covers exactly this action")
            if by_rule is None and not as_decision(approved).is_for(fingerprint, call.access):
                raise NotAllowed("the tool is not as it was when this was approved; ask for it again")
            if by_rule is None and approved.actor.startswith(BY_RULE):
                raise NotAllowed("the rule that allowed this does not hold any more")
            if approved.actor.startswith(BY_RULE) and call.access != "read":
                before_this = writes_sent(connection, same_action(call.digest, tenant, thread_id))
                if any(one.may_have_happened and one.key != call.key for one in before_this):
                    raise NotAllowed(
                        "the same was sent before and may have taken effect, so a person must decide on it"
                    )
            values = call_values(call, tenant=tenant, thread_id=thread_id, now=now, finished=None)
            if self._put(connection, call.key, existing, values):
                return None
            return _one(connection, is_call(call.key))

        return await self._database.transaction(work)

    async def replayed(self, call: Call, *, tenant: str, thread_id: str, most: int) -> Call | None:
        """The call as another plan of its turn made it, from now on under its own key; None where it is not done, or was done
        less often than this plan wants it, or where it must be settled first what became of it. `most`: so many of a plan's equal calls
        may stand for what is done.
        """

        def work(connection: Connection) -> Call | None:
            turn_id = connection.execute(
                select(plans.c.turn_id).where(
                    plans.c.id == call.key.plan_id,
                    plans.c.tenant == tenant,
                    plans.c.thread_id == thread_id,
                    plans.c.state == "open",
                )
            ).scalar_one_or_none()
            if turn_id is None or _unsettled(connection, call, turn_id, tenant) is not None:
                return None
            existing = _one(connection, is_call(call.key))
            if existing is None or existing.may_be_claimed_again:
                self._used_up(connection, call, existing, turn_id, tenant, thread_id, most)
                existing = _one(connection, is_call(call.key))
            return existing if existing is not None and not existing.may_be_claimed_again else None

        return await self._database.transaction(work)

    async def withdraw(self, call: Call) -> None:
        """Takes back a claim of this process whose request never left: it can be claimed again, under the same decision."""
        await self._database.execute(
            delete(calls).where(is_call(call.key), calls.c.state == "claimed", calls.c.worker == call.worker)
        )

    async def finish(
        self,
        key: CallKey,
        *,
        state: CallState,
        output: Any,
        error: str | None,
        now: float,
        artifact: str | None = None,
    ) -> None:
        """The outcome of a claimed call. One that was given up as unknown is still corrected by a late answer. `artifact`: the id
        of what holds the output, where `output` does not.
        """
        await self._database.execute(
            update(calls)
            .where(is_call(key), calls.c.state.in_(("claimed", "unknown")))
            .values(state=state, output=output, artifact=artifact, error=error, finished_at=now)
        )

    async def broke(self, key: CallKey) -> None:
        """Notes that a call did not succeed because its connection had broken."""
        await self._database.execute(
            update(calls).where(is_call(key), calls.c.state.in_((*NEVER_RAN, "failed"))).values(cause=AUTHORIZATION)
        )

    async def give_up(self, key: CallKey, *, now: float) -> None:
        """A claim whose lease has run out: nobody knows whether the action ran."""
        await self._database.execute(
            update(calls)
            .where(is_call(key), calls.c.state == "claimed", calls.c.lease_until < now)
            .values(**_GIVEN_UP, finished_at=now)
        )

    async def settle(self, key: CallKey, *, state: CallState, error: str | None, now: float) -> None:
        """What a human says about an unknown outcome. That it happened may also be said after that it did not, as long as it was not
        sent again.
        """
        open_ = calls.c.state == "unknown"
        if state == "succeeded":
            open_ = or_(open_, and_(calls.c.state == "failed", is_settled(), ~was_made_again()))
        await self._database.execute(
            update(calls).where(is_call(key), open_).values(state=state, error=error, finished_at=now)
        )

    async def sent_before(self, digest: str, tenant: str, thread_id: str) -> list[Sent]:
        """Exactly this action, as it was sent in this thread: what came of it or may have, in the order in which it was sent.

        Nothing of what certainly had no effect, and nothing of reads.
        """
        condition = same_action(digest, tenant, thread_id)
        return await self._database.read(lambda connection: writes_sent(connection, condition))

    async def failed_with(
        self, tool: str, connection_id: str, *, turn_id: str, tenant: str, thread_id: str
    ) -> list[Sent]:
        """Writes with this tool to this account that failed in this turn, whatever their arguments."""
        condition = failed_in_turn(turn_id, tool, connection_id, tenant, thread_id)
        return await self._database.read(lambda connection: writes_sent(connection, condition))

    async def claimed_at(self, keys: Iterable[CallKey]) -> dict[CallKey, float]:
        """When these were claimed, seconds since the epoch."""
        wanted = set(keys)
        query = select(calls.c.plan_id, calls.c.step, calls.c.item, calls.c.attempt, calls.c.started_at).where(
            calls.c.plan_id.in_({key.plan_id for key in wanted}), calls.c.step.in_({key.step for key in wanted})
        )
        found = {
            CallKey(row.plan_id, row.step, row.item, row.attempt): float(row.started_at)
            for row in await self._database.rows(query)
        }
        return {key: at for key, at in found.items() if key in wanted}

    def _used_up(
        self,
        connection: Connection,
        call: Call,
        existing: Call | None,
        turn_id: str,
        tenant: str,
        thread_id: str,
        most: int,
    ) -> Call | None:
        """The write of another plan that stands for this one from now on, if one is left that stands for none of this plan's."""
        done = and_(_twin(call.key.plan_id, turn_id, call.digest, tenant), calls.c.state == "succeeded")
        if _one(connection, done) is None:
            return None
        # One after the other: which are left is not known before the others of this plan have theirs.
        connection.execute(select(plans.c.id).where(plans.c.id == call.key.plan_id).with_for_update())
        used = select(func.count()).where(
            calls.c.plan_id == call.key.plan_id,
            calls.c.tenant == tenant,
            calls.c.digest == call.digest,
            calls.c.cause == REPLAYED,
        )
        number = connection.execute(used).scalar_one()
        if number >= most:
            return None
        in_order = (calls.c.started_at, calls.c.plan_id, calls.c.step, calls.c.position, calls.c.item, calls.c.attempt)
        row = connection.execute(select(calls).where(done).order_by(*in_order).offset(number).limit(1)).first()
        if row is None:
            return None
        twin = as_call(row)
        copy = replace(twin, key=call.key, cause=REPLAYED, async_id=None, position=call.position)
        # With the times of the one that was sent: nothing was done since.
        values = call_values(copy, tenant=tenant, thread_id=thread_id, now=row.started_at, finished=row.finished_at)
        return twin if self._put(connection, call.key, existing, values) else None

    def _put(self, connection: Connection, key: CallKey, existing: Call | None, values: dict[str, Any]) -> bool:
        """The row of a call, unless somebody else has made it meanwhile."""
        statement = (
            self._database.insert_if_absent(calls).values(values)
            if existing is None
            else update(calls).where(is_call(key), _MAY_BE_CLAIMED_AGAIN).values(values)
        )
        return connection.execute(statement.returning(calls.c.step)).first() is not None


def _one(connection: Connection, condition: ColumnElement[bool]) -> Call | None:
    row = connection.execute(select(calls).where(condition).limit(1)).first()
    return as_call(row) if row is not None else None


def _unsettled(connection: Connection, call: Call, turn_id: str, tenant: str) -> Call | None:
    twin = _twin(call.key.plan_id, turn_id, call.digest, tenant)
    return _one(connection, and_(twin, calls.c.state.in_(("claimed", "unknown"))))


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
    """The same action, sent under another plan of the turn."""
    return and_(
        was_sent(),
        calls.c.digest == digest,
        calls.c.tenant == tenant,
        calls.c.plan_id != plan_id,
        calls.c.plan_id.in_(select(plans.c.id).where(plans.c.turn_id == turn_id)),
        calls.c.access != "read",
        calls.c.state.in_(("claimed", "succeeded", "unknown")),
    )

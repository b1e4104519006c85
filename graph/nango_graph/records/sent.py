"""Writes that left before: what somebody must know who decides on another one."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, exists, select

from nango_graph.records.calls import CallState, is_followed, was_sent
from nango_graph.records.decisions import CallKey
from nango_graph.records.tables import calls, plans


@dataclass(frozen=True, slots=True)
class Sent:
    """One of them, without what was sent and what it brought."""

    key: CallKey
    turn_id: str
    state: CallState
    error: str
    at: float
    """When it was claimed, seconds since the epoch."""
    settled: bool
    """Has a human said that it did not happen?"""

    @property
    def may_have_happened(self) -> bool:
        """Although nobody can say that it did."""
        return self.state == "unknown" or (self.state == "failed" and not self.settled)


def same_action(digest: str, tenant: str, thread_id: str) -> ColumnElement[bool]:
    """Exactly this action in this thread; not where it certainly had no effect."""
    return and_(
        calls.c.digest == digest,
        calls.c.tenant == tenant,
        calls.c.thread_id == thread_id,
        calls.c.state.in_(("claimed", "succeeded", "unknown", "failed")),
    )


def failed_in_turn(turn_id: str, tool: str, connection_id: str, tenant: str, thread_id: str) -> ColumnElement[bool]:
    """With this tool, to this account, whatever the arguments."""
    return and_(
        calls.c.thread_id == thread_id,
        calls.c.tenant == tenant,
        calls.c.tool == tool,
        calls.c.connection_id == connection_id,
        calls.c.state == "failed",
        plans.c.turn_id == turn_id,
    )


def is_settled() -> ColumnElement[bool]:
    """Has a human said what became of a call? One is followed by a decision then, or if its connection broke."""
    return and_(calls.c.cause.is_(None), is_followed())


def was_made_again() -> ColumnElement[bool]:
    """Is there a call of the attempt after it?"""
    again = calls.alias()
    return exists().where(
        again.c.plan_id == calls.c.plan_id,
        again.c.step == calls.c.step,
        again.c.item == calls.c.item,
        again.c.attempt == calls.c.attempt + 1,
    )


def writes_sent(connection: Connection, condition: ColumnElement[bool]) -> list[Sent]:
    """In the order in which they were claimed."""
    query = (
        select(
            calls.c.plan_id,
            calls.c.step,
            calls.c.item,
            calls.c.attempt,
            calls.c.state,
            calls.c.error,
            calls.c.started_at,
            plans.c.turn_id,
            is_settled().label("settled"),
        )
        .join(plans, plans.c.id == calls.c.plan_id)
        .where(condition, was_sent(), calls.c.access != "read")
        .order_by(calls.c.started_at)
    )
    return [
        Sent(
            key=CallKey(row.plan_id, row.step, row.item, row.attempt),
            turn_id=row.turn_id,
            state=row.state,
            error=row.error or "",
            at=row.started_at,
            settled=bool(row.settled),
        )
        for row in connection.execute(query)
    ]

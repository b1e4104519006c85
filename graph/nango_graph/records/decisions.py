"""Decisions: what a human allowed or refused, or a rule of the operator allowed, bound to the digest of the action."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, exists, or_, select, update

from nango_graph.identity import BY_RULE
from nango_graph.records.database import Database
from nango_graph.records.tables import calls, decisions

Verdict = Literal["approved", "rejected"]


@dataclass(frozen=True, slots=True)
class CallKey:
    """One call, the same after every crash and re-run. `item` is "" unless the step runs once for each item."""

    plan_id: str
    step: str
    item: str = ""
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Decision:
    key: CallKey
    verdict: Verdict
    digest: str
    """Of tool, connection and arguments: nothing else may be sent under this decision."""
    arguments: Any
    """As approved, which is as edited where the human edited."""
    asked_id: str
    actor: str
    message: str = ""
    fingerprint: str | None = None
    """Of the tool's definition that was shown. None: of an earlier version, or by a rule, which is asked again; any will do."""
    access: str | None = None
    """What the tool was said to do, as it was shown; None as above."""

    def is_for(self, fingerprint: str, access: str) -> bool:
        """Was it this definition, doing this, that was decided on?"""
        return self.fingerprint in (None, fingerprint) and self.access in (None, access)

    @property
    def is_by_rule(self) -> bool:
        """Such a decision counts only while the rule holds."""
        return self.actor.startswith(BY_RULE)


_OF_PLAN = select(decisions).where(
    decisions.c.plan_id == bindparam("of_plan"), decisions.c.tenant == bindparam("of_tenant")
)


class Decisions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, made: list[Decision], *, tenant: str, thread_id: str, now: float) -> None:
        """The first decision on a call stands; a second answer to the same question changes nothing. But as long as the call was
        not made, or never ran and may be made again, a rejection takes an approval back, and an approval of something else replaces it;
        those of later attempts are void then too. A rejection stands for good.
        """
        insert = self._database.insert_if_absent(decisions).returning(decisions.c.step)

        def work(connection: Connection) -> None:
            for decision in made:
                values = decision_values(decision, tenant=tenant, thread_id=thread_id, now=now)
                if connection.execute(insert.values(values)).first() is None:
                    _replace(connection, decision, tenant, values)

        await self._database.transaction(work)

    async def of_plan(self, plan_id: str, tenant: str) -> dict[CallKey, Decision]:
        of_plan = {"of_plan": plan_id, "of_tenant": tenant}
        found = map(as_decision, await self._database.rows(_OF_PLAN, of_plan))
        return {decision.key: decision for decision in found}


def _replace(connection: Connection, decision: Decision, tenant: str, values: dict[str, Any]) -> None:
    """What was approved otherwise, at this attempt or for a later one, and was not sent, counts no more."""
    key = decision.key
    approvals = and_(
        decisions.c.plan_id == key.plan_id,
        decisions.c.step == key.step,
        decisions.c.item == key.item,
        decisions.c.attempt >= key.attempt,
        decisions.c.tenant == tenant,
        decisions.c.verdict == "approved",
    )
    # Locked first: a claim that holds an approval by now must be seen, and one that comes later must see this decision.
    if not connection.execute(select(decisions.c.step).where(approvals).with_for_update()).all():
        return
    made = exists().where(
        calls.c.plan_id == decisions.c.plan_id,
        calls.c.step == decisions.c.step,
        calls.c.item == decisions.c.item,
        calls.c.attempt == decisions.c.attempt,
        # As `Call.may_be_claimed_again` has it.
        or_(calls.c.cause.is_distinct_from("authorization"), calls.c.state.not_in(("not_sent", "rejected"))),
    )
    if decision.verdict == "rejected":
        said = {name: value for name, value in values.items() if name != "attempt"}
        connection.execute(update(decisions).where(approvals, ~made).values(said))
        return
    other = and_(approvals, ~made, decisions.c.digest != decision.digest)
    connection.execute(update(decisions).where(other, decisions.c.attempt == key.attempt).values(values))
    connection.execute(delete(decisions).where(other, decisions.c.attempt > key.attempt))


def is_decision(key: CallKey) -> ColumnElement[bool]:
    return and_(
        decisions.c.plan_id == key.plan_id,
        decisions.c.step == key.step,
        decisions.c.item == key.item,
        decisions.c.attempt == key.attempt,
    )


def decision_values(decision: Decision, *, tenant: str, thread_id: str, now: float) -> dict[str, Any]:
    """A row of the table."""
    return {
        "plan_id": decision.key.plan_id,
        "step": decision.key.step,
        "item": decision.key.item,
        "attempt": decision.key.attempt,
        "tenant": tenant,
        "thread_id": thread_id,
        "verdict": decision.verdict,
        "digest": decision.digest,
        "arguments": decision.arguments,
        "asked_id": decision.asked_id,
        "actor": decision.actor,
        "message": decision.message,
        "decided_at": now,
        "fingerprint": decision.fingerprint,
        "access": decision.access,
    }


def as_decision(row: Any) -> Decision:
    return Decision(
        key=CallKey(row.plan_id, row.step, row.item, row.attempt),
        verdict=row.verdict,
        digest=row.digest,
        arguments=row.arguments,
        asked_id=row.asked_id,
        actor=row.actor,
        message=row.message,
        fingerprint=row.fingerprint,
        access=row.access,
    )

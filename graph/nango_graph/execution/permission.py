"""May a call be sent: under the rules, under the decision that stands, or is somebody to be asked first."""

from collections.abc import Sequence
from dataclasses import replace

from nango_graph.execution.judging import Judge
from nango_graph.execution.repeating import planned_anew
from nango_graph.execution.standing import Standing
from nango_graph.execution.units import AskToSend, Unit, unit_of
from nango_graph.execution.variants import Variants
from nango_graph.execution.words import (
    ALLOWED_BEFORE,
    APPROVED_OTHERWISE,
    CHANGED_SINCE,
    FAILED_BEFORE,
    TWICE_IN_THE_PLAN,
    done_otherwise,
    failed_before,
    sent_before,
    why_asked,
)
from nango_graph.records import Call, CallKey, PlanRow, Records
from nango_graph.records.sent import Sent
from nango_tools import Access
from nango_tools.policy import Effect, Ruling


class Permission:
    """Of the calls of one plan, in one run of the node that executes."""

    def __init__(self, plan: PlanRow, records: Records, tenant: str, judge: Judge) -> None:
        self._plan = plan
        self._records = records
        self._tenant = tenant
        self._judge = judge
        self._asked: dict[str, CallKey] = {}
        self._variants = Variants(plan, records, tenant)
        self._failures: dict[tuple[str, str], list[Sent]] = {}

    async def of(self, unit: Unit, standing: Standing, note: str = "") -> Unit | Call | AskToSend | Ruling:
        """The call that may be sent under the rules, or the decision that stands; the question for one; or why it is denied. Or the
        call as it ended, where another plan of the turn made it.

        `note`: why it is asked for in any case, unless somebody has decided on it.
        """
        decision = standing.decision
        if decision is None:
            return await self._undecided(unit, note)
        now = replace(
            unit_of(standing.key, unit.step, unit.tool, unit.connection, decision.arguments),
            edited=decision.arguments != unit.arguments,
        )
        ruling, following = self._ruling(now), replace(now, key=standing.following)
        if ruling.effect is Effect.DENY:
            return ruling
        if standing.call is not None and not standing.call.may_be_claimed_again:
            return AskToSend(following, (FAILED_BEFORE,))
        # Worked out anew: the tool or the account may not be the one that was shown.
        same = now.digest == decision.digest
        if decision.is_by_rule:
            if ruling.effect is Effect.ASK:
                return AskToSend(following, (ALLOWED_BEFORE, *why_asked(ruling)))
            return now if same else following
        if not decision.is_for(now.tool.fingerprint, now.tool.access.value) and ruling.effect is not Effect.ALLOW:
            return AskToSend(following, (CHANGED_SINCE, *why_asked(ruling)))
        return now if same else AskToSend(following, (APPROVED_OTHERWISE,))

    async def _undecided(self, unit: Unit, note: str) -> Unit | Call | AskToSend | Ruling:
        ruling = self._ruling(unit)
        if ruling.effect is Effect.DENY:
            return ruling
        notes = [*filter(None, [note]), *(why_asked(ruling) if ruling.effect is Effect.ASK else ())]
        asks = bool(note) or ruling.effect is Effect.ASK
        if unit.tool.access is not Access.READ:
            before = await self._records.claims.sent_before(unit.digest, self._tenant, self._plan.thread_id)
            twins = {one.state for one in before if self._is_of_another_plan(one)}
            if twins & {"claimed", "unknown"}:
                # Whoever claims it finds that one, and what became of it is settled first.
                return unit
            if "succeeded" in twins:
                if (done := await self._replayed(unit, before)) is not None:
                    return done
                asks = True
            # What may have happened already is not for a rule to allow once more.
            variant = await self._variants.of(unit.digest)
            asks = asks or variant is not None or any(one.may_have_happened for one in before)
            if asks:
                notes += [*done_otherwise(variant), *await self._repeats(unit, before)]
        return AskToSend(unit, tuple(notes)) if asks else unit

    def _is_of_another_plan(self, sent: Sent) -> bool:
        """Of the turn: exactly this is then not sent again, but has the outcome of that one, once."""
        return sent.turn_id == self._plan.turn_id and sent.key.plan_id != self._plan.id

    async def _replayed(self, unit: Unit, before: Sequence[Sent]) -> Call | None:
        others = [one for one in before if self._is_of_another_plan(one)]
        most = await planned_anew(unit.step, self._plan, others, self._records, self._tenant)
        if not most:
            return None
        call = Call(
            key=unit.key,
            tool=unit.tool.id,
            connection_id=unit.connection["connection_id"],
            access=unit.tool.access.value,
            digest=unit.digest,
            arguments=unit.arguments,
            state="succeeded",
            worker=self._records.worker,
            lease_until=0.0,
            position=unit.position,
        )
        return await self._records.claims.replayed(call, tenant=self._tenant, thread_id=self._plan.thread_id, most=most)

    async def _repeats(self, unit: Unit, before: Sequence[Sent]) -> tuple[str, ...]:
        """What whoever decides must know: that it would be done once more, or may have been."""
        asked_for = self._asked.setdefault(unit.digest, unit.key)
        twice = (TWICE_IN_THE_PLAN,) if asked_for != unit.key else ()
        same = {one.key for one in before}
        others = [one for one in await self._failed(unit) if one.may_have_happened and one.key not in same]
        return (*sent_before(before, plan_id=self._plan.id), *failed_before(unit.tool.id, others), *twice)

    async def _failed(self, unit: Unit) -> list[Sent]:
        account = unit.tool.id, unit.connection["connection_id"]
        if account not in self._failures:
            self._failures[account] = await self._records.claims.failed_with(
                *account, turn_id=self._plan.turn_id, tenant=self._tenant, thread_id=self._plan.thread_id
            )
        return self._failures[account]

    def _ruling(self, unit: Unit) -> Ruling:
        return self._judge.of(
            unit.tool, unit.connection, unit.arguments, plan_id=self._plan.id, step=unit.step.id, edited=unit.edited
        )

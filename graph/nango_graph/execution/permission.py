"""May a call be sent: under the rules, under the decision that stands, or is somebody to be asked first."""

from dataclasses import replace

from nango_graph.execution.judging import Judge
from nango_graph.execution.standing import Standing
from nango_graph.execution.units import AskToSend, Unit, unit_of
from nango_graph.execution.words import ALLOWED_BEFORE, APPROVED_OTHERWISE, CHANGED_SINCE, FAILED_BEFORE, why_asked
from nango_graph.records import PlanRow, Records
from nango_tools import Access
from nango_tools.policy import Effect, Ruling


class Permission:
    """Of the calls of one plan."""

    def __init__(self, plan: PlanRow, records: Records, tenant: str, judge: Judge) -> None:
        self._plan = plan
        self._records = records
        self._tenant = tenant
        self._judge = judge

    async def of(self, unit: Unit, standing: Standing) -> Unit | AskToSend | Ruling:
        """The call that may be sent under the rules, or the decision that stands; the question for one; or why it is denied."""
        decision = standing.decision
        if decision is None:
            ruling = self._ruling(unit)
            if ruling.effect is not Effect.ASK:
                return unit if ruling.effect is Effect.ALLOW else ruling
            if unit.tool.access is not Access.READ and await self._was_sent(unit):
                return unit
            return AskToSend(unit, why_asked(ruling))
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

    async def _was_sent(self, unit: Unit) -> bool:
        """Was exactly this sent under another plan of the turn, so that it is not sent again anyway?"""
        twin = await self._records.claims.done_before(self._plan.id, self._plan.turn_id, unit.digest, self._tenant)
        return twin is not None

    def _ruling(self, unit: Unit) -> Ruling:
        return self._judge.of(
            unit.tool, unit.connection, unit.arguments, plan_id=self._plan.id, step=unit.step.id, edited=unit.edited
        )

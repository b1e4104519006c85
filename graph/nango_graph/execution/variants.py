"""Writes that were done otherwise than they were planned, because a human had edited them: the original, planned again, is a variant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nango_graph.digests import action_digest
from nango_graph.execution.binding import bound_calls_beside
from nango_graph.execution.outputs import Outputs
from nango_graph.planning.plan import Step
from nango_graph.planning.references import ReferenceProblem
from nango_graph.records import Call, PlanRow, Records
from nango_tools import Access


@dataclass(frozen=True, slots=True)
class Variant:
    """What was done in place of what was planned. `at`: when it was claimed, seconds since the epoch."""

    arguments: Any
    at: float


class Variants:
    """Of one turn: what its writes would have been, had nobody edited them. They are bound once more, to what their steps referred to."""

    def __init__(self, plan: PlanRow, records: Records, tenant: str) -> None:
        self._plan = plan
        self._records = records
        self._tenant = tenant
        self._found: Mapping[str, Variant] | None = None

    async def of(self, digest: str) -> Variant | None:
        """How exactly this action was done otherwise, the last time."""
        if self._found is None:
            plans = await self._records.plans.of_turn(self._plan.turn_id, self._plan.thread_id)
            self._found = {original: one for plan in plans for original, one in await self._edited_in(plan)}
        return self._found.get(digest)

    async def _edited_in(self, plan: PlanRow) -> Sequence[tuple[str, Variant]]:
        decided = await self._records.decisions.of_plan(plan.id, self._tenant)
        approved = {
            key for key, decision in decided.items() if decision.verdict == "approved" and not decision.is_by_rule
        }
        done = [
            call
            for call in await self._records.calls.of_plan(plan.id, self._tenant)
            if call.state == "succeeded" and call.access != Access.READ.value and call.key in approved
        ]
        originals = await self._as_planned(plan, {call.key.step for call in done})
        edited = [call for call in done if originals.get(_place(call), call.arguments) != call.arguments]
        claimed = await self._records.claims.claimed_at(call.key for call in edited) if edited else {}
        return [
            (
                action_digest(call.tool, call.connection_id, originals[_place(call)]),
                Variant(call.arguments, claimed[call.key]),
            )
            for call in edited
        ]

    async def _as_planned(self, plan: PlanRow, steps: set[str]) -> dict[tuple[str, str], Any]:
        """By step and item. Nothing of a step whose sources are gone: nobody can say any more what it was."""
        outputs = Outputs(self._records, plan.thread_id, self._tenant)
        found: dict[tuple[str, str], Any] = {}
        for planned in plan.steps:
            if planned["id"] in steps:
                step = Step.model_validate(planned)
                try:
                    bound = await bound_calls_beside(step, plan.id, await outputs.of(step.needs - {"item"}))
                except ReferenceProblem:
                    continue
                found |= {(key.step, key.item): arguments for key, arguments in bound.items()}
        return found


def _place(call: Call) -> tuple[str, str]:
    return call.key.step, call.key.item

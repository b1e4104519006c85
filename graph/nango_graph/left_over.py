"""What earlier turns leave to the next one: the results that they brought, and the steps that are still to be done.

A step counts as done by its calls in the records. What the user refused, or said is not to be sent again, is not to be done; nor is
what nobody knows the outcome of, and what takes data from either.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nango_graph.execution.binding import bound_calls
from nango_graph.execution.outputs import Outputs, earlier_results
from nango_graph.execution.standing import Standing, Standings
from nango_graph.planning.plan import Step
from nango_graph.planning.references import ReferenceProblem, reference_problem, steps_referred_to
from nango_graph.prompts.planning import SEND_AGAIN
from nango_graph.records import CallKey, PlanRow, Records, TurnRow

_MOST_PIECES = 20
"""Of a list of which some items are left: it is named as a whole where it would fall into more."""


async def left_over(records: Records, turn: TurnRow) -> dict[str, Any]:
    """`earlier` and `unfinished`, as the state has them when `turn` begins, or once outcomes of earlier turns were settled.

    unfinished: steps of the last plan, where its turn was cut short; and those that the user wants sent again. As they were
        planned, but for those that run for each item of a list: where some items of a write are done, `for_each` reaches the others.
    """
    plans = [plan for plan in await records.plans.of_thread(turn.thread_id) if plan.turn_id != turn.id]
    return {
        "earlier": await earlier_results(records, turn.thread_id, turn.requester.tenant),
        "unfinished": await _unfinished(plans, records, turn),
    }


async def _unfinished(plans: Sequence[PlanRow], records: Records, turn: TurnRow) -> list[dict[str, Any]]:
    if not plans:
        return []
    last = plans[-1]
    cut_short = not await records.turns.is_finished(last.turn_id)
    steps = []
    for plan in plans:
        if plan.turn_id == last.turn_id:
            left = await _Left(plan, records, turn).steps()
            steps += [step for step in left if SEND_AGAIN in step or (plan is last and cut_short)]
    return steps


@dataclass(frozen=True, slots=True)
class _Item:
    """How far one call of a step has come."""

    standing: Standing
    was_sent: bool
    """In an earlier attempt."""

    @property
    def is_done(self) -> bool:
        return self.standing.call is not None and self.standing.call.state == "succeeded"

    @property
    def is_let_go(self) -> bool:
        """Refused by the user, or not known to have happened."""
        call, decision = self.standing.call, self.standing.decision
        if call is None:
            return decision is not None and decision.verdict == "rejected"
        return not self.is_done and (
            self.standing.followed or (call.access != "read" and call.state in ("claimed", "unknown"))
        )

    @property
    def is_wanted_again(self) -> bool:
        """Was it sent and did not happen, and did the user have it sent again since?"""
        return self.was_sent and self.standing.call is None and not self.is_let_go


class _Left:
    """What is left of one plan."""

    def __init__(self, plan: PlanRow, records: Records, turn: TurnRow) -> None:
        self._plan = plan
        self._records = records
        self._tenant = turn.requester.tenant
        self._outputs = Outputs(records, turn.thread_id, self._tenant)

    async def steps(self) -> list[dict[str, Any]]:
        calls = await self._records.calls.of_plan(self._plan.id, self._tenant)
        decisions = await self._records.decisions.of_plan(self._plan.id, self._tenant)
        standings = Standings(decisions, calls)
        sent = {call.key for call in calls}
        begun = {key.step for key in [*decisions, *sent]}
        written = {call.key.step for call in calls if call.access != "read"}
        left, let_go = [], set[str]()
        for planned in self._plan.steps:
            step = Step.model_validate(planned)
            items = [_Item(standings.of(key), key in sent) for key in await self._keys(step, begun)]
            undone = [at for at, item in enumerate(items) if not (item.is_done or item.is_let_go)]
            if items and not undone:
                if not any(item.is_done for item in items):
                    let_go.add(step.id)
                continue
            if step.needs & let_go:
                let_go.add(step.id)
                continue
            some = planned
            if step.for_each is not None and step.id in written and undone:
                some = {**planned, "for_each": _only(step.for_each, undone, len(items))}
            again = any(item.is_wanted_again for item in items)
            left.append({**some, SEND_AGAIN: True} if again else some)
        return left

    async def _keys(self, step: Step, begun: Collection[str]) -> list[CallKey]:
        """Of the calls that the step makes, in their order; none where that is not known."""
        if step.for_each is None:
            return [CallKey(self._plan.id, step.id)]
        if step.id not in begun:
            return []
        outputs: Mapping[str, Any] = await self._outputs.of(steps_referred_to(step.for_each))
        try:
            return list(bound_calls(step.model_copy(update={"arguments": {}}), self._plan.id, outputs))
        except ReferenceProblem:
            # What it ran over is not kept any more: whoever is asked to approve the whole is told what was done of it.
            return []


def _only(for_each: str, positions: Sequence[int], count: int) -> str:
    """The reference, but to the items at these positions of the list."""
    if len(positions) == count:
        return for_each
    pieces: list[tuple[int, int]] = []
    for at in positions:
        if pieces and pieces[-1][1] == at:
            pieces[-1] = (pieces[-1][0], at + 1)
        else:
            pieces.append((at, at + 1))
    if len(pieces) > _MOST_PIECES:
        return for_each
    slices = [f"({for_each[2:-1]})[{begin}:{end}]" for begin, end in pieces]
    some = f"${{{slices[0]}}}" if len(slices) == 1 else f"${{[{', '.join(slices)}][]}}"
    return for_each if reference_problem(some) else some

"""Is a write that was done before in a turn only planned anew, or wanted once more? In doubt a person is asked."""

from collections.abc import Collection, Sequence
from typing import Any

from nango_graph.planning.plan import Step
from nango_graph.planning.references import steps_referred_to
from nango_graph.records import PlanRow, Records
from nango_graph.records.sent import Sent


async def planned_anew(step: Step, plan: PlanRow, before: Sequence[Sent], records: Records, tenant: str) -> int:
    """How many of this plan's calls that are equal to one of `step` stand for what is done, and are not to be sent.

    `before`: exactly this action, as it was sent under other plans of the turn. A plan that was made anew wants as much in all as the one before
    it did, so what that one had left undone is still wanted. None stands for what is done where the planner had seen the results and was to
    plan what comes next; nor where another write with the same tool comes first, which may undo it.
    """
    done = {(one.key.plan_id, one.key.step) for one in before if one.state == "succeeded"}
    if not done:
        return 0
    before_it = {one.id: one for one in await records.plans.of_turn(plan.turn_id, plan.thread_id)}
    ended = {plan_id: await records.calls.steps_done(plan_id, tenant) for plan_id, _ in done}
    made = [
        (planned, planned["id"] in ended[plan_id])
        for plan_id in ended
        for planned in _of(before_it[plan_id], step.tool)
    ]
    if any(before_it[plan_id].plan_again for plan_id in ended):
        return 0
    twins = [planned for planned, _ in made if any(planned["id"] == step_id for _, step_id in done)]
    here = _of(plan, step.tool)
    own = next((planned for planned in here if planned["id"] == step.id), None)
    known = [planned for planned, is_done in made if is_done]
    for planned in here[: here.index(own)] if own in here else here:
        if not _is_among(planned, [*known, *([own] if own else [])]):
            return 0
    # Not those that did not happen, as somebody said, and were sent again then.
    failed = sum(one.state == "failed" and not one.settled for one in before)
    undone = [planned for planned, is_done in made if not is_done and _may_be(planned, twins)]
    left = max(len(undone), failed)
    if step.for_each is not None:
        # How many of its items are equal, only its data tells.
        return 0 if left else len(before)
    wanted = sum(_may_be(planned, twins) for planned in here)
    return max(wanted - left, 0)


def _of(plan: PlanRow, tool: str) -> list[dict[str, Any]]:
    return [planned for planned in plan.steps if planned["tool"] == tool]


def _is_among(planned: dict[str, Any], others: Collection[dict[str, Any]]) -> bool:
    return any(_arguments(planned) == _arguments(other) for other in others)


def _may_be(planned: dict[str, Any], twins: Collection[dict[str, Any]]) -> bool:
    return bool(steps_referred_to(_arguments(planned))) or _is_among(planned, twins)


def _arguments(planned: dict[str, Any]) -> Any:
    return planned.get("arguments", {})

"""Is the rest to be planned again, with the results in view? What is done stays done.

It is after a failure, or when results call for it: a search found nothing, a condition did not hold that other steps hang on, or
the plan itself said so. What the user refused, and what nobody knows the outcome of, is not the planner's to mend.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nango_graph.budgets import Budget
from nango_graph.execution.scheduler import StepState
from nango_graph.planning.plan import Step
from nango_graph.planning.references import steps_referred_to
from nango_graph.prompts.replanning import condition_false, nothing_found, planned_again, results_are_in, step_failed
from nango_graph.records import PlanRow, Records
from nango_graph.state import Result

THE_SAME_AGAIN = "I stopped, because the same steps were planned again and came to the same end. Ask again if that may be different by now."


async def planning_again(
    row: PlanRow, states: Mapping[str, StepState], results: Sequence[Result], records: Records, budget: Budget
) -> dict[str, Any]:
    """What the state takes on when a plan has come to its end; nothing where no more is to be planned.

    With `plan_id` taken away, the planner is asked again, and `problem` tells it why. Else `problem` tells people why not.

    results: of all plans of this turn, also of this one. How often was planned is counted in the records.
    """
    reasons = reasons_to_plan_again(row, states)
    if not reasons or budget.deadline_reached():
        return {}
    plans = await records.plans.of_turn(row.turn_id, row.thread_id)
    if any(_form(plan, results) == _form(row, results) for plan in plans if plan.ordinal < row.ordinal):
        return {"problem": THE_SAME_AGAIN}
    if len(plans) > budget.most.max_replans:
        return {"problem": budget.said("max_replans")}
    return {"problem": planned_again(*reasons), "plan_id": None}


def reasons_to_plan_again(row: PlanRow, states: Mapping[str, StepState]) -> list[str]:
    """In sentences for the planner."""
    statuses = {state.status for state in states.values()}
    if statuses & {"unknown", "stopped", "asking", "parked", "waiting"}:
        return []
    steps = [Step.model_validate(step) for step in row.steps]
    failed = [
        nothing_found(step_id, state.error) if state.found_nothing else step_failed(step_id, state.error)
        for step_id, state in states.items()
        if state.status in ("failed", "declined")
    ]
    if "rejected" in statuses:
        return failed
    return [
        *failed,
        *(nothing_found(one, state.error) for one, state in states.items() if _had_nothing_to_do(state)),
        *_conditions_that_others_hang_on(steps, states),
        *([results_are_in()] if row.plan_again and not failed else []),
    ]


def _had_nothing_to_do(state: StepState) -> bool:
    return state.status == "succeeded" and state.found_nothing


def _conditions_that_others_hang_on(steps: Sequence[Step], states: Mapping[str, StepState]) -> Iterator[str]:
    """A step with a condition of its own was planned as one that may be left out, unless it asks for what is not there."""
    skipped = [step for step in steps if states[step.id].status == "skipped"]
    for step in skipped:
        wanting = [
            other.id
            for other in skipped
            if step.id in steps_referred_to([other.arguments, other.for_each] if other.when is None else other.when)
        ]
        if wanting:
            yield condition_false(step.id, wanting)


_NAME = re.compile(r"\b[A-Za-z]\w*\b", re.ASCII)


def _form(plan: PlanRow, results: Sequence[Result]) -> str:
    """The steps and what came of them, whatever their ids and purposes are. Equal for plans that led to the same."""
    came_of = {
        result["step"]: [result["status"], result.get("error"), result.get("preview"), result.get("size")]
        for result in results
    }
    positions = {step["id"]: f"#{position}" for position, step in enumerate(plan.steps)}
    told = [
        [
            {name: value for name, value in step.items() if name not in ("id", "purpose")},
            came_of.get(step["id"]),
        ]
        for step in plan.steps
    ]
    return _NAME.sub(lambda found: positions.get(found[0], found[0]), json.dumps(told, sort_keys=True))

"""What earlier steps brought: whole, for references; short, for prompts. Read from the records, not from the state."""

from collections.abc import Collection
from typing import Any

from nango_graph.planning.signatures import abridged, preview_of, shape_of
from nango_graph.records import Call, PlanRow, Records
from nango_graph.state import Result

PREVIEWED = 8
"""Of the results of earlier turns, the last so many are shown with a preview, all of them with their shape."""


class Outputs:
    """Of the steps of a thread's plans, whole."""

    def __init__(self, records: Records, thread_id: str, tenant: str) -> None:
        self._records = records
        self._thread_id = thread_id
        self._tenant = tenant

    async def of(self, steps: Collection[str]) -> dict[str, Any]:
        """Outputs by step id, of those of the steps that have one. A step that ran once for each item has a list."""
        if not steps:
            return {}
        plans = await self._records.plans.of_thread(self._thread_id)
        calls = await self._records.calls.of_thread(self._thread_id, self._tenant)
        return {step: output for step, _, output in _by_step(plans, calls) if step in steps}


async def earlier_results(records: Records, thread_id: str, tenant: str) -> list[Result]:
    """What the steps of earlier turns brought, in the order in which they ran."""
    plans = await records.plans.of_thread(thread_id)
    calls = await records.calls.of_thread(thread_id, tenant)
    results: list[Result] = [result_of(step, made, output) for step, made, output in _by_step(plans, calls)]
    for result in results[:-PREVIEWED]:
        result.pop("preview", None)
    unended = [call for call in calls if call.state != "succeeded"]
    return [
        *results,
        *(failed_result(call.key.step, call.tool, call.state, call.error or "", call.arguments) for call in unended),
    ]


def result_of(step: str, calls: list[Call], output: Any) -> Result:
    return Result(
        step=step,
        tool=calls[0].tool,
        status="succeeded",
        arguments=abridged(calls[0].arguments if len(calls) == 1 else [call.arguments for call in calls]),
        shape=shape_of(output),
        preview=preview_of(output),
    )


def failed_result(step: str, tool: str, status: str, error: str, arguments: Any = None) -> Result:
    return Result(step=step, tool=tool, status=status, error=error, arguments=abridged(arguments or {}))


def _by_step(plans: list[PlanRow], calls: list[Call]) -> list[tuple[str, list[Call], Any]]:
    """(step id, its calls that succeeded, its output)."""
    fans_out = {(plan.id, step["id"]): bool(step.get("for_each")) for plan in plans for step in plan.steps}
    grouped: dict[tuple[str, str], list[Call]] = {}
    for call in calls:
        if call.state == "succeeded":
            grouped.setdefault((call.key.plan_id, call.key.step), []).append(call)
    return [
        (step, made, [call.output for call in made] if fans_out.get((plan_id, step)) else made[-1].output)
        for (plan_id, step), made in grouped.items()
    ]

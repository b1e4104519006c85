"""Results as the records have them, for a run that broke off before it could look at the steps: the state still says what stood
there when something was asked.
"""

from collections.abc import Sequence

from nango_graph.execution.outputs import failed_result
from nango_graph.execution.results import merged
from nango_graph.records import Call, Records, TurnRow
from nango_graph.records.calls import ENDED
from nango_graph.state import Result

_UNKNOWN = "unknown: it may have happened"
_ASKED_NEXT = "It was sent, and the answer was not seen. You are asked what became of it when you write the next message: look in the account."
_ALREADY = {"succeeded", "failed", _UNKNOWN}


async def as_recorded(results: Sequence[Result], turn: TurnRow, records: Records) -> list[Result]:
    """The results of the turn, and of steps of its plans whose calls came to something that the results don't say yet."""
    told = {result["step"]: result["status"] for result in results}
    unsettled = {call.key for call in await records.calls.unsettled(turn.thread_id, turn.requester.tenant)}
    found: list[Result] = []
    for plan in await records.plans.of_turn(turn.id, turn.thread_id):
        by_step: dict[str, list[Call]] = {}
        for call in await records.calls.of_plan(plan.id, turn.requester.tenant):
            by_step.setdefault(call.key.step, []).append(call)
        for step in plan.steps:
            calls = by_step.get(step["id"], [])
            if calls and told.get(step["id"]) not in _ALREADY:
                in_doubt = [call for call in calls if call.key in unsettled or _is_under_way(call)]
                found.append(_result(step["id"], calls, in_doubt, fans_out=bool(step.get("for_each"))))
    return merged(list(results), found)


def _is_under_way(call: Call) -> bool:
    return call.access != "read" and call.state == "claimed"


def _result(step_id: str, calls: Sequence[Call], in_doubt: Sequence[Call], *, fans_out: bool) -> Result:
    done = sum(call.state == "succeeded" for call in calls)
    so_far = f"{done} of its calls had succeeded." if fans_out else ""
    last = calls[-1]
    arguments = [call.arguments for call in calls] if fans_out else last.arguments
    if in_doubt:
        return failed_result(step_id, last.tool, _UNKNOWN, f"{so_far} {_ASKED_NEXT}".strip(), arguments)
    if fans_out:
        return failed_result(step_id, last.tool, "not all of it done", so_far, arguments)
    status = last.state if last.state in ENDED else _UNKNOWN
    return failed_result(step_id, last.tool, status, last.error or "", arguments)

"""What became of the steps of a plan, short enough for the state and for prompts."""

from nango_graph.execution.scheduler import StepState
from nango_graph.planning.plan import Step
from nango_graph.planning.signatures import abridged, preview_of, shape_of
from nango_graph.state import Result


def result_of_step(step: Step, state: StepState) -> Result:
    result = Result(step=step.id, tool=step.tool, status=_STATUS_IN_WORDS.get(state.status, state.status))
    result["arguments"] = abridged(state.arguments if state.arguments is not None else step.arguments)
    if state.status == "succeeded":
        result["shape"], result["preview"] = shape_of(state.output), preview_of(state.output)
    if state.error:
        result["error"] = state.error
    if state.withheld:
        result["withheld"] = state.withheld
    return result


_STATUS_IN_WORDS = {
    "rejected": "rejected by the user",
    "blocked": "not run",
    "asking": "waits for approval",
    "parked": "waits for its connection",
    "declined": "failed",
    "waiting": "waits for an earlier step",
    "unknown": "unknown: it may have happened",
}


def merged(before: list[Result], now: list[Result]) -> list[Result]:
    ids = {result["step"] for result in now}
    return [*(result for result in before if result["step"] not in ids), *now]

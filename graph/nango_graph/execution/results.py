"""What became of the steps of a plan, short enough for the state and for prompts."""

from typing import Any

from nango_graph.execution.scheduler import StepState
from nango_graph.execution.selecting import selected
from nango_graph.planning.plan import Step
from nango_graph.planning.signatures import SELECTED_PREVIEW, abridged, cut, preview_of, shape_of
from nango_graph.records.artifacts import size_if_large
from nango_graph.state import Result
from nango_tools.expressions import ExpressionProblem

MAX_ARTIFACTS = 20
"""Ids named in a result. A step that ran for a thousand items may have a thousand; `Outputs.of` finds them all."""


def result_of_step(step: Step, state: StepState) -> Result:
    result = Result(step=step.id, tool=step.tool, status=_STATUS_IN_WORDS.get(state.status, state.status))
    result["arguments"] = abridged(state.arguments if state.arguments is not None else step.arguments)
    notes = [state.error] if state.error else []
    if state.status == "succeeded":
        notes += show(result, state.output, select=step.select)
        if state.artifacts:
            result["artifacts"] = list(state.artifacts[:MAX_ARTIFACTS])
    if notes:
        result["error"] = " ".join(notes)
    if state.withheld:
        result["withheld"] = state.withheld
    return result


def show(result: Result, output: Any, *, select: str | None) -> list[str]:
    """Puts an output into a result: shape, preview, and size if it is large. Returns what is to be said of it beside that."""
    result["shape"] = shape_of(output)
    size = size_if_large(output)
    if size is not None:
        result["size"] = size
    if select is None:
        result["preview"] = preview_of(output)
        return []
    try:
        result["preview"] = preview_of(selected(select, output), SELECTED_PREVIEW)
    except ExpressionProblem as problem:
        result["preview"] = preview_of(output)
        return [f"The preview is of the whole output: its select, {cut(select, 100)}, {problem}"]
    result["selected"] = select
    return []


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

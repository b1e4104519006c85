"""Is the rest to be planned again, with the results in view? What is done stays done."""

from collections.abc import Mapping

from nango_graph.execution.scheduler import StepState
from nango_graph.state import State


def worth_planning_again(states: Mapping[str, StepState], state: State) -> str | None:
    """What failed, if the planner may try otherwise. A refusal by the user, or an unknown outcome, is not its to mend."""
    failed = {step_id: step for step_id, step in states.items() if step.status in ("failed", "declined")}
    settings = state["turn"]["settings"]
    if not failed or any(step.status == "unknown" for step in states.values()):
        return None
    if state["turn"]["planned"] > settings["max_replans"]:
        return None
    told = " ".join(f"Step {step_id} failed: {step.error}" for step_id, step in failed.items())
    return f"{told} What has succeeded stays done: refer to its outputs, don't repeat it."

"""Why the planner is asked again, with the results in view. It reads this in `<problem>`."""

from collections.abc import Collection

WHAT_IS_DONE = "What has succeeded stays done: refer to its outputs, don't repeat it."


def planned_again(*reasons: str) -> str:
    """The problem as the planner reads it: why, in whole sentences (those below), and what holds for all of them."""
    return " ".join([*reasons, WHAT_IS_DONE])


def step_failed(step_id: str, error: str) -> str:
    return f"Step {step_id} failed: {error}"


def nothing_found(step_id: str, what: str) -> str:
    """A list to run for, or a value to pass on, that was not there. `what`: the sentence about it."""
    return f"Step {step_id} did nothing: {what} Look otherwise, or ask, or answer that nothing was found."


def condition_false(step_id: str, needing: Collection[str]) -> str:
    """`needing`: steps that take data from the one whose `when` did not hold."""
    return f"The condition of step {step_id} did not hold, so {', '.join(sorted(needing))} could not run, which needs its output."


def results_are_in() -> str:
    """The plan had `plan_again`."""
    return "Your last plan is done as far as it went, and its results are in view: plan what comes next, or answer."

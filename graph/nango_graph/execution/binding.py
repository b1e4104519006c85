"""What a step comes to once the outputs that it refers to are there: the arguments of each of its calls."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from nango_graph.digests import digest
from nango_graph.planning.plan import Step
from nango_graph.planning.references import ReferenceProblem, bind
from nango_graph.records import CallKey


def bound_calls(step: Step, plan_id: str, outputs: Mapping[str, Any], *, most: int) -> dict[CallKey, Any]:
    """Arguments of the calls that the step makes, by their first attempt. Raises `ReferenceProblem`."""
    if step.for_each is None:
        return {CallKey(plan_id, step.id): bind(step.arguments, outputs)}
    items = bind(step.for_each, outputs)
    if not isinstance(items, list):
        raise ReferenceProblem(f"{step.for_each} is not a list.")
    if len(items) > most:
        raise ReferenceProblem(f"It would run {len(items)} times; at most {most} are allowed.")
    occurrences: Counter[str] = Counter()
    bound = {}
    for item in items:
        content = digest(item)[:24]
        occurrences[content] += 1
        key = CallKey(plan_id, step.id, f"{content}-{occurrences[content]}")
        bound[key] = bind(step.arguments, {**outputs, "item": item})
    return bound

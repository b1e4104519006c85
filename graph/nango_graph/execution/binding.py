"""What a step comes to once the outputs that it refers to are there: whether it is done at all, and the arguments of each of its calls."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import ValidationError

from nango_graph.digests import digest
from nango_graph.planning.plan import Step
from nango_graph.planning.references import Binding, ReferenceProblem, TakesLonger, is_one_reference
from nango_graph.records import CallKey
from nango_tools.fitting import misfit

MOST_ITEMS = 10_000
"""Of one step. More than a run's `max_items` are asked about first; more than this are refused."""
_AT_ONCE = 20_000
"""Of a step's work (`MAX_WORK` in references.py), what is done in the event loop: some 50 ms."""
_INDEX_OF_EACH = re.compile(r"(\[\?.*\]|\[\*?\])\s*\[-?\d+\]")
_OF_EACH = "; [0] right after a filter is looked up in each item: `| [0]` takes the first"
"""What a reference that can never bring anything is told with: JMESPath goes on item by item after a projection."""


class FoundNothing(ReferenceProblem):
    """A reference came to null, or to nothing, where something is needed."""


def condition_holds(when: str, outputs: Mapping[str, Any]) -> bool:
    """As JMESPath has it: null, false, and empty texts, lists and objects are no; 0 is a yes. Raises `ReferenceProblem`."""
    return _holds(when, Binding(outputs))


async def condition_holds_beside(when: str, outputs: Mapping[str, Any]) -> bool:
    """The same, in a thread where it takes long. Raises `ReferenceProblem`."""
    quick = Binding(outputs, at_once=_AT_ONCE)
    try:
        return _holds(when, quick)
    except TakesLonger:
        return await asyncio.to_thread(_holds, when, quick.at_leisure(when))


def bound_calls(step: Step, plan_id: str, outputs: Mapping[str, Any]) -> dict[CallKey, Any]:
    """Arguments of the calls that the step makes, by their first attempt. Raises `ReferenceProblem`."""
    return _bound(step, plan_id, Binding(outputs))


async def bound_calls_beside(step: Step, plan_id: str, outputs: Mapping[str, Any]) -> dict[CallKey, Any]:
    """The same, in a thread where it takes long: the run's lease is renewed meanwhile. Raises `ReferenceProblem`."""
    quick = Binding(outputs, at_once=_AT_ONCE)
    try:
        return _bound(step, plan_id, quick)
    except TakesLonger:
        return await asyncio.to_thread(_bound, step, plan_id, quick.at_leisure(step.for_each, step.arguments))


def _holds(when: str, binding: Binding) -> bool:
    value = binding.value_of(when)
    return not (value is None or value is False or value in ("", [], {}))


def _bound(step: Step, plan_id: str, binding: Binding) -> dict[CallKey, Any]:
    if step.for_each is None:
        return {CallKey(plan_id, step.id): binding.bind(step.arguments)}
    items = binding.value_of(step.for_each)
    if items is None:
        raise FoundNothing(f"{step.for_each} found nothing, so there is no list to go through.")
    if not isinstance(items, list):
        raise ReferenceProblem(f"{step.for_each} is not a list.")
    if len(items) > MOST_ITEMS:
        raise ReferenceProblem(f"It would run {len(items):,} times; more than {MOST_ITEMS:,} are never allowed.")
    binding.will_walk_through(items, calls=len(items))
    occurrences: Counter[str] = Counter()
    bound = {}
    for item in items:
        content = digest(item)[:24]
        occurrences[content] += 1
        key = CallKey(plan_id, step.id, f"{content}-{occurrences[content]}")
        bound[key] = binding.bind(step.arguments, {"item": item})
    return bound


def found_nothing(step: Step, bound: Any, schema: dict[str, Any]) -> str:
    """Which references of the step's arguments came to null, or to an empty list where the tool takes no list, and where:
    "${s1.id} found nothing (for issue_number)". "" if none did.
    """
    unfit: list[Any] = []

    def noted(error: ValidationError) -> bool:
        unfit.append(error.instance)
        return False

    misfit(schema, bound, undecided=noted)
    nothing = {
        (name, reference): _OF_EACH if value == [] and _INDEX_OF_EACH.search(reference) else ""
        for name, reference, value in _nothings(step.arguments, bound, "")
        if value is None or any(value is one for one in unfit)
    }
    told = [f"{reference} found nothing (for {name}{hint})" for (name, reference), hint in nothing.items()]
    return ", ".join(told[:3])


def _nothings(planned: Any, bound: Any, name: str) -> Iterator[tuple[str, str, Any]]:
    """(name of the argument, the reference, null or an empty list). Both are of one form, but for what references brought."""
    if isinstance(planned, str):
        if (bound is None or bound == []) and is_one_reference(planned):
            yield name, planned, bound
    elif isinstance(planned, dict) and isinstance(bound, dict):
        for key, value in planned.items():
            yield from _nothings(value, bound.get(key), f"{name}.{key}" if name else key)
    elif isinstance(planned, list) and isinstance(bound, list):
        for position, (one, other) in enumerate(zip(planned, bound, strict=True)):
            yield from _nothings(one, other, f"{name}[{position}]")

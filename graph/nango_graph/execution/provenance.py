"""Where the data in a call's arguments may come from: the steps they refer to, and what the planner knew when it wrote them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from nango_graph.connections.finding import integrations_for
from nango_graph.planning.plan import Step
from nango_graph.planning.references import is_one_reference, steps_referred_to
from nango_graph.records import PlanRow, TurnRow
from nango_graph.services import Services
from nango_tools import Tool
from nango_tools.policy import USER

_OWN_TEXT = "'`{"
"""In a JMESPath expression, text that comes from no output stands in one of these: literals, and the names in a hash."""


class Provenance:
    """Of the steps of one thread, as its plans in the records tell. What a step brings may hold all that it was given."""

    def __init__(
        self,
        plans: Sequence[PlanRow],
        environment: Collection[str] = (),
        *,
        declared: Mapping[str, Collection[str]],
    ) -> None:
        """`plans`: all of the thread, in the order in which they were made. `environment`: keys of all integrations: of a plan
        of which nobody knows what was seen, it may have been any. `declared`: names of arguments by tool id, as the tools'
        schemas have them: any other name is the planner's own.
        """
        self._declared = declared
        self._sources: dict[tuple[str, str], frozenset[str]] = {}
        steps = [(plan, Step.model_validate(step)) for plan in plans for step in plan.steps]
        self._anywhere = frozenset({USER, *environment, *(step.integration for _, step in steps)})
        brought: dict[str, frozenset[str]] = {}
        before: dict[str, frozenset[str]] = {}
        for plan, step in steps:
            if plan.id not in before:
                before[plan.id] = frozenset().union(*brought.values())
            # The conversation tells what earlier turns brought, whatever the state says that the planner was shown.
            seen = self._anywhere if plan.seen is None else plan.seen | before[plan.id]
            sources = self._of(step, brought, seen)
            self._sources[plan.id, step.id] = sources
            brought[step.id] = brought.get(step.id, frozenset()) | (sources - {USER}) | {step.integration}

    def sources(self, plan_id: str, step_id: str, *, edited: bool = False) -> frozenset[str]:
        """Keys of integrations, and USER. `edited`: a human put own words into the arguments."""
        sources = self._sources.get((plan_id, step_id), self._anywhere)
        return sources | {USER} if edited else sources

    def _of(self, step: Step, brought: dict[str, frozenset[str]], seen: frozenset[str]) -> frozenset[str]:
        roots = (steps_referred_to(step.arguments) - {"item"}) | steps_referred_to(step.for_each)
        sources = frozenset().union(*(brought.get(root, self._anywhere) for root in roots))
        named = step.arguments.keys() - set(self._declared.get(step.tool, ()))
        if named or _is_written(step.arguments) or _is_written(step.for_each or ""):
            sources |= seen | {USER}
        # Without arguments, it is the request alone that it comes from.
        return sources or frozenset({USER})


def _is_written(value: Any, *, inside: bool = False) -> bool:
    """Does the value hold anything that the planner wrote by itself, apart from names at its top?"""
    if isinstance(value, str):
        if is_one_reference(value):
            return any(mark in value[2:-1] for mark in _OWN_TEXT)
        return bool(value)
    if isinstance(value, list):
        return any(_is_written(one, inside=True) for one in value)
    if isinstance(value, dict):
        return bool(value) if inside else any(_is_written(one, inside=True) for one in value.values())
    return True


async def provenance_in(turn: TurnRow, services: Services, tools: Mapping[str, Tool]) -> Provenance:
    """`tools`: by id, those of which it is known now what they take."""
    declared = {tool_id: _properties(tool) for tool_id, tool in tools.items()}
    plans = await services.records.plans.of_thread(turn.thread_id)
    if all(plan.seen is not None for plan in plans):
        return Provenance(plans, declared=declared)
    environment = [one.key for one in await integrations_for(services, turn.requester)]
    return Provenance(plans, environment, declared=declared)


def _properties(tool: Tool) -> frozenset[str]:
    properties = tool.input_schema.get("properties")
    return frozenset(properties) if isinstance(properties, dict) else frozenset()

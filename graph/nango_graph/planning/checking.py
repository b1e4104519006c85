"""Does what the planner submitted hold? If not, what is wrong, in words that let it do better."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from nango_graph.planning.arguments import argument_problem
from nango_graph.planning.plan import Step, structure_problem
from nango_graph.prompts import complaints
from nango_tools import Tool


@dataclass(frozen=True, slots=True)
class Fault:
    """text: for the planner. unknown: a tool that it named and that is not offered. unseen: ids of tools that it used without
    having seen what they take, so that it may see it now.
    """

    text: str
    unknown: str = ""
    unseen: tuple[str, ...] = ()


def plan_fault(
    steps: Sequence[Step],
    tools: Mapping[str, Tool],
    *,
    shown: Collection[str],
    used: set[str],
    known: set[str],
    max_steps: int,
) -> Fault | None:
    """tools: what is offered, by id; shown: those of them whose signatures the planner saw
    used: step ids of this conversation; known: those of them that have an output
    """
    for step in steps[:max_steps]:
        if step.id in used:
            return Fault(complaints.id_used(step.id, next_step_id(used)))
        if step.tool not in tools:
            return Fault(complaints.no_such_tool(step.id, step.tool), unknown=step.tool)
    unseen = tuple(sorted({step.tool for step in steps if step.tool in tools} - set(shown)))
    if fault := structure_problem(list(steps), known=known, used=used, max_steps=max_steps):
        return Fault(fault, unseen=unseen)
    for step in steps:
        if problem := argument_problem(tools[step.tool].input_schema, step.arguments, bound=False):
            return Fault(complaints.misfit(step.id, step.tool, problem, shown_now=step.tool in unseen), unseen=unseen)
    return None


def next_step_id(used: set[str]) -> str:
    numbers = [int(step[1:]) for step in used if step[:1] == "s" and step[1:].isdecimal()]
    return f"s{max(numbers, default=0) + 1}"

"""The form in which the planner answers, and a plan as the rest of the code sees it."""

import math
from collections.abc import Collection
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from nango_graph.planning.references import (
    is_one_reference,
    names_at_the_top,
    reference_problem,
    selection_problem,
    steps_referred_to,
)
from nango_graph.planning.signatures import cut
from nango_graph.prompts import complaints, fields

SUBMIT_PLAN = "submit_plan"
MAX_NESTING = 32
"""Of arguments. Whoever walks through them may recurse."""

_FAULTS = 5
"""Of one submission that are told; the others may be of the same kind."""
_LONGEST = 300
"""Characters of one of them: it holds names that the model gave."""


class Step(BaseModel):
    """One tool call, or one for each item of `for_each`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$", description=fields.STEP_ID)
    tool: str = Field(min_length=3, description=fields.STEP_TOOL)
    arguments: dict[str, Any] = Field(default_factory=dict, description=fields.ARGUMENTS)
    purpose: str = Field(default="", max_length=500, description=fields.PURPOSE)
    for_each: str | None = Field(default=None, description=fields.FOR_EACH)
    when: str | None = Field(default=None, description=fields.WHEN)
    after: list[str] = Field(default_factory=list, description=fields.AFTER)
    independent: bool = Field(default=False, description=fields.INDEPENDENT)
    select: str | None = Field(default=None, description=fields.SELECT)

    @field_validator("arguments")
    @classmethod
    def _is_plain_json(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        left: list[tuple[Any, int]] = [(arguments, 0)]
        while left:
            value, depth = left.pop()
            if depth > MAX_NESTING:
                raise ValueError(f"nested more than {MAX_NESTING} levels deep")
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{value} is not a number that JSON has")
            children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
            left.extend((child, depth + 1) for child in children)
        return arguments

    @field_validator("for_each", "when", "select", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None

    @property
    def integration(self) -> str:
        return self.tool.partition("/")[0]

    @property
    def needs(self) -> frozenset[str]:
        """Ids of the steps that this one takes data from, or waits for."""
        return steps_referred_to(self.arguments) | steps_referred_to([self.for_each, self.when]) | frozenset(self.after)


class Submission(BaseModel):
    """What the planner answers: exactly one of a plan, a question, an answer, a search for tools, an integration it needs, or an
    account to use.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Literal["plan", "question", "answer", "search_tools", "integration", "account"]
    text: str = Field(default="", description=fields.TEXT)
    integration: str = ""
    account: str = Field(default="", description=fields.ACCOUNT)
    steps: list[Step] = Field(default_factory=list)
    plan_again: bool = Field(default=False, description=fields.PLAN_AGAIN)

    @classmethod
    def read(cls, arguments: Any) -> Self | str:
        """The submission, or in one compact line what is wrong with it."""
        try:
            read = cls.model_validate(arguments)
        except ValidationError as error:
            faults = (
                cut(f"{'.'.join(map(str, fault['loc'])) or 'submission'}: {fault['msg']}", _LONGEST)
                for fault in error.errors(include_input=False, include_url=False)[:_FAULTS]
            )
            return "; ".join(faults)
        if read.kind == "plan" and not read.steps:
            return complaints.NO_STEPS
        if read.kind in {"question", "answer"} and not read.text.strip():
            return complaints.NO_WORDS
        if read.kind == "search_tools" and not read.text.strip():
            return complaints.NO_SEARCH
        return read


SUBMIT_PLAN_SCHEMA: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": SUBMIT_PLAN,
        "description": fields.TOOL,
        "parameters": Submission.model_json_schema(),
    },
}


def structure_problem(
    steps: list[Step], *, known: Collection[str], max_steps: int, used: Collection[str] = ()
) -> str | None:
    """What is wrong with the plan as a graph, in one sentence; None if nothing.

    known: ids of earlier steps that have an output; used: all that this conversation has had
    """
    if len(steps) > max_steps:
        return complaints.too_many_steps(len(steps), max_steps)
    there: list[str] = []
    for step in steps:
        if step.id in known or step.id in used or step.id in there:
            return complaints.id_used(step.id)
        if problem := _step_problem(step):
            return problem
        there.append(step.id)
    if cycle := _cycle(steps):
        return complaints.needs_itself(cycle[0]) if len(cycle) == 1 else complaints.cycle(cycle)
    for position, step in enumerate(steps):
        for needed in sorted(step.needs - {"item", *known, *there[:position]}):
            if needed in there:
                return complaints.needs_later(step.id, needed)
            return (complaints.needs_failed if needed in used else complaints.needs_nobody)(step.id, needed)
    return None


def _step_problem(step: Step) -> str | None:
    """What is wrong with the step, whatever stands around it."""
    if step.id == "item":
        return complaints.id_is_item()
    for expression in (step.arguments, step.for_each, step.when):
        if problem := reference_problem(expression):
            return complaints.in_step(step.id, problem)
    if step.for_each is not None and not is_one_reference(step.for_each):
        return complaints.not_one_list(step.id)
    if step.for_each is not None and "item" in steps_referred_to(step.for_each):
        return complaints.list_of_items(step.id)
    if step.when is not None and not is_one_reference(step.when):
        return complaints.not_one_condition(step.id)
    if step.when is not None and "item" in steps_referred_to(step.when):
        return complaints.condition_of_items(step.id)
    if "item" in step.after or (step.for_each is None and "item" in step.needs):
        return complaints.item_without_list(step.id)
    if step.select is not None and "${" in step.select:
        return complaints.selects_by_braces(step.id)
    if step.select is not None and (problem := selection_problem(step.select)):
        return complaints.cannot_select(step.id, problem)
    if step.select is not None and step.id in names_at_the_top(step.select):
        return complaints.selects_by_id(step.id)
    return None


def _cycle(steps: list[Step]) -> list[str]:
    """Ids of steps each of which needs the next one, and the last one the first; none where there is no cycle."""
    try:
        TopologicalSorter({step.id: sorted(step.needs) for step in steps}).prepare()
    except CycleError as found:
        # Each comes before the next one there, and the first one is repeated.
        around: list[str] = found.args[1]
        return around[:0:-1]
    return []

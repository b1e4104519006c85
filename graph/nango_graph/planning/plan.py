"""The form in which the planner answers, and a plan as the rest of the code sees it."""

import math
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from nango_graph.planning.references import is_one_reference, reference_problem, steps_referred_to

SUBMIT_PLAN = "submit_plan"
MAX_NESTING = 32
"""Of arguments. Whoever walks through them may recurse."""


class Step(BaseModel):
    """One tool call, or one for each item of `for_each`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$", description="New in this conversation: s1, s2, ...")
    tool: str = Field(min_length=3, description="integration/tool, as listed.")
    arguments: dict[str, Any] = Field(
        default_factory=dict,
        description="The tool's arguments. Values may refer to outputs of earlier steps: ${s1.items[0].id}.",
    )
    purpose: str = Field(default="", max_length=500, description="Why, in a few words.")
    for_each: str | None = Field(
        default=None, description="Run once for each item of this list: ${s1.items}; ${item.id} is a field of the item."
    )
    when: str | None = Field(
        default=None,
        description="Run only if this holds: ${length(s1.issues) > `0`}. Empty lists and texts, null and false don't.",
    )
    after: list[str] = Field(
        default_factory=list, description="Ids of steps to wait for although no data comes from them."
    )
    independent: bool = Field(
        default=False, description="Of a write: true if it may run at the same time as other writes, in any order."
    )
    select: str | None = Field(
        default=None,
        description="JMESPath over this step's own output: what of it you, and the user, need to see. References see the whole.",
    )

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
    text: str = Field(default="", description="The question, the answer, or the words to search tools by.")
    integration: str = ""
    account: str = Field(default="", description="Key of one of the <accounts>; empty lets the user choose.")
    steps: list[Step] = Field(default_factory=list)
    plan_again: bool = Field(
        default=False,
        description="Of a plan: true if what comes after it can only be planned once its results are seen.",
    )

    @classmethod
    def read(cls, arguments: Any) -> Self | str:
        """The submission, or in one compact line what is wrong with it."""
        try:
            read = cls.model_validate(arguments)
        except ValidationError as error:
            faults = (
                f"{'.'.join(map(str, fault['loc'])) or 'submission'}: {fault['msg']}" for fault in error.errors()[:5]
            )
            return "; ".join(faults)
        if read.kind == "plan" and not read.steps:
            return "steps: a plan needs at least one step"
        if read.kind in {"question", "answer"} and not read.text.strip():
            return "text: say something"
        if read.kind == "search_tools" and not read.text.strip():
            return "text: say what the tool that you look for does"
        return read


SUBMIT_PLAN_SCHEMA: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": SUBMIT_PLAN,
        "description": "Submit the plan, or a question, an answer, a search for tools, the integration that is missing, or the account "
        "to use.",
        "parameters": Submission.model_json_schema(),
    },
}


def structure_problem(steps: list[Step], *, known: set[str], max_steps: int) -> str | None:
    """What is wrong with the plan as a graph, in one sentence; None if nothing. `known`: ids of earlier steps."""
    if len(steps) > max_steps:
        return f"The plan has {len(steps)} steps; at most {max_steps} are allowed. Use for_each for repetitions."
    seen: set[str] = set()
    for step in steps:
        if step.id in known or step.id in seen:
            return f"Step id {step.id} was used before; ids must be new."
        for expression in (step.arguments, step.for_each):
            if problem := reference_problem(expression):
                return f"Step {step.id}: {problem}"
        if step.for_each is not None and not is_one_reference(step.for_each):
            return f"Step {step.id}: for_each must be one reference to a list, like ${{s1.items}}."
        if step.for_each is not None and "item" in steps_referred_to(step.for_each):
            return f"Step {step.id}: for_each can't refer to item."
        if step.for_each is None and "item" in step.needs:
            return f"Step {step.id} refers to item, but has no for_each."
        for needed in step.needs - {"item"}:
            if needed not in known and needed not in seen:
                return f"Step {step.id} refers to {needed}, which is not an earlier step."
        seen.add(step.id)
    return None

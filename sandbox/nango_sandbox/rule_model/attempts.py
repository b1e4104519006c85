"""What a clause may come to: steps, and what stands against them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nango_sandbox.rule_model.prompt import Tool
from nango_sandbox.rule_model.request import Token
from nango_sandbox.rule_model.shapes import Field
from nango_sandbox.rule_model.sources import Source, source_of


@dataclass(frozen=True)
class Step:
    tool: Tool
    arguments: dict[str, Any]
    id: str
    for_each: str = ""
    again: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The step in the form of `submit_plan`."""
        said = self.tool.name.spoken()
        purpose = said[:1].upper() + said[1:] + (" as it is now" if self.again else "")
        step: dict[str, Any] = {
            "id": self.id,
            "tool": self.tool.key,
            "arguments": self.arguments,
            "purpose": purpose,
        }
        return {**step, "for_each": self.for_each} if self.for_each else step


@dataclass
class Attempt:
    """The steps for one clause with one tool, `first_number` the number of the first one's id."""

    tool: Tool
    prefix: str = "s"
    first_number: int = 1
    steps: list[Step] = field(default_factory=list)
    missing: list[tuple[Tool, Field]] = field(default_factory=list)
    unclear: list[Token] = field(default_factory=list)
    opaque: Tool | None = None  # a tool whose output would have to be referred to and is not described
    unused: list[Token] = field(default_factory=list)  # values that were given and found no place
    beyond: list[Token] = field(default_factory=list)  # "and …": a part of the clause that nothing was made of
    sought: str = ""  # the words for what is read first, to act on it
    idle: bool = False  # would change something without saying what

    def add(self, tool: Tool, arguments: dict[str, Any], *, for_each: str = "", again: bool = False) -> Step:
        ordered = {field.name: arguments[field.name] for field in tool.parameters if field.name in arguments}
        step = Step(tool, ordered, f"{self.prefix}{self.first_number + len(self.steps)}", for_each, again)
        self.steps.append(step)
        return step


@dataclass
class Scene:
    """The tools at hand and what can be referred to, oldest first; `stale` are ids of results that a write came after."""

    tools: Sequence[Tool]
    sources: list[Source]
    stale: frozenset[str]
    prefix: str
    next_number: int

    def accept(self, attempt: Attempt) -> None:
        """The steps count, and later clauses may refer to what they give."""
        self.next_number += len(attempt.steps)
        for step in attempt.steps:
            if not step.for_each:
                self.sources.append(source_of(step.id, step.tool, step.arguments, step.tool.result, planned=True))


def carried(source: Source) -> dict[str, Any]:
    """The arguments of a source's step that may be used again.

    In this plan's own steps that is all but references to an item. What an earlier step was given is data, and what
    looks like a reference in it must not become one.
    """
    mark = "${item" if source.planned else "${"
    return {key: value for key, value in source.arguments.items() if mark not in json.dumps(value)}


def bare(tool: Tool) -> Source:
    """What a tool would give if it ran."""
    return source_of("s0", tool, {}, tool.result)

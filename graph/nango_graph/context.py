"""What a caller may set for a run. It can only narrow what the deployment allows; it never widens it."""

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nango_tools import Policy


class Context(BaseModel):
    """Run context, as LangGraph passes it to every node (`runtime.context`).

    On a LangGraph server the identity fields are ignored: there the authenticated user counts.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    user_id: str = Field(
        default="",
        description="Whose accounts to act in: the `end_user_id` tag of the user's connections in Nango. "
        "Ignored on a LangGraph server, where the authenticated user counts.",
    )
    organization_id: str = Field(
        default="",
        description="The user's organization (the `organization_id` tag), if connections are kept per organization. "
        "Ignored on a LangGraph server.",
    )
    actor: str = Field(
        default="",
        description="Who answers questions in this run, if not the user: noted beside every decision. "
        "Ignored on a LangGraph server.",
    )
    integrations: list[str] = Field(
        default=[],  # not a factory: the schema that Studio shows names the default then
        description="Use only these integrations (Nango's provider config keys). Empty: all that the environment has.",
    )
    deny: list[str] = Field(
        default=[],
        description="Tools that this run must not use, as `integration/tool`; `*` stands for anything. "
        "Adds to the deployment's policy; nothing here can allow more.",
    )
    ask: list[str] = Field(
        default=[],
        description="Tools that must be approved before each use in this run, even if they only read: `integration/tool`, "
        "`*` stands for anything.",
    )
    max_steps: int = Field(
        default=20,
        ge=1,
        le=100,
        description="The most steps that one plan may have. Each plan that `max_replans` allows may have as many.",
    )
    max_items: int = Field(
        default=100,
        ge=1,
        le=1000,
        description="A step that would run for more items than this is asked about first, even if it reads.",
    )
    max_replans: int = Field(
        default=3,
        ge=0,
        le=10,
        description="How often the rest may be planned again in one turn, after a step failed or when results call for it.",
    )
    max_model_calls: int = Field(
        default=20,
        ge=1,
        le=200,
        description="The most calls of the language model in one turn, however often the turn pauses.",
    )
    max_tokens: int = Field(
        default=400_000,
        ge=1_000,
        le=10_000_000,
        description="The most tokens, in and out, of the language model in one turn. Where its endpoint tells none, they are "
        "estimated at four characters each.",
    )
    max_seconds: int = Field(
        default=3600,
        ge=1,
        le=86_400,
        description="The most seconds of planning, carrying out and answering in one turn. Waiting for people does not count.",
    )

    @model_validator(mode="after")
    def _can_be_policy(self) -> Self:
        """A pattern that says nothing clear would be taken for a safeguard, and be none."""
        Policy().tightened(deny=self.deny, ask=self.ask)
        return self


def as_context(value: object) -> Context:
    """The run's context, whoever built it: ours, a mapping (a parent graph, the server) or nothing."""
    if isinstance(value, Context):
        return value
    if isinstance(value, Mapping):
        return Context.model_validate(dict(value))
    return Context()

"""What a policy is asked, and what it answers."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from nango_tools.access import Access

USER = "<user>"
"""The source of data that comes from the user's own words. No integration can have this key; a policy file says `user`."""

Definitions = Literal["hold", "warn", "accept"]
"""What becomes of a tool whose definition changed: kept back until accepted, shown with a warning, or taken as it is."""


class Effect(StrEnum):
    """ALLOW: without asking. ASK: a human decides first. DENY: never, and no model sees the tool."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"

    @property
    def strictness(self) -> int:
        """Of two, the greater one counts."""
        return list(Effect).index(self)


@dataclass(frozen=True, slots=True)
class Subject:
    """A tool in an account, before anything is known of the arguments.

    integration: its key; tool: the action's name; account: whose it is, in words; empty where it is not known yet
    """

    integration: str
    tool: str
    access: Access
    account: str = ""
    connection_id: str = ""

    @property
    def id(self) -> str:
        return f"{self.integration}/{self.tool}"


@dataclass(frozen=True, slots=True)
class Action:
    """A call as it would be sent.

    arguments: fully bound
    sources: keys of the integrations that data in the arguments may come from, and USER; what is not known to come from
        elsewhere counts as coming from each of them. Empty where nothing is known: no rule is then sure that it does not match.
    """

    subject: Subject
    arguments: Any
    sources: frozenset[str] = field(default=frozenset({USER}))


@dataclass(frozen=True, slots=True)
class Ruling:
    """rule: the name of the rule that decided, None where none did and the tool's access counts; where: its file and line
    reason: for people, a sentence
    unless: of `Policy.before` only: what other rules may decide, once it is known what their reasons name
    """

    effect: Effect
    reason: str
    rule: str | None = None
    where: str | None = None
    unless: tuple["Ruling", ...] = ()

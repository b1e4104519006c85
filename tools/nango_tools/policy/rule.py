"""One rule: which calls it is about, and whether a certain call is one of them."""

from dataclasses import dataclass, field
from enum import StrEnum

from nango_tools.access import Access, Verdict
from nango_tools.policy.conditions import Condition, Undecided
from nango_tools.policy.globs import Glob, ToolGlob
from nango_tools.policy.ruling import USER, Action, Effect, Subject


class Unknown(StrEnum):
    """What a rule asks for and nobody knows, or knows yet."""

    ACCOUNT = "the account"
    ARGUMENTS = "the arguments"
    SOURCES = "where the arguments come from"


@dataclass(frozen=True, slots=True)
class Match:
    """unknown: what decides it and is not known. Empty: `matches` is certain."""

    matches: bool
    unknown: tuple[Unknown, ...] = ()

    @property
    def certain(self) -> bool:
        return self.matches and not self.unknown


_NO = Match(matches=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """All conditions must hold; what is empty or None asks for nothing, and of a list one is enough.

    accounts: over the account's label, in any case of letters; connections: ids
    from_user, sources: the user's own words, and integrations that data in the arguments may come from
    where: file and line
    """

    name: str
    effect: Effect
    integrations: tuple[Glob, ...] = ()
    tools: tuple[ToolGlob, ...] = ()
    access: frozenset[Access] = frozenset()
    accounts: tuple[Glob, ...] = ()
    connections: frozenset[str] = frozenset()
    arguments: Condition | None = None
    sources: tuple[Glob, ...] = ()
    from_user: bool = False
    because: str = field(default="", compare=False)
    where: str | None = field(default=None, compare=False)

    def before(self, subject: Subject) -> Match:
        """With arguments that nobody knows yet."""
        if not self._is_about(subject):
            return _NO
        unknown = [Unknown.ARGUMENTS] if self.arguments else []
        if self.sources or self.from_user:
            unknown.append(Unknown.SOURCES)
        return self._with_account(subject, unknown)

    def on(self, action: Action) -> Match:
        """With all that there is to know."""
        if not self._is_about(action.subject) or not self._is_from(action.sources):
            return _NO
        unknown = [] if action.sources or not (self.sources or self.from_user) else [Unknown.SOURCES]
        account = self._with_account(action.subject, unknown)
        if self.arguments is None or not account.matches:
            return account
        try:
            return account if self.arguments.holds(action.arguments) else _NO
        except Undecided:
            return Match(matches=True, unknown=(*account.unknown, Unknown.ARGUMENTS))

    def is_in(self, integration: str) -> bool:
        """Can it be about any tool there?"""
        return (not self.integrations or any(glob.matches(integration) for glob in self.integrations)) and (
            not self.tools or any(glob.integration.matches(integration) for glob in self.tools)
        )

    def is_over(self, integration: str, tool: str) -> bool:
        return (not self.integrations or any(glob.matches(integration) for glob in self.integrations)) and (
            not self.tools or any(glob.matches(integration, tool) for glob in self.tools)
        )

    def _is_about(self, subject: Subject) -> bool:
        return (not self.access or subject.access in self.access) and self.is_over(subject.integration, subject.tool)

    def _with_account(self, subject: Subject, unknown: list[Unknown]) -> Match:
        if self.connections:
            if not subject.connection_id:
                unknown = [Unknown.ACCOUNT, *unknown]
            elif subject.connection_id not in self.connections:
                return _NO
        if self.accounts:
            if not subject.account:
                unknown = [Unknown.ACCOUNT, *unknown]
            elif not any(glob.matches(subject.account) for glob in self.accounts):
                return _NO
        return Match(matches=True, unknown=tuple(dict.fromkeys(unknown)))

    def _is_from(self, sources: frozenset[str]) -> bool:
        """To allow, all that may have brought data must be named; to deny and to ask, one is enough."""
        if not sources or not (self.sources or self.from_user):
            return True
        named = [self.from_user if one == USER else any(glob.matches(one) for glob in self.sources) for one in sources]
        return all(named) if self.effect is Effect.ALLOW else any(named)


@dataclass(frozen=True, slots=True)
class AccessRule:
    """What the operator says that a tool does."""

    access: Access
    tools: tuple[ToolGlob, ...]
    integrations: tuple[Glob, ...] = ()
    because: str = ""
    where: str | None = None

    def verdict(self, integration: str, tool: str) -> Verdict | None:
        if self.integrations and not any(glob.matches(integration) for glob in self.integrations):
            return None
        if not any(glob.matches(integration, tool) for glob in self.tools):
            return None
        said = f"the policy says so ({self.where})" if self.where else "the policy says so"
        return Verdict(self.access, f"{said}: {self.because}" if self.because else said)

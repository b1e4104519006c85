"""The rules together: deny beats ask beats allow; where no rule matches, reads are allowed and the rest asks."""

from collections.abc import Iterable
from pathlib import Path
from typing import Self

from nango_tools.access import Access, Verdict
from nango_tools.policy.ruling import Action, Effect, Ruling, Subject


class Policy:
    """Without rules: reads are allowed, writes ask."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """The rules in a file. Raises `PolicyError`, which names file and line."""
        raise NotImplementedError

    def tightened(self, *, deny: Iterable[str] = (), ask: Iterable[str] = ()) -> "Policy":  # noqa: ARG002
        """With what a run's context adds: globs over `integration/tool`."""
        return self

    def access_rule(self, integration: str, tool: str) -> Verdict | None:  # noqa: ARG002
        """What the operator says that a tool does; None where nothing was said."""
        return None

    def before(self, subject: Subject) -> Ruling:
        """What holds whatever the arguments will be: DENY where they can't change it, else what is to be expected."""
        return self.judge(Action(subject, {}))

    def judge(self, action: Action) -> Ruling:
        """What is to become of exactly this call."""
        if action.subject.access is Access.READ:
            return Ruling(Effect.ALLOW, "It only reads.")
        return Ruling(Effect.ASK, "It changes something.")

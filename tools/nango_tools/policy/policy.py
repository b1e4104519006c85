"""The rules together: deny beats ask beats allow; where no rule matches, reads are allowed and the rest asks.

What can't be worked out is never in favour of a call: a rule that denies or asks counts as matching then, one that allows does not.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Self

from nango_tools.access import Access, Verdict
from nango_tools.policy.globs import ToolGlob
from nango_tools.policy.reading import read_policy
from nango_tools.policy.rule import AccessRule, Match, Rule, Unknown
from nango_tools.policy.ruling import Action, Definitions, Effect, Ruling, Subject

_VERBS = {Effect.DENY: "denies it", Effect.ASK: "asks", Effect.ALLOW: "allows it"}
_MOST_GLOBS = 1000
_MOST_TIGHTENED = 32
_MOST_INTEGRATIONS = 1000
_MOST_TOOLS = 5000
"""What is remembered between two judgements."""


class Policy:
    """Without rules: reads are allowed, writes ask. Never changes once it is made."""

    def __init__(
        self, rules: Iterable[Rule] = (), access: Iterable[AccessRule] = (), definitions: Definitions = "hold"
    ) -> None:
        self.rules: tuple[Rule, ...] = tuple(rules)
        self.access: tuple[AccessRule, ...] = tuple(access)
        self.definitions: Definitions = definitions
        # A run may name a thousand tools, and each of its calls is judged twice.
        self._tightened = lru_cache(maxsize=_MOST_TIGHTENED)(self._made_tighter)
        self._in = lru_cache(maxsize=_MOST_INTEGRATIONS)(self._found_in)
        self._over = lru_cache(maxsize=_MOST_TOOLS)(self._found_over)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The rules in a YAML file (docs/how-to/policy.md). Raises `PolicyError`, which names file and line."""
        found = read_policy(path)
        return cls(found.rules, found.access, found.definitions)

    def tightened(self, *, deny: Iterable[str] = (), ask: Iterable[str] = ()) -> "Policy":
        """With what a run's context adds: globs over `integration/tool`. Raises `ValueError` with a sentence for other texts.

        The same one for the same texts, so that what it found out about them is kept from one call to the next.
        """
        denied, asked = tuple(deny), tuple(ask)
        return self._tightened(denied, asked) if denied or asked else self

    def _made_tighter(self, deny: tuple[str, ...], ask: tuple[str, ...]) -> "Policy":
        if len(deny) + len(ask) > _MOST_GLOBS:
            raise ValueError(f"A run may name at most {_MOST_GLOBS} tools to deny or ask for; use patterns.")
        added = [
            Rule(
                f"this run: {effect} {text}", effect, tools=(ToolGlob.of_id(text),), because="the run's context says so"
            )
            for effect, texts in ((Effect.DENY, deny), (Effect.ASK, ask))
            for text in texts
        ]
        return Policy((*self.rules, *added), self.access, self.definitions)

    def _found_in(self, integration: str) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.is_in(integration))

    def _found_over(self, integration: str, tool: str) -> tuple[Rule, ...]:
        return tuple(rule for rule in self._in(integration) if rule.is_over(integration, tool))

    def access_rule(self, integration: str, tool: str) -> Verdict | None:
        """What the operator says that a tool does; None where nothing was said. Of several sayings the worst counts."""
        found: Verdict | None = None
        for rule in self.access:
            verdict = rule.verdict(integration, tool)
            found = verdict.or_worse(found) if verdict and found else verdict or found
        return found

    def before(self, subject: Subject) -> Ruling:
        """What holds whatever the arguments will be: DENY where they can't change it, else what is to be expected.

        That is what the rules decide which don't depend on anything unknown; `unless` names the others that could change it.
        """
        over = self._over(subject.integration, subject.tool)
        matches = [(rule, match) for rule in over if (match := rule.before(subject)).matches]
        ruling = _decided(subject, [(rule, match) for rule, match in matches if match.certain])
        open_ones = [(rule, match) for rule, match in matches if match.unknown and _could_change(rule.effect, ruling)]
        if not open_ones:
            return ruling
        unknown = dict.fromkeys(one for _, match in open_ones for one in match.unknown)
        return Ruling(
            ruling.effect,
            f"{ruling.reason} That may change with {_listed(list(unknown))}.",
            ruling.rule,
            ruling.where,
            tuple(_of_rule(rule, f"That depends on {_listed(match.unknown)}.") for rule, match in open_ones),
        )

    def judge(self, action: Action) -> Ruling:
        """What is to become of exactly this call. Raises nothing, whatever the arguments."""
        over = self._over(action.subject.integration, action.subject.tool)
        matches = [(rule, rule.on(action)) for rule in over]
        counting = [
            (rule, match)
            for rule, match in matches
            if match.certain or (match.matches and rule.effect is not Effect.ALLOW)
        ]
        return _decided(action.subject, counting)


def _decided(subject: Subject, matches: Sequence[tuple[Rule, Match]]) -> Ruling:
    if not matches:
        if subject.access is Access.READ:
            return Ruling(Effect.ALLOW, "It only reads, and no rule says otherwise.")
        what = "It can destroy something" if subject.access is Access.DESTRUCTIVE else "It changes something"
        return Ruling(Effect.ASK, f"{what}, and no rule says otherwise.")
    strictest = max(rule.effect.strictness for rule, _ in matches)
    rule, match = next(pair for pair in matches if pair[0].effect.strictness == strictest)
    return _of_rule(
        rule, f"What can't be worked out counts against it: {_listed(match.unknown)}." if match.unknown else ""
    )


def _of_rule(rule: Rule, more: str) -> Ruling:
    because = f": {rule.because.rstrip('.')}" if rule.because else ""
    reason = f"The rule “{rule.name}” {_VERBS[rule.effect]}{because}."
    return Ruling(rule.effect, f"{reason} {more}".rstrip(), rule.name, rule.where)


def _could_change(effect: Effect, expected: Ruling) -> bool:
    """A rule that allows only counts where no other does."""
    if effect is Effect.ALLOW:
        return expected.rule is None and expected.effect is Effect.ASK
    return effect.strictness > expected.effect.strictness


def _listed(unknown: Sequence[Unknown]) -> str:
    return " and ".join(unknown)

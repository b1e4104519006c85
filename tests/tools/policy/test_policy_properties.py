"""What holds for any rules and any call: more rules never allow more, order decides nothing, what is unknown allows nothing."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nango_tools import Access
from nango_tools.policy import USER, Action, Effect, Glob, Policy, Rule, Subject, ToolGlob
from nango_tools.policy.conditions import Fit, Question, Undecided

NAMES = ["github", "gmail", "delete-it", "list-them"]
INTEGRATIONS = [Glob(text) for text in ("github", "gmail", "*", "g*", "?????")]
TOOLS = [ToolGlob(text) for text in ("delete-it", "*-it", "*", "github/*", "g*/delete-*")]
ACCOUNTS = [Glob(text) for text in ("*@acme.com", "ada*")]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["amount", "to", "x"]), inner),
    max_leaves=6,
)
CONDITIONS = [
    None,
    Question("amount > `10`"),
    Question("!(amount > `10`) || contains(to, 'x')"),
    Question("length(to[?x]) == `0` && to != `[]`"),
    Fit({"required": ["amount"], "properties": {"amount": {"type": "number", "maximum": 10}}}),
    Fit({"not": {"minProperties": 1}}),
]


class Unknowable:
    def holds(self, arguments: Any) -> bool:
        raise Undecided


def some(values: list[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.sampled_from(values), max_size=2).map(tuple)


@st.composite
def rules(draw: st.DrawFn, effects: tuple[Effect, ...] = tuple(Effect)) -> Rule:
    return Rule(
        name=draw(st.sampled_from("abc")),
        effect=draw(st.sampled_from(effects)),
        integrations=draw(some(INTEGRATIONS)),
        tools=draw(some(TOOLS)),
        access=frozenset(draw(st.sets(st.sampled_from(list(Access)), max_size=2))),
        accounts=draw(some(ACCOUNTS)),
        connections=frozenset(draw(st.sets(st.sampled_from(["c1", "c2"]), max_size=1))),
        arguments=draw(st.sampled_from(CONDITIONS)),
        sources=draw(some(INTEGRATIONS)),
        from_user=draw(st.booleans()),
    )


SUBJECTS = st.builds(
    Subject,
    integration=st.sampled_from(NAMES[:2]),
    tool=st.sampled_from(NAMES[2:]),
    access=st.sampled_from(list(Access)),
    account=st.sampled_from(["", "ada@acme.com", "bob@else.com"]),
    connection_id=st.sampled_from(["", "c1", "c2", "c3"]),
)
ACTIONS = st.builds(
    Action,
    subject=SUBJECTS,
    arguments=JSON,
    sources=st.frozensets(st.sampled_from([USER, "github", "gmail"])),
)
RULES = st.lists(rules(), max_size=4)
TIGHTENING = st.lists(rules((Effect.DENY, Effect.ASK)), min_size=1, max_size=3)


@given(RULES, TIGHTENING, ACTIONS)
@settings(max_examples=100)
def test_more_rules_that_deny_or_ask_never_allow_more(some: list[Rule], more: list[Rule], action: Action) -> None:
    before, after = Policy(some), Policy([*some, *more])
    assert after.judge(action).effect.strictness >= before.judge(action).effect.strictness
    assert after.before(action.subject).effect.strictness >= before.before(action.subject).effect.strictness


@given(RULES, st.lists(st.sampled_from(["*/*", "github/*", "*/delete-*"])), ACTIONS, st.sampled_from(["deny", "ask"]))
@settings(max_examples=100)
def test_what_a_run_adds_never_loosens(some: list[Rule], globs: list[str], action: Action, how: str) -> None:
    policy = Policy(some)
    tightened = policy.tightened(**{how: globs})
    assert tightened.judge(action).effect.strictness >= policy.judge(action).effect.strictness
    if "*/*" in globs:
        assert tightened.judge(action).effect.strictness >= Effect(how).strictness


@given(RULES, ACTIONS, st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_the_order_of_rules_never_changes_the_effect(some: list[Rule], action: Action, shuffling: Any) -> None:
    other = list(some)
    shuffling.shuffle(other)
    assert Policy(some).judge(action).effect is Policy(other).judge(action).effect
    assert Policy(some).before(action.subject).effect is Policy(other).before(action.subject).effect


@given(RULES, rules(), ACTIONS)
@settings(max_examples=100)
def test_a_condition_that_cannot_be_worked_out_never_allows(some: list[Rule], rule: Rule, action: Action) -> None:
    without = Policy(some).judge(action)
    unknowable = Policy([*some, replace(rule, arguments=Unknowable())]).judge(action)
    assert unknowable.effect.strictness >= without.effect.strictness
    always = Policy([*some, replace(rule, arguments=None)]).judge(action)
    if rule.effect is not Effect.ALLOW:
        assert unknowable.effect is always.effect


@given(RULES, ACTIONS)
@settings(max_examples=100)
def test_judging_keeps_what_was_said_before(some: list[Rule], action: Action) -> None:
    policy = Policy(some)
    before, judged = policy.before(action.subject), policy.judge(action)
    assert judged.effect in {before.effect, *(other.effect for other in before.unless)}
    if before.effect is Effect.DENY:
        assert judged.effect is Effect.DENY
    assert judged.reason.endswith(".")


@given(RULES, JSON, SUBJECTS)
@settings(max_examples=100)
def test_evaluation_never_raises_and_only_a_rule_allows_a_write(some: list[Rule], data: Any, subject: Subject) -> None:
    ruling = Policy(some).judge(Action(subject, data))
    if ruling.effect is Effect.ALLOW and subject.access is not Access.READ:
        assert any(rule.effect is Effect.ALLOW and rule.name == ruling.rule for rule in some)

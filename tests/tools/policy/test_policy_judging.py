"""What the rules together make of a tool and of a call."""

from pathlib import Path

import pytest

from nango_tools import Access
from nango_tools.policy import USER, Action, Effect, Policy, Ruling, Subject

READ = Subject("gmail", "list-messages", Access.READ, account="ada@acme.com", connection_id="c1")
WRITE = Subject("slack", "post-message", Access.WRITE, account="ada@acme.com", connection_id="c2")
DESTROY = Subject("github", "delete-repo", Access.DESTRUCTIVE)


def _policy(folder: Path, *rules: str) -> Policy:
    file = folder / "policy.yaml"
    file.write_text("version: 1\nrules:\n" + "".join(f"  - {{{rule}}}\n" for rule in rules))
    return Policy.load(file)


def _on(policy: Policy, subject: Subject, *sources: str, **arguments: object) -> Ruling:
    return policy.judge(Action(subject, arguments, frozenset(sources or {USER})))


def test_without_rules_reads_are_allowed_and_the_rest_asks() -> None:
    for judge in (Policy().before, lambda subject: _on(Policy(), subject)):
        assert (judge(READ).effect, judge(READ).rule) == (Effect.ALLOW, None)
        assert (judge(WRITE).effect, judge(WRITE).rule) == (Effect.ASK, None)
        assert judge(WRITE).reason == "It changes something, and no rule says otherwise."
        assert judge(DESTROY).reason == "It can destroy something, and no rule says otherwise."


def test_deny_beats_ask_beats_allow_and_the_first_of_the_kind_is_named(tmp_path: Path) -> None:
    allow, ask, deny = ("name: a, effect: allow", "name: b, effect: ask", "name: c, effect: deny")
    again = "name: d, effect: deny, because: it is so"
    assert _on(_policy(tmp_path, allow), WRITE).rule == "a"
    assert _on(_policy(tmp_path, allow, ask), WRITE).rule == "b"
    ruling = _on(_policy(tmp_path, allow, ask, deny, again), WRITE)
    assert (ruling.effect, ruling.rule, ruling.where) == (Effect.DENY, "c", f"{tmp_path}/policy.yaml:5")
    assert _on(_policy(tmp_path, again, deny), WRITE).reason == "The rule “d” denies it: it is so."


def test_all_conditions_of_a_rule_must_hold_and_one_of_each_list(tmp_path: Path) -> None:
    policy = _policy(
        tmp_path, "name: a, effect: deny, integration: [slack, teams], tool: 'post-*', access: [write, destructive]"
    )
    assert _on(policy, WRITE).effect is Effect.DENY
    assert _on(policy, Subject("teams", "post-it", Access.DESTRUCTIVE)).effect is Effect.DENY
    assert _on(policy, Subject("slack", "post-it", Access.READ)).effect is Effect.ALLOW
    assert _on(policy, Subject("slack", "send-it", Access.WRITE)).effect is Effect.ASK
    assert _on(policy, Subject("mail", "post-it", Access.WRITE)).effect is Effect.ASK


def test_an_account_is_known_by_its_label_or_its_connection(tmp_path: Path) -> None:
    for condition in ("account: '*@ACME.com'", "connection: [c9, c2]"):
        policy = _policy(tmp_path, f"name: a, effect: deny, {condition}")
        assert _on(policy, WRITE).effect is Effect.DENY
        other = Subject("slack", "post-message", Access.READ, account="bob@else.com", connection_id="c3")
        assert _on(policy, other).effect is Effect.ALLOW


def test_an_account_that_is_not_known_is_not_in_favour_of_the_call(tmp_path: Path) -> None:
    unknown = Subject("slack", "post-message", Access.WRITE)
    for condition in ("account: '*'", "connection: c2"):
        denying = _policy(tmp_path, f"name: a, effect: deny, {condition}")
        assert denying.before(unknown).effect is Effect.ASK
        assert denying.before(unknown).unless[0].effect is Effect.DENY
        assert _on(denying, unknown).effect is Effect.DENY
        assert _on(_policy(tmp_path, f"name: a, effect: allow, {condition}"), unknown).effect is Effect.ASK


def test_a_label_does_not_pass_for_the_id_of_a_connection(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "name: a, effect: allow, connection: c2")
    spoofed = Subject("slack", "post-message", Access.WRITE, account="c2", connection_id="c666")
    assert _on(policy, spoofed).effect is Effect.ASK


@pytest.mark.parametrize(
    ("sources", "denied", "allowed"),
    [
        ({"gmail"}, True, True),
        ({"gmail", USER}, True, False),
        ({"github", USER}, False, False),
        (set(), True, False),
    ],
)
def test_data_from_any_named_source_denies_and_only_data_from_named_sources_allows(
    tmp_path: Path, sources: set[str], denied: bool, allowed: bool
) -> None:
    action = Action(WRITE, {}, frozenset(sources))
    denying = _policy(tmp_path, "name: a, effect: deny, from_integration: 'g?ail'").judge(action)
    assert (denying.effect is Effect.DENY) is denied
    allowing = _policy(tmp_path, "name: a, effect: allow, from_integration: [gmail]").judge(action)
    assert (allowing.effect is Effect.ALLOW) is allowed


def test_the_words_of_the_user_are_a_source_that_no_pattern_means(tmp_path: Path) -> None:
    anything = _policy(tmp_path, "name: a, effect: deny, from_integration: '*'")
    assert _on(anything, WRITE, USER).effect is Effect.ASK
    assert _on(anything, WRITE, USER, "hubspot").effect is Effect.DENY
    own = _policy(tmp_path, "name: a, effect: allow, from_integration: user")
    assert _on(own, WRITE, USER).effect is Effect.ALLOW
    assert _on(own, WRITE, USER, "gmail").effect is Effect.ASK
    both = _policy(tmp_path, "name: a, effect: allow, from_integration: [user, gmail]")
    assert _on(both, WRITE, USER, "gmail").effect is Effect.ALLOW


def test_before_denies_only_what_is_denied_whatever_comes(tmp_path: Path) -> None:
    assert _policy(tmp_path, "name: a, effect: deny, tool: slack/*").before(WRITE).effect is Effect.DENY
    for condition in ("arguments: 'a == `1`'", "from_integration: gmail"):
        ruling = _policy(tmp_path, f"name: a, effect: deny, {condition}").before(READ)
        assert ruling.effect is Effect.ALLOW
        assert [other.effect for other in ruling.unless] == [Effect.DENY]


def test_before_says_what_may_change_it_and_on_what_that_depends(tmp_path: Path) -> None:
    policy = _policy(
        tmp_path,
        "name: sums, effect: deny, arguments: 'amount > `5`'",
        "name: mail, effect: ask, from_integration: gmail, account: '*@acme.com'",
        "name: small, effect: allow, arguments: 'amount < `2`'",
    )
    ruling = policy.before(Subject("acme", "pay", Access.WRITE))
    assert (ruling.effect, ruling.rule) == (Effect.ASK, None)
    assert ruling.reason.endswith("no rule says otherwise. That may change with the arguments.")
    assert [(other.rule, other.effect) for other in ruling.unless] == [("sums", Effect.DENY), ("small", Effect.ALLOW)]
    read = policy.before(Subject("acme", "look", Access.READ))
    assert [(other.rule, other.reason) for other in read.unless] == [
        ("sums", "The rule “sums” denies it. That depends on the arguments."),
        ("mail", "The rule “mail” asks. That depends on the account and where the arguments come from."),
    ]


def test_a_rule_that_allows_is_not_told_as_a_way_out_where_another_asks(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "name: a, effect: ask", "name: b, effect: allow, arguments: 'a == `1`'")
    assert policy.before(WRITE).unless == ()


def test_an_integration_with_the_key_user_never_passes_for_the_words_of_the_user(tmp_path: Path) -> None:
    allowing = _policy(tmp_path, "name: a, effect: allow, from_integration: user")
    assert _on(allowing, WRITE, USER).effect is Effect.ALLOW
    assert _on(allowing, WRITE, "user").effect is Effect.ASK
    assert _on(allowing, WRITE, USER, "user").effect is Effect.ASK
    denying = _policy(tmp_path, "name: a, effect: deny, from_integration: user")
    for source in ("user", USER):
        assert _on(denying, WRITE, source, "gmail").effect is Effect.DENY
    assert _on(denying, WRITE, "gmail").effect is Effect.ASK
    by_pattern = _policy(tmp_path, "name: a, effect: deny, from_integration: 'use?'")
    assert _on(by_pattern, WRITE, "user").effect is Effect.DENY
    assert _on(by_pattern, WRITE, USER).effect is Effect.ASK


def test_a_name_is_the_same_in_all_the_ways_in_which_unicode_writes_it(tmp_path: Path) -> None:
    composed, apart = "l\u00f6schen", "lo\u0308schen"
    for written in (composed, apart):
        policy = _policy(tmp_path, f"name: a, effect: deny, tool: 'crm/{written[:-1]}?'")
        by_name = _policy(tmp_path, f"name: a, effect: deny, tool: '{written}', account: '{written.upper()}'")
        for name in (composed, apart):
            assert _on(policy, Subject("crm", name, Access.READ)).effect is Effect.DENY
            assert _on(by_name, Subject("crm", name, Access.READ, account=name)).effect is Effect.DENY

"""Patterns: `*` and `?` and nothing else, matched soon whatever the text."""

import fnmatch
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nango_tools import Access
from nango_tools.policy import Action, Effect, Glob, Policy, Subject, ToolGlob


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("delete-*", "delete-repo", True),
        ("delete-*", "delete-", True),
        ("delete-*", "undelete-repo", False),
        ("*delete*", "bulk-delete-repos", True),
        ("list-?", "list-a", True),
        ("list-?", "list-ab", False),
        ("list-?", "list-", False),
        ("Delete-*", "delete-repo", False),
        ("a[bc]", "ab", False),
        ("a[bc]", "a[bc]", True),
        ("a[!b]*", "a[!b]c", True),
        ("(a|b)+", "a", False),
        ("a.c", "abc", False),
        ("a*", "a\nb", True),
        ("a", "a\n", False),
        ("***", "", True),
    ],
)
def test_a_pattern_matches_the_whole_name(pattern: str, name: str, matches: bool) -> None:
    assert Glob(pattern).matches(name) is matches


@pytest.mark.parametrize("pattern", ["", " ", " a", "a ", "a\nb", "a\x00", "\u202ea", "x" * 201])
def test_what_is_no_pattern_is_refused_with_a_sentence(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        Glob(pattern)


def test_the_letters_of_an_account_may_be_of_any_case() -> None:
    assert Glob("*@acme.com", any_case=True).matches("Ada@ACME.com")
    assert not Glob("*@acme.com").matches("Ada@ACME.com")


@given(st.text("ab?*", max_size=12), st.text("ab", max_size=12))
def test_patterns_match_what_those_of_the_shell_match(pattern: str, name: str) -> None:
    if pattern:
        assert Glob(pattern).matches(name) == fnmatch.fnmatchcase(name, pattern)


def test_no_pattern_is_slow_on_any_text() -> None:
    started = time.thread_time()
    for pattern in ("*a" * 100, "*" * 200, "*a*?" * 50, "*" + "?" * 100 + "b"):
        assert not Glob(pattern + "c" if len(pattern) < 200 else f"{pattern[:-1]}c").matches("a" * 20_000)
    assert time.thread_time() - started < 2


def test_a_pattern_with_a_slash_is_over_integration_and_tool() -> None:
    assert ToolGlob("github/delete-*").matches("github", "delete-repo")
    assert not ToolGlob("github/delete-*").matches("gitlab", "delete-repo")
    assert ToolGlob("delete-*").matches("gitlab", "delete-repo")
    assert ToolGlob("git*/*").matches("gitlab", "anything")
    assert not ToolGlob("github").matches("github", "delete-repo")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "github",
        "/",
        "github/",
        "/delete",
        "github/a\nb",
        " /x",
        f"github/{'x' * 300}",
        "a/b/c",
        "g\u0456thub/x",
    ],
)
def test_what_a_run_adds_must_name_integration_and_tool(text: str) -> None:
    for keyword in ("deny", "ask"):
        with pytest.raises(ValueError, match=r"\w.*\."):
            Policy().tightened(**{keyword: [text]})


def test_what_a_run_adds_denies_and_asks_and_says_so() -> None:
    policy = Policy().tightened(deny=["github/delete-*"], ask=["*/list-*"])
    denied = policy.before(Subject("github", "delete-repo", Access.WRITE))
    assert (denied.effect, denied.rule) == (Effect.DENY, "this run: deny github/delete-*")
    asked = policy.judge(Action(Subject("slack", "list-channels", Access.READ), {}))
    assert (asked.effect, asked.rule) == (Effect.ASK, "this run: ask */list-*")
    assert policy.judge(Action(Subject("slack", "get-user", Access.READ), {})).effect is Effect.ALLOW


def test_a_run_cannot_add_patterns_without_end() -> None:
    with pytest.raises(ValueError, match="at most 1000"):
        Policy().tightened(deny=["a/b"] * 1001)


def test_a_policy_that_nothing_is_added_to_is_itself() -> None:
    policy = Policy()
    assert policy.tightened() is policy
    assert policy.tightened(deny=["a/b"]).definitions == "hold"


def test_a_thousand_patterns_are_read_once_and_looked_at_once_for_each_tool() -> None:
    policy = Policy()
    deny = [f"x{n}*a*b*c*d*e*f*g/y{n}*a*b*c*d*e*f*g" for n in range(999)] + ["slack/get-*"]
    denied = Action(Subject("slack", "get-user", Access.READ), {})
    assert policy.tightened(deny=deny).judge(denied).effect is Effect.DENY
    started = time.thread_time()
    for n in range(300):
        tightened = policy.tightened(deny=iter(deny))
        assert tightened.judge(denied).effect is Effect.DENY
        assert tightened.judge(Action(Subject("slack", "list-them", Access.READ), {"n": n})).effect is Effect.ALLOW
    assert time.thread_time() - started < 1


def test_a_thousand_patterns_over_thousands_of_tools_are_judged_soon() -> None:
    policy = Policy().tightened(deny=[f"app{n}*/delete-*" for n in range(1000)])
    started = time.thread_time()
    for integration in range(20):
        for tool in range(150):
            effect = policy.before(Subject(f"app{integration}", f"list-{tool}", Access.READ)).effect
            assert effect is Effect.ALLOW
    assert policy.before(Subject("app7", "delete-all", Access.READ)).effect is Effect.DENY
    assert time.thread_time() - started < 2


def test_what_is_remembered_of_what_runs_added_does_not_mix_them_up() -> None:
    policy = Policy()
    read = Action(Subject("a", "b", Access.READ), {})
    for _ in range(2):
        assert policy.tightened(deny=["a/b"]).judge(read).effect is Effect.DENY
        assert policy.tightened(ask=["a/b"]).judge(read).effect is Effect.ASK
        assert policy.tightened(deny=["a/c"], ask=["b/b"]).judge(read).effect is Effect.ALLOW
        assert policy.judge(read).effect is Effect.ALLOW

"""Which account a request names: by a rule that would rather not tell than guess."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nango_graph.connections.naming import named_account
from nango_tools import ConnectionSummary

SLACK = ("slack", "Slack")
WORK, HOME = "0b7d1c9e-work", "5f20aa31-home"


def account(connection_id: str, **tags: str) -> ConnectionSummary:
    return ConnectionSummary(
        connection_id=connection_id,
        integration_id="slack",
        provider="slack",
        tags=tags,
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
    )


WORK_AND_HOME = [
    account(WORK, end_user_id="ada", end_user_email="ada@acme.com", end_user_display_name="Ada Lovelace", team="Work"),
    account(HOME, end_user_id="ada", end_user_email="ada@home.org", end_user_display_name="Ada Lovelace", team="Home"),
]


def named(
    request: str, accounts=WORK_AND_HOME, integration=SLACK, tools=("list-channels", "post-message")
) -> str | None:
    return named_account(request, integration=integration, tool_names=tools, accounts=accounts)


@pytest.mark.parametrize(
    ("request_text", "expected"),
    [
        ("Post hello to #general with my work Slack", WORK),
        ("post hello in #general as ada@acme.com", WORK),
        ("Post as ADA@HOME.ORG in #general.", HOME),
        ("in the Acme workspace, post hello", WORK),
        ("use my Home Slack account and list the channels", HOME),
        ("list the channels of the Slack account of Acme", WORK),
        ("list the channels of Acme's Slack workspace", WORK),
        ("list the channels (account: ada@acme.com)", WORK),
        (f"post hello from {HOME}", HOME),
        ("Poste hallo mit meinem Work-Slack", WORK),
        ("liste les canaux du compte Slack de Acme", WORK),
        ("lista los canales de la cuenta Home", HOME),
        ("post hello as ada@home.org and not ada@acme.com on Slack", HOME),
        ("with my ada@acme.com Slack, list the channels", WORK),
        ("from ada@home.org's Slack account post hello", HOME),
        ("use the account of ada@acme.com", WORK),
        ("Poste mit dem Konto von ada@home.org", HOME),
        ("with my work Slack and not my home Slack", WORK),
    ],
)
def test_words_beside_the_name_an_address_or_an_id_tell_the_account(request_text: str, expected: str) -> None:
    assert named(request_text) == expected


@pytest.mark.parametrize(
    "request_text",
    [
        "post hello to #general in Slack",
        "post 'I love my work Slack' to #general",
        "post to #general: my work Slack is down",
        "post “ask ada@acme.com about it” to #general",
        "work is done, say so in Slack",
        "post in Slack to Work",
        "not with my work Slack",
        "don't use my work Slack for it",
        "post hello, but without the work account",
        "copy it from my work Slack to my home Slack",
        "mail ada@acme.com and ada@home.org",
        "with Ada's Slack",
        "with my Slack at com",
        "with the other Slack account",
        "with workers Slack",
        "mail xada@acme.com",
        "list my Slack channels, but don't use ada@acme.com",
        "list my Slack channels, but not as ada@acme.com",
        "nimm das Konto ada@acme.com nicht",
        "the account ada@acme.com should not be used",
        "my work Slack should not be used",
        f"don't use {WORK} for it",
        "tell ada@acme.com on Slack that I am late",
        "tell ada@acme.com Slack is down",
        "send a Slack message to ada@home.org",
        "share the file with ada@acme.com",
        "list the messages from ada@acme.com in Slack",
        "create a Slack account for ada@acme.com",
        "invite to the Slack workspace ada@acme.com",
        "post as ada@acme.com to ada@home.org",
        "post hello in the Slack workspace to Home",
        "",
    ],
)
def test_weak_evidence_tells_nothing(request_text: str) -> None:
    assert named(request_text) is None


def test_what_is_an_object_of_the_integration_is_no_word_for_an_account() -> None:
    salesforce = ("salesforce", "Salesforce")
    assert named("delete the Acme account", integration=salesforce, tools=["delete-account"]) is None
    assert named("delete the Acme account", integration=salesforce, tools=["delete-contact"]) == WORK
    assert named("list Acme Salesforce accounts", integration=salesforce, tools=["list-accounts"]) == WORK


def test_a_word_of_the_tools_is_no_name() -> None:
    accounts = [account("a1", team="Channel"), account("b2", team="Other")]
    assert named("list the channel Slack has", accounts) is None


def test_of_one_account_nothing_has_to_be_told() -> None:
    assert named("with my work Slack", WORK_AND_HOME[:1]) is None


def test_the_rest_of_a_name_is_read_past_words_that_all_accounts_share() -> None:
    accounts = [account("a1", company="Acme Corp"), account("b2", company="Globex Corp")]
    assert named("post it in the Globex Corp Slack", accounts) == "b2"
    assert named("post it in the Corp Slack", accounts) is None


def test_a_word_that_is_an_id_somewhere_proves_nothing_in_a_text() -> None:
    accounts = [account("general"), account("random")]
    assert named("post to general", accounts) is None


def test_the_name_of_another_integration_stands_between() -> None:
    assert named("use my work GitHub account and post it in Slack") is None


TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
TAGS = st.dictionaries(st.sampled_from(["team", "end_user_email", "end_user_display_name"]), TEXT, max_size=3)


@given(TEXT, st.lists(TAGS, max_size=4))
def test_whatever_is_said_it_is_an_account_that_is_there_or_none(request_text: str, tags: list[dict[str, str]]) -> None:
    accounts = [account(f"id-{number}", **each) for number, each in enumerate(tags)]
    assert named(request_text, accounts) in {None, *(one.connection_id for one in accounts)}


@given(TEXT, TAGS)
def test_accounts_that_nothing_tells_apart_are_never_told_apart(request_text: str, tags: dict[str, str]) -> None:
    accounts = [account("the-first-1", **tags), account("the-other-2", **tags)]
    assert named(request_text, accounts) is None


@given(TEXT, st.permutations(WORK_AND_HOME))
def test_the_order_of_the_accounts_is_of_no_matter(request_text: str, accounts: list[ConnectionSummary]) -> None:
    text = f"with my work Slack {request_text}"
    assert named(text, accounts) == named(text)


@given(
    TEXT.filter(lambda text: not {"work", "home", "acme", "slack"} & set(text.casefold().split()) and "@" not in text)
)
def test_a_request_without_any_word_of_an_account_names_none(request_text: str) -> None:
    if not any(word in request_text.casefold() for word in ("work", "home", "acme", "lovelace")):
        assert named(f"{request_text} Slack account {request_text}") is None


PLAIN = st.lists(
    st.sampled_from(["post", "hello", "tell", "list", "channels", "general", "please", "file", "late"]), max_size=4
).map(" ".join)
ADDRESS = st.sampled_from([("ada@acme.com", WORK), ("ada@home.org", HOME), ("ADA@Home.org", HOME)])


@given(
    PLAIN,
    st.sampled_from(["to", "for", "tell", "ask", "mail", "invite", "cc", "at", "with", "from", "by"]),
    ADDRESS,
    PLAIN,
)
def test_an_address_in_no_place_of_an_account_names_none(before, verb, address, after) -> None:
    assert named(f"{before} {verb} {address[0]} {after}") is None


@given(
    PLAIN,
    st.sampled_from(["as {}", "with my {} account", "from {}'s Slack", "account of {}", "Slack account {}"]),
    ADDRESS,
    PLAIN,
)
def test_an_address_in_the_place_of_an_account_names_it(before, place, address, after) -> None:
    assert named(f"{before} {place.format(address[0])} {after}") == address[1]


@given(
    st.sampled_from(["not", "don't use", "never", "without", "nicht", "except", "other than", "instead of"]),
    st.sampled_from(["as {}", "with my {} account", "from {}'s Slack", "the account of {}"]),
    ADDRESS,
    PLAIN,
)
def test_an_address_that_is_negated_names_none(negation, place, address, after) -> None:
    assert named(f"list the channels {negation} {place.format(address[0])} {after}") is None

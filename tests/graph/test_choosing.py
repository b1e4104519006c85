"""Which integrations a request needs: what is clear without a model, what is not, and what the graph makes of it."""

from typing import Any
from uuid import UUID

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import BaseMessage

from nango_graph.choosing import Choice, clear_choice
from nango_tools import IntegrationSummary

OCTO = {"owner": "octo", "repo": "widgets"}


def integration(key: str, display_name: str, *tools: str, provider: str = "") -> IntegrationSummary:
    described = tuple((name, name.replace("-", " ")) for name in tools)
    return IntegrationSummary(key=key, provider=provider or key, display_name=display_name, tools=described)


GITHUB = integration(
    "github", "GitHub", "list-issues", "create-issue", "update-issue", "list-pull-requests", "get-label"
)
SLACK = integration("slack", "Slack", "post-message", "list-channels", "list-channel-members", "search-messages")
MAIL = integration("google-mail", "Gmail", "send-message", "list-drafts", "list-mails")
CALENDAR = integration("google-calendar", "Google Calendar", "create-event", "list-calendars", "list-meetings")
CLOSE = integration("close", "Close", "list-leads", "create-lead")
ALL = (GITHUB, SLACK, MAIL, CALENDAR, CLOSE)


def choose(request: str, *available: IntegrationSummary, used: tuple[str, ...] = ()) -> Choice | None:
    there = available or ALL
    return clear_choice(request, there, allowed={one.key for one in there}, used=set(used))


def needed(request: str, *available: IntegrationSummary, used: tuple[str, ...] = ()) -> set[str] | None:
    choice = choose(request, *available, used=used)
    return None if choice is None else set(choice.needed)


@pytest.mark.parametrize(
    ("request_", "key"),
    [
        ("List the open GitHub issues", "github"),
        ("list the issues on github", "github"),
        ("What are the labels of GITHUB issue 7?", "github"),
        ("GitHub: list the pull requests", "github"),
        ("Create an issue on GitHub titled 'Slack is slow'", "github"),
        ("List the drafts in Gmail", "google-mail"),
        ("List the drafts in google-mail", "google-mail"),
        ("Which meetings are in my Google Calendar?", "google-calendar"),
        ("List the meetings in Google Calendars", "google-calendar"),
        ("List my Slack's channels", "slack"),
        ("Create the lead Jo in Close", "close"),
    ],
)
def test_a_request_that_names_the_one_integration_it_needs_is_clear(request_: str, key: str) -> None:
    assert choose(request_) == Choice(frozenset({key}), frozenset(), sure=True)


@pytest.mark.parametrize(
    "request_",
    [
        "Post the titles of the GitHub issues to #general",
        "Post the titles of the GitHub issues to the channel general",
        "Mail the GitHub issues to Bob",
        "Tell Ana about GitHub issue 7",
        "Put the GitHub issues into my calendar",
        "List the GitHub issues in my notebook",
        "Create an issue about the Slack messages",
    ],
)
def test_a_request_that_needs_another_integration_without_naming_it_is_not(request_: str) -> None:
    assert choose(request_) is None


@pytest.mark.parametrize(
    "request_",
    [
        "List the issues, but not those on GitHub",
        "Don't list the issues on GitHub",
        "Don\u2019t list the issues on GitHub",
        "dont list the issues on GitHub",
        "List all messages except Slack messages",
        "List the messages without Slack",
        "Skip Slack, list the channels",
    ],
)
def test_a_name_may_stand_for_what_is_not_wanted(request_: str) -> None:
    assert choose(request_) is None


@pytest.mark.parametrize(
    "request_",
    ["Comment on the GitHub issue", "List the document issues on GitHub", "What is the event on GitHub issue 7?"],
)
def test_words_that_only_look_like_a_no_are_none(request_: str) -> None:
    assert needed(request_, GITHUB) == {"github"}


@pytest.mark.parametrize(
    "request_",
    [
        "Zeig mir die offenen Vorgänge, aber nichts aus Slack",
        "Schreib Anna eine Nachricht mit den offenen GitHub-Issues",
        "Envía un correo a Ana con las incidencias abiertas de GitHub",
        "GitHubの未解決の課題をチームに送って",
        "把GitHub上的问题发到频道里",
    ],
)
def test_a_language_that_the_tools_do_not_use_is_for_the_model(request_: str) -> None:
    assert choose(request_) is None


@pytest.mark.parametrize(
    "request_",
    ["close issue 7", "Close the third one", "Please close the newest issue", "slack off a little", "front", ""],
)
def test_an_ordinary_word_is_no_name(request_: str) -> None:
    assert choose(request_) is None


@pytest.mark.parametrize(
    "request_", ["Hello!", "Thanks, that was quick", "How are you?", "What can you do?", "?!", "7"]
)
def test_small_talk_is_not_clear_whatever_was_used_before(request_: str) -> None:
    assert choose(request_, used=("github",)) is None
    assert choose(request_, GITHUB, used=("github",)) is None
    assert choose(request_, GITHUB) is None


def test_a_name_in_quotation_marks_or_in_an_address_is_none() -> None:
    for cited in (
        "'GitHub'",
        '"GitHub"',
        "\u201cGitHub\u201d",
        "\u201eGitHub\u201c",
        "`GitHub`",
        "https://github.com/octo",
        "a@github.com",
    ):
        assert choose(f"List the issues of {cited}") is None, cited


def test_a_name_within_a_word_is_none() -> None:
    assert choose("List the issues of GitHubber") is None
    assert choose("List the slackers in the channel") is None


def test_one_name_for_several_integrations_leaves_open_which() -> None:
    other = integration("github-acme", "GitHub of Acme", "list-issues", provider="github")
    assert choose("List the GitHub issues", GITHUB, other) is None
    assert needed("List the issues on GitHub of Acme", GITHUB, other) == {"github-acme"}
    assert needed("List the issues on github-acme", GITHUB, other) == {"github-acme"}
    assert needed("List the GitHub issues", GITHUB, other, used=("github-acme",)) == {"github-acme"}
    assert choose("List the GitHub issues", GITHUB, other, used=("github", "github-acme")) is None


def test_what_a_key_says_of_the_way_to_authorize_need_not_be_said() -> None:
    power_bi = integration("microsoft-power-bi-oauth2-cc", "microsoft-power-bi-oauth2-cc", "list-reports")
    assert needed("List the reports in Microsoft Power BI", power_bi, GITHUB) == {"microsoft-power-bi-oauth2-cc"}


def test_several_names_stand_only_if_all_are_connected() -> None:
    choice = choose("Post the newest GitHub issue to a Slack channel")
    assert choice == Choice(frozenset({"github", "slack"}), frozenset(), sure=False)


def test_what_was_used_before_is_optional() -> None:
    choice = choose("Post a message to the Slack channel general", used=("github",))
    assert choice == Choice(frozenset({"slack"}), frozenset({"github"}), sure=True)


def test_a_follow_up_that_names_nothing_goes_on_with_what_was_used_and_needs_no_more() -> None:
    assert choose("Now list the labels of the third issue", used=("github",)) == Choice(
        frozenset(), frozenset({"github"}), sure=True
    )
    assert choose("Now list the labels of the third issue") is None, "nothing was used before"
    assert choose("Now post that in the channel", used=("github",)) is None
    assert choose("Put a meeting for it into my calendar", used=("github",)) is None
    assert choose("And now send it to Bob", used=("github",)) is None


def test_what_this_run_may_not_use_is_no_choice_and_still_counts_as_another() -> None:
    allowed = {"slack"}
    assert clear_choice("List the GitHub issues", ALL, allowed=allowed) is None
    assert clear_choice("Post the issues to a Slack channel", ALL, allowed=allowed) is None
    choice = clear_choice("List my Slack channels", ALL, allowed=allowed, used={"github"})
    assert choice == Choice(frozenset({"slack"}), frozenset(), sure=True)


def test_nobody_is_asked_to_connect_what_has_no_tools() -> None:
    assert choose("List the Trello", integration("trello", "Trello"), GITHUB) is None


def test_three_hundred_integrations_are_no_hindrance() -> None:
    many = [integration(f"app-number-{at}x", f"App {at}x", f"list-thing{at}x") for at in range(300)]
    assert needed("List the GitHub issues", *ALL, *many) == {"github"}


# The whole graph


class Asked(AsyncCallbackHandler):
    """Counts how often the model was asked to choose."""

    def __init__(self) -> None:
        self.times = 0

    async def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], *, run_id: UUID, **kwargs: Any
    ) -> None:
        self.times += messages[0][0].text.startswith("You decide which integrations")


@pytest.fixture
def asked() -> Asked:
    return Asked()


LIST = {"id": "s1", "tool": "github/list-issues", "arguments": OCTO}
ANSWER = {"kind": "answer", "text": "That is all."}


async def test_a_clear_request_spends_no_model_call_and_asks_for_the_one_account(start, asked) -> None:
    async with start() as agent:
        agent.model.callbacks, agent.model.integrations = [asked], ["github", "slack"]
        seen = await agent.say("List the open issues of octo/widgets on GitHub")
        assert [request["args"]["integration"] for request in seen.asks] == ["github"]
        assert asked.times == 0


async def test_an_unclear_request_is_for_the_model(agent, asked) -> None:
    agent.model.callbacks, agent.model.integrations, agent.model.script = [asked], ["slack"], [ANSWER]
    seen = await agent.say("What is new?")
    assert (seen.values["integrations"], asked.times) == (["slack"], 1)


async def test_several_names_need_no_model_where_all_are_connected(agent, asked) -> None:
    agent.model.callbacks, agent.model.script = [asked], [ANSWER]
    seen = await agent.say("Post the newest GitHub issue to a Slack channel")
    assert (seen.values["integrations"], asked.times) == (["github", "slack"], 0)


async def test_of_several_names_the_model_says_which_to_connect_anew(start, sandbox, asked) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start() as agent:
        agent.model.callbacks, agent.model.integrations, agent.model.script = [asked], ["github"], [ANSWER]
        seen = await agent.say("Create a GitHub issue: Slack channel list is empty")
        assert (seen.values["integrations"], seen.answer, asked.times) == (["github"], "That is all.", 1)


async def test_somebody_elses_connection_does_not_make_a_choice_sure(start, sandbox, asked) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    await sandbox.connect("slack", {"end_user_id": "bea"})
    async with start() as agent:
        agent.model.callbacks, agent.model.integrations, agent.model.script = [asked], ["github"], [ANSWER]
        await agent.say("Post the newest GitHub issue to a Slack channel")
        assert asked.times == 1


async def test_what_an_earlier_request_used_is_not_asked_for_again(start, sandbox, asked) -> None:
    connection = await sandbox.connect("github", {"end_user_id": "ada"})
    await sandbox.connect("slack", {"end_user_id": "ada"})
    async with start() as agent:
        agent.model.callbacks, agent.model.script = [asked], [{"kind": "plan", "steps": [LIST]}, ANSWER, ANSWER]
        await agent.say("List the issues of octo/widgets on GitHub")
        await agent.services.nango.connections.delete(connection, "github")
        seen = await agent.say("List my Slack channels")
        assert (seen.values["integrations"], seen.values["optional"]) == (["slack"], ["github"])
        assert list(seen.values["connections"]) == ["slack"]
        assert (seen.answer, asked.times) == ("That is all.", 0)
        agent.model.integrations = ["slack"]
        seen = await agent.say("And what else is there?")
        assert (seen.values["integrations"], seen.values["optional"], asked.times) == (["slack"], ["github"], 1)


async def test_a_follow_up_uses_what_is_connected_without_asking_the_model(agent, asked) -> None:
    agent.model.callbacks, agent.model.script = [asked], [{"kind": "plan", "steps": [LIST]}, ANSWER]
    await agent.say("List the issues of octo/widgets on GitHub")
    seen = await agent.say("Now list the labels of the third issue")
    assert (seen.values["integrations"], seen.values["optional"]) == ([], ["github"])
    assert list(seen.values["connections"]) == ["github"]
    assert asked.times == 0


async def test_an_answer_to_a_question_is_read_with_the_conversation(agent, asked) -> None:
    question = {"kind": "question", "text": "Which issue do you want in Slack?"}
    agent.model.callbacks, agent.model.script = [asked], [question, ANSWER]
    agent.model.integrations = ["github", "slack"]
    await agent.say("Do it")
    seen = await agent.say("The newest GitHub issue")
    assert (seen.values["integrations"], asked.times) == (["github", "slack"], 2)


async def test_an_answer_to_a_question_is_so_read_whatever_was_done_before_it(agent, asked) -> None:
    question = {"kind": "question", "text": "Which issue do you want in Slack?"}
    agent.model.script = [{"kind": "plan", "steps": [LIST]}, question, ANSWER]
    await agent.say("List the issues of octo/widgets on GitHub")
    await agent.say("Do it")
    agent.model.callbacks = [asked]
    seen = await agent.say("The newest GitHub issue")
    assert (seen.values["integrations"], asked.times) == (["github", "slack"], 1)


async def test_a_message_in_the_middle_of_a_plan_is_read_with_the_conversation(agent, asked) -> None:
    create = {"id": "s2", "tool": "github/create-issue", "arguments": {**OCTO, "title": "Crash"}}
    agent.model.script = [{"kind": "plan", "steps": [LIST]}, {"kind": "plan", "steps": [create]}, ANSWER]
    await agent.say("List the issues of octo/widgets on GitHub")
    assert (await agent.say("Create one")).asks
    agent.model.callbacks = [asked]
    await agent.say("First list my Slack channels")
    assert asked.times == 1


async def test_a_request_after_one_that_came_to_nothing_is_read_with_the_conversation(agent, asked) -> None:
    agent.model.callbacks, agent.model.script = [asked], [ANSWER, ANSWER]
    await agent.say("List the GitHub issues")
    await agent.say("Then list the Slack channels")
    assert asked.times == 1


async def test_the_runs_context_narrows_the_choice(agent, asked) -> None:
    agent.model.callbacks, agent.model.integrations, agent.model.script = [asked], ["github", "slack"], [ANSWER]
    seen = await agent.say("List the GitHub issues", integrations=["slack"])
    assert (seen.values["integrations"], asked.times) == (["slack"], 1)

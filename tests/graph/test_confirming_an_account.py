"""An account that came through a link whose opener nobody knows: who confirms it confirms this one, and is told whose it is."""

import dataclasses
from typing import Any

import pytest

from nango_graph.cli.autopilot import authorize
from nango_graph.connections.accounts import labelled
from nango_graph.connections.finding import WAIT_TAG, find_connections, wait_id_of
from nango_graph.connections.introducing import introduce
from nango_graph.connections.questions import AccountChoice, connection_message, connection_requests
from nango_graph.connections.sessions import new_session
from nango_graph.identity import Requester
from nango_graph.records import Wait
from nango_graph.state import Connection
from nango_graph.waiting.looking import look_at_waits
from nango_tools import ReauthorizationRequired

ADA = {"end_user_id": "ada", "end_user_display_name": "Ada Lovelace"}
FULL = {"end_user_id": "ada", **{f"tag_{number}": "x" for number in range(9)}}
YES = {"type": "edit", "edited_action": {"name": "confirm_account", "args": {"confirm": "yes"}}}
REJECT = {"type": "reject"}


def plan(number: int) -> dict[str, Any]:
    return {"kind": "plan", "steps": [{"id": f"s{number}", "tool": "slack/list-channels", "arguments": {}}]}


async def break_it(agent: Any, connection_id: str) -> None:
    await agent.sandbox.revoke(connection_id, "slack")
    await agent.sandbox.expire(connection_id, "slack")
    with pytest.raises(ReauthorizationRequired):
        await agent.services.nango.connections.get(connection_id, "slack")


async def opened_by_nobody_knows_whom(agent: Any, thread: str = "t") -> Wait:
    """What our page notes before it gives out a session, where nobody logs in."""
    waits = agent.services.records.waits
    (wait,) = await waits.live_in(thread)
    await waits.opened(wait.id, unverified=True, now=agent.clock.now())
    return wait


async def session_of(agent: Any, wait: Wait) -> str:
    found = await find_connections(agent.services, wait.requester, {"slack"})
    return (await new_session(agent.services, wait, found["slack"])).connect_link


async def kinds(agent: Any, requester: Requester = Requester("ada")) -> tuple[int, int, int]:  # noqa: B008
    found = (await find_connections(agent.services, requester, {"slack"}))["slack"]
    return len(found.usable), len(found.unconfirmed), len(found.broken)


async def test_a_second_session_of_the_link_that_ends_after_the_confirmation_is_asked_about_again(
    start: Any, sandbox: Any
) -> None:
    broken = await sandbox.connect("slack", ADA)
    async with start() as agent:
        await break_it(agent, broken)
        agent.model.integrations, agent.model.script = ["slack"], [plan(1), plan(2)]
        await agent.say("list my Slack channels")
        wait = await opened_by_nobody_knows_whom(agent)
        mine, theirs = await session_of(agent, wait), await session_of(agent, wait)
        await authorize(mine)
        assert await look_at_waits(agent.services, "t")
        assert (await agent.wake()).asks[0]["name"] == "confirm_account"
        assert (await agent.decide(YES)).answer == "Done."
        await authorize(theirs)
        assert await kinds(agent) == (0, 1, 0), "what was confirmed is what came of the first session"
        seen = await agent.say("once more")
        assert seen.asks[0]["name"] == "confirm_account"
        assert "authorized again" in seen.asks[0]["description"]
        assert (await agent.decide(YES)).answer == "Done."


async def test_one_that_has_no_room_for_the_tag_is_confirmed_too(start: Any, sandbox: Any) -> None:
    broken = await sandbox.connect("slack", FULL)
    async with start() as agent:
        await break_it(agent, broken)
        agent.model.integrations, agent.model.script = ["slack"], [plan(1)]
        await agent.say("list my Slack channels")
        wait = await opened_by_nobody_knows_whom(agent)
        await authorize(await session_of(agent, wait))
        assert await look_at_waits(agent.services, "t")
        assert (await agent.wake()).asks[0]["name"] == "confirm_account"
        assert await agent.ledger() == []
        assert (await agent.decide(YES)).answer == "Done."
        assert await kinds(agent) == (1, 0, 0)


async def test_a_link_that_its_requester_opened_is_asked_about_nowhere(start: Any, sandbox: Any) -> None:
    broken = await sandbox.connect("slack", FULL)
    async with start() as agent:
        await break_it(agent, broken)
        agent.model.integrations, agent.model.script = ["slack"], [plan(1)]
        seen = await agent.say("list my Slack channels")
        await authorize(seen.asks[0]["args"]["connect_link"])
        assert await look_at_waits(agent.services, "t")
        assert (await agent.wake()).answer == "Done."


@pytest.mark.parametrize("tag", ["0" * 32, f"{'0' * 32}.0123456789abcdef", "somebody-elses", "x" * 200, ".", "a.b.c"])
async def test_a_tag_that_the_records_do_not_know_is_asked_about_once(start: Any, sandbox: Any, tag: str) -> None:
    await sandbox.connect("slack", {**ADA, WAIT_TAG: tag})
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["slack"], [plan(1), plan(2)]
        assert (await agent.say("list my Slack channels")).asks[0]["name"] == "confirm_account"
        assert (await agent.decide(YES)).answer == "Done."
        assert (await agent.say("list my Slack channels", thread="b")).answer == "Done."
        assert await kinds(agent, Requester("bea")) == (0, 0, 0)


async def test_one_that_was_refused_is_not_asked_about_again(start: Any, sandbox: Any) -> None:
    await sandbox.connect("slack", {**ADA, WAIT_TAG: "unknown"})
    async with start() as agent:
        agent.model.integrations = ["slack"]
        await agent.say("list my Slack channels")
        assert (await agent.decide(REJECT)).asks[0]["name"] == "connect_account"
        assert await kinds(agent) == (0, 0, 0)


async def test_what_was_confirmed_when_tags_held_the_wait_alone_stays_confirmed(start: Any, sandbox: Any) -> None:
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["slack"], [plan(1)]
        await agent.say("list my Slack channels")
        wait = await opened_by_nobody_knows_whom(agent)
        older = await sandbox.connect("slack", {**ADA, WAIT_TAG: wait.id})
        await agent.services.records.accounts.trust(Requester("ada"), "slack", older, trusted=True, wait_id=wait.id)
        assert await kinds(agent) == (1, 0, 0)
        assert wait_id_of({WAIT_TAG: wait.id}) == wait_id_of({WAIT_TAG: f"{wait.id}.ab"}) == wait.id


# Whose it is.


async def test_the_question_does_not_give_the_requesters_own_tags_for_the_accounts_name(
    start: Any, sandbox: Any
) -> None:
    made = await sandbox.connect("slack", {**ADA, WAIT_TAG: "unknown"})
    async with start() as agent:
        agent.model.integrations = ["slack"]
        seen = await agent.say("list my Slack channels")
        ((connection, *_),) = [(await find_connections(agent.services, Requester("ada"), {"slack"}))["slack"].all]
        for shown in (str(seen.asks[0]), seen.values["messages"][-1].text):
            assert "Lovelace" not in shown
            assert f"{connection.created_at:%Y-%m-%d %H:%M} UTC" in shown
            assert made[:8] in shown
            assert "Nango does not tell whose it is" in shown


def with_probe(agent: Any, action: str) -> Any:
    settings = agent.services.settings.model_copy(update={"probes": {"slack": action}})
    return dataclasses.replace(agent.services, settings=settings)


async def test_what_the_account_says_of_itself_is_read_once_and_shown(start: Any, sandbox: Any) -> None:
    await sandbox.connect("slack", {**ADA, WAIT_TAG: "unknown"})
    async with start() as agent:
        object.__setattr__(agent.services, "settings", with_probe(agent, "list-channels").settings)
        agent.model.integrations = ["slack", "github"]
        seen = await agent.say("list my Slack channels and my GitHub issues")
        (asked,) = [one for one in seen.asks if one["name"] == "confirm_account"]
        said = asked["args"]["account_says"]
        assert said.startswith("slack/list-channels: {")
        assert len(said) <= 300 + len("slack/list-channels: ")
        assert "The account says of itself: slack/list-channels" in asked["description"]
        await sandbox.connect("github", ADA)
        assert await look_at_waits(agent.services, "t")
        (left,) = (await agent.wake()).asks
        assert left["args"]["account_says"] == said
        assert [entry.action for entry in await agent.ledger()] == ["list-channels"]


@pytest.mark.parametrize("action", ["post-message", "no-such-action"])
async def test_only_an_action_that_reads_is_asked(start: Any, sandbox: Any, action: str) -> None:
    await sandbox.connect("slack", {**ADA, WAIT_TAG: "unknown"})
    async with start() as agent:
        found = (await find_connections(agent.services, Requester("ada"), {"slack"}))["slack"]
        assert await introduce(with_probe(agent, action), found.all[0]) == ""
        assert await agent.ledger() == []


async def test_an_account_that_can_not_be_read_says_nothing(start: Any, sandbox: Any) -> None:
    made = await sandbox.connect("slack", {**ADA, WAIT_TAG: "unknown"})
    async with start() as agent:
        found = (await find_connections(agent.services, Requester("ada"), {"slack"}))["slack"]
        await agent.services.nango.connections.delete(made, "slack")
        assert await introduce(with_probe(agent, "list-channels"), found.all[0]) == ""


# A second account that is to be confirmed.


async def test_one_to_be_confirmed_is_offered_beside_those_that_work_and_confirmed_when_it_is_chosen(
    start: Any, sandbox: Any
) -> None:
    works = await sandbox.connect("slack", {**ADA, "team": "Work"})
    new = await sandbox.connect("slack", {**ADA, "team": "Home", WAIT_TAG: "unknown"})
    async with start() as agent:
        agent.model.integrations = ["slack"]
        agent.model.script = [{"kind": "account", "integration": "slack", "account": ""}, plan(1)]
        seen = await agent.say("let me choose my Slack account")
        labels = {choice["id"]: choice["label"] for choice in seen.asks[0]["choices"]}
        assert [label.endswith(", to be confirmed") for label in (labels[works], labels[new])] == [False, True]
        chosen = {"type": "edit", "edited_action": {"name": "choose_account", "args": {"account_id": new}}}
        assert (await agent.decide(chosen)).asks[0]["name"] == "confirm_account"
        assert await agent.ledger() == []
        assert (await agent.decide(YES)).answer == "Done."
        assert [entry.connection_id for entry in await agent.ledger()] == [new]


async def test_one_to_be_confirmed_is_confirmed_when_the_request_or_the_planner_names_it(
    start: Any, sandbox: Any
) -> None:
    works = await sandbox.connect("slack", {**ADA, "team": "Work"})
    await sandbox.connect("slack", {**ADA, "team": "Home", WAIT_TAG: "unknown"})
    async with start() as agent:
        agent.model.integrations = ["slack"]
        agent.model.script = [plan(1)]
        assert (await agent.say("list my channels", thread="a")).answer == "Done.", "nobody is held up by it"
        seen = await agent.say("list the channels with my Home Slack", thread="b")
        assert seen.asks[0]["name"] == "confirm_account"
        agent.model.script = [{"kind": "account", "integration": "slack", "account": "A2"}]
        seen = await agent.say("use my other Slack account", thread="c")
        assert "to be confirmed" in agent.model.prompts[-1]
        assert seen.asks[0]["name"] == "confirm_account"
        assert [entry.connection_id for entry in await agent.ledger()] == [works]


def test_of_one_account_the_question_speaks_in_the_singular() -> None:
    choice = AccountChoice("slack", "Slack", [Connection(integration="slack", connection_id="c", label="Slack (ada)")])
    (request,) = connection_requests([choice])
    shown = connection_message([choice]) + request["description"]
    assert "one account in Slack" in shown
    assert "accounts" not in shown
    assert labelled([], "Slack", to_confirm={"c"}) == {}

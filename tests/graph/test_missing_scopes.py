"""Connections that were made with fewer permissions than the tools of a plan declare."""

import json

import httpx
import pytest

from nango_graph import Context
from nango_graph.cli.autopilot import authorize
from nango_graph.connections.finding import WAIT_TAG
from nango_graph.connections.scopes import granted_scopes, lacking_scopes
from nango_graph.state import Connection
from nango_graph.waiting.looking import look_at_waits
from nango_sandbox import Sandbox

ADA = {"end_user_id": "ada"}
APPROVE, REJECT = {"type": "approve"}, {"type": "reject"}
LIST = {"kind": "plan", "steps": [{"id": "s1", "tool": "slack/list-channels", "arguments": {}}]}
POST = {
    "kind": "plan",
    "steps": [
        {"id": "s1", "tool": "slack/list-channels", "arguments": {}},
        {"id": "s2", "tool": "slack/post-message", "arguments": {"channel": "#general", "text": "hi"}},
    ],
}
ALL = "channels:read,channels:history,channels:manage,chat:write,search:read,users:read"


async def configure(sandbox: Sandbox, scopes: str) -> None:
    """What the developer asks for in Nango, from now on."""
    headers = {"authorization": f"Bearer {sandbox.api_key.get_secret_value()}"}
    credentials = {"type": "OAUTH2", "client_id": "app", "client_secret": "of the app", "scopes": scopes}
    async with httpx.AsyncClient(base_url=sandbox.base_url, headers=headers) as http:
        (await http.patch("/integrations/slack", json={"credentials": credentials})).raise_for_status()


@pytest.fixture
async def reads_only(sandbox: Sandbox) -> str:
    """A Slack account that may list channels, from when nothing else was asked for."""
    await configure(sandbox, "channels:read")
    connection_id = await sandbox.connect("slack", ADA)
    await configure(sandbox, ALL)
    return connection_id


async def written(agent) -> int:
    return len([entry for entry in await agent.ledger() if entry.access != "read"])


async def test_what_lacks_is_asked_for_once_before_the_plan_runs(start, sandbox, reads_only) -> None:
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["slack"], [POST]
        seen = await agent.say("post hi")
        (ask,) = seen.asks
        assert ask["name"] == "connect_account"
        assert ask["args"]["lacking_scopes"] == ["chat:write"]
        assert "chat:write (for slack/post-message)" in ask["description"]
        assert await agent.ledger() == [], "not even the read that could run"
        (wait,) = await agent.services.records.waits.live_in("t")
        assert (wait.reason, wait.connection_id) == ("scopes", reads_only)
        assert not await look_at_waits(agent.services, "t"), "a connection that works is not yet what it waits for"
        assert (await agent.wake()).question == seen.question
        await authorize(ask["args"]["connect_link"])
        assert await look_at_waits(agent.services, "t")
        asked = await agent.wake()
        assert [one["name"] for one in asked.asks] == ["slack/post-message"]
        assert await granted_scopes(agent.services, "slack", reads_only) == {"channels:read", "chat:write"}
        assert (await agent.decide(APPROVE)).answer == "Done."
        assert await written(agent) == 1
        assert len(agent.model.prompts) == 1, "the plan was kept"
        assert await agent.services.records.waits.live_in("t") == []


async def test_the_same_connection_with_more_scopes_from_elsewhere_goes_on_too(start, sandbox, reads_only) -> None:
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["slack"], [POST]
        await agent.say("post hi")
        await sandbox.connect("slack", ADA, connection_id=reads_only)
        assert await look_at_waits(agent.services, "t")
        assert (await agent.wake()).asks[0]["name"] == "slack/post-message"


async def test_going_on_without_the_scopes_lets_the_provider_decide(start, sandbox, reads_only) -> None:
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["slack"], [POST]
        await agent.say("post hi")
        seen = await agent.decide(APPROVE)
        assert seen.asks[0]["name"] == "slack/post-message"
        assert (await agent.decide(APPROVE)).answer == "Done."
        assert await agent.services.records.waits.live_in("t") == []


async def test_authorized_anew_without_the_scopes_is_not_asked_again(start, sandbox, reads_only) -> None:
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["slack"], [POST]
        await agent.say("post hi")
        (wait,) = await agent.services.records.waits.live_in("t")
        await configure(sandbox, "channels:read")
        await sandbox.connect("slack", {**ADA, WAIT_TAG: wait.id}, connection_id=reads_only)
        assert await look_at_waits(agent.services, "t")
        assert (await agent.wake()).asks[0]["name"] == "slack/post-message"


async def test_rejecting_is_doing_without_the_integration_and_planned_anew(start, sandbox, reads_only) -> None:
    async with start() as agent:
        agent.model.integrations = ["slack"]
        agent.model.script = [POST, {"kind": "answer", "text": "Then I can't post."}]
        await agent.say("post hi")
        assert (await agent.decide(REJECT)).answer == "Then I can't post."
        assert "<declined>\nslack\n</declined>" in agent.model.prompts[1]
        assert await agent.ledger() == []


async def test_a_deadline_that_passed_is_planned_anew_with_the_reason(start, sandbox, reads_only) -> None:
    async with start() as agent:
        agent.model.integrations = ["slack"]
        agent.model.script = [POST, {"kind": "answer", "text": "Nobody allowed it."}]
        await agent.say("post hi")
        agent.clock.time += 31 * 24 * 3600
        assert (await agent.wake()).answer == "Nobody allowed it."
        assert "slack (nobody authorized it in time)" in agent.model.prompts[1]


async def test_a_plan_whose_tools_have_what_they_declare_is_not_held_up(start, sandbox, reads_only) -> None:
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["slack"], [LIST]
        assert (await agent.say("list the channels")).answer == "Done."


async def test_an_integration_that_is_optional_is_not_asked_for(start, sandbox, reads_only) -> None:
    async with start() as agent:
        agent.model.integrations, agent.model.script = [], [POST]
        await agent.graph.ainvoke(
            {"messages": [("user", "post hi")]},
            {"configurable": {"thread_id": "t"}},
            context=Context(user_id="ada"),
            interrupt_before=["resolve_connections"],
        )
        await agent.edit_state({"integrations": [], "optional": ["slack"]}, after="choose_integrations")
        assert (await agent.wake()).asks[0]["name"] == "slack/post-message"
        assert await agent.services.records.waits.live_in("t") == []


async def test_another_turn_asks_again(start, sandbox, reads_only) -> None:
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["slack"], [POST]
        first = await agent.say("post hi")
        agent.model.script = [{**POST, "steps": [{**step, "id": f"{step['id']}0"} for step in POST["steps"]]}]
        second = await agent.say("post hi, please")
        assert second.asks[0]["args"]["lacking_scopes"] == ["chat:write"]
        assert second.question != first.question


@pytest.mark.parametrize("scopes", [["environment:connections:*"], ["environment:*"]], ids=["listed", "all"])
async def test_what_can_be_known_depends_on_the_key(start, sandbox, reads_only, scopes) -> None:
    key = await sandbox.create_api_key("some", scopes)
    async with start(nango={"api_key": key}) as agent:
        assert await granted_scopes(agent.services, "slack", reads_only) == {"channels:read"}


async def test_a_key_that_may_not_read_credentials_knows_nothing_and_nobody_is_asked(
    start, sandbox, reads_only
) -> None:
    may = ["connections:list", "connections:read", "connect_sessions:*", "integrations:*", "actions:*", "mcp"]
    key = await sandbox.create_api_key("narrow", [f"environment:{each}" for each in may])
    async with start(nango={"api_key": key}) as agent:
        agent.model.integrations, agent.model.script = ["slack"], [POST]
        assert await granted_scopes(agent.services, "slack", reads_only) is None
        assert (await agent.say("post hi")).asks[0]["name"] == "slack/post-message"


async def test_no_credential_comes_near_the_state_or_the_model(start, sandbox, reads_only) -> None:
    async with start() as agent:
        held = await agent.services.nango.connections.get_with_credentials(reads_only, "slack")
        token = str(held.credentials.get_secret_value()["access_token"])
        agent.model.integrations, agent.model.script = ["slack"], [POST]
        seen = await agent.say("post hi")
        assert token not in json.dumps([str(seen.values), seen.question, agent.model.prompts])


@pytest.mark.parametrize(
    ("granted", "declared", "lacks"),
    [
        ("repo", "repo:status", False),
        ("repo:status", "repo", True),
        ("admin:org", "read:org", False),
        ("write:org", "read:org", False),
        ("read:org", "write:org", True),
        ("read:org", "read:user", True),
        ("user", "read:user", False),
        ("https://x.test/auth/calendar", "https://x.test/auth/calendar.readonly", False),
        ("https://x.test/auth/calendar.readonly", "https://x.test/auth/calendar", True),
        ("Files.Read", "files.read", False),
        ("chat", "chatter", True),
    ],
)
async def test_a_scope_may_include_another(start, sandbox, granted, declared, lacks) -> None:
    await configure(sandbox, granted)
    connection_id = await sandbox.connect("slack", ADA)
    async with start() as agent:
        tool = await agent.services.catalog.tool("slack", "post-message")
        shown = Connection(integration="slack", connection_id=connection_id, label="")
        wanting = tool.model_copy(update={"scopes": (declared,)})
        assert bool(await lacking_scopes(agent.services, shown, [wanting])) is lacks


async def test_connections_are_read_only_where_tools_declare_scopes(start, sandbox) -> None:
    connection_id = await sandbox.connect("slack", ADA)
    async with start() as agent:
        tool = await agent.services.catalog.tool("slack", "post-message")
        shown = Connection(integration="slack", connection_id=connection_id, label="")
        before = len(await sandbox.requests())
        silent = tool.model_copy(update={"scopes": ()})
        elsewhere = tool.model_copy(update={"integration": "github"})
        assert await lacking_scopes(agent.services, shown, [silent, elsewhere]) == frozenset()
        assert len(await sandbox.requests()) == before

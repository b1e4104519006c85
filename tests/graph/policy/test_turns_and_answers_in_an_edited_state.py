"""Which turn a thread is in, whose it is, and who decided, is not taken from a state that its owner can edit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, RemoveMessage

from nango_graph import Context, UsageError

APPROVE: dict[str, Any] = {"type": "approve"}
CHAT_IS_OPEN = "\n- {name: chat is open, effect: allow, tool: slack/post-message}\n"
HELLO = {"kind": "answer", "text": "Hello."}
LIST = {"id": "s1", "tool": "slack/list-channels", "arguments": {}}
CONFIG: Any = {"configurable": {"thread_id": "t"}}


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps)}


def post(step: str = "s1") -> dict[str, Any]:
    return {"id": step, "tool": "slack/post-message", "arguments": {"channel": "general", "text": "hi"}}


async def by_nobody(agent: Any) -> None:
    await agent.graph.ainvoke(None, CONFIG, context=Context())


@asynccontextmanager
async def a_thread_of_adams(under: Any, sandbox: Any) -> AsyncIterator[tuple[Any, Any]]:
    """Of an organization in which Eve has an account of her own."""
    for who in ("eve", "adam"):
        await sandbox.connect("slack", {"organization_id": "acme", "end_user_id": who})
    async with under(CHAT_IS_OPEN) as agent:
        agent.model.integrations = ["slack"]
        agent.model.script = [HELLO]
        yield agent, await agent.say("hello", user="adam", organization_id="acme")


async def test_an_older_turn_put_into_the_state_brings_none_of_its_rules_back(under) -> None:
    async with under(CHAT_IS_OPEN) as agent:
        agent.model.script = [HELLO]
        older = (await agent.say("hello")).values["turn"]["id"]
        agent.model.script = [plan(LIST)]
        seen = await agent.say("list the channels", deny=["slack/post-message"])
        edited = {"turn": {**seen.values["turn"], "id": older}, "reply": None, "plan_id": None}
        await agent.edit_state(edited, after="discover_tools")
        agent.model.script = [plan(post("s9"))]
        with pytest.raises(UsageError, match="later message has begun another turn"):
            await agent.wake()
        assert await agent.written() == []
        # The thread goes on with the next message.
        agent.model.script = [plan(post("s9"))]
        assert (await agent.say("post")).answer == "Done."


async def test_nobody_acts_in_the_accounts_of_whom_an_earlier_turn_was(under, sandbox) -> None:
    async with a_thread_of_adams(under, sandbox) as (agent, adams):
        agent.model.script = [HELLO]
        eves = await agent.say("hello on slack", user="eve", organization_id="acme")
        edited = {
            "turn": {**eves.values["turn"], "id": adams.values["turn"]["id"]},
            "connections": adams.values["connections"],
            "reply": None,
            "plan_id": None,
        }
        await agent.edit_state(edited, after="discover_tools")
        agent.model.script = [plan(post())]
        with pytest.raises(UsageError):
            await agent.run(None, thread="t", user="eve", organization_id="acme")
        assert await agent.ledger() == []


async def test_a_message_that_was_somebody_elses_begins_no_turn_of_theirs(under, sandbox) -> None:
    async with a_thread_of_adams(under, sandbox) as (agent, adams):
        asked, said = adams.values["messages"]
        again = {"messages": [RemoveMessage(id=said.id), HumanMessage("post", id=asked.id)]}
        agent.model.script = [plan(post())]
        with pytest.raises(UsageError, match="somebody else's"):
            await agent.run(again, thread="t", user="eve", organization_id="acme")
        assert await agent.ledger() == []


async def test_a_message_sent_again_is_the_latest_turn_but_not_if_nobody_sends_it(under) -> None:
    async with under(CHAT_IS_OPEN) as agent:
        agent.model.script = [HELLO]
        first = await agent.say("hello", ask=["slack/*"])
        asked = first.values["messages"][0]
        agent.model.script = [HELLO]
        second = await agent.say("hello again", deny=["slack/*"])
        removed = [RemoveMessage(id=message.id) for message in second.values["messages"][1:]]
        agent.model.script = [plan(post())]
        await agent.graph.aupdate_state(CONFIG, {"messages": removed}, as_node="__start__")
        with pytest.raises(UsageError, match="No user"):
            await by_nobody(agent)
        again = await agent.run({"messages": [HumanMessage("post", id=asked.id)]}, thread="t", user="ada")
        assert [one["name"] for one in again.asks] == ["slack/post-message"], "under the rules that it had"


async def test_an_answer_that_stands_in_the_state_decides_nothing_in_a_run_of_nobody(under) -> None:
    async with under() as agent:
        agent.model.script = [plan(post())]
        await agent.say("post hi")
        await agent.edit_state({"answered": {"decisions": [APPROVE]}}, after="approve")
        await by_nobody(agent)
        state = await agent.graph.aget_state(CONFIG)
        assert "came from nobody" in state.interrupts[0].value["problem"]
        assert await agent.services.records.decisions.of_plan(state.values["plan_id"], "user:ada") == {}
        assert await agent.written() == []
        # With a name it is that one's own answer.
        await agent.edit_state({"answered": {"decisions": [APPROVE]}}, after="approve")
        assert (await agent.wake()).answer == "Done."
        (decision,) = (await agent.services.records.decisions.of_plan(state.values["plan_id"], "user:ada")).values()
        assert decision.actor == "ada"


async def test_a_plan_of_an_earlier_turn_put_into_the_state_is_not_carried_out(under) -> None:
    async with under(CHAT_IS_OPEN) as agent:
        agent.model.script = [plan(LIST)]
        await agent.say("list")
        plans = await agent.services.records.plans.of_thread("t")
        agent.model.script = [HELLO]
        await agent.say("hello")
        before = len(await agent.ledger())
        await agent.edit_state({"plan_id": plans[0].id, "reply": None}, after="plan")
        assert "of an earlier request" in (await agent.wake()).answer
        assert len(await agent.ledger()) == before

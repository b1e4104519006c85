"""Answers that come too early, runs that are stopped, and text that is only half a character."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from langgraph.types import Command
from starlette.responses import Response

from nango_graph import Context

POST = {"id": "s1", "tool": "slack/post-message", "arguments": {"channel": "general", "text": "hi"}}
APPROVE: dict[str, Any] = {"type": "approve"}


def made_at(moment: float) -> UUID:
    """A run id of version 7 (RFC 9562)."""
    return UUID(int=(int(moment * 1000) << 80) | (7 << 76) | (2 << 62) | 1)


async def test_an_approval_that_was_sent_before_the_question_was_asked_approves_nothing(agent) -> None:
    agent.model.script = [{"kind": "plan", "steps": [POST]}]
    seen = await agent.say("post hi")
    at = seen.values["asked"]["at"]
    thread = {"thread_id": "t"}
    resume = Command(resume={"decisions": [APPROVE]})
    await agent.graph.ainvoke(
        resume, {"configurable": thread, "run_id": made_at(at - 1)}, context=Context(user_id="ada")
    )
    question = (await agent.graph.aget_state({"configurable": thread})).interrupts[0].value
    assert "before this was asked" in question["problem"]
    assert await agent.written() == []
    await agent.graph.ainvoke(
        resume, {"configurable": thread, "run_id": made_at(at + 1)}, context=Context(user_id="ada")
    )
    assert len(await agent.written()) == 1


async def test_a_write_whose_run_was_stopped_is_asked_about_before_anything_new(start, proxy) -> None:
    sent, let_go = asyncio.Event(), asyncio.Event()

    async def holding(request: Any, forward: Any) -> Response:
        answer = await forward()
        if request.url.path == "/action/trigger":
            sent.set()
            await let_go.wait()
        return answer

    async with start(nango={"base_url": proxy.url}) as agent:
        await agent.sandbox.connect("slack", {"end_user_id": "ada"})
        agent.model.integrations = ["slack"]
        agent.model.script = [{"kind": "plan", "steps": [POST]}, {"kind": "plan", "steps": [{**POST, "id": "s2"}]}]
        await agent.say("post hi")
        proxy.handle = holding
        run = asyncio.create_task(agent.decide(APPROVE))
        await sent.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        let_go.set()
        then = agent.clock.now()
        seen = await agent.say("post hi")
        assert agent.clock.now() == then, "nobody waits for a lease: it is known that the run was stopped"
        assert [request["name"] for request in seen.asks] == ["resolve_unknown_outcome"]
        assert len(await agent.written()) == 1


async def test_half_a_character_in_an_output_stops_neither_the_turn_nor_the_next(start, proxy) -> None:
    async def cutting(request: Any, forward: Any) -> Response:
        if request.url.path == "/action/trigger":
            return Response('{"channels": [{"name": "caf\\ud83d"}]}', media_type="application/json")
        return await forward()

    look = {"id": "s1", "tool": "slack/list-channels", "arguments": {}}
    proxy.handle = cutting
    async with start(nango={"base_url": proxy.url}) as agent:
        await agent.sandbox.connect("slack", {"end_user_id": "ada"})
        agent.model.integrations = ["slack"]
        agent.model.script = [{"kind": "plan", "steps": [look]}, {"kind": "answer", "text": "Fine."}]
        seen = await agent.say("which channels?")
        assert seen.answer == "Done."
        json.dumps(seen.values["results"]).encode()
        assert "caf�" in seen.values["results"][0]["preview"]
        seen = await agent.say("and now?")
        assert seen.answer == "Fine."
        agent.model.prompts[-1].encode()


async def test_a_decision_on_a_plan_of_another_thread_is_not_recorded(agent) -> None:
    agent.model.script = [{"kind": "plan", "steps": [POST]}, {"kind": "plan", "steps": [{**POST, "id": "s1"}]}]
    mine = await agent.say("post hi", thread="mine")
    await agent.say("post hi", thread="other")
    await agent.edit_state({"asked": mine.values["asked"]}, after="execute", thread="other")
    await agent.wake(thread="other")
    seen = await agent.decide(APPROVE, thread="other")
    assert "does not belong to this thread" in seen.question["problem"]
    assert await agent.services.records.decisions.of_plan(mine.values["plan_id"], "user:ada") == {}

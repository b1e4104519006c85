"""A thread has one run at a time, in however many processes the graph is embedded."""

import asyncio
import contextlib
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from nango_graph import Context, NotAsked, ThreadBusy, answer, build_graph
from nango_graph.run_lease import Pace

OCTO = {"owner": "octo", "repo": "widgets"}
LIST = {"kind": "plan", "steps": [{"id": "s1", "tool": "github/list-issues", "arguments": OCTO}]}
T: Any = {"configurable": {"thread_id": "t"}}
ADA = Context(user_id="ada")


def said(text: str) -> dict[str, Any]:
    return {"messages": [("user", text)]}


class Held:
    """Keeps the first request for an action back until it is let go."""

    def __init__(self) -> None:
        self.came, self.let_go = asyncio.Event(), asyncio.Event()

    async def __call__(self, request: Any, forward: Any) -> Any:
        if request.url.path == "/action/trigger":
            self.came.set()
            await self.let_go.wait()
        return await forward()


@pytest.fixture
async def running(start: Any, sandbox: Any, proxy: Any) -> Any:
    """A run that goes on: it waits for the answer to an action."""
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(nango={"base_url": proxy.url}) as agent:
        agent.model.integrations, agent.model.script = ["github"], [LIST]
        agent.held = proxy.handle = Held()
        agent.run_of_it = asyncio.create_task(agent.graph.ainvoke(said("list"), T, context=ADA))
        await agent.held.came.wait()
        yield agent
        agent.held.let_go.set()
        with contextlib.suppress(ThreadBusy, asyncio.CancelledError):
            await agent.run_of_it


def with_pace(agent: Any, **pace: float) -> Any:
    builder = build_graph(agent.services)
    builder.pace = Pace(**pace)
    return builder.compile(checkpointer=agent.graph.checkpointer)


async def test_a_wake_up_of_a_busy_thread_is_refused_at_once(running: Any) -> None:
    with pytest.raises(ThreadBusy, match="Another run is going on"):
        await answer("t", graph=running.graph)
    assert not running.run_of_it.done()


async def test_a_second_message_waits_for_the_run_before_it(running: Any) -> None:
    second = asyncio.create_task(running.graph.ainvoke(said("and now?"), T, context=ADA))
    running.model.script.append({"kind": "answer", "text": "That was all."})
    await asyncio.wait([second], timeout=0.3)
    assert not second.done()
    running.held.let_go.set()
    assert (await second)["messages"][-1].text == "That was all."
    assert [message.text for message in (await running.run_of_it)["messages"]][-1] == "Done."


async def test_after_some_seconds_a_second_message_is_refused_in_words(running: Any) -> None:
    with pytest.raises(ThreadBusy, match="Another run is going on"):
        await with_pace(running, patience=0.2).ainvoke(said("and now?"), T, context=ADA)
    running.held.let_go.set()
    assert [message.type for message in (await running.run_of_it)["messages"]] == ["human", "ai"], "it left nothing"


async def test_other_threads_go_on_meanwhile(running: Any) -> None:
    running.model.script.append({"kind": "answer", "text": "Hello."})
    assert (await running.say("hello", thread="other")).answer == "Hello."


@pytest.mark.parametrize("end", ["cancelled", "left"])
async def test_a_run_that_is_given_up_frees_the_thread(running: Any, end: str) -> None:
    if end == "cancelled":
        running.run_of_it.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running.run_of_it
    else:
        running.held.let_go.set()
        await running.run_of_it
        running.model.script.append({"kind": "answer", "text": "That was all."})
        parts = running.graph.astream(said("again"), T, context=ADA, stream_mode="updates")
        await anext(parts)
        await parts.aclose()
    running.held.let_go.set()
    await answer("t", graph=running.graph)
    assert (await running.graph.aget_state(T)).next == ()


async def test_a_run_that_fails_frees_the_thread(agent: Any) -> None:
    agent.model.script = [RuntimeError("broken")]
    with pytest.raises(RuntimeError, match="broken"):
        await agent.say("list")
    agent.model.script = [LIST]
    assert (await agent.wake()).answer == "Done."


async def test_a_long_run_keeps_the_thread(start: Any, sandbox: Any, proxy: Any) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(nango={"base_url": proxy.url}) as agent:
        agent.model.integrations, agent.model.script = ["github"], [LIST]
        held = proxy.handle = Held()
        graph = with_pace(agent, lasts=0.3, renewed_every=0.05, patience=0.0)
        run = asyncio.create_task(graph.ainvoke(said("list"), T, context=ADA))
        await held.came.wait()
        await asyncio.wait([run], timeout=0.6)
        with pytest.raises(ThreadBusy):
            await answer("t", graph=graph)
        held.let_go.set()
        assert (await run)["messages"][-1].text == "Done."


async def test_a_moved_clock_takes_the_thread_from_nobody(running: Any) -> None:
    running.clock.time += 30 * 24 * 3600
    with pytest.raises(ThreadBusy):
        await answer("t", graph=running.graph)


async def test_a_run_that_lost_the_thread_stops_before_its_next_step(start: Any, sandbox: Any, proxy: Any) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(nango={"base_url": proxy.url}) as agent:
        agent.model.integrations, agent.model.script = ["github"], [LIST]
        held = proxy.handle = Held()
        graph = with_pace(agent, renewed_every=0.05)
        run = asyncio.create_task(graph.ainvoke(said("list"), T, context=ADA))
        await held.came.wait()
        leases = agent.services.records.leases
        taken = await leases.take("run:t|", kind="run", thread_id="t", seconds=60, now=0, by_force=True)
        await asyncio.wait([run], timeout=0.3)
        held.let_go.set()
        with pytest.raises(ThreadBusy, match="has taken over"):
            await run
        assert (await graph.aget_state(T)).next == ("respond",), "what it did is kept, and nothing came after it"
        assert await leases.renew(taken, seconds=60, now=0), "it left the other one's lease alone"
        await leases.give_back(taken)
        assert (await answer("t", graph=graph)).text == "Done."


async def test_inside_a_parent_a_second_run_is_refused_too(start: Any, sandbox: Any, proxy: Any) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(nango={"base_url": proxy.url}) as agent:
        agent.model.integrations, agent.model.script = ["github"], [LIST]
        held = proxy.handle = Held()
        parent = StateGraph(MessagesState, context_schema=Context)
        parent.add_node("agent", with_pace(agent, patience=0.0).builder.compile())
        parent.add_edge(START, "agent")
        parent.add_edge("agent", END)
        graph = parent.compile(checkpointer=InMemorySaver())
        run = asyncio.create_task(graph.ainvoke(said("list"), T, context=ADA))
        await held.came.wait()
        with pytest.raises(ThreadBusy):
            await answer("t", graph=graph)
        held.let_go.set()
        assert (await run)["messages"][-1].text == "Done."


async def test_a_doubled_click_decides_nothing_that_is_asked_after_it(start: Any, sandbox: Any) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start() as agent:
        created = {"id": "s1", "tool": "github/create-issue", "arguments": {**OCTO, "title": "Crash"}}
        about = {**OCTO, "issue_number": "${s1.number}", "body": "Seen by nobody yet"}
        comment = {"id": "s2", "tool": "github/add-issue-comment", "arguments": about}
        agent.model.integrations, agent.model.script = ["github"], [{"kind": "plan", "steps": [created, comment]}]
        await agent.say("do both")
        approve = {"type": "approve"}
        outcomes = await asyncio.gather(agent.decide(approve), agent.decide(approve), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)] == [NotAsked]
        assert [action for action, _ in await agent.written()] == ["create-issue"]
        seen = await agent.decide(approve)
        assert seen.answer == "Done.", "what was asked meanwhile is still open, and can be answered"
        assert [action for action, _ in await agent.written()] == ["create-issue", "add-issue-comment"]

"""Waking threads of a graph in this process: a run without input, made only where it is of use, and each wait passed once."""

import asyncio
import logging
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from nango_graph import Context, build_graph
from nango_graph.waiting.embedded import EmbeddedThreads
from nango_graph.waiting.looking import look_at_waits

ADA = {"end_user_id": "ada"}
OCTO = {"owner": "octo", "repo": "widgets"}
LIST = {"kind": "plan", "steps": [{"id": "s1", "tool": "github/list-issues", "arguments": OCTO}]}
CREATE = {"kind": "plan", "steps": [{"id": "s1", "tool": "github/create-issue", "arguments": {**OCTO, "title": "Oh"}}]}
T: Any = {"configurable": {"thread_id": "t"}}


async def wait_and_turn(agent: Any, thread: str = "t") -> tuple[str, Any]:
    (wait,) = await agent.services.records.waits.live_in(thread)
    return wait.id, await agent.services.records.turns.get(wait.turn_id, thread)


async def connected(agent: Any) -> tuple[str, Any]:
    found = await wait_and_turn(agent)
    await agent.sandbox.connect("github", ADA)
    assert await look_at_waits(agent.services, "t")
    return found


async def test_a_thread_whose_wait_is_satisfied_goes_on_to_its_answer(waiting: Any) -> None:
    wait_id, turn = await connected(waiting)
    async with EmbeddedThreads(waiting.graph) as threads:
        assert await threads.wake(turn, wait_id=wait_id) == "woken"
    state = await waiting.graph.aget_state(T)
    assert state.values["messages"][-1].text == "Done."
    wait = await waiting.services.records.waits.get(wait_id)
    assert wait.state == "consumed"


async def test_woken_by_many_at_once_it_passes_once(waiting: Any) -> None:
    wait_id, turn = await connected(waiting)
    async with (
        EmbeddedThreads(waiting.graph, again=0.05) as one,
        EmbeddedThreads(waiting.graph, again=0.05) as other,
    ):
        woken = await asyncio.gather(
            *(threads.wake(turn, wait_id=wait_id) for _ in range(20) for threads in (one, other))
        )
    assert set(woken) <= {"woken", "busy", "elsewhere"}
    assert len(waiting.model.prompts) == 1, "the planner was asked once"
    assert [entry.action for entry in await waiting.ledger()] == ["list-issues"]


async def test_a_thread_that_was_answered_since_is_left_alone(waiting: Any) -> None:
    wait_id, turn = await connected(waiting)
    assert (await waiting.wake()).answer == "Done."
    before = (await waiting.graph.aget_state(T)).config
    async with EmbeddedThreads(waiting.graph) as threads:
        assert await threads.wake(turn, wait_id=wait_id) == "elsewhere"
        assert await threads.wake(turn, wait_id=None) == "elsewhere"
    assert (await waiting.graph.aget_state(T)).config == before


async def test_a_thread_that_asks_for_an_approval_is_not_answered(waiting: Any) -> None:
    wait_id, turn = await connected(waiting)
    waiting.model.script = [CREATE]
    asked = (await waiting.wake()).question
    async with EmbeddedThreads(waiting.graph) as threads:
        assert await threads.wake(turn, wait_id=wait_id) == "elsewhere"
    assert (await waiting.graph.aget_state(T)).interrupts[0].value == asked
    assert await waiting.written() == []


async def test_a_thread_that_nobody_knows_is_elsewhere(waiting: Any) -> None:
    wait_id, turn = await wait_and_turn(waiting)
    async with EmbeddedThreads(build_graph(waiting.services).compile(checkpointer=InMemorySaver())) as threads:
        assert await threads.wake(turn, wait_id=wait_id) == "elsewhere"


async def test_a_nudge_too_many_asks_the_same_question_again(waiting: Any) -> None:
    wait_id, turn = await wait_and_turn(waiting)
    before = (await waiting.graph.aget_state(T)).interrupts[0].value
    async with EmbeddedThreads(waiting.graph) as threads:
        assert await threads.wake(turn, wait_id=wait_id) == "woken"
    assert (await waiting.graph.aget_state(T)).interrupts[0].value == before


async def test_what_another_worker_runs_is_waited_for_and_looked_at_again(waiting: Any) -> None:
    wait_id, turn = await connected(waiting)
    leases = waiting.services.records.leases
    held = await leases.take("run:t|", kind="run", thread_id="t", seconds=10**10, now=0)
    async with EmbeddedThreads(waiting.graph, again=0.05) as threads:
        assert await threads.wake(turn, wait_id=wait_id) == "woken"
        assert await threads.wake(turn, wait_id=wait_id) == "busy"
        (task,) = threads._running.values()
        await asyncio.wait([task], timeout=0.3)
        assert (await waiting.services.records.waits.get(wait_id)).state == "satisfied"
        await leases.give_back(held)
        await asyncio.wait([task], timeout=10)
    assert (await waiting.services.records.waits.get(wait_id)).state == "consumed"


async def test_leaving_does_not_wait_for_runs_of_other_workers(waiting: Any) -> None:
    wait_id, turn = await connected(waiting)
    await waiting.services.records.leases.take("run:t|", kind="run", thread_id="t", seconds=10**10, now=0)
    async with asyncio.timeout(5), EmbeddedThreads(waiting.graph, patience=1000, again=1000) as threads:
        assert await threads.wake(turn, wait_id=wait_id) == "woken"


async def test_what_goes_wrong_is_one_line_without_other_peoples_words(waiting: Any, caplog: Any) -> None:
    wait_id, turn = await connected(waiting)
    waiting.model.script = [RuntimeError("canary\ncanary")]
    with caplog.at_level(logging.INFO, logger="nango_graph"):
        async with EmbeddedThreads(waiting.graph) as threads:
            await threads.wake(turn, wait_id=wait_id)
    (line,) = [record.getMessage() for record in caplog.records if record.name.startswith("nango_graph")]
    assert "Thread t could not go on: RuntimeError" in line
    assert "canary" not in line
    waiting.model.script = [LIST]
    async with EmbeddedThreads(waiting.graph) as threads:
        assert await threads.wake(turn, wait_id=None) == "woken", "it was cut short"
    assert (await waiting.graph.aget_state(T)).values["messages"][-1].text == "Done."


async def test_inside_a_parent_the_thread_is_the_parents(start: Any, sandbox: Any) -> None:
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github"], [LIST]
        parent = StateGraph(MessagesState, context_schema=Context)
        parent.add_node("agent", build_graph(agent.services).compile())
        parent.add_edge(START, "agent")
        parent.add_edge("agent", END)
        graph = parent.compile(checkpointer=InMemorySaver())
        await graph.ainvoke({"messages": [("user", "list")]}, T, context=Context(user_id="ada"))
        wait_id, turn = await connected(agent)
        async with EmbeddedThreads(graph) as threads:
            assert await threads.wake(turn, wait_id="another") == "elsewhere"
            assert await threads.wake(turn, wait_id=wait_id) == "woken"
        assert (await graph.aget_state(T)).values["messages"][-1].text == "Done."

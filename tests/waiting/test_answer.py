"""`nango_graph.answer`: the one verb by which a pause is gone on from."""

import asyncio
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from nango_graph import Context, NotAsked, ThreadBusy, UsageError, answer, build_graph

ADA = {"end_user_id": "ada"}
OCTO = {"owner": "octo", "repo": "widgets"}
LIST = {"kind": "plan", "steps": [{"id": "s1", "tool": "github/list-issues", "arguments": OCTO}]}
CREATE = {
    "kind": "plan",
    "steps": [{"id": "s1", "tool": "github/create-issue", "arguments": {**OCTO, "title": "Crash on undo"}}],
}
APPROVE = {"type": "approve"}


@pytest.fixture
async def asked(agent: Any) -> Any:
    """A thread that waits for the approval of a write."""
    agent.model.script = [CREATE]
    await agent.say("create it")
    return agent


async def test_a_decision_goes_on_and_its_outcome_is_what_the_thread_then_says(asked: Any) -> None:
    outcome = await answer("t", [APPROVE], graph=asked.graph, context=Context(user_id="ada"))
    assert (outcome.question, outcome.text, outcome.failed) == (None, "Done.", False)
    assert len(await asked.written()) == 1


async def test_its_parts_can_be_watched_and_the_outcome_be_had_after_them(asked: Any) -> None:
    answering = answer("t", [APPROVE], graph=asked.graph, stream_mode=["custom", "updates"])
    kinds = [part["type"] async for part in answering]
    assert {"custom", "updates"} == set(kinds)
    assert (await answering).text == "Done."
    assert len(await asked.written()) == 1, "to have the outcome runs nothing again"


async def test_no_decisions_answer_nothing(asked: Any) -> None:
    before = (await asked.wake()).question
    outcome = await answer("t", graph=asked.graph)
    assert outcome.question == before
    assert outcome.text == ""
    assert await asked.written() == []


async def test_who_decided_is_noted(asked: Any) -> None:
    await answer("t", [APPROVE], graph=asked.graph, context=Context(user_id="ada", actor="boss@example.com"))
    async with asked.services.records._database.transaction() as connection:
        noted = (await connection.exec_driver_sql("SELECT actor FROM nango_agent_decisions")).scalar()
    assert noted == "boss@example.com"


async def test_a_decision_for_another_question_is_refused_in_words(asked: Any) -> None:
    with pytest.raises(NotAsked, match="not open any more"):
        await answer("t", [APPROVE], graph=asked.graph, question="0" * 64)
    assert await asked.written() == []


async def test_a_decision_where_nothing_is_asked_is_refused_in_words(asked: Any) -> None:
    await answer("t", [APPROVE], graph=asked.graph)
    with pytest.raises(NotAsked, match="Nothing is asked"):
        await answer("t", [APPROVE], graph=asked.graph)
    assert len(await asked.written()) == 1


async def test_an_unknown_thread_is_named(agent: Any) -> None:
    for decisions in (None, [APPROVE]):
        with pytest.raises(UsageError, match="no thread nowhere"):
            await answer("nowhere", decisions, graph=agent.graph)


async def test_a_graph_without_a_checkpointer_is_told_what_it_needs(agent: Any) -> None:
    with pytest.raises(UsageError, match="needs a checkpointer"):
        answer("t", graph=build_graph(agent.services).compile())


async def test_a_stranger_answers_nothing(asked: Any) -> None:
    with pytest.raises(UsageError, match="somebody else"):
        await answer("t", [APPROVE], graph=asked.graph, context=Context(user_id="mallory"))
    assert await asked.written() == []
    assert (await answer("t", graph=asked.graph)).question is not None


async def test_a_wrong_number_of_decisions_is_asked_for_again(asked: Any) -> None:
    outcome = await answer("t", [], graph=asked.graph)
    assert outcome.question is not None
    assert "1 decisions are needed" in outcome.question["problem"]


async def test_of_answers_at_the_same_moment_one_counts(asked: Any) -> None:
    results = await asyncio.gather(
        *(answer("t", [APPROVE], graph=asked.graph) for _ in range(5)), return_exceptions=True
    )
    assert all(isinstance(one, (NotAsked, ThreadBusy)) or one.text == "Done." for one in results), results
    assert len(await asked.written()) == 1


async def test_an_answer_that_failed_says_so(agent: Any, sandbox: Any) -> None:
    agent.model.script = [{"kind": "plan", "steps": []}] * 5
    await agent.say("do nothing")
    assert (await answer("t", graph=agent.graph)).failed


async def test_graphs_side_by_side_in_a_parent_are_answered_one_by_one(start: Any, sandbox: Any) -> None:
    await sandbox.connect("github", ADA)
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github"], [CREATE, CREATE]
        parent = StateGraph(MessagesState, context_schema=Context)
        for name in ("left", "right"):
            parent.add_node(name, build_graph(agent.services).compile())
            parent.add_edge(START, name)
            parent.add_edge(name, END)
        graph = parent.compile(checkpointer=InMemorySaver())
        config: Any = {"configurable": {"thread_id": "p"}}
        await graph.ainvoke({"messages": [("user", "create it")]}, config, context=Context(user_id="ada"))
        both = (await graph.aget_state(config)).interrupts
        assert len(both) == 2, "they did not lock each other out"
        if both[0].value["id"] != both[1].value["id"]:
            with pytest.raises(UsageError, match="Several questions"):
                await answer("p", [APPROVE], graph=graph)
        outcome = await answer("p", [APPROVE], graph=graph, question=both[0].value["id"])
        assert outcome.question is not None
        await answer("p", [APPROVE], graph=graph, question=outcome.question["id"])
        assert (await graph.aget_state(config)).next == ()

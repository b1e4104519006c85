"""`nango_graph.answer`: the one verb by which a pause is gone on from."""

import asyncio
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command
from sqlalchemy import select

from nango_graph import Context, NotAsked, Outcome, UsageError, answer, build_graph
from nango_graph.records.tables import decisions

ADA = {"end_user_id": "ada"}
OCTO = {"owner": "octo", "repo": "widgets"}
LIST = {"kind": "plan", "steps": [{"id": "s1", "tool": "github/list-issues", "arguments": OCTO}]}
CREATE = {
    "kind": "plan",
    "steps": [{"id": "s1", "tool": "github/create-issue", "arguments": {**OCTO, "title": "Crash on undo"}}],
}
APPROVE, REJECT = {"type": "approve"}, {"type": "reject", "message": "no"}
WHO = Context(user_id="ada")


@pytest.fixture
async def asked(agent: Any) -> Any:
    """A thread that waits for the approval of a write."""
    agent.model.script = [CREATE]
    await agent.say("create it")
    return agent


async def test_a_decision_goes_on_and_its_outcome_is_what_the_thread_then_says(asked: Any) -> None:
    outcome = await answer("t", [APPROVE], graph=asked.graph, context=WHO)
    assert (outcome.question, outcome.text, outcome.failed) == (None, "Done.", False)
    assert len(await asked.written()) == 1


async def test_its_parts_can_be_watched_and_the_outcome_be_had_after_them(asked: Any) -> None:
    answering = answer("t", [APPROVE], graph=asked.graph, context=WHO, stream_mode=["custom", "updates"])
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
    noted = await asked.services.records._database.row(select(decisions.c.actor))
    assert noted.actor == "boss@example.com"


async def test_a_decision_for_another_question_is_refused_in_words(asked: Any) -> None:
    with pytest.raises(NotAsked, match="not open any more"):
        await answer("t", [APPROVE], graph=asked.graph, context=WHO, question="0" * 64)
    assert await asked.written() == []


async def test_a_decision_where_nothing_is_asked_is_refused_in_words(asked: Any) -> None:
    await answer("t", [APPROVE], graph=asked.graph, context=WHO)
    with pytest.raises(NotAsked, match="Nothing is asked"):
        await answer("t", [APPROVE], graph=asked.graph, context=WHO)
    assert len(await asked.written()) == 1


async def test_an_unknown_thread_is_named(agent: Any) -> None:
    for decided in (None, [APPROVE]):
        with pytest.raises(UsageError, match="no thread nowhere"):
            await answer("nowhere", decided, graph=agent.graph)


async def test_a_graph_without_a_checkpointer_is_told_what_it_needs(agent: Any) -> None:
    with pytest.raises(UsageError, match="needs a checkpointer"):
        answer("t", graph=build_graph(agent.services).compile())


async def test_a_stranger_answers_nothing(asked: Any) -> None:
    with pytest.raises(UsageError, match="somebody else"):
        await answer("t", [APPROVE], graph=asked.graph, context=Context(user_id="mallory"))
    assert await asked.written() == []
    assert (await answer("t", graph=asked.graph)).question is not None


async def test_a_wrong_number_of_decisions_is_asked_for_again(asked: Any) -> None:
    outcome = await answer("t", [], graph=asked.graph, context=WHO)
    assert outcome.question is not None
    assert "1 decisions are needed" in outcome.question["problem"]


@pytest.mark.parametrize("named", [True, False], ids=["question named", "question not named"])
async def test_of_answers_at_the_same_moment_one_counts_and_the_others_hear_so(asked: Any, named: bool) -> None:
    asked.model.script = [CREATE]
    question = (await asked.wake()).question["id"] if named else None
    results = await asyncio.gather(
        *(answer("t", [APPROVE], graph=asked.graph, context=WHO, question=question) for _ in range(5)),
        return_exceptions=True,
    )
    assert [one.text for one in results if isinstance(one, Outcome)] == ["Done."], results
    assert [type(one) for one in results if not isinstance(one, Outcome)] == [NotAsked] * 4
    assert len(await asked.written()) == 1


async def test_a_rejection_at_the_same_moment_as_an_approval_is_taken_or_told_that_it_was_not(asked: Any) -> None:
    approved, rejected = await asyncio.gather(
        answer("t", [APPROVE], graph=asked.graph, context=WHO),
        answer("t", [REJECT], graph=asked.graph, context=WHO),
        return_exceptions=True,
    )
    assert {type(approved), type(rejected)} == {Outcome, NotAsked}
    assert len(await asked.written()) == (1 if isinstance(approved, Outcome) else 0)


async def test_an_answer_that_was_overtaken_does_not_count_for_the_question_that_came_next(asked: Any) -> None:
    first = {**CREATE["steps"][0], "id": "s2"}
    later = {**first, "id": "s3", "arguments": {**OCTO, "title": "The next one"}, "after": ["s2"]}
    asked.model.script = [{"kind": "plan", "steps": [first, later]}]
    await asked.say("no, both of them, one after the other")
    results = await asyncio.gather(
        *(answer("t", [APPROVE], graph=asked.graph, context=WHO) for _ in range(2)), return_exceptions=True
    )
    (outcome,) = (one for one in results if isinstance(one, Outcome))
    assert [type(one) for one in results if not isinstance(one, Outcome)] == [NotAsked]
    assert outcome.question is not None
    assert outcome.question["action_requests"][0]["args"]["title"] == "The next one"
    asks = (await asked.wake()).question
    assert asks == outcome.question, "and nothing is said of the other answer where the next question is shown"
    assert len(await asked.written()) == 1


@pytest.mark.parametrize("decision", [APPROVE, REJECT], ids=["approve", "reject"])
@pytest.mark.parametrize("nobody", [None, Context(), {}], ids=["none", "empty", "mapping"])
async def test_nobody_decides_on_writes(asked: Any, nobody: Any, decision: Any) -> None:
    before = (await asked.wake()).question
    with pytest.raises(UsageError, match="Nobody is named who decides"):
        await answer("t", [decision], graph=asked.graph, context=nobody)
    assert (await asked.wake()).question == before
    assert await asked.written() == []


async def test_nobody_decides_on_writes_past_the_verb_either(asked: Any) -> None:
    config: Any = {"configurable": {"thread_id": "t"}}
    await asked.graph.ainvoke(Command(resume={"decisions": [APPROVE]}), config)
    outcome = await answer("t", graph=asked.graph)
    assert outcome.question is not None
    assert "whoever decides on this must be named" in outcome.question["problem"]
    assert await asked.written() == []
    assert (await answer("t", [APPROVE], graph=asked.graph, context=WHO)).text == "Done."


async def test_an_actor_alone_decides(asked: Any) -> None:
    outcome = await answer("t", [APPROVE], graph=asked.graph, context=Context(actor="boss@example.com"))
    assert outcome.text == "Done."


async def test_nobody_may_have_a_wait_looked_at_again(start: Any, sandbox: Any) -> None:
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github"], [LIST]
        question = (await agent.say("list")).question
        assert (await answer("t", [APPROVE], graph=agent.graph)).question == question
        await sandbox.connect("github", ADA)
        assert (await answer("t", [APPROVE], graph=agent.graph)).text == "Done."


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
        await graph.ainvoke({"messages": [("user", "create it")]}, config, context=WHO)
        both = (await graph.aget_state(config)).interrupts
        assert len(both) == 2, "they did not lock each other out"
        if both[0].value["id"] != both[1].value["id"]:
            with pytest.raises(UsageError, match="Several questions"):
                await answer("p", [APPROVE], graph=graph)
        outcome = await answer("p", [APPROVE], graph=graph, context=WHO, question=both[0].value["id"])
        assert outcome.question is not None
        await answer("p", [APPROVE], graph=graph, context=WHO, question=outcome.question["id"])
        assert (await graph.aget_state(config)).next == ()

"""A thread that is run again from where it was before, or is forked there, writes nothing a second time."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from langgraph.types import Command

from nango_graph import Context, UsageError

OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE: dict[str, Any] = {"type": "approve"}
ADA = Context(user_id="ada")
T: Any = {"configurable": {"thread_id": "t"}}


def plan(first: int = 1) -> dict[str, Any]:
    comment = {**OCTO, "issue_number": f"${{s{first}.number}}", "body": "ping"}
    return {
        "kind": "plan",
        "steps": [
            {"id": f"s{first}", "tool": "github/create-issue", "arguments": {**OCTO, "title": "Crash on undo"}},
            {"id": f"s{first + 1}", "tool": "github/add-issue-comment", "arguments": comment},
        ],
    }


@pytest.fixture
async def finished(start: Any, sandbox: Any, records_url: str | Path) -> Any:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(records=records_url) as agent:
        agent.model.integrations, agent.model.script = ["github"], [plan()]
        await agent.say("create it and comment")
        await agent.decide(APPROVE)
        assert (await agent.decide(APPROVE)).answer == "Done."
        agent.before = await agent.ledger()
        assert len(agent.before) == 2
        yield agent


async def run(agent: Any, sent: Any, config: Any) -> None:
    """The planner, if it is asked again, plans the same anew."""
    plans = await agent.services.records.plans.of_thread("t")
    agent.model.script = [plan(1 + sum(len(row.steps) for row in plans))]
    with contextlib.suppress(UsageError):
        await agent.graph.ainvoke(sent, config, context=ADA)


async def test_no_older_checkpoint_writes_again_whatever_is_answered_there(finished: Any) -> None:
    history = [snapshot async for snapshot in finished.graph.aget_state_history(T)]
    assert len(history) > 8
    for snapshot in reversed(history):
        await run(finished, None, snapshot.config)
        assert await finished.ledger() == finished.before, snapshot.next
        if snapshot.next == ("approve",):
            await run(finished, Command(resume={"decisions": [APPROVE]}), snapshot.config)
            assert await finished.ledger() == finished.before, "answered once more"
        asking = (await finished.graph.aget_state(T)).interrupts
        if asking and snapshot.next == ("__start__",):
            # The message is sent once more, as a new one: a repeat, of which whoever approves is told.
            assert "Exactly this was done before" in asking[0].value["action_requests"][0]["description"]
        elif asking:
            await run(finished, Command(resume={"decisions": [APPROVE]}), T)
            assert await finished.ledger() == finished.before, "and where it ended up asking"


async def test_no_fork_writes_again(finished: Any) -> None:
    history = [snapshot async for snapshot in finished.graph.aget_state_history(T)]
    for snapshot in history:
        if snapshot.next == ("approve",):
            answered = {"answered": {"decisions": [APPROVE]}}
            fork = await finished.graph.aupdate_state(snapshot.config, answered, as_node="approve")
        elif snapshot.next == ("execute",):
            fork = await finished.graph.aupdate_state(snapshot.config, {"results": [], "steps": {}}, as_node="decide")
        else:
            continue
        await run(finished, None, fork)
        assert await finished.ledger() == finished.before


async def test_after_a_later_message_nothing_older_is_gone_on_with(finished: Any) -> None:
    history = [snapshot async for snapshot in finished.graph.aget_state_history(T)]
    finished.model.script = [{"kind": "answer", "text": "Hello."}]
    await finished.say("hello")
    for snapshot in history:
        await run(finished, None, snapshot.config)
        assert await finished.ledger() == finished.before

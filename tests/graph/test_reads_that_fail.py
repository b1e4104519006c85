"""A read took no effect, however it ended: it failed, and is worth planning again. Nobody is asked what became of it."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from agents import Agent
from nango_graph import build_graph
from nango_sandbox.faults import Dropped, Malformed, RaceLost, Status
from nango_tools import Policy

OCTO = {"owner": "octo", "repo": "widgets"}
READ = {"id": "s1", "tool": "github/get-issue", "arguments": {**OCTO, "issue_number": 1}}
LIST = {"id": "s1", "tool": "github/list-issues", "arguments": OCTO}
WRITE = {"id": "s2", "tool": "github/create-issue", "arguments": {**OCTO, "title": "Crash"}}
EACH = {
    "id": "s2",
    "tool": "github/get-issue",
    "arguments": {**OCTO, "issue_number": "${item.number}"},
    "for_each": "${s1.issues}",
}
FAULTS: dict[str, Callable[[], Any]] = {
    "409": lambda: Status(status=409, action="get-issue", times=None),
    "500": lambda: Status(status=500, action="get-issue", times=None),
    "503": lambda: Status(status=503, action="get-issue", times=None),
    "dropped": lambda: Dropped(when="after", action="get-issue", times=None),
    "malformed": lambda: Malformed(action="get-issue", times=None),
    "race lost": lambda: RaceLost(action="get-issue", times=None),
}


@pytest.fixture
async def agent(start: Any, sandbox: Any) -> AsyncIterator[Agent]:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start() as opened:
        opened.model.integrations = ["github"]
        yield opened


@pytest.mark.parametrize("steps", [[READ], [LIST, EACH]], ids=["a read", "a fan-out"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_read_without_an_answer_has_failed_and_is_planned_again(
    agent: Agent, fault: str, steps: list[dict[str, Any]]
) -> None:
    agent.sandbox.faults.add(FAULTS[fault]())
    agent.model.script = [{"kind": "plan", "steps": steps}, {"kind": "answer", "text": "GitHub can't be read now."}]
    seen = await agent.say("look")
    assert seen.answer == "GitHub can't be read now.", "the planner was told of it"
    (result,) = [one for one in seen.values["results"] if one["step"] == steps[-1]["id"]]
    assert result["status"] == "failed"
    assert result["error"]
    assert seen.values["steps"][steps[-1]["id"]] == "failed"


@pytest.mark.parametrize("turn", ["the same turn", "the next turn"])
async def test_a_read_whose_row_says_unknown_failed_too(start: Any, sandbox: Any, tmp_path: Path, turn: str) -> None:
    """So it stands in older records, and where the process ended that had claimed one."""
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(records=tmp_path / "calls.db") as agent:
        agent.model.integrations = ["github"]
        agent.model.script = [{"kind": "plan", "steps": [READ, WRITE]}, {"kind": "answer", "text": "Not to be read."}]
        await agent.say("look, then create")
        with contextlib.closing(sqlite3.connect(tmp_path / "calls.db")) as connection:
            connection.execute("UPDATE nango_agent_calls SET state = 'unknown', error = 'The process ended.'")
            connection.commit()
        seen = await (agent.decide({"type": "approve"}) if turn == "the same turn" else agent.say("and now?"))
        assert seen.answer == "Not to be read.", "nothing is asked about it"
        (result, *_) = seen.values["results" if turn == "the same turn" else "earlier"]
        assert (result["step"], result["status"]) == ("s1", "failed")
        assert "The process ended." in result["error"]


ASKS_FOR_READS = """
  - {name: ask for reads, tool: github/get-issue, effect: ask}
"""


@pytest.mark.parametrize("ending", ["no answer", "cancelled"])
async def test_a_read_that_a_rule_asks_for_is_no_write_either(
    start: Any, sandbox: Any, proxy: Any, tmp_path: Path, ending: str
) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(nango={"base_url": proxy.url}) as opened:
        policy = tmp_path / "policy.yaml"
        policy.write_text(f"version: 1\nrules: {ASKS_FOR_READS}")
        services = replace(opened.services, policy=Policy.load(policy))
        agent = replace(opened, services=services, graph=build_graph(services).compile(checkpointer=InMemorySaver()))
        agent.model.integrations = ["github"]
        agent.model.script = [{"kind": "plan", "steps": [READ]}, {"kind": "answer", "text": "Not to be read."}]
        assert (await agent.say("look")).asks[0]["name"] == "github/get-issue"
        if ending == "no answer":
            agent.sandbox.faults.add(FAULTS["500"]())
            seen = await agent.decide({"type": "approve"})
            assert (seen.answer, seen.values["results"][0]["status"]) == ("Not to be read.", "failed")
            return
        sent, over = asyncio.Event(), asyncio.Event()

        async def hold(request: Any, forward: Any) -> Any:
            answer = await forward()
            if request.url.path == "/action/trigger":
                sent.set()
                await over.wait()
            return answer

        proxy.handle = hold
        run = asyncio.create_task(agent.decide({"type": "approve"}))
        await sent.wait()
        run.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await run
        over.set()
        assert (await agent.wake()).answer == "Done.", "it is made again, under the same approval"
        assert [entry.action for entry in await agent.ledger()] == ["get-issue"] * 2

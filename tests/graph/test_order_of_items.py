"""What a step brought for each item stands in the order of the items, whichever answered first, and whoever reads it later."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agents import Agent
from issue_steps import EACH, LIST, OCTO

APPROVE: dict[str, Any] = {"type": "approve"}
PING = {
    "id": "s3",
    "tool": "github/add-issue-comment",
    "arguments": {**OCTO, "issue_number": "${item.number}", "body": "about ${item.title}"},
    "for_each": "${s1.issues}",
    "independent": True,
}


def tell(number: int, text: str) -> dict[str, Any]:
    return {"id": f"s{number}", "tool": "slack/post-message", "arguments": {"channel": "general", "text": text}}


@dataclass
class Backwards:
    """Answers those calls of an action that are under way at the same time from the last to the first."""

    action: str
    of: int
    came: list[asyncio.Event] = field(default_factory=list)

    async def __call__(self, request: Any, forward: Any) -> Any:
        body = await request.body()
        if request.url.path != "/action/trigger" or json.loads(body)["action_name"] != self.action:
            return await forward()
        mine = asyncio.Event()
        self.came.append(mine)
        if len(self.came) == self.of:
            mine.set()
        async with asyncio.timeout(20):
            await mine.wait()
        answer = await forward()
        before = self.came.index(mine) - 1
        if before >= 0:
            # Time for this answer to arrive, and to be recorded.
            asyncio.get_running_loop().call_later(0.02, self.came[before].set)
        return answer


@pytest.fixture
async def agent(start: Any, sandbox: Any, proxy: Any) -> AsyncIterator[Agent]:
    for integration in ("github", "slack"):
        await sandbox.connect(integration, {"end_user_id": "ada"})
    async with start(nango={"base_url": proxy.url}) as opened:
        opened.model.integrations = ["github", "slack"]
        yield opened


async def numbers_of(agent: Agent) -> list[int]:
    listed = next(entry for entry in await agent.ledger() if entry.action == "list-issues")
    return [issue["number"] for issue in listed.output["issues"]]


NUMBERS = "${join(',', map(&to_string(number), s2))}"


async def test_reads_that_answered_backwards_are_referred_to_in_order_by_the_next_plan_and_the_next_turn(
    agent: Agent, proxy: Any
) -> None:
    proxy.handle = Backwards("get-issue", of=5)
    agent.model.script = [
        {"kind": "plan", "steps": [LIST, EACH], "plan_again": True},
        {"kind": "plan", "steps": [tell(3, f"{NUMBERS}; first ${{s2[0].number}}")]},
    ]
    seen = await agent.say("look at all")
    numbers = await numbers_of(agent)
    expected = ",".join(map(str, numbers))
    assert seen.asks[0]["args"]["text"] == f"{expected}; first {numbers[0]}"
    await agent.decide(APPROVE)
    agent.model.script = [{"kind": "plan", "steps": [tell(4, f"{NUMBERS}; last ${{s2[-1].number}}")]}]
    seen = await agent.say("and the last one?")
    assert seen.asks[0]["args"]["text"] == f"{expected}; last {numbers[-1]}"
    shown = next(result for result in seen.values["earlier"] if result["step"] == "s2")
    assert shown["preview"].index(f'"number":{numbers[0]}') < shown["preview"].index(f'"number":{numbers[1]}')


async def test_so_are_independent_writes_that_a_human_approved(agent: Agent, proxy: Any) -> None:
    proxy.handle = Backwards("add-issue-comment", of=5)
    agent.model.script = [{"kind": "plan", "steps": [LIST, PING], "plan_again": True}]
    agent.model.script += [{"kind": "plan", "steps": [tell(4, "${join(' | ', s3[].body)}")]}]
    await agent.say("ping all")
    seen = await agent.decide(APPROVE)
    listed = next(entry for entry in await agent.ledger() if entry.action == "list-issues")
    assert seen.asks[0]["args"]["text"] == " | ".join(f"about {issue['title']}" for issue in listed.output["issues"])


async def test_records_from_before_items_had_a_position_are_read_as_they_were(
    start: Any, sandbox: Any, tmp_path: Path
) -> None:
    for integration in ("github", "slack"):
        await sandbox.connect(integration, {"end_user_id": "ada"})
    async with start(records=tmp_path / "calls.db") as agent:
        agent.model.integrations = ["github", "slack"]
        agent.model.script = [{"kind": "plan", "steps": [LIST, EACH]}]
        await agent.say("look at all")
        with contextlib.closing(sqlite3.connect(tmp_path / "calls.db")) as connection:
            connection.execute("UPDATE nango_agent_calls SET position = NULL")
            connection.commit()
        agent.model.script = [{"kind": "plan", "steps": [tell(3, NUMBERS)]}]
        seen = await agent.say("tell the others")
        assert sorted(seen.asks[0]["args"]["text"].split(",")) == sorted(map(str, await numbers_of(agent)))

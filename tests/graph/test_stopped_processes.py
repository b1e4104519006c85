"""Two processes and one thread: one is stopped for longer than its lease, right before it claims a write, and then lives on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agents import Agent, MovableClock, ScriptedModel
from nango_graph import build_graph, open_services, run_lease
from nango_graph.run_lease import LOST
from nango_graph.server.checkpoints import open_saver
from nango_sandbox import Sandbox
from stopped_process import Order, stopped

OCTO = {"owner": "octo", "repo": "widgets"}
WRITES = [
    {"id": f"s{number}", "tool": "github/create-issue", "arguments": {**OCTO, "title": f"Crash {number}"}}
    for number in (1, 2, 3)
]


@pytest.fixture
def order(sandbox: Sandbox, records_url: str | Path, tmp_path: Path) -> Order:
    url = None if isinstance(records_url, Path) else records_url
    approved = [{"type": "approve"} for _ in WRITES]
    return Order(str(tmp_path), sandbox.base_url, sandbox.api_key.get_secret_value(), "s2", approved, url)


@pytest.fixture
async def agent(order: Order, sandbox: Sandbox) -> AsyncIterator[Agent]:
    """In this process, on the same database; what it does is asked for."""
    await sandbox.connect("github", {"end_user_id": "ada"})
    model, clock = ScriptedModel(integrations=["github"], script=[{"kind": "plan", "steps": WRITES}]), MovableClock()
    records = await order.records()
    async with (
        open_saver(order.settings) as saver,
        open_services(order.settings, records=records, model=model, clock=clock) as services,
    ):
        graph = build_graph(services).compile(checkpointer=saver)
        agent = Agent(sandbox, services, model, clock, graph)
        assert len((await agent.say("create three")).asks) == 3
        yield agent
    await records.close()


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """By this process's clock, the other one's lease has run out."""
    clock = MovableClock()
    clock.time += 60
    monkeypatch.setattr(run_lease, "_CLOCK", clock)


async def titles(agent: Agent) -> list[str]:
    return [entry.input["title"] for entry in await agent.ledger()]


async def test_a_process_that_goes_on_while_another_has_its_thread_claims_nothing(
    agent: Agent, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims, claim = agent.services.records.claims, agent.services.records.claims.claim
    came, let_go = asyncio.Event(), asyncio.Event()

    async def held(*args: Any, **given: Any) -> Any:
        came.set()
        await let_go.wait()
        return await claim(*args, **given)

    with stopped(order) as other:
        later(monkeypatch)
        monkeypatch.setattr(claims, "claim", held)
        run = asyncio.create_task(agent.wake())
        await asyncio.wait([run, asyncio.create_task(came.wait())], return_when=asyncio.FIRST_COMPLETED)
        assert came.is_set(), f"it ended before: {run}"
        told = await asyncio.to_thread(other.goes_on)
        assert told == {"claimed": ["s1"], "raised": f"ThreadBusy: {LOST}"}
        assert await titles(agent) == ["Crash 1"], "nobody has claimed the second by now, and still it does not"
        let_go.set()
        assert (await run).answer == "Done."
    assert await titles(agent) == ["Crash 1", "Crash 2", "Crash 3"]


async def test_a_process_that_goes_on_when_another_has_done_the_rest_claims_nothing(
    agent: Agent, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stopped(order) as other:
        later(monkeypatch)
        seen = await agent.wake()
        assert seen.answer == "Done."
        told = await asyncio.to_thread(other.goes_on)
        assert told == {"claimed": ["s1"], "raised": f"ThreadBusy: {LOST}"}
    assert await titles(agent) == ["Crash 1", "Crash 2", "Crash 3"]
    state = await agent.graph.aget_state({"configurable": {"thread_id": "t"}})
    assert state.values["messages"] == seen.values["messages"], "nothing was added to the thread"
    assert state.next == ()

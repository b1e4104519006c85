"""A run that is cancelled stops sending at once; what was in flight is asked about before anything new happens."""

import asyncio
import contextlib
from typing import Any

import pytest
from langgraph.types import Command

from cut_off_runs import ADA, T, cut_off, said
from issue_steps import LIST, OCTO, write

APPROVE: dict[str, Any] = {"type": "approve"}
PING = {
    "id": "s2",
    "tool": "github/add-issue-comment",
    "arguments": {**OCTO, "issue_number": "${item.number}", "body": "ping"},
    "for_each": "${s1.issues}",
    "independent": True,
}


class Holding:
    """Keeps back the answers to actions once they have happened, and tells when `wanted` of them have."""

    def __init__(self, wanted: int, *, of: bytes = b"") -> None:
        self.wanted = wanted
        self.of = of
        self.there, self.over = asyncio.Event(), asyncio.Event()

    async def __call__(self, request: Any, forward: Any) -> Any:
        answer = await forward()
        if request.url.path == "/action/trigger" and self.of in await request.body():
            self.wanted -= 1
            if self.wanted <= 0:
                self.there.set()
            await self.over.wait()
        return answer


@pytest.fixture
async def agent(start: Any, sandbox: Any, proxy: Any) -> Any:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(nango={"base_url": proxy.url}) as opened:
        opened.model.integrations = ["github"]
        yield opened


APPROVED = Command(resume={"decisions": [APPROVE]})
TWICE_APPROVED = Command(resume={"decisions": [APPROVE, APPROVE]})


@pytest.mark.parametrize("next_one", ["a wake-up", "a message"])
async def test_a_write_in_flight_is_asked_about_before_anything_else(agent: Any, proxy: Any, next_one: str) -> None:
    agent.model.script = [{"kind": "plan", "steps": [write(1), write(2)]}]
    await agent.say("create both")
    await cut_off(agent, proxy, TWICE_APPROVED, Holding(1))
    assert [sent["title"] for _, sent in await agent.written()] == ["Crash 1"], "nothing left after that"
    seen = await agent.wake() if next_one == "a wake-up" else await agent.say("and now?")
    assert [request["args"]["arguments"] for request in seen.asks] == [write(1)["arguments"]]
    assert "stopped before the answer came" in seen.asks[0]["description"]
    assert len(agent.model.prompts) == 1, "nothing new was planned"
    if next_one == "a message":
        agent.model.script = [{"kind": "answer", "text": "That was all."}]
    await agent.decide(said(seen.asks[0], "happened"))
    titles = [sent["title"] for _, sent in await agent.written()]
    assert titles == (["Crash 1", "Crash 2"] if next_one == "a wake-up" else ["Crash 1"])


async def test_of_writes_side_by_side_each_one_in_flight_is_asked_about(agent: Any, proxy: Any) -> None:
    agent.model.script = [{"kind": "plan", "steps": [LIST, PING]}]
    seen = await agent.say("ping all")
    assert len(seen.asks[0]["args"]["items"]) == 5
    await cut_off(agent, proxy, APPROVED, Holding(5, of=b"add-issue-comment"))
    assert len(await agent.written()) == 5
    seen = await agent.wake()
    assert [request["name"] for request in seen.asks] == ["resolve_unknown_outcome"] * 5
    await agent.decide(*(said(request, "happened") for request in seen.asks))
    assert len(await agent.written()) == 5


async def test_a_read_in_flight_is_simply_made_again(agent: Any, proxy: Any) -> None:
    agent.model.script = [{"kind": "plan", "steps": [LIST]}]
    await cut_off(agent, proxy, {"messages": [("user", "list")]}, Holding(1))
    assert (await agent.wake()).answer == "Done."
    assert [entry.action for entry in await agent.ledger()] == ["list-issues"] * 2


async def cancelled_within(agent: Any, method: str, *, once_done: bool) -> None:
    """Approves, and cancels the run while it is in this method of the ledger: once that is done, or before it has begun."""
    claims = agent.services.records.claims
    really = getattr(claims, method)
    reached, over = asyncio.Event(), asyncio.Event()

    async def slow(*args: Any, **more: Any) -> Any:
        done = await really(*args, **more) if once_done else None
        reached.set()
        await over.wait()
        return done if once_done else await really(*args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, method, slow)
        run = asyncio.create_task(agent.graph.ainvoke(APPROVED, T, context=ADA))
        await reached.wait()
        run.cancel()
        asyncio.get_running_loop().call_later(0.05, over.set)
        with contextlib.suppress(asyncio.CancelledError):
            await run


async def test_a_run_that_is_cancelled_while_it_claims_sends_nothing_and_claims_again(agent: Any) -> None:
    agent.model.script = [{"kind": "plan", "steps": [write(1)]}]
    await agent.say("create it")
    await cancelled_within(agent, "claim", once_done=True)
    assert await agent.written() == []
    started = agent.clock.now()
    assert (await agent.wake()).answer == "Done.", "nothing is asked: it never left, and was approved"
    assert agent.clock.now() == started, "nor is a lease waited for"
    assert len(await agent.written()) == 1


async def test_an_answer_that_has_come_is_kept_even_if_the_run_is_cancelled_then(agent: Any) -> None:
    agent.model.script = [{"kind": "plan", "steps": [write(1)]}]
    await agent.say("create it")
    await cancelled_within(agent, "finish", once_done=False)
    assert (await agent.wake()).answer == "Done.", "it is known that it happened"
    assert len(await agent.written()) == 1

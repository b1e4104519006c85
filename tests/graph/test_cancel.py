"""A run that is cancelled stops sending at once; what was in flight is asked about before anything new happens."""

import asyncio
import contextlib
from typing import Any

import pytest
from langgraph.types import Command

from nango_graph import Context

OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE: dict[str, Any] = {"type": "approve"}
T: Any = {"configurable": {"thread_id": "t"}}
ADA = Context(user_id="ada")


def write(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"s{number}", "tool": "github/create-issue", "arguments": {**OCTO, "title": f"Crash {number}"}} | more


LIST = {"id": "s1", "tool": "github/list-issues", "arguments": OCTO}
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
        self.happened, self.over = asyncio.Event(), asyncio.Event()

    async def __call__(self, request: Any, forward: Any) -> Any:
        answer = await forward()
        if request.url.path == "/action/trigger" and self.of in await request.body():
            self.wanted -= 1
            if self.wanted <= 0:
                self.happened.set()
            await self.over.wait()
        return answer


@pytest.fixture
async def agent(start: Any, sandbox: Any, proxy: Any) -> Any:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(nango={"base_url": proxy.url}) as opened:
        opened.model.integrations = ["github"]
        yield opened


async def cancelled(agent: Any, proxy: Any, sent: Any, holding: Holding) -> None:
    proxy.handle = holding
    run = asyncio.create_task(agent.graph.ainvoke(sent, T, context=ADA))
    waiting = asyncio.create_task(holding.happened.wait())
    await asyncio.wait([run, waiting], return_when=asyncio.FIRST_COMPLETED, timeout=30)
    assert waiting.done(), f"it ended before: {run}"
    run.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await run
    assert run.cancelled()
    holding.over.set()
    proxy.handle = lambda _, forward: forward()


def said(shown: dict[str, Any], answer: str) -> dict[str, Any]:
    return {"type": "edit", "edited_action": {"name": shown["name"], "args": {**shown["args"], "answer": answer}}}


APPROVED = Command(resume={"decisions": [APPROVE]})
TWICE_APPROVED = Command(resume={"decisions": [APPROVE, APPROVE]})


@pytest.mark.parametrize("next_one", ["a wake-up", "a message"])
async def test_a_write_in_flight_is_asked_about_before_anything_else(agent: Any, proxy: Any, next_one: str) -> None:
    agent.model.script = [{"kind": "plan", "steps": [write(1), write(2)]}]
    await agent.say("create both")
    await cancelled(agent, proxy, TWICE_APPROVED, Holding(1))
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
    await cancelled(agent, proxy, APPROVED, Holding(5, of=b"add-issue-comment"))
    assert len(await agent.written()) == 5
    seen = await agent.wake()
    assert [request["name"] for request in seen.asks] == ["resolve_unknown_outcome"] * 5
    await agent.decide(*(said(request, "happened") for request in seen.asks))
    assert len(await agent.written()) == 5


async def test_a_read_in_flight_is_simply_made_again(agent: Any, proxy: Any) -> None:
    agent.model.script = [{"kind": "plan", "steps": [LIST]}]
    await cancelled(agent, proxy, {"messages": [("user", "list")]}, Holding(1))
    assert (await agent.wake()).answer == "Done."
    assert [entry.action for entry in await agent.ledger()] == ["list-issues"] * 2


async def test_a_run_that_is_cancelled_while_it_claims_sends_nothing_and_claims_again(
    agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.model.script = [{"kind": "plan", "steps": [write(1)]}]
    await agent.say("create it")
    claims, claim = agent.services.records.claims, agent.services.records.claims.claim
    claimed, over = asyncio.Event(), asyncio.Event()

    async def slow(*args: Any, **more: Any) -> Any:
        found = await claim(*args, **more)
        claimed.set()
        await over.wait()
        return found

    monkeypatch.setattr(claims, "claim", slow)
    run = asyncio.create_task(agent.graph.ainvoke(APPROVED, T, context=ADA))
    await claimed.wait()
    run.cancel()
    asyncio.get_running_loop().call_later(0.05, over.set)
    with contextlib.suppress(asyncio.CancelledError):
        await run
    assert await agent.written() == []
    monkeypatch.undo()
    started = agent.clock.now()
    assert (await agent.wake()).answer == "Done.", "nothing is asked: it never left, and was approved"
    assert agent.clock.now() == started, "nor is a lease waited for"
    assert len(await agent.written()) == 1


async def test_an_answer_that_has_come_is_kept_even_if_the_run_is_cancelled_then(
    agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.model.script = [{"kind": "plan", "steps": [write(1)]}]
    await agent.say("create it")
    claims, finish = agent.services.records.claims, agent.services.records.claims.finish
    came, over = asyncio.Event(), asyncio.Event()

    async def slow(*args: Any, **more: Any) -> None:
        came.set()
        await over.wait()
        await finish(*args, **more)

    monkeypatch.setattr(claims, "finish", slow)
    run = asyncio.create_task(agent.graph.ainvoke(APPROVED, T, context=ADA))
    await came.wait()
    run.cancel()
    asyncio.get_running_loop().call_later(0.05, over.set)
    with contextlib.suppress(asyncio.CancelledError):
        await run
    monkeypatch.undo()
    assert (await agent.wake()).answer == "Done.", "it is known that it happened"
    assert len(await agent.written()) == 1

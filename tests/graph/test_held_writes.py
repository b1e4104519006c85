"""What waits for a provider's request limit, for a background action, or for another run's answer: how long, and what stops it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from langgraph.runtime import RunControl
from langgraph.types import Command

from agents import Agent, MovableClock, Start
from nango_graph import Context, build_graph
from nango_sandbox import Sandbox
from nango_sandbox.faults import AppAnswers
from nango_tools import ActionNotFinished, Outcome, UpstreamError
from nango_tools.errors import Call

OCTO = {"owner": "octo", "repo": "widgets"}
LIST = {"id": "s1", "tool": "github/list-issues", "arguments": OCTO}
APPROVE: dict[str, Any] = {"type": "approve"}
CONFIG: Any = {"configurable": {"thread_id": "t"}}


def create(number: int) -> dict[str, Any]:
    return {"id": f"s{number}", "tool": "github/create-issue", "arguments": {**OCTO, "title": f"Crash {number}"}}


class Stoppable(MovableClock):
    """Once `armed`, who sleeps for longer than a second is not woken: `asleep` is set instead, and `awake` wakes."""

    def __init__(self) -> None:
        super().__init__()
        self.armed, self.asleep, self.awake = False, asyncio.Event(), asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if self.armed and seconds > 1.5:
            self.asleep.set()
            await self.awake.wait()
        await super().sleep(seconds)


@pytest.fixture
async def agent(start: Start, sandbox: Sandbox) -> AsyncIterator[Agent]:
    """Ada's first write ran into a limit that lasts for 50 s; the second one was planned, and is asked for."""
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(clock=Stoppable()) as opened:
        opened.model.integrations = ["github"]
        sandbox.faults.add(AppAnswers(status=429, headers={"x-ratelimit-reset-after": "50"}))
        opened.model.script = [{"kind": "plan", "steps": [create(1)]}, {"kind": "plan", "steps": [create(2)]}]
        await opened.say("create both")
        assert (await opened.decide(APPROVE)).asks[0]["args"]["title"] == "Crash 2"
        yield opened


async def held(agent: Agent, run: Any = None) -> asyncio.Task[Any]:
    clock: Any = agent.clock
    clock.armed = True
    task = asyncio.create_task(run if run is not None else agent.decide(APPROVE))
    async with asyncio.timeout(20):
        await clock.asleep.wait()
    return task


def let_go(agent: Agent) -> None:
    clock: Any = agent.clock
    clock.armed = False
    clock.awake.set()


async def rows(agent: Agent, step: str = "s2") -> list[Any]:
    turn = await agent.services.records.turns.last_of("t")
    assert turn is not None
    found = await agent.services.records.calls.of_thread("t", turn.requester.tenant)
    return [call for call in found if call.key.step == step]


async def sent(agent: Agent) -> list[str]:
    return [entry.status for entry in await agent.ledger()]


def error_of(seen: Any, step: str) -> str:
    return next(one["error"] for one in seen.values["results"] if one["step"] == step)


async def drained(agent: Agent, given: Any, control: RunControl) -> None:
    context = Context(user_id="ada")
    async for _ in agent.graph.astream(given, CONFIG, context=context, stream_mode="custom", control=control):
        pass


async def test_a_write_that_is_cancelled_while_it_waits_for_a_limit_was_not_claimed_and_leaves_later(agent) -> None:
    run = await held(agent)
    assert await rows(agent) == [], "who waits has claimed nothing"
    run.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await run
    assert run.cancelled()
    assert await rows(agent) == []
    let_go(agent)
    assert (await agent.wake()).answer == "Done.", "it was approved, and no outcome is asked about"
    assert await sent(agent) == ["failed", "succeeded"]


async def test_a_write_of_a_run_that_is_overtaken_while_it_waits_for_a_limit_is_not_sent(agent) -> None:
    run = await held(agent)
    leases = agent.services.records.leases
    assert await leases.take("run:t|", kind="run", thread_id="t", seconds=15, now=0, by_force=True) is not None
    let_go(agent)
    with pytest.raises(Exception, match="taken over"):
        await run
    assert await sent(agent) == ["failed"]
    assert await rows(agent) == []


async def test_a_write_of_a_run_that_is_drained_while_it_waits_for_a_limit_is_sent_by_the_next_run(agent) -> None:
    control = RunControl()
    run = await held(agent, drained(agent, Command(resume={"decisions": [APPROVE]}), control))
    control.request_drain("shutdown")
    let_go(agent)
    with contextlib.suppress(Exception):
        await run
    assert await sent(agent) == ["failed"]
    assert (await agent.wake()).answer == "Done."
    assert await sent(agent) == ["failed", "succeeded"]


async def test_a_write_that_is_cancelled_after_it_left_may_have_happened(agent, monkeypatch) -> None:
    run = await held(agent)
    runner, left = agent.services.nango.runner, asyncio.Event()

    async def leaving(*_: Any, **__: Any) -> Any:
        left.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(runner, "_either_way", leaving)
    let_go(agent)
    async with asyncio.timeout(20):
        await left.wait()
    run.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await run
    assert [call.state for call in await rows(agent)] == ["unknown"]


def refused_again(agent: Agent, connection_id: str, seconds: float) -> None:
    runner: Any = agent.services.nango.runner
    call = Call("trigger", connection_id, "github", "create-issue", writes=True)
    refused = UpstreamError("too many", call=call, outcome=Outcome.FAILED, retry_after=seconds)
    runner._limits.refused(call, refused, began=agent.clock.now())


async def connection_of(agent: Agent) -> str:
    state = await agent.graph.aget_state(CONFIG)
    return str(state.values["connections"]["github"]["connection_id"])


async def test_a_write_whose_limit_is_extended_again_and_again_is_not_sent_in_the_end(agent) -> None:
    run = await held(agent)
    refused_again(agent, await connection_of(agent), 100.0)
    let_go(agent)
    agent.model.script = [{"kind": "answer", "text": "Not now."}]
    assert (await run).answer == "Not now."
    assert await rows(agent) == []
    assert await sent(agent) == ["failed"]


async def test_a_write_whose_limit_comes_back_after_its_claim_does_not_wait_and_was_not_sent(
    agent, monkeypatch
) -> None:
    connection_id, claims = await connection_of(agent), agent.services.records.claims
    claim = claims.claim

    async def claimed(*given: Any, **more: Any) -> Any:
        made = await claim(*given, **more)
        refused_again(agent, connection_id, 40.0)
        return made

    monkeypatch.setattr(type(claims), "claim", lambda _, *given, **more: claimed(*given, **more))
    agent.model.script = [{"kind": "answer", "text": "Not now."}]
    before = agent.clock.now()
    assert (await agent.decide(APPROVE)).answer == "Not now."
    assert agent.clock.now() - before < 60, "for the first limit only"
    (call,) = await rows(agent)
    assert call.state == "not_sent"
    assert "Nothing was sent. Ask again in 40" in agent.model.prompts[-1]
    assert await sent(agent) == ["failed"]


@pytest.mark.parametrize("step", [LIST, create(1)], ids=["read", "write"])
async def test_no_limit_is_waited_for_that_lasts_longer_than_the_request_may_work(
    start: Start, sandbox: Sandbox, step: dict[str, Any]
) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"}, "ada-github")
    async with start() as agent:
        agent.model.integrations = ["github"]
        agent.model.script = [{"kind": "plan", "steps": [step]}]
        refused_again(agent, "ada-github", 50.0)
        before = agent.clock.now()
        seen = await agent.say("go on", max_seconds=10)
        if step is not LIST:
            seen = await agent.decide(APPROVE)
        assert agent.clock.now() - before < 10
        assert seen.values["steps"] == {"s1": "blocked"}
        assert "github's request limit" in error_of(seen, "s1")
        assert ("Nothing was sent" in error_of(seen, "s1")) == (step is not LIST)
        assert "max_seconds" in error_of(seen, "s1")
        assert await sent(agent) == []


async def test_a_read_that_waits_for_a_limit_stops_waiting_when_its_run_is_drained(
    start: Start, sandbox: Sandbox
) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(clock=Stoppable()) as agent:
        agent.model.integrations = ["github"]
        agent.model.script = [{"kind": "plan", "steps": [LIST]}]
        sandbox.faults.add(AppAnswers(status=429, headers={"x-ratelimit-reset-after": "200"}))
        control, before = RunControl(), agent.clock.now()
        run = await held(agent, drained(agent, {"messages": [("user", "list")]}, control))
        control.request_drain("shutdown")
        let_go(agent)
        with contextlib.suppress(Exception):
            await run
        assert agent.clock.now() - before < 20
        assert await sent(agent) == ["failed"]
        assert (await agent.wake()).answer == "Done."


@pytest.mark.parametrize("step", [LIST, create(1)], ids=["read", "write"])
async def test_a_background_action_that_outlasts_the_request_is_not_waited_for_and_settled_by_the_next(
    start: Start, sandbox: Sandbox, step: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start() as opened:
        settings = opened.services.settings.model_copy(update={"async_actions": ("github/*",)})
        agent = replace(opened, services=replace(opened.services, settings=settings))
        agent.graph = build_graph(agent.services).compile(checkpointer=opened.graph.checkpointer)
        agent.model.integrations = ["github"]
        agent.model.script = [{"kind": "plan", "steps": [step]}]
        actions = agent.services.nango.actions
        result = actions.result

        async def not_yet(action: Any) -> Any:
            raise ActionNotFinished("not yet", call=None, outcome=Outcome.UNKNOWN)

        monkeypatch.setattr(actions, "result", not_yet)
        before = agent.clock.now()
        seen = await agent.say("go on", max_seconds=60)
        if step is not LIST:
            seen = await agent.decide(APPROVE)
        assert 55 < agent.clock.now() - before < 65
        assert seen.values["steps"] == {"s1": "blocked"}
        assert "max_seconds" in error_of(seen, "s1")
        monkeypatch.setattr(actions, "result", result)
        if step is LIST:
            assert await rows(agent, "s1") == []
            return
        assert "may have taken effect" in error_of(seen, "s1")
        (call,) = await rows(agent, "s1")
        assert call.state == "claimed"
        assert call.async_id
        agent.model.script = [{"kind": "answer", "text": "It is there."}]
        async with asyncio.timeout(30):
            while not await agent.written():
                await agent.clock.sleep(0)
        await agent.say("and now?")
        assert [call.state for call in await rows(agent, "s1")] == ["succeeded"]
        assert len(await agent.written()) == 1


async def test_another_workers_claim_is_waited_for_no_longer_than_the_request_may_work(
    start: Start, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start() as agent:
        agent.model.integrations = ["github"]
        agent.model.script = [{"kind": "plan", "steps": [create(1)]}]
        await agent.say("go on", max_seconds=20)
        claims = agent.services.records.claims
        claim = type(claims).claim

        async def by_another(self: Any, call: Any, **more: Any) -> Any:
            await claim(self, replace(call, worker="another"), **more)
            return replace(call, worker="another")

        monkeypatch.setattr(type(claims), "claim", by_another)
        before = agent.clock.now()
        seen = await agent.decide(APPROVE)
        assert agent.clock.now() - before < 25
        assert seen.values["steps"] == {"s1": "blocked"}
        assert "may have taken effect" in error_of(seen, "s1")
        assert [call.state for call in await rows(agent, "s1")] == ["claimed"], "the next request settles it"


async def test_what_the_client_of_nango_waits_for_is_time_of_the_clock_that_was_handed_in(
    start: Start, sandbox: Sandbox
) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start() as agent:
        agent.model.integrations = ["github"]
        sandbox.faults.add(AppAnswers(status=429, headers={"x-ratelimit-reset-after": "25"}))
        agent.model.script = [{"kind": "plan", "steps": [LIST]}]
        before = agent.clock.now()
        async with asyncio.timeout(15):
            assert (await agent.say("look")).answer == "Done."
        assert 25 <= agent.clock.now() - before < 30

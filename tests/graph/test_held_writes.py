"""A write that waits for a provider's request limit before it leaves: how long its claim holds, and that stopping it means nothing was sent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agents import Agent, MovableClock, Start
from nango_sandbox import Sandbox
from nango_sandbox.faults import AppAnswers
from nango_tools import Outcome, UpstreamError
from nango_tools.errors import Call
from nango_tools.provider_limits import LONGEST_FOR_WRITES

OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE: dict[str, Any] = {"type": "approve"}


def create(number: int) -> dict[str, Any]:
    return {"id": f"s{number}", "tool": "github/create-issue", "arguments": {**OCTO, "title": f"Crash {number}"}}


class Stoppable(MovableClock):
    """Once `armed`, who sleeps for long is not woken: `asleep` is set instead, and `awake` wakes."""

    def __init__(self) -> None:
        super().__init__()
        self.armed, self.asleep, self.awake = False, asyncio.Event(), asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if self.armed and seconds > 10:
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


async def held(agent: Agent) -> asyncio.Task[Any]:
    clock: Any = agent.clock
    clock.armed = True
    run = asyncio.create_task(agent.decide(APPROVE))
    async with asyncio.timeout(20):
        await clock.asleep.wait()
    return run


async def row(agent: Agent) -> Any:
    turn = await agent.services.records.turns.last_of("t")
    assert turn is not None
    found = await agent.services.records.calls.of_thread("t", turn.requester.tenant)
    return next(call for call in found if call.key.step == "s2")


async def test_a_write_that_is_cancelled_while_it_waits_for_a_limit_was_not_sent_and_nobody_is_asked(agent) -> None:
    run = await held(agent)
    run.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await run
    assert run.cancelled()
    found = await row(agent)
    assert found.state == "not_sent"
    assert "nothing was sent" in found.error
    agent.clock.armed = False
    agent.model.script = [{"kind": "answer", "text": "The second one was not created."}]
    assert (await agent.wake()).answer == "The second one was not created.", "no outcome is asked about"
    assert "nothing was sent" in agent.model.prompts[-1]
    assert [entry.status for entry in await agent.ledger()] == ["failed"]


async def test_a_write_that_leaves_after_its_wait_and_is_cancelled_then_may_have_happened(agent, monkeypatch) -> None:
    run = await held(agent)
    runner, left = agent.services.nango.runner, asyncio.Event()

    async def leaving(*_: Any, **__: Any) -> Any:
        left.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(runner, "_either_way", leaving)
    agent.clock.awake.set()
    async with asyncio.timeout(20):
        await left.wait()
    run.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await run
    assert (await row(agent)).state == "unknown"


async def test_a_claim_outlives_the_longest_wait_before_the_call_leaves_and_then_its_time_out(agent) -> None:
    run = await held(agent)
    lasts = (await row(agent)).lease_until - agent.clock.now()
    connecting, retrying = 10, 10
    assert lasts > LONGEST_FOR_WRITES + retrying + connecting + agent.services.settings.nango.write_timeout
    agent.clock.armed = False
    agent.clock.awake.set()
    assert (await run).answer == "Done."
    assert [entry.status for entry in await agent.ledger()] == ["failed", "succeeded"], "once"


async def test_a_write_whose_limit_is_extended_again_and_again_is_not_sent_in_the_end(agent) -> None:
    run = await held(agent)
    runner: Any = agent.services.nango.runner
    call = Call("trigger", (await row(agent)).connection_id, "github", "create-issue", writes=True)
    refused = UpstreamError("too many", call=call, outcome=Outcome.FAILED, retry_after=100.0)
    runner._limits.refused(call, refused, began=agent.clock.now())
    agent.clock.armed = False
    agent.clock.awake.set()
    agent.model.script = [{"kind": "answer", "text": "Not now."}]
    assert (await run).answer == "Not now."
    assert (await row(agent)).state == "not_sent"
    assert [entry.status for entry in await agent.ledger()] == ["failed"]


async def test_what_the_client_of_nango_waits_for_is_time_of_the_clock_that_was_handed_in(
    start: Start, sandbox: Sandbox
) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start() as agent:
        agent.model.integrations = ["github"]
        sandbox.faults.add(AppAnswers(status=429, headers={"x-ratelimit-reset-after": "25"}))
        agent.model.script = [
            {"kind": "plan", "steps": [{**create(1), "tool": "github/list-issues", "arguments": OCTO}]}
        ]
        before = agent.clock.now()
        async with asyncio.timeout(15):
            assert (await agent.say("look")).answer == "Done."
        assert 25 <= agent.clock.now() - before < 30

"""Request limits, Nango's and those of providers, in plans: reads wait and say so, writes are sent once."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from pydantic import JsonValue

from agents import Agent, Start
from both_clocks import BothClocks
from nango_graph import build_graph
from nango_sandbox import Sandbox
from nango_sandbox.clock import Clock
from nango_sandbox.faults import AppAnswers, Status
from nango_sandbox.functions.action import Action
from nango_sandbox.functions.failures import UpstreamFailed
from nango_sandbox.options import Options
from nango_tools import Catalog, NangoClient

OCTO = {"owner": "octo", "repo": "widgets"}
CREATE = {"id": "s1", "tool": "github/create-issue", "arguments": {**OCTO, "title": "Crash on undo"}}
APPROVE: dict[str, Any] = {"type": "approve"}
NUMBERS = {"id": "s1", "tool": "github/list-numbers", "arguments": {}}
LOOK = {"id": "s2", "tool": "github/get-number", "arguments": {"number": "${item}"}, "for_each": "${s1}"}
WINDOW = 60.0
OWN_LIMIT: JsonValue = {"error": {"code": "too_many_request", "method": "POST", "path": "/action/trigger"}}


@pytest.fixture
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """The parameter: how many requests a minute Nango answers."""
    async with Sandbox(options=Options(rate_limit=getattr(request, "param", None))) as running:
        yield running


class LimitedApp:
    """Counts its own calls in windows of the sandbox's clock, and refuses those over the limit with GitHub's headers."""

    def __init__(self, clock: Clock, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._began: datetime | None = None
        self._used = 0
        self.refused = 0

    def call(self) -> None:
        now = self._clock.now()
        if self._began is None or (now - self._began).total_seconds() >= WINDOW:
            self._began, self._used = now, 0
        self._used += 1
        if self._used > self._limit:
            self.refused += 1
            left = WINDOW - (now - self._began).total_seconds()
            headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": str(left)}
            raise UpstreamFailed(429, {"message": "API rate limit exceeded"}, headers)


async def deploy_numbers(sandbox: Sandbox, app: LimitedApp | None = None) -> None:
    async def list_numbers(call: Any, given: dict[str, Any]) -> list[int]:
        return list(range(100))

    async def get_number(call: Any, given: dict[str, Any]) -> dict[str, Any]:
        if app is not None:
            app.call()
        return {"is": given["number"]}

    await sandbox.deploy(
        "github",
        Action("list-numbers", "List the numbers.", "read", list_numbers),
        Action("get-number", "Get one number.", "read", get_number),
    )


@contextlib.asynccontextmanager
async def agent_on(start: Start, sandbox: Sandbox) -> AsyncIterator[Agent]:
    """Ada's agent; what its client of Nango waits for, too, is time that is moved."""
    clock = BothClocks(sandbox.clock, settling=0.1)
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with (
        start(clock=clock) as agent,
        NangoClient(agent.services.settings.nango, sleep=clock.sleep, clock=clock.now) as nango,
    ):
        services = replace(agent.services, nango=nango, catalog=Catalog(nango))
        graph = build_graph(services).compile(checkpointer=agent.graph.checkpointer)
        agent.model.integrations = ["github"]
        yield replace(agent, services=services, graph=graph)


def notices(seen: Any) -> list[str]:
    return [part["text"] for part in seen.parts if part["type"] == "notice"]


@pytest.mark.parametrize("sandbox", [30], indirect=True)
async def test_a_hundred_reads_finish_within_a_quota_of_thirty_a_minute_and_say_that_they_wait(
    start: Start, sandbox: Sandbox
) -> None:
    async with agent_on(start, sandbox) as agent:
        await deploy_numbers(sandbox)
        agent.model.script = [{"kind": "plan", "steps": [NUMBERS, LOOK]}]
        seen = await agent.say("look at all")
        assert seen.values["steps"] == {"s1": "succeeded", "s2": "succeeded"}
        ran = [entry.input["number"] for entry in await sandbox.ledger() if entry.action == "get-number"]
        assert sorted(ran) == list(range(100)), "each once"
        told = [text for text in notices(seen) if "Nango's request limit" in text]
        assert 1 <= len(told) <= 12, "it is said, and not by each of a hundred"


async def test_a_hundred_reads_finish_within_the_limit_of_a_provider(start: Start, sandbox: Sandbox) -> None:
    app = LimitedApp(sandbox.clock, limit=30)
    async with agent_on(start, sandbox) as agent:
        await deploy_numbers(sandbox, app)
        agent.model.script = [{"kind": "plan", "steps": [NUMBERS, LOOK]}]
        seen = await agent.say("look at all")
        assert seen.values["steps"] == {"s1": "succeeded", "s2": "succeeded"}
        assert app.refused <= 3 * 10, "of each window those at most that were under way when it was used up"
        assert any("github's request limit is used up" in text for text in notices(seen))


async def test_a_write_that_a_providers_limit_refused_is_not_repeated_and_the_approver_of_the_next_is_told(
    start: Start, sandbox: Sandbox
) -> None:
    async with agent_on(start, sandbox) as agent:
        sandbox.faults.add(AppAnswers(status=429, headers={"x-ratelimit-reset-after": "20"}))
        agent.model.script = [
            {"kind": "plan", "steps": [CREATE]},
            {"kind": "plan", "steps": [{**CREATE, "id": "s2"}]},
        ]
        await agent.say("create")
        seen = await agent.decide(APPROVE)
        assert [entry.status for entry in await sandbox.ledger()] == ["failed"]
        assert "The provider's request limit is used up. Ask again in 20 seconds" in agent.model.prompts[-1]
        assert seen.asks[0]["name"] == "github/create-issue", "nobody has approved that it is sent once more"
        assert "may have" in seen.asks[0]["description"]
        before = agent.clock.now()
        assert (await agent.decide(APPROVE)).answer == "Done."
        assert 20 <= agent.clock.now() - before < 30, "it leaves when the limit is over"
        assert [entry.status for entry in await sandbox.ledger()] == ["failed", "succeeded"]


async def test_a_write_to_a_connection_whose_limit_lasts_is_not_sent(start: Start, sandbox: Sandbox) -> None:
    async with agent_on(start, sandbox) as agent:
        sandbox.faults.add(AppAnswers(status=429, headers={"x-ratelimit-reset-after": "3600"}))
        read = {"id": "s1", "tool": "github/list-issues", "arguments": OCTO}
        agent.model.script = [
            {"kind": "plan", "steps": [read]},
            {"kind": "plan", "steps": [{**CREATE, "id": "s2"}]},
            {"kind": "answer", "text": "GitHub lets us in again in an hour."},
        ]
        await agent.say("create one if there is none")
        seen = await agent.decide(APPROVE)
        assert seen.answer == "GitHub lets us in again in an hour."
        assert [entry.action for entry in await sandbox.ledger()] == ["list-issues"], "the write never left"
        assert "Nothing was sent. Ask again in 3600 seconds" in agent.model.prompts[-1]
        assert "the provider's request limit" in agent.model.prompts[-1]


@pytest.mark.parametrize(("seconds", "sent"), [(4, 2), (40, 1)])
async def test_a_write_is_repeated_for_nangos_own_limit_only_if_that_is_over_soon(
    start: Start, sandbox: Sandbox, seconds: int, sent: int
) -> None:
    async with agent_on(start, sandbox) as agent:
        limit = Status(status=429, action="create-issue", body=OWN_LIMIT, headers={"retry-after": str(seconds)})
        sandbox.faults.add(limit)
        agent.model.script = [
            {"kind": "plan", "steps": [CREATE]},
            {"kind": "plan", "steps": [{**CREATE, "id": "s2"}]},
        ]
        await agent.say("create")
        seen = await agent.decide(APPROVE)
        posts = [one for one in await sandbox.requests() if one.path == "/action/trigger"]
        assert len(posts) == sent
        if sent == 1:
            assert "It did not run. Ask again in 40 seconds" in agent.model.prompts[-1]
            assert "Nango's request limit" in agent.model.prompts[-1]
            assert "may have" not in seen.asks[0]["description"], (
                "it was refused before it ran: there is nothing to warn of"
            )
            seen = await agent.decide(APPROVE)
        assert seen.answer == "Done."
        assert len(await agent.written()) == 1

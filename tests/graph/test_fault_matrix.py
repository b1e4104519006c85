"""Whatever fails on the way to Nango and back, for a read, a write and fan-outs of writes, by REST and by the hosted MCP: nothing is
written twice, nothing is called done that was not, the thread gets on, and what is said of it helps.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from fault_matrix import FAULTS, STEPS, WANTED, desk, ended, helps, judged
from nango_graph import build_graph
from nango_sandbox import Sandbox
from nango_sandbox.faults import Latency
from nango_tools import NangoClient

ONLY_MCP = ("connections:list", "connect_sessions:write", "integrations:list", "mcp")
"""Scopes of a key."""


@pytest.fixture
def output(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "short")


@pytest.fixture
async def sandbox(output: str) -> AsyncIterator[Sandbox]:
    async with Sandbox(integrations=[desk(output)]) as running:
        yield running


@pytest.fixture
async def agent(request: pytest.FixtureRequest, start, sandbox: Sandbox) -> AsyncIterator[Any]:
    """Ada's, whose waits for request limits move the clock. `param`: of the settings for Nango; "scopes": of a key of its own."""
    await sandbox.connect("desk", {"end_user_id": "ada", "end_user_display_name": "Ada Lovelace"})
    given = dict(getattr(request, "param", {}))
    if scopes := given.pop("scopes", ()):
        given["api_key"] = await sandbox.create_api_key("few", [f"environment:{scope}" for scope in scopes])
    async with start(nango=given) as opened:
        settings, clock = opened.services.settings.nango, opened.clock
        async with NangoClient(settings, sleep=clock.sleep, clock=clock.now) as nango:
            services = replace(opened.services, nango=nango)
            graph = build_graph(services).compile(checkpointer=InMemorySaver())
            opened.model.integrations = ["desk"]
            yield replace(opened, services=services, graph=graph)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("shapes", [("read", "write"), ("fan-out", "fan-out side by side")], ids=", ".join)
async def test_what_fails_is_never_repeated_if_it_writes_nor_called_done_and_what_is_said_helps(
    agent, shapes: tuple[str, ...], fault: str
) -> None:
    for shape in shapes:
        with FAULTS[fault].strikes(agent, shape):
            await judged(await ended(agent, shape), FAULTS[fault])


@pytest.mark.parametrize("agent", [{"scopes": ONLY_MCP}], indirect=True, ids=["only the MCP"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_the_same_is_true_of_a_key_that_may_only_use_the_mcp(agent, fault: str) -> None:
    struck = FAULTS[fault]
    # There is no other way left.
    becomes = "refused" if struck.of_a_write == "done" else struck.of_a_write
    struck = replace(struck, of_a_write=becomes, cause=struck.cause_by_mcp or struck.cause)
    for shape in ("read", "write", "fan-out side by side"):
        with struck.strikes(agent, shape, path="/mcp"):
            await judged(await ended(agent, shape), struck)
    assert {entry.via for entry in await agent.ledger()} <= {"mcp"}


@pytest.mark.parametrize("agent", [{"read_timeout": 1.5, "write_timeout": 1.5}], indirect=True)
@pytest.mark.parametrize("shape", STEPS)
async def test_what_takes_longer_than_the_time_out_is_not_sent_again_if_it_writes(agent, shape: str) -> None:
    action = "get-ticket" if shape == "read" else "create-ticket"
    agent.sandbox.faults.add(Latency(seconds=3600, action=action, times=None if shape == "read" else 1))
    end = await ended(agent, shape)
    assert end.result["status"] != "succeeded"
    assert len(end.told_of_the_unknown) == (shape != "read")
    for told in end.told_of_the_unknown or [end.result["error"]]:
        helps(told, step=end.result["step"], tool=end.result["tool"], cause="Nango did not answer in time")
    await asyncio.to_thread(agent.sandbox.clock.advance, 7200)
    await agent.wake(thread=shape)
    sent = await end.sent()
    assert len(sent) == len(set(sent))


@pytest.mark.parametrize("output", ["null", "nearly 2 MB"], indirect=True)
async def test_an_answer_that_is_null_or_huge_is_an_answer(agent, output: str) -> None:
    for shape in STEPS:
        end = await ended(agent, shape)
        assert end.result["status"] == "succeeded"
        assert sorted(await end.done()) == WANTED[shape]
        assert end.told_of_the_unknown == []
        assert len(str(end.result)) < 10_000
        assert ("null" in end.result["shape"]) == (output == "null")


@pytest.mark.parametrize("output", ["over 2 MB"], indirect=True)
async def test_an_answer_that_nango_finds_too_large_is_lost_and_the_write_may_have_happened(agent) -> None:
    for shape in STEPS:
        end = await ended(agent, shape)
        assert end.result["status"] != "succeeded"
        assert len(end.told_of_the_unknown) == len(WANTED[shape])
        for told in end.told_of_the_unknown or [end.result["error"]]:
            helps(told, step=end.result["step"], tool=end.result["tool"], cause="Output size is too large")
        assert sorted(await end.sent()) == WANTED[shape]

"""Actions that Nango runs asynchronously, in plans: what takes minutes, what is lost, what a webhook tells, what a kill leaves."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from starlette.requests import Request
from starlette.responses import Response

from agents import Agent, MovableClock, Proxy, Start
from both_clocks import BothClocks
from nango_graph import build_graph
from nango_graph.execution.awaiting import AFTER_THE_WEBHOOK, PATIENCE
from nango_graph.execution.sending import Sender
from nango_graph.records import Call
from nango_sandbox import Sandbox
from nango_sandbox.faults import AppAnswers, Dropped, Slow, Status
from nango_sandbox.functions.action import Action
from nango_tools import NangoClient

OCTO = {"owner": "octo", "repo": "widgets"}
LIST = {"id": "s1", "tool": "github/list-issues", "arguments": OCTO}
CREATE = {"id": "s1", "tool": "github/create-issue", "arguments": {**OCTO, "title": "Crash on undo"}}
PING = {"id": "s1", "tool": "github/ping-nobody", "arguments": {}}
AFTER_PING = {"id": "s2", "tool": "github/ping-nobody", "arguments": {"was": "${s1}"}}
APPROVE: dict[str, Any] = {"type": "approve"}
EVERYTHING = ("github/*",)

Opened = Callable[..., contextlib.AbstractAsyncContextManager[Agent]]


@pytest.fixture
def opened(start: Start, sandbox: Sandbox) -> Opened:
    """An agent of Ada's whose actions that fit `actions` are run asynchronously."""

    @contextlib.asynccontextmanager
    async def agents(
        actions: tuple[str, ...] = EVERYTHING, *, waits_with: MovableClock | None = None, **given: Any
    ) -> AsyncIterator[Agent]:
        if not await _connected(sandbox):
            await sandbox.connect("github", {"end_user_id": "ada"}, "ada-github")
        async with contextlib.AsyncExitStack() as stack:
            agent = await stack.enter_async_context(start(clock=waits_with, **given))
            settings = agent.services.settings.model_copy(update={"async_actions": actions})
            services = replace(agent.services, settings=settings)
            if waits_with is not None:
                client = NangoClient(settings.nango, sleep=waits_with.sleep, clock=waits_with.now)
                services = replace(services, nango=await stack.enter_async_context(client))
            graph = build_graph(services).compile(checkpointer=agent.graph.checkpointer)
            agent.model.integrations = ["github"]
            yield replace(agent, services=services, graph=graph)

    return agents


async def _connected(sandbox: Sandbox) -> bool:
    async def found(services: Any) -> bool:
        return await services.connections.get("ada-github", "github") is not None

    return await sandbox.run(found)


async def triggered(agent: Agent) -> list[tuple[str, str | None, str | None]]:
    """(method, X-Async, X-Max-Retries) of what was sent about actions: each poll that found nothing left out."""
    return [
        (seen.method, seen.headers.get("x-async"), seen.headers.get("x-max-retries"))
        for seen in await agent.sandbox.requests()
        if seen.path.startswith("/action/") and seen.status != 404
    ]


async def calls_of(agent: Agent) -> list[Call]:
    return await agent.services.records.calls.of_thread("t", "user:ada")


def notices(seen: Any) -> list[str]:
    return [part["text"] for part in seen.parts if part["type"] == "notice"]


def planning(agent: Agent, *steps: dict[str, Any]) -> None:
    agent.model.script = [{"kind": "plan", "steps": list(steps)}]


async def nothing(call: Any, given: dict[str, Any]) -> None:
    return None


async def deploy_ping(sandbox: Sandbox, access: Any = "write") -> None:
    await sandbox.deploy("github", Action("ping-nobody", "Send a ping to nobody.", access, nothing))


async def test_a_read_is_queued_and_its_result_fetched(opened: Opened) -> None:
    async with opened() as agent:
        planning(agent, LIST)
        seen = await agent.say("list")
        assert seen.answer == "Done."
        assert await triggered(agent) == [("POST", "true", "0"), ("GET", None, None)]
        assert seen.values["results"][-1]["status"] == "succeeded"
        assert sum("background" in text for text in notices(seen)) == 1


async def test_a_write_is_queued_once_with_no_retries_and_its_id_is_recorded(opened: Opened) -> None:
    async with opened() as agent:
        planning(agent, CREATE)
        await agent.say("create")
        assert (await agent.decide(APPROVE)).answer == "Done."
        assert await triggered(agent) == [("POST", "true", "0"), ("GET", None, None)]
        (call,) = await calls_of(agent)
        assert call.state == "succeeded"
        assert call.async_id
        assert call.output["title"] == "Crash on undo"
        assert len(await agent.written()) == 1


@pytest.mark.parametrize("globs", [(), ("slack/*",), ("github/list",), ("github/.*",), ("GITHUB/*",), ("github/[x]*",)])
async def test_what_no_glob_names_runs_synchronously(opened: Opened, globs: tuple[str, ...]) -> None:
    async with opened(globs) as agent:
        planning(agent, LIST)
        await agent.say("list")
        assert await triggered(agent) == [("POST", None, None)]


async def test_an_action_that_fails_later_fails_its_step_once(opened: Opened) -> None:
    async with opened() as agent:
        agent.sandbox.faults.add(AppAnswers(status=422, body={"message": "Title is taken"}))
        planning(agent, CREATE)
        await agent.say("create")
        agent.model.script = [{"kind": "answer", "text": "It is taken."}]
        seen = await agent.decide(APPROVE)
        assert seen.answer == "It is taken."
        (call,) = await calls_of(agent)
        assert call.state == "failed"
        assert "Title is taken" in (call.error or "")
        assert [entry.status for entry in await agent.ledger()] == ["failed"]


async def test_one_that_takes_minutes_is_waited_for(opened: Opened, sandbox: Sandbox) -> None:
    async with opened(waits_with=BothClocks(sandbox.clock)) as agent:
        sandbox.faults.add(Slow(seconds=14 * 60))
        planning(agent, CREATE)
        await agent.say("create")
        began = agent.clock.now()
        assert (await agent.decide(APPROVE)).answer == "Done."
        assert 14 * 60 <= agent.clock.now() - began < 15 * 60
        assert len(await agent.written()) == 1


async def test_those_behind_others_of_ours_in_the_queue_are_waited_for_longer(opened: Opened, sandbox: Sandbox) -> None:
    each = {**LIST, "id": "s2", "tool": "github/get-issue", "for_each": "${s1.issues}"}
    each["arguments"] = {**OCTO, "issue_number": "${item.number}"}
    async with opened(("github/get-issue",), waits_with=BothClocks(sandbox.clock)) as agent:
        sandbox.faults.add(Slow(seconds=14 * 60, action="get-issue", times=None))
        planning(agent, LIST, each)
        began = agent.clock.now()
        seen = await agent.say("look at all", max_seconds=86_400)
        assert seen.values["steps"] == {"s1": "succeeded", "s2": "succeeded"}
        assert agent.clock.now() - began > PATIENCE, (
            "one at a time: the last one began later than a single one is waited for"
        )


async def test_a_write_that_has_no_result_in_time_is_asked_about(opened: Opened, sandbox: Sandbox) -> None:
    async with opened() as agent:
        sandbox.faults.add(Slow(seconds=30 * 86400))
        planning(agent, CREATE)
        await agent.say("create")
        began = agent.clock.now()
        seen = await agent.decide(APPROVE)
        assert PATIENCE <= agent.clock.now() - began < PATIENCE + 60
        assert [request["name"] for request in seen.asks] == ["resolve_unknown_outcome"]
        (call,) = await calls_of(agent)
        assert call.state == "unknown"
        assert "returned null" in (call.error or "")


@pytest.mark.parametrize("how", ["wake", "message"])
async def test_a_result_that_comes_after_it_was_given_up_is_taken_and_nobody_is_asked_any_more(
    opened: Opened, sandbox: Sandbox, how: str
) -> None:
    async with opened() as agent:
        sandbox.faults.add(Slow(seconds=4 * 3600))
        planning(agent, CREATE)
        await agent.say("create")
        seen = await agent.decide(APPROVE)
        assert [request["name"] for request in seen.asks] == ["resolve_unknown_outcome"]
        sandbox.clock.advance(5 * 3600)
        (call,) = await calls_of(agent)
        await agent.services.nango.actions.wait(call.async_id or "", timeout=20)
        if how == "wake":
            seen = await agent.decide({"type": "reject"})
        else:
            agent.model.script = [{"kind": "answer", "text": "Done."}]
            seen = await agent.say("and now?")
        assert seen.answer == "Done."
        (call,) = await calls_of(agent)
        assert call.state == "succeeded"
        assert len(await agent.written()) == 1


async def test_a_read_that_has_no_result_in_time_has_failed(opened: Opened, sandbox: Sandbox) -> None:
    async with opened() as agent:
        sandbox.faults.add(Slow(seconds=30 * 86400))
        planning(agent, LIST)
        agent.model.script.append({"kind": "answer", "text": "It takes too long."})
        seen = await agent.say("list")
        assert seen.answer == "It takes too long."
        (call,) = await calls_of(agent)
        assert call.state == "failed"
        assert "after 30 minutes" in (call.error or "")


async def test_null_without_a_webhook_is_never_taken_for_done(opened: Opened, sandbox: Sandbox) -> None:
    await deploy_ping(sandbox)
    async with opened() as agent:
        planning(agent, PING)
        await agent.say("ping")
        seen = await agent.decide(APPROVE)
        assert [request["name"] for request in seen.asks] == ["resolve_unknown_outcome"]
        (call,) = await calls_of(agent)
        assert "only a webhook of Nango's tells" in (call.error or "")


async def test_null_is_understood_once_a_webhook_tells_that_it_is_over(
    opened: Opened, sandbox: Sandbox, proxy: Proxy
) -> None:
    await deploy_ping(sandbox)
    polls = 0
    async with opened(nango={"base_url": proxy.url}) as agent:

        async def tell_late(request: Request, forward: Any) -> Response:
            nonlocal polls
            if request.url.path.startswith("/action/") and request.method == "GET":
                polls += 1
                if polls >= 5:
                    action_id = request.url.path.removeprefix("/action/")
                    for _ in range(2):
                        await agent.services.records.async_actions.finished(action_id, now=agent.clock.now())
            return await forward()

        proxy.handle = tell_late
        planning(agent, PING, AFTER_PING)
        await agent.say("ping")
        seen = await agent.decide(APPROVE)
        assert seen.asks[0]["args"] == {"was": None}, "null is handed on"
        seen = await agent.decide(APPROVE)
        assert seen.values["steps"] == {"s1": "succeeded", "s2": "succeeded"}
        assert [result["preview"] for result in seen.values["results"]] == ["null", "null"]
        assert polls > 5


async def test_a_synchronous_action_that_returns_null_has_succeeded_with_it(opened: Opened, sandbox: Sandbox) -> None:
    await deploy_ping(sandbox)
    async with opened(()) as agent:
        planning(agent, PING, AFTER_PING)
        await agent.say("ping")
        seen = await agent.decide(APPROVE)
        assert seen.asks[0]["args"] == {"was": None}
        seen = await agent.decide(APPROVE)
        assert seen.values["steps"] == {"s1": "succeeded", "s2": "succeeded"}
        assert [result["preview"] for result in seen.values["results"]] == ["null", "null"]
        assert [entry.input for entry in await agent.ledger()] == [{}, {"was": None}]


async def test_a_webhook_that_is_quicker_than_the_id_counts(opened: Opened, sandbox: Sandbox, proxy: Proxy) -> None:
    await deploy_ping(sandbox)
    async with opened(nango={"base_url": proxy.url}) as agent:

        async def tell_first(request: Request, forward: Any) -> Response:
            answer = await forward()
            if request.url.path == "/action/trigger":
                action_id = json.loads(answer.body)["id"]
                await agent.services.records.async_actions.finished(action_id, now=agent.clock.now())
            return answer

        proxy.handle = tell_first
        planning(agent, PING)
        await agent.say("ping")
        assert (await agent.decide(APPROVE)).answer == "Done."
        assert [call.state for call in await calls_of(agent)] == ["succeeded"]


async def test_a_webhook_that_is_quicker_than_the_result_does_not_hide_it(
    opened: Opened, sandbox: Sandbox, proxy: Proxy
) -> None:
    async with opened(nango={"base_url": proxy.url}) as agent:
        polls: list[float] = []

        async def late(request: Request, forward: Any) -> Response:
            answer = await forward()
            if request.url.path == "/action/trigger":
                action_id = json.loads(answer.body)["id"]
                await agent.services.records.async_actions.finished(action_id, now=agent.clock.now())
            elif request.method == "GET" and request.url.path.startswith("/action/"):
                polls.append(agent.clock.now())
                if polls[-1] - polls[0] < AFTER_THE_WEBHOOK:
                    body = {"error": {"code": "not_found", "message": "No action 'x' found"}}
                    return Response(json.dumps(body), 404, {"content-type": "application/json"})
            return answer

        proxy.handle = late
        planning(agent, CREATE)
        await agent.say("create")
        await agent.decide(APPROVE)
        (call,) = await calls_of(agent)
        assert call.output["title"] == "Crash on undo"


async def test_when_the_answer_with_the_id_is_lost_nobody_knows(opened: Opened, sandbox: Sandbox) -> None:
    async with opened() as agent:
        planning(agent, CREATE)
        await agent.say("create")
        with sandbox.faults.add(Dropped(when="after", path="/action/trigger")):
            seen = await agent.decide(APPROVE)
        assert [request["name"] for request in seen.asks] == ["resolve_unknown_outcome"]
        assert [call.async_id for call in await calls_of(agent)] == [None]
        assert len(await agent.written()) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_poll_that_nango_does_not_answer_says_nothing_about_the_action(
    opened: Opened, sandbox: Sandbox, status: int
) -> None:
    async with opened(waits_with=BothClocks(sandbox.clock)) as agent:
        sandbox.faults.add(Status(status=status, method="GET", path="/action/*", times=7))
        planning(agent, CREATE)
        await agent.say("create")
        assert (await agent.decide(APPROVE)).answer == "Done."
        assert len(await agent.written()) == 1


async def test_a_result_that_arrives_cut_off_is_fetched_again(opened: Opened, proxy: Proxy) -> None:
    cut_off = 0

    async def cut(request: Request, forward: Any) -> Response:
        nonlocal cut_off
        answer = await forward()
        if request.method == "GET" and request.url.path.startswith("/action/") and answer.status_code == 200:
            cut_off += 1
            if cut_off == 1:
                return Response(bytes(answer.body)[:20], 200, {"content-type": "application/json"})
        return answer

    proxy.handle = cut
    async with opened(nango={"base_url": proxy.url}) as agent:
        planning(agent, CREATE)
        await agent.say("create")
        assert (await agent.decide(APPROVE)).answer == "Done."
        assert cut_off == 2


async def test_a_key_that_is_refused_while_it_runs_leaves_the_outcome_unknown(opened: Opened, sandbox: Sandbox) -> None:
    async with opened() as agent:
        sandbox.faults.add(Status(status=401, method="GET", path="/action/*"))
        planning(agent, CREATE)
        await agent.say("create")
        seen = await agent.decide(APPROVE)
        assert [request["name"] for request in seen.asks] == ["resolve_unknown_outcome"]
        assert len(await agent.written()) == 1


async def test_a_key_for_the_mcp_only_runs_them_synchronously(opened: Opened, sandbox: Sandbox) -> None:
    scopes = ("connections:list", "connect_sessions:write", "integrations:list", "mcp")
    key = await sandbox.create_api_key("mcp", [f"environment:{scope}" for scope in scopes])
    async with opened(nango={"api_key": key}) as agent:
        planning(agent, LIST, {**CREATE, "id": "s2"})
        await agent.say("create")
        assert (await agent.decide(APPROVE)).answer == "Done."
        assert [(entry.action, entry.via) for entry in await agent.ledger()] == [
            ("list-issues", "mcp"),
            ("create-issue", "mcp"),
        ]
        refused = [seen for seen in await sandbox.requests() if seen.path == "/action/trigger"]
        assert len(refused) == 1, "then it is known"


class HoldingResults:
    """Passes everything on but the results of asynchronous actions, which it keeps to itself."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.over = asyncio.Event()

    async def __call__(self, request: Request, forward: Any) -> Any:
        answer = await forward()
        if request.method == "GET" and request.url.path.startswith("/action/"):
            self.asked.set()
            await self.over.wait()
        return answer


PROCESS = """
import asyncio, json, sys
from pathlib import Path
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Command
from nango_graph import AgentSettings, Context, build_graph, open_services

async def main(folder, answer):
    settings = AgentSettings.from_environ(json.loads(sys.argv[3]))
    async with AsyncSqliteSaver.from_conn_string(str(folder / "threads.db")) as saver, open_services(settings) as services:
        graph = build_graph(services).compile(checkpointer=saver)
        await graph.ainvoke(Command(resume=answer), {"configurable": {"thread_id": "t"}}, context=Context(user_id="ada"))

asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
"""


async def run_until_killed(agent: Agent, folder: Path, proxy: Proxy, answer: Any) -> HoldingResults:
    """A process of its own resumes the thread, and is killed when Nango has given an id and before it hears of a result."""
    holding = HoldingResults()
    proxy.handle = holding
    environment = {
        "NANGO_API_KEY": agent.sandbox.api_key.get_secret_value(),
        "NANGO_BASE_URL": proxy.url,
        "NANGO_AGENT_ASYNC_ACTIONS": "slack/*, github/*",
        "OPENAI_API_KEY": "never used: the process does not live that long",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "NANGO_AGENT_DATA_DIR": str(folder),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", PROCESS, str(folder), json.dumps(answer), json.dumps(environment)),
        env={"PATH": os.environ["PATH"], "LANGSMITH_TRACING": "false", "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
    )
    ended, asked = asyncio.create_task(process.wait()), asyncio.create_task(holding.asked.wait())
    await asyncio.wait([ended, asked], return_when=asyncio.FIRST_COMPLETED, timeout=60)
    assert asked.done(), "the process ended before it asked for the result"
    process.send_signal(signal.SIGKILL)
    assert await ended == -signal.SIGKILL
    holding.over.set()
    return holding


@pytest.mark.parametrize("goes_on_by", ["waking", "a new message"])
@pytest.mark.parametrize("globs", [EVERYTHING, ()])
async def test_a_process_killed_while_it_waits_leaves_a_result_that_the_next_one_takes(
    opened: Opened, proxy: Proxy, tmp_path: Path, goes_on_by: str, globs: tuple[str, ...]
) -> None:
    async with (
        AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver,
        opened(globs, records=tmp_path / "records.db", saver=saver) as agent,
    ):
        planning(agent, CREATE)
        await agent.say("create it")
        await run_until_killed(agent, tmp_path, proxy, {"decisions": [APPROVE]})
        (call,) = await calls_of(agent)
        assert (call.state, bool(call.async_id)) == ("claimed", True)
        began = agent.clock.now()
        if goes_on_by == "waking":
            seen = await agent.wake()
            assert seen.values["steps"] == {"s1": "succeeded"}
        else:
            agent.model.script = [{"kind": "answer", "text": "It was created."}]
            seen = await agent.say("and?")
        assert seen.question is None, "nobody has to be asked what became of it"
        assert agent.clock.now() - began < 100, "nor is the lease of the dead process waited for"
        assert [call.state for call in await calls_of(agent)] == ["succeeded"]
        assert len(await agent.written()) == 1


async def test_two_that_ask_for_the_result_of_one_call_find_the_same(
    opened: Opened, proxy: Proxy, tmp_path: Path
) -> None:
    async with (
        AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver,
        opened(records=tmp_path / "records.db", saver=saver) as agent,
    ):
        planning(agent, CREATE)
        await agent.say("create it")
        await run_until_killed(agent, tmp_path, proxy, {"decisions": [APPROVE]})
        (call,) = await calls_of(agent)
        found = await asyncio.gather(*(Sender(agent.services).outcome(call) for _ in range(2)))
        assert found[0] == found[1]
        assert (found[0][0], found[0][1]["title"]) == ("succeeded", "Crash on undo")
        assert len(await agent.written()) == 1


async def test_a_run_that_is_cancelled_while_it_waits_leaves_what_it_began_to_the_next_one(
    opened: Opened, proxy: Proxy
) -> None:
    async with opened(nango={"base_url": proxy.url}) as agent:
        planning(agent, CREATE)
        await agent.say("create it")
        holding = proxy.handle = HoldingResults()
        running = asyncio.create_task(agent.decide(APPROVE))
        await holding.asked.wait()
        running.cancel()
        await asyncio.wait([running])
        holding.over.set()
        assert (await agent.wake()).values["steps"] == {"s1": "succeeded"}
        assert len(await agent.written()) == 1

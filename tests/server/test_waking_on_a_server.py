"""Waking threads on a LangGraph server, from a process beside it that has the same records."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langgraph_sdk.errors import NotFoundError

from langgraph_servers import Server, environ_of, langgraph_dev
from nango_graph import AgentSettings, ModelSettings, Records, Services, open_services
from nango_graph.waiting.served import ServerThreads
from nango_graph.waiting.sweep import Sweep
from nango_sandbox import Sandbox
from nango_tools import NangoSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADA = {"end_user_id": "local-user"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    app = f"{Path(__file__).parent / 'routes_without_sweep.py'}:app"
    async with langgraph_dev(tmp_path_factory.mktemp("waking"), environ_of(sandbox), app=app) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def beside(server: Any, sandbox: Sandbox) -> AsyncIterator[Services]:
    settings = AgentSettings(
        nango=NangoSettings(api_key=sandbox.api_key, base_url=sandbox.base_url),
        model=ModelSettings(name="never asked"),
        data_dir=server.folder,
    )
    records = await Records.open(server.folder / "data" / "records.db")
    async with open_services(settings, records=records, model=FakeListChatModel(responses=[])) as services:
        yield services
    await records.close()


async def ask(server: Any, text: str, assistant: str = "nango_agent") -> tuple[str, Any]:
    """A thread that waits for an account."""
    thread = (await server.client.threads.create())["thread_id"]
    await server.client.runs.wait(thread, assistant, input={"messages": [{"type": "human", "content": text}]})
    return thread, await question_in(server, thread)


async def question_in(server: Any, thread: str) -> Any:
    state = await server.client.threads.get_state(thread)
    found = [one["value"] for task in state["tasks"] for one in task["interrupts"]]
    return found[0] if found else None


async def all_runs(server: Any, thread: str) -> list[Any]:
    """Once they have ended."""
    runs = await server.client.runs.list(thread, limit=100)
    for run in runs:
        await server.client.runs.join(thread, run["run_id"])
    return await server.client.runs.list(thread, limit=100)


async def wait_and_turn(beside: Services, thread: str) -> tuple[Any, Any]:
    (wait,) = await beside.records.waits.live_in(thread)
    return wait, await beside.records.turns.get(wait.turn_id, thread)


async def test_a_sweep_beside_the_server_finds_the_connection_and_the_thread_goes_on_once(
    server: Any, sandbox: Sandbox, beside: Services
) -> None:
    thread, question = await ask(server, "List the open issues in octo/widgets on GitHub")
    assert question["action_requests"][0]["name"] == "connect_account"
    wait, turn = await wait_and_turn(beside, thread)
    threads = ServerThreads(server.client)
    assert await threads.wake(turn, wait_id="another") == "elsewhere"
    await sandbox.connect("github", ADA)
    await beside.records.waits.look_again(wait.id, at=0, looks=0)
    sweep = Sweep(beside, threads)
    result = await sweep.once()
    assert (result.satisfied, result.woken) == (1, 1)
    await asyncio.gather(*(threads.wake(turn, wait_id=wait.id) for _ in range(10)))
    runs = await all_runs(server, thread)
    assert {run["status"] for run in runs} == {"success"}
    assert (await beside.records.waits.get(wait.id)).state == "consumed"
    assert [entry.action for entry in await sandbox.ledger()] == ["list-issues"]
    assert await threads.wake(turn, wait_id=wait.id) == "elsewhere"
    assert await threads.wake(turn, wait_id=None) == "elsewhere"
    assert len(await all_runs(server, thread)) == len(runs)
    await sweep.close()


async def test_a_thread_of_an_assistant_that_was_deleted_goes_on_with_its_graph(
    server: Any, sandbox: Sandbox, beside: Services
) -> None:
    assistant = await server.client.assistants.create("nango_agent")
    thread, _ = await ask(server, "List the channels on slack", assistant["assistant_id"])
    wait, turn = await wait_and_turn(beside, thread)
    assert (turn.assistant_id, turn.graph_id) == (assistant["assistant_id"], "nango_agent")
    await server.client.assistants.delete(assistant["assistant_id"])
    await sandbox.connect("slack", ADA)
    await beside.records.waits.satisfy(wait.id, connection_id="c", checked_by="", now=0)
    assert await ServerThreads(server.client).wake(turn, wait_id=wait.id) == "woken"
    await all_runs(server, thread)
    assert (await beside.records.waits.get(wait.id)).state == "consumed"
    assert await question_in(server, thread) is None


async def test_a_thread_that_was_deleted_stays_deleted_though_its_account_is_connected(
    server: Any, sandbox: Sandbox, beside: Services
) -> None:
    thread, _ = await ask(server, "Show the deals in hubspot")
    wait, turn = await wait_and_turn(beside, thread)
    assert turn in await beside.records.turns.unfinished(limit=500)
    await server.client.threads.delete(thread)
    await sandbox.connect(wait.integration, ADA)
    await beside.records.waits.look_again(wait.id, at=0, looks=0)
    threads = ServerThreads(server.client)
    sweep = Sweep(beside, threads)
    result = await sweep.once()
    assert (result.satisfied, result.woken) == (1, 0)
    await sweep.close()
    assert await asyncio.gather(*(threads.wake(turn, wait_id=wait.id) for _ in range(3))) == ["elsewhere"] * 3
    assert await threads.bring_back(turn) is None
    with pytest.raises(NotFoundError):
        await server.client.threads.get(thread)
    assert thread not in {found["thread_id"] for found in await server.client.threads.search(limit=100)}


async def test_a_thread_that_its_owner_made_anew_and_left_empty_is_not_taken_away(
    server: Any, beside: Services
) -> None:
    thread, _ = await ask(server, "Show the deals in hubspot again, and the pages in notion")
    turn = await beside.records.turns.last_of(thread)
    assert turn is not None
    await server.client.threads.delete(thread)
    await server.client.threads.create(thread_id=thread)
    assert await ServerThreads(server.client).wake(turn, wait_id=None) == "elsewhere"
    assert (await server.client.threads.get(thread))["status"] == "idle"


async def test_a_run_leaves_no_lease_behind(server: Any, beside: Services) -> None:
    thread = (await server.client.threads.create())["thread_id"]
    said = {"messages": [{"type": "human", "content": "Hello, what can you do?"}]}
    await server.client.runs.wait(thread, "nango_agent", input=said, raise_error=True)
    assert await beside.records.leases.abandoned(10**10, limit=10) == []

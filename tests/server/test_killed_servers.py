"""What is left of a paused thread when `langgraph dev` is killed, and whose it is then."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import ConflictError, NotFoundError

from nango_sandbox import Sandbox

SAID = {"messages": [{"type": "human", "content": "List the open issues in octo/widgets on GitHub"}]}
APPROVED = {"decisions": [{"type": "approve"}]}
Serve = Callable[..., AbstractAsyncContextManager[Any]]


@asynccontextmanager
async def _client(url: str, token: str) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=url, api_key=None, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


def _forget_rows(folder: Path) -> None:
    """`langgraph dev` writes its rows to files now and then; whether it did before it was killed is chance."""
    shutil.rmtree(folder / ".langgraph_api", ignore_errors=True)


async def test_a_paused_thread_outlives_the_server_and_stays_its_owners(
    database: dict[str, str], serve: Serve, tmp_path: Path, issue_token: Callable[..., str]
) -> None:
    ada, mallory = issue_token("ada", "acme"), issue_token("mallory", "other")
    async with Sandbox() as sandbox:
        a_loop_for_each_run = {**database, "BG_JOB_ISOLATED_LOOPS": "true"}
        async with serve(tmp_path, sandbox, a_loop_for_each_run) as server, _client(server.url, ada) as client:
            thread = (await client.threads.create(graph_id="nango_agent"))["thread_id"]
            copied = await _paused(client, thread)
            question = await _question(client, thread)
        _forget_rows(tmp_path)
        async with serve(tmp_path, sandbox, database) as server:
            async with _client(server.url, mallory) as client:
                for lost in (thread, copied):
                    with pytest.raises(NotFoundError):
                        await client.threads.get_state(lost)
                    with pytest.raises(ConflictError):
                        await client.threads.create(thread_id=lost, if_exists="do_nothing", graph_id="nango_agent")
                    with pytest.raises(NotFoundError):
                        await client.runs.create(lost, "nango_agent", input=SAID, if_not_exists="create")
                    with pytest.raises(NotFoundError):
                        await client.threads.get_state(lost)
            async with _client(server.url, ada) as client:
                await _until_it_is_there(client, thread)
                assert [found["thread_id"] for found in await client.threads.search()] == [thread]
                assert await _question(client, thread) == question
                await client.threads.create(thread_id=copied, if_exists="do_nothing", graph_id="nango_agent")
                assert (await _question(client, copied))["value"] == question["value"], "nothing but its row was lost"
                await sandbox.connect("github", {"end_user_id": "ada", "organization_id": "acme"})
                values: Any = await client.runs.wait(thread, "nango_agent", command={"resume": APPROVED})
                assert "#7" in values["messages"][-1]["content"]
        assert "Traceback" not in server.log.read_text()


async def _paused(client: LangGraphClient, thread: str) -> str:
    """Runs to the question; returns the id of a copy of the thread."""
    await client.runs.wait(thread, "nango_agent", input=SAID)
    copied = await client.http.post(f"/threads/{thread}/copy", json=None)
    return str(copied["thread_id"])


async def _until_it_is_there(client: LangGraphClient, thread: str) -> None:
    """A server that starts brings it back by and by."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(NotFoundError):
                await client.threads.get(thread)
                return
            await asyncio.sleep(0.05)


async def _question(client: LangGraphClient, thread: str) -> Any:
    state = await client.threads.get_state(thread)
    (interrupt,) = [one for task in state["tasks"] for one in task["interrupts"]]
    return interrupt


async def test_checkpoints_and_records_are_readable_by_their_owner_only(
    serve: Serve, tmp_path: Path, issue_token: Callable[..., str]
) -> None:
    async with Sandbox() as sandbox, serve(tmp_path, sandbox, {}) as server:
        async with httpx.AsyncClient(base_url=server.url) as http:
            http.headers["Authorization"] = f"Bearer {issue_token('ada', 'acme')}"
            await http.post("/threads", json={})
        modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "data").iterdir()}
        assert {"checkpoints.db", "records.db"} <= set(modes)
        assert set(modes.values()) == {0o600}

"""Runs that are cut off over the server's API while a write is on its way: the next run asks what became of it, and nothing is written twice."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Self

import pytest
import pytest_asyncio
from langgraph_sdk.client import LangGraphClient

from agents import Proxy
from langgraph_servers import PATIENCE, Server, environ_of, langgraph_dev
from nango_sandbox import Sandbox
from serving import free_port, served

pytestmark = pytest.mark.asyncio(loop_scope="module")

APPROVED: Any = {"resume": {"decisions": [{"type": "approve"}]}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def between(sandbox: Sandbox) -> AsyncIterator[Proxy]:
    proxy = Proxy(sandbox.base_url)
    listener, proxy.url = free_port()
    async with served(proxy, listener):
        yield proxy


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(sandbox: Sandbox, between: Proxy, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    await sandbox.connect("github", {"end_user_id": "local-user"})
    environ = {**environ_of(sandbox), "NANGO_BASE_URL": between.url}
    async with langgraph_dev(tmp_path_factory.mktemp("cancelling"), environ, "--n-jobs-per-worker", "4") as server:
        yield server


class Holding:
    """Keeps back the answer to a write that has happened, until the end of the block."""

    def __init__(self, between: Proxy) -> None:
        self._between = between
        self.happened, self._over = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> Self:
        self._between.handle = self._handle
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        self._between.handle = lambda _, forward: forward()

    async def _handle(self, request: Any, forward: Any) -> Any:
        answer = await forward()
        if request.url.path == "/action/trigger" and b"create-issue" in await request.body():
            self.happened.set()
            await self._over.wait()
        return answer


async def asked(client: LangGraphClient, thread: str) -> dict[str, Any] | None:
    """The one thing that is asked."""
    state = await client.threads.get_state(thread)
    found = [one["value"] for task in state["tasks"] for one in task["interrupts"]]
    if not found:
        return None
    (question,) = found
    (request,) = question["action_requests"]
    return dict(request)


async def about_to_write(server: Server, title: str) -> str:
    thread = (await server.client.threads.create())["thread_id"]
    await run(server, thread, input=said(f"Create an issue in octo/widgets on GitHub titled '{title}'"))
    question = await asked(server.client, thread)
    assert question is not None
    assert question["name"] == "github/create-issue"
    return thread


async def run(server: Server, thread: str, **given: Any) -> None:
    await server.client.runs.wait(thread, "nango_agent", raise_error=True, **given)


def said(text: str) -> dict[str, Any]:
    return {"messages": [{"type": "human", "content": text}]}


async def written(sandbox: Sandbox, title: str) -> int:
    entries = await sandbox.ledger()
    return sum(entry.action == "create-issue" and entry.input["title"] == title for entry in entries)


LISTED = "List the open issues in octo/widgets on GitHub"


async def asks_and_goes_on(server: Server, sandbox: Sandbox, thread: str, title: str) -> None:
    question = await asked(server.client, thread)
    assert question is not None, "something new was done before it was asked"
    assert question["name"] == "resolve_unknown_outcome"
    assert question["args"]["arguments"]["title"] == title
    assert await written(sandbox, title) == 1
    args = {**question["args"], "answer": "happened"}
    edited = {"type": "edit", "edited_action": {"name": question["name"], "args": args}}
    await run(server, thread, command={"resume": {"decisions": [edited]}})
    assert await asked(server.client, thread) is None
    assert await written(sandbox, title) == 1


async def status_of(server: Server, thread: str, run_id: str) -> str:
    """ "gone" if the server has forgotten it."""
    runs = await server.client.runs.list(thread, limit=100)
    return next((str(each["status"]) for each in runs if each["run_id"] == run_id), "gone")


@pytest.mark.parametrize("action", ["interrupt", "rollback"])
async def test_the_message_after_a_cancelled_run_asks_what_became_of_its_write(
    server: Server, sandbox: Sandbox, between: Proxy, action: Any
) -> None:
    title = f"Cancelled, {action}"
    thread = await about_to_write(server, title)
    async with Holding(between) as held:
        begun = await server.client.runs.create(thread, "nango_agent", command=APPROVED)
        await asyncio.wait_for(held.happened.wait(), PATIENCE)
        await server.client.runs.cancel(thread, begun["run_id"], wait=True, action=action)
        ended = await status_of(server, thread, begun["run_id"])
        assert ended == ("gone" if action == "rollback" else "interrupted")
        await run(server, thread, input=said(LISTED))
    await asks_and_goes_on(server, sandbox, thread, title)
    state: Any = (await server.client.threads.get_state(thread))["values"]
    assert title in str(state["messages"][-1]["content"]), "then the message is answered: the issue is in the list"


@pytest.mark.parametrize("strategy", ["interrupt", "rollback"])
@pytest.mark.parametrize("sent", ["a message", "the same approval"])
async def test_a_run_that_takes_the_place_of_another_asks_what_became_of_its_write(
    server: Server, sandbox: Sandbox, between: Proxy, strategy: Any, sent: str
) -> None:
    title = f"Replaced, {strategy}, {sent}"
    thread = await about_to_write(server, title)
    given: Any = {"input": said(LISTED)} if sent == "a message" else {"command": APPROVED}
    async with Holding(between) as held:
        begun = await server.client.runs.create(thread, "nango_agent", command=APPROVED)
        await asyncio.wait_for(held.happened.wait(), PATIENCE)
        await run(server, thread, multitask_strategy=strategy, **given)
        ended = await status_of(server, thread, begun["run_id"])
        assert ended == ("gone" if strategy == "rollback" else "interrupted")
    await asks_and_goes_on(server, sandbox, thread, title)

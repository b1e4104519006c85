"""The graph inside a graph of somebody else, where two runs of the parent's thread go on at the same time: one writes, and it writes once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command

from agents import Proxy
from nango_graph import (
    AgentSettings,
    Context,
    ModelSettings,
    Services,
    ThreadBusy,
    UsageError,
    build_graph,
    open_services,
)
from nango_graph.run_lease import BUSY, Pace
from nango_sandbox import Sandbox
from nango_tools import NangoSettings

REQUEST = {"messages": [("user", "Create an issue in octo/widgets on GitHub titled 'Broken login'")]}
MESSAGE = {"messages": [("user", "List the open issues in octo/widgets on GitHub")]}
APPROVED = Command(resume={"decisions": [{"type": "approve"}]})
CONFIG: Any = {"configurable": {"thread_id": "parent"}}


@dataclass
class Held:
    """A parent whose run has written, and does not know it yet."""

    parent: Any
    services: Services
    sandbox: Sandbox
    run: asyncio.Task[Any]
    over: asyncio.Event
    second_is_there: asyncio.Event
    """Another run has asked for a lease."""

    async def again(self, sent: Any) -> Any:
        return await self.parent.ainvoke(sent, CONFIG, context=Context(user_id="ada"))

    async def asked(self) -> dict[str, Any] | None:
        interrupts = (await self.parent.aget_state(CONFIG)).interrupts
        return interrupts[0].value["action_requests"][0] if interrupts else None

    async def written(self) -> int:
        return [entry.action for entry in await self.sandbox.ledger()].count("create-issue")


@pytest.fixture
def pace(request: pytest.FixtureRequest) -> Pace:
    return getattr(request, "param", Pace(patience=0.0))


@pytest.fixture
async def held(
    proxy: Proxy, sandbox: Sandbox, tmp_path: Path, pace: Pace, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Held]:
    await sandbox.connect("github", {"end_user_id": "ada"})
    settings = AgentSettings(
        nango=NangoSettings(api_key=sandbox.api_key, base_url=proxy.url),
        model=ModelSettings(name="rule-based"),
        data_dir=tmp_path,
    )
    happened, over = asyncio.Event(), asyncio.Event()

    async def hold(request: Any, forward: Any) -> Any:
        answer = await forward()
        if request.url.path == "/action/trigger" and b"create-issue" in await request.body():
            happened.set()
            await over.wait()
        return answer

    proxy.handle = hold
    async with open_services(settings) as services:
        builder = build_graph(services)
        builder.pace = pace
        graph = StateGraph(MessagesState, context_schema=Context)
        graph.add_node("agent", builder.compile())
        graph.add_edge(START, "agent")
        parent = graph.compile(checkpointer=InMemorySaver())
        await parent.ainvoke(REQUEST, CONFIG, context=Context(user_id="ada"))
        run = asyncio.create_task(parent.ainvoke(APPROVED, CONFIG, context=Context(user_id="ada")))
        await asyncio.wait([run, asyncio.create_task(happened.wait())], return_when=asyncio.FIRST_COMPLETED)
        assert happened.is_set(), f"it ended before: {run}"
        leases, second_is_there = services.records.leases, asyncio.Event()
        take = leases.take

        async def taking(*args: Any, **given: Any) -> Any:
            taken = await take(*args, **given)
            second_is_there.set()
            return taken

        monkeypatch.setattr(leases, "take", taking)
        yield Held(parent, services, sandbox, run, over, second_is_there)
        over.set()


@pytest.mark.parametrize("sent", [APPROVED, None], ids=["the same approval", "a wake-up"])
async def test_a_second_run_is_refused_in_words_while_the_first_one_writes(held: Held, sent: Any) -> None:
    with pytest.raises(ThreadBusy, match=BUSY):
        await asyncio.wait_for(held.again(sent), 30)
    held.over.set()
    assert "Broken login" in (await held.run)["messages"][-1].text
    assert await held.written() == 1


@pytest.mark.parametrize("pace", [Pace()], indirect=True, ids=["patient"])
async def test_the_same_approval_that_waited_for_the_first_one_finds_the_write_done(held: Held) -> None:
    second = asyncio.create_task(held.again(APPROVED))
    await held.second_is_there.wait()
    held.over.set()
    for ended in await asyncio.gather(held.run, second):
        assert "Broken login" in ended["messages"][-1].text
    assert await held.asked() is None
    assert await held.written() == 1


async def test_a_message_waits_until_it_is_known_what_became_of_the_write_and_ends_the_run_before_it(
    held: Held,
) -> None:
    """A message is another node's task in the parent, and not kept out by a lease; its turn is the newer one."""
    message = asyncio.create_task(held.again(MESSAGE))
    await held.second_is_there.wait()
    assert not message.done()
    held.over.set()
    assert "Broken login" in (await message)["messages"][-1].text, "the issue is in the list"
    with pytest.raises(UsageError, match="A later message has begun another turn"):
        await held.run
    assert await held.asked() is None
    assert await held.written() == 1

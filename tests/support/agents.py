"""The agent against a sandbox with real HTTP, with a model that says what the test wants, and a clock that is moved."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from langchain_core.messages import AIMessage, BaseMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from nango_graph import AgentSettings, Context, ModelSettings, Records, Services, build_graph, open_services
from nango_graph.durable import DurableGraph
from nango_sandbox import LedgerEntry, Sandbox
from nango_tools import NangoSettings
from replying_model import ReplyingModel, calling, first_of


class ScriptedModel(ReplyingModel):
    """Names `integrations`, submits what stands in `script` one after the other, and answers with `words`.

    An `AIMessage` in the script is given as it is; an exception is raised; a function is called for what to submit. `prompts` are those of the planner.
    """

    integrations: list[str] = Field(default_factory=list)
    script: list[Any] = Field(default_factory=list)
    words: str = "Done."
    prompts: list[str] = Field(default_factory=list)

    def reply(self, messages: list[BaseMessage], tools: list[dict[str, Any]]) -> AIMessage:
        tool = first_of(tools)
        if not tool:
            return AIMessage(self.words)
        if tool == "choose_integrations":
            return calling(tool, {"integrations": self.integrations})
        self.prompts.append("\n".join(message.text for message in messages))
        assert self.script, "The planner was asked more often than the script has answers."
        following = self.script.pop(0)
        if callable(following):
            following = following()
        if isinstance(following, BaseException):
            raise following
        return following if isinstance(following, AIMessage) else calling(tool, following)


class MovableClock:
    """Sleeping moves it: nobody really waits."""

    def __init__(self) -> None:
        self.time = time.time()

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        await asyncio.sleep(0)


@dataclass
class Seen:
    """A thread after a run: what it asks, or what it answered."""

    question: dict[str, Any] | None
    values: dict[str, Any]
    parts: list[dict[str, Any]]

    @property
    def answer(self) -> str:
        assert self.question is None, f"it asks: {self.question}"
        text: str = self.values["messages"][-1].text
        return text

    @property
    def asks(self) -> list[dict[str, Any]]:
        assert self.question is not None, f"it answered: {self.values['messages'][-1].text}"
        requests: list[dict[str, Any]] = self.question["action_requests"]
        return requests


@dataclass
class Agent:
    """A compiled graph and what it works with. Every run is one call and ends at a question or an answer."""

    sandbox: Sandbox
    services: Services
    model: ScriptedModel
    clock: MovableClock
    graph: DurableGraph

    async def say(self, text: str, *, thread: str = "t", user: str = "ada", **context: Any) -> Seen:
        return await self.run({"messages": [("user", text)]}, thread=thread, user=user, **context)

    async def decide(self, *decisions: dict[str, Any], thread: str = "t", user: str = "ada") -> Seen:
        return await self.resume({"decisions": list(decisions)}, thread=thread, user=user)

    async def resume(self, answer: Any, *, thread: str = "t", user: str = "ada") -> Seen:
        return await self.run(Command(resume=answer), thread=thread, user=user)

    async def wake(self, *, thread: str = "t", user: str = "ada") -> Seen:
        return await self.run(None, thread=thread, user=user)

    async def run(self, sent: Any, *, thread: str, user: str, **context: Any) -> Seen:
        config: Any = {"configurable": {"thread_id": thread}}
        run_context = Context(user_id=user, **context)
        parts = [
            part
            async for part in self.graph.astream(sent, config, context=run_context, stream_mode="custom", version="v2")
        ]
        state = await self.graph.aget_state(config)
        question = state.interrupts[0].value if state.interrupts else None
        return Seen(question, state.values, [part["data"] for part in parts])

    async def edit_state(self, values: dict[str, Any], *, after: str, thread: str = "t") -> None:
        """What the owner of a thread can do with `update_state`: it looks as if the node `after` had brought `values`."""
        await self.graph.aupdate_state({"configurable": {"thread_id": thread}}, values, as_node=after)

    async def ledger(self) -> list[LedgerEntry]:
        return await self.sandbox.ledger()

    async def written(self) -> list[tuple[str, Any]]:
        """(action, input) of everything that was not a read and succeeded, in the order in which it ran."""
        entries = await self.sandbox.ledger()
        return [
            (entry.action, entry.input) for entry in entries if entry.access != "read" and entry.status == "succeeded"
        ]


Start = Callable[..., contextlib.AbstractAsyncContextManager[Agent]]


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as running:
        yield running


@pytest.fixture
def start(sandbox: Sandbox, tmp_path: Path) -> Start:
    """Opens an agent on the sandbox. Opened again with the same records file and saver, it is a process that came back."""

    @contextlib.asynccontextmanager
    async def opened(
        *,
        records: Path | None = None,
        saver: BaseCheckpointSaver[Any] | None = None,
        nango: dict[str, Any] | None = None,
        clock: MovableClock | None = None,
    ) -> AsyncIterator[Agent]:
        settings = AgentSettings(
            nango=NangoSettings(**({"api_key": sandbox.api_key, "base_url": sandbox.base_url} | (nango or {}))),
            model=ModelSettings(name="scripted"),
            data_dir=tmp_path,
        )
        model, time_of_the_test = ScriptedModel(), clock or MovableClock()
        kept = await Records.open(records) if records else await Records.in_memory(allow_writes=True)
        try:
            async with open_services(settings, records=kept, model=model, clock=time_of_the_test) as services:
                graph = build_graph(services).compile(checkpointer=saver or InMemorySaver())
                yield Agent(sandbox, services, model, time_of_the_test, graph)
        finally:
            await kept.close()

    return opened


@pytest.fixture
async def agent(start: Start, sandbox: Sandbox) -> AsyncIterator[Agent]:
    """Ada, whose GitHub and Slack accounts are connected."""
    for integration in ("github", "slack"):
        await sandbox.connect(integration, {"end_user_id": "ada"})
    async with start() as opened:
        opened.model.integrations = ["github", "slack"]
        yield opened


Handle = Callable[[Request, Callable[[], Awaitable[Response]]], Awaitable[Response]]


@dataclass
class Proxy:
    """Stands in front of the sandbox. `handle` may look, hold, change or refuse; calling what it is given passes on."""

    target: str
    url: str = ""
    handle: Handle = field(default=lambda _, forward: forward())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        body = await request.body()

        async def forward() -> Response:
            async with httpx.AsyncClient(base_url=self.target, trust_env=False) as client:
                headers = [(name, value) for name, value in request.headers.raw if name != b"host"]
                address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                answer = await client.request(request.method, address, headers=headers, content=body)
            return Response(
                answer.content, answer.status_code, {"content-type": answer.headers.get("content-type", "")}
            )

        await (await self.handle(request, forward))(scope, receive, send)


@pytest.fixture
async def proxy(sandbox: Sandbox) -> AsyncIterator[Proxy]:
    between = Proxy(sandbox.base_url)
    config = uvicorn.Config(between, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    between.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])
    yield between
    await server.shutdown(sockets=[listening])

"""An agent whose pages are served over HTTP on this machine, and a sandbox that delivers its webhooks there."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph.checkpoint.memory import InMemorySaver

from agents import Agent, MovableClock, ScriptedModel
from nango_graph import AgentSettings, ModelSettings, build_graph, open_services
from nango_graph.records import Wait
from nango_graph.waiting.embedded import EmbeddedThreads
from nango_graph.waiting.threads import Threads
from nango_graph.web.app import create_web_app
from nango_graph.web.opening import Opener
from nango_sandbox import Sandbox
from nango_tools import NangoSettings, ReauthorizationRequired
from serving import served

OCTO = {"owner": "octo", "repo": "widgets"}
LIST = {"kind": "plan", "steps": [{"id": "s1", "tool": "github/list-issues", "arguments": OCTO}]}


class Recorded:
    """Passes everything on to an app, and keeps what it answered to Nango."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.answers: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        sent: list[Any] = []

        async def recording(message: Any) -> None:
            sent.append(message)
            await send(message)

        await self.app(scope, receive, recording)
        if scope["path"].endswith("/webhooks/nango"):
            body = b"".join(message.get("body", b"") for message in sent)
            self.answers.put_nowait((sent[0]["status"], json.loads(body) if body.startswith(b"{") else body.decode()))


@dataclass
class Web:
    """Ada's agent (`agent`), its routes at `url`, and a client that follows no redirect."""

    agent: Agent
    threads: EmbeddedThreads
    recorded: Recorded
    url: str
    http: httpx.AsyncClient

    async def ask(self, *, thread: str = "t", user: str = "ada", **context: Any) -> Any:
        """A request that needs GitHub; pauses. Returns what the question's first item says."""
        self.agent.model.integrations, self.agent.model.script = ["github"], [LIST]
        seen = await self.agent.say("list the issues", thread=thread, user=user, **context)
        return seen.asks[0]["args"]

    async def wait(self, thread: str = "t") -> Wait:
        (wait,) = await self.agent.services.records.waits.live_in(thread)
        return wait

    async def state_of(self, wait: Wait) -> str:
        found = await self.agent.services.records.waits.get(wait.id)
        assert found is not None
        return found.state

    async def breaks(self, connection_id: str) -> None:
        """Its user takes the access away at GitHub, and Nango finds out."""
        await self.agent.sandbox.expire(connection_id, "github")
        await self.agent.sandbox.revoke(connection_id, "github")
        with pytest.raises(ReauthorizationRequired):
            await self.agent.services.nango.connections.get(connection_id, "github")

    async def deliver(self, body: Any, *, headers: dict[str, str] | None = None) -> httpx.Response:
        """As Nango does, signed, unless `headers` say otherwise."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = {"X-Nango-Hmac-Sha256": self.signature(raw)} if headers is None else headers
        return await self.http.post(f"{self.url}/webhooks/nango", content=raw, headers=signed)

    def signature(self, raw: bytes) -> str:
        key = self.agent.sandbox.webhook_signing_key.get_secret_value().encode()
        return hmac.new(key, raw, hashlib.sha256).hexdigest()

    async def answered(self) -> tuple[int, Any]:
        """The answer to the next delivery of the sandbox (or of `deliver`)."""
        return await asyncio.wait_for(self.recorded.answers.get(), 20)

    async def settled(self) -> None:
        """When the runs that were woken are over."""
        await asyncio.gather(*self.threads._running.values())

    async def says(self, thread: str = "t") -> str:
        state = await self.agent.graph.aget_state({"configurable": {"thread_id": thread}})
        return "asks" if state.interrupts else state.values["messages"][-1].text


StartWeb = Callable[..., contextlib.AbstractAsyncContextManager[Web]]


@pytest.fixture
def start_web(sandbox: Sandbox, tmp_path: Path) -> StartWeb:
    @contextlib.asynccontextmanager
    async def started(
        *,
        opener: Opener | None = None,
        nango: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        threads: Threads | None = None,
        wrapped: Callable[[Any], Any] = lambda app: app,
        deliveries: bool = True,
    ) -> AsyncIterator[Web]:
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        of_nango = {
            "api_key": sandbox.api_key,
            "base_url": sandbox.base_url,
            "webhook_signing_key": sandbox.webhook_signing_key,
        }
        agent_settings = AgentSettings(
            **{
                "nango": NangoSettings(**(of_nango | (nango or {}))),
                "model": ModelSettings(name="scripted"),
                "data_dir": tmp_path,
                "public_url": url,
                **(settings or {}),
            }
        )
        model, clock = ScriptedModel(), MovableClock()
        async with (
            open_services(agent_settings, model=model, clock=clock) as services,
            EmbeddedThreads(build_graph(services).compile(checkpointer=InMemorySaver())) as embedded,
            httpx.AsyncClient(trust_env=False, timeout=30) as http,
        ):
            recorded = Recorded(wrapped(create_web_app(services, threads or embedded, opener=opener)))
            agent = Agent(sandbox, services, model, clock, embedded._graph)  # type: ignore[arg-type]
            async with served(recorded, listener):
                if deliveries:
                    sandbox.set_webhook_url(f"{url}/webhooks/nango")
                yield Web(agent, embedded, recorded, url, http)

    return started


@pytest.fixture
async def web(start_web: StartWeb) -> AsyncIterator[Web]:
    async with start_web() as started:
        yield started

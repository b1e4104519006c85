"""Real servers on loopback that do exactly what a test tells them."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from nango_tools import NangoClient, NangoSettings

KEY = "5f0c1a52-8a39-4c55-9d2f-6d1a2b7c9e01"


@dataclass
class Seen:
    method: str
    path: str
    raw_path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: Any


@dataclass
class FakeNango:
    """answer: what to answer to a request. seen: the requests, in order. pauses: the waits the client asked for.

    now: the client's clock (seconds), which only its waits move, and tests. A body is parsed if it is JSON.
    """

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    now: float = 1000.0
    answer: Callable[[Seen], Response] = lambda _: JSONResponse({})

    def answers(self, *responses: Response) -> None:
        """Give these in turn, the last one for ever."""
        queue = list(responses)
        self.answer = lambda _: queue.pop(0) if len(queue) > 1 else queue[0]

    def settings(self, **changes: Any) -> NangoSettings:
        return NangoSettings(**({"api_key": SecretStr(KEY), "base_url": self.url} | changes))

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        until = self.now + seconds
        await asyncio.sleep(0)  # those who wait at the same time do not wait one after another
        self.now = max(self.now, until)

    def client(self, **changes: Any) -> NangoClient:
        return NangoClient(self.settings(**changes), sleep=self.pause, clock=lambda: self.now)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        raw = await request.body()
        seen = Seen(
            request.method,
            request.url.path,
            scope["raw_path"].decode(),
            request.query_params.multi_items(),
            dict(request.headers),
            _parsed(raw),
        )
        self.seen.append(seen)
        await self.answer(seen)(scope, receive, send)


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw or None


@pytest.fixture
async def fake() -> AsyncIterator[FakeNango]:
    nango = FakeNango()
    config = uvicorn.Config(nango, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    # asyncio does this only for sockets it made; without it every answer waits 40 ms for an acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    nango.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with contextlib.ExitStack() as stack:
        stack.callback(listening.close)
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[listening])
        yield nango
        # As uvicorn's own shutdown, without its tenth of a second.
        for listener in server.servers:
            listener.close()
        for connection in list(server.server_state.connections):
            connection.shutdown()
        for listener in server.servers:
            await listener.wait_closed()


@pytest.fixture
async def nango(fake: FakeNango) -> AsyncIterator[NangoClient]:
    async with fake.client() as client:
        yield client


type_handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def raw_server() -> AsyncIterator[Callable[[type_handler], Awaitable[FakeNango]]]:
    """Start a TCP server that reads one request and then does what the handler does, be it against all rules."""
    servers: list[asyncio.Server] = []

    async def start(handler: type_handler) -> FakeNango:
        nango = FakeNango()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                await reader.readexactly(length)
                nango.seen.append(Seen(head.split(b" ")[0].decode(), "", "", [], {}, None))
                await handler(reader, writer)
            finally:
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        servers.append(server)
        nango.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return nango

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()

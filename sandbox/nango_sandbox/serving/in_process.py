"""A sandbox without a socket, in the event loop of whoever uses it: hand its transport to any httpx client."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from starlette.types import ASGIApp, Message, Scope

from nango_sandbox.app import create_app
from nango_sandbox.apps import all_apps
from nango_sandbox.clock import Clock
from nango_sandbox.control import Control
from nango_sandbox.faults.middleware import DROP
from nango_sandbox.faults.registry import Faults
from nango_sandbox.functions.action import Integration
from nango_sandbox.opening import open_services
from nango_sandbox.options import Options
from nango_sandbox.services import Services

T = TypeVar("T")

BASE_URL = "http://127.0.0.1:3003"
"""What links of the sandbox begin with. Nothing listens there: only the transport leads to it."""


class InProcessSandbox(Control):
    """The same sandbox as `Sandbox`, called in-process:

        async with InProcessSandbox() as sandbox:
            async with httpx.AsyncClient(base_url=sandbox.base_url, transport=sandbox.transport) as http: ...

    Answers come as over a network: headers first, the body as it is sent. So do the client's time-outs, which do not
    stop what runs, and dropped connections, as httpx.RemoteProtocolError or httpx.ReadError. Webhooks go over HTTP.
    """

    def __init__(
        self,
        database: Path | None = None,
        webhook_url: str | None = None,
        *,
        integrations: Sequence[Integration] | None = None,
        options: Options | None = None,
        clock: Clock | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.faults = Faults() if faults is None else faults
        self._database = database
        self._webhook_url = webhook_url
        self._integrations = tuple(all_apps() if integrations is None else integrations)
        self._options = options
        self._open: tuple[AsyncExitStack, Services, httpx.AsyncBaseTransport] | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            services = await stack.enter_async_context(
                open_services(
                    self._database,
                    base_url=BASE_URL,
                    integrations=self._integrations,
                    clock=self.clock,
                    faults=self.faults,
                    webhook_url=self._webhook_url,
                    options=self._options,
                )
            )
            transport = await stack.enter_async_context(transport_to(create_app(services)))
            self._open = stack.pop_all(), services, transport
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            (stack, _, _), self._open = self._open, None
            await stack.aclose()

    @property
    def services(self) -> Services:
        return self._opened()[1]

    @property
    def transport(self) -> httpx.AsyncBaseTransport:
        """For any number of clients; none of them closes it. Raises RuntimeError when the sandbox does not run."""
        return self._opened()[2]

    async def run(self, work: Callable[[Services], Coroutine[Any, Any, T]]) -> T:
        return await work(self.services)

    def _opened(self) -> tuple[AsyncExitStack, Services, httpx.AsyncBaseTransport]:
        if self._open is None:
            message = "The sandbox is not running. Use it inside `async with InProcessSandbox() as sandbox:`."
            raise RuntimeError(message)
        return self._open


@asynccontextmanager
async def transport_to(app: ASGIApp) -> AsyncIterator[httpx.AsyncBaseTransport]:
    """What carries requests of httpx clients to an application of this event loop, until the block ends."""
    transport = _Transport(app)
    try:
        yield transport
    finally:
        await transport.stop()


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._running: set[asyncio.Task[None]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = _Exchange(request, await request.aread())
        running = asyncio.create_task(exchange.serve(self._app))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        try:
            start = await exchange.next()
        except BaseException:
            exchange.disconnect()
            raise
        return httpx.Response(start["status"], headers=start["headers"], stream=exchange)

    async def stop(self) -> None:
        """End what still runs, nobody waits for it any more."""
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


class _Exchange(httpx.AsyncByteStream):
    """One request and its answer, which is also the stream of the answer's body."""

    def __init__(self, request: httpx.Request, body: bytes) -> None:
        self._request = request
        self._body = body
        self._read = False
        self._patience: float | None = request.extensions.get("timeout", {}).get("read")
        self._sent: asyncio.Queue[Message | Exception] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._served = asyncio.Event()
        self._crash: Exception | None = None
        self._status = 0

    async def serve(self, app: ASGIApp) -> None:
        try:
            await app(self._scope(), self._receive, self._send)
        except Exception as error:  # noqa: BLE001 - whoever asked is told, as it is
            self._crash = error
            self._sent.put_nowait(error)
        finally:
            self._gone.set()
            self._served.set()

    async def next(self) -> Message:
        """What the application sent next. Raises what became of the connection instead."""
        try:
            async with asyncio.timeout(self._patience):
                sent = await self._sent.get()
        except TimeoutError:
            raise httpx.ReadTimeout("The sandbox has not answered in time.", request=self._request) from None
        if isinstance(sent, Exception):
            raise sent
        return sent

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Where the application crashed, what it crashed with is raised: a page that says 500 would hide it."""
        while True:
            message = await self.next()
            if message.get("body") and self._request.method != "HEAD":
                yield message["body"]
            if not message.get("more_body", False):
                break
        if self._status == 500:
            await self._served.wait()
            if self._crash is not None:
                raise self._crash

    async def aclose(self) -> None:
        self.disconnect()

    def disconnect(self) -> None:
        self._gone.set()

    async def _receive(self) -> Message:
        if not self._read:
            self._read = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self._status = message.get("status", self._status)
        self._sent.put_nowait(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._gone.set()

    def _drop(self, *, reset: bool) -> None:
        error = httpx.ReadError if reset else httpx.RemoteProtocolError
        self._sent.put_nowait(error("The sandbox dropped the connection.", request=self._request))
        self._gone.set()

    def _scope(self) -> Scope:
        url = self._request.url
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self._request.method,
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in self._request.headers.raw],
            "server": (url.host, url.port),
            "client": ("127.0.0.1", 0),
            "state": {},
            "extensions": {DROP: self._drop},
        }

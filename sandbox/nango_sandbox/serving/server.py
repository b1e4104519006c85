"""A sandbox that serves real HTTP, from a thread and an event loop of its own."""

import asyncio
import concurrent.futures
import logging
import socket
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import uvicorn
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nango_sandbox.app import create_app
from nango_sandbox.apps import all_apps
from nango_sandbox.clock import Clock
from nango_sandbox.control import Control
from nango_sandbox.faults.registry import Faults
from nango_sandbox.functions.action import Integration
from nango_sandbox.opening import open_services
from nango_sandbox.options import Options
from nango_sandbox.services import Services
from nango_sandbox.serving.dropping import DroppableConnection
from nango_sandbox.serving.listening import listen
from nango_sandbox.store.database import delete_database

T = TypeVar("T")

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PATIENCE = 2
"""Seconds that requests in progress have to end when the sandbox stops."""

_log = logging.getLogger(__name__)


class Sandbox(Control):
    """A small Nango on this machine. Use it as `async with Sandbox() as sandbox:`, from any event loop.

    `database` is a file, made if it does not exist, which keeps keys, connections, data, ledger and a moved clock; None is a
    database in memory, which ends with the sandbox. `port` 0 takes a free one. `clock` can be moved
    (`sandbox.clock.advance(seconds)`), which brings on webhook retries and the end of connect sessions; `faults` are
    declared with `sandbox.faults.add(...)`. `reset` starts over: what the file held is deleted, once the port is taken.

    Raises ValueError for a host that is not loopback or a port that is none, PortTakenError,
    DatabaseTakenError, DatabaseVersionError, sqlite3.DatabaseError.
    """

    def __init__(
        self,
        database: Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        webhook_url: str | None = None,
        *,
        integrations: Sequence[Integration] | None = None,
        options: Options | None = None,
        clock: Clock | None = None,
        faults: Faults | None = None,
        reset: bool = False,
    ) -> None:
        if host not in LOOPBACK:
            message = (
                f"The sandbox listens on this machine only, and {host} is not it. Use one of {', '.join(LOOPBACK)}."
            )
            raise ValueError(message)
        if not 0 <= port <= 65535:
            message = f"{port} is no port. Use one from 1 to 65535, or 0 for a free one."
            raise ValueError(message)
        self.clock = clock or Clock()
        self.faults = Faults() if faults is None else faults
        self._database = database
        self._host = host
        self._port = port
        self._webhook_url = webhook_url
        self._integrations = tuple(all_apps() if integrations is None else integrations)
        self._options = options or Options()
        self._reset = reset
        self._running: _Running | None = None

    async def __aenter__(self) -> Self:
        listener = listen(self._host, self._port)
        host = f"[{self._host}]" if ":" in self._host else self._host
        base_url = f"http://{host}:{listener.getsockname()[1]}"
        started: concurrent.futures.Future[_Running] = concurrent.futures.Future()
        started.set_running_or_notify_cancel()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listener, base_url, started)), name="nango-sandbox", daemon=True
        )
        self._thread.start()
        try:
            self._running = await asyncio.wrap_future(started)
        except asyncio.CancelledError:
            started.add_done_callback(_stop)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running is not None:
            self._running.server.should_exit = True
            await asyncio.to_thread(self._thread.join)
            self._running = None

    @property
    def services(self) -> Services:
        if self._running is None:
            message = "The sandbox is not running. Use it inside `async with Sandbox() as sandbox:`."
            raise RuntimeError(message)
        return self._running.services

    async def run(self, work: Callable[[Services], Coroutine[Any, Any, T]]) -> T:
        services, running = self.services, self._running
        assert running is not None  # noqa: S101 - `services` looked
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(services), running.loop))

    async def _serve(
        self, listener: socket.socket, base_url: str, started: "concurrent.futures.Future[_Running]"
    ) -> None:
        try:
            if self._reset and self._database is not None:
                delete_database(self._database)
            async with open_services(
                self._database,
                base_url=base_url,
                integrations=self._integrations,
                clock=self.clock,
                faults=self.faults,
                webhook_url=self._webhook_url,
                options=self._options,
            ) as services:
                server = _Server(
                    uvicorn.Config(
                        _logged(create_app(services)),
                        http=DroppableConnection,
                        lifespan="off",
                        log_config=None,
                        log_level="error",
                        access_log=False,
                        timeout_graceful_shutdown=PATIENCE,
                    ),
                    lambda server: started.set_result(_Running(server, asyncio.get_running_loop(), services)),
                )
                await server.serve(sockets=[listener])
        except BaseException as error:
            if started.done():
                raise
            # Whoever starts the sandbox is told, not this thread's standard error.
            started.set_exception(error)
        finally:
            listener.close()


def _logged(app: ASGIApp) -> ASGIApp:
    """The application, whose crashes are logged. Its connections stay open after them, as after any other answer."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        complete = False

        async def sending(message: Message) -> None:
            nonlocal complete
            await send(message)
            complete = message["type"] == "http.response.body" and not message.get("more_body", False)

        try:
            await app(scope, receive, sending)
        except ClientDisconnect:
            pass  # a client that died in the middle of its request: nobody waits for the answer
        except Exception:
            if not complete:
                raise  # uvicorn logs it, and closes the connection
            _log.exception("The sandbox crashed at %s %s", scope["method"], scope["path"])

    return run


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_started: "Callable[[_Server], None]") -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started(self)


class _Running:
    def __init__(self, server: _Server, loop: asyncio.AbstractEventLoop, services: Services) -> None:
        self.server = server
        self.loop = loop
        self.services = services


def _stop(started: concurrent.futures.Future[_Running]) -> None:
    """Nobody waits any more for what has just started."""
    if started.exception() is None:
        started.result().server.should_exit = True

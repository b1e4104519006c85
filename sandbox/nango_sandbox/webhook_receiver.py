"""A server for webhooks on this machine, for tests: it keeps what comes in, and answers as it was told."""

import asyncio
import contextlib
import hmac
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nango_sandbox.control import Control
from nango_sandbox.serving.listening import listen
from nango_sandbox.webhooks import signatures


@dataclass(frozen=True)
class Delivery:
    """One webhook as it arrived. headers: names in lower case; at: by the system clock, in UTC.

    genuine: whether its signature is that of a sandbox that the receiver knows
    """

    path: str
    headers: dict[str, str]
    raw_body: bytes = field(repr=False)
    body: Any
    genuine: bool
    answered: int
    at: datetime


class WebhookReceiver:
    """Use it as `async with WebhookReceiver() as receiver:`, in the event loop of the test.

    receiver.receive_from(sandbox)     # sends its webhooks here from now on
    receiver.answer_with(503, 503)     # to the next two; any other is answered 200
    delivery = await receiver.next()   # in the order of arrival
    """

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self._read = 0
        self._arrived = asyncio.Condition()
        self._answers: deque[int] = deque()
        self._signing_keys: list[SecretStr] = []

    async def __aenter__(self) -> Self:
        listener = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/webhooks"
        app = Starlette(routes=[Route("/{path:path}", self._receive, methods=["POST"])])
        config = uvicorn.Config(
            app, lifespan="off", log_config=None, log_level="critical", access_log=False, timeout_graceful_shutdown=1
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        await self._serving

    def receive_from(self, sandbox: Control) -> None:
        """Have a sandbox send its webhooks here, and know its signature."""
        self._signing_keys.append(sandbox.webhook_signing_key)
        sandbox.set_webhook_url(self.url)

    def answer_with(self, *statuses: int) -> None:
        """Answer the next deliveries with these statuses, one each."""
        self._answers.extend(statuses)

    async def next(self, patience: float = 5) -> Delivery:
        """The first delivery that was not handed out yet. Waits up to `patience` seconds of the system clock.

        Raises TimeoutError, which says what has arrived until then.
        """
        async with self._arrived:
            try:
                async with asyncio.timeout(patience):
                    await self._arrived.wait_for(lambda: len(self.deliveries) > self._read)
            except TimeoutError:
                message = f"No webhook arrived within {patience} seconds. Before it: {self.deliveries or 'none'}"
                raise TimeoutError(message) from None
            self._read += 1
            return self.deliveries[self._read - 1]

    async def _receive(self, request: Request) -> Response:
        raw_body = await request.body()
        try:
            body = json.loads(raw_body)
        except ValueError:
            body = None
        status = self._answers.popleft() if self._answers else 200
        delivery = Delivery(
            path=request.url.path,
            headers=dict(request.headers),
            raw_body=raw_body,
            body=body,
            genuine=self._is_genuine(request.headers.get("x-nango-hmac-sha256", ""), raw_body),
            answered=status,
            at=datetime.now(UTC),
        )
        async with self._arrived:
            self.deliveries.append(delivery)
            self._arrived.notify_all()
        return Response(status_code=status)

    def _is_genuine(self, signature: str, raw_body: bytes) -> bool:
        expected = [signatures(key, raw_body)["X-Nango-Hmac-Sha256"] for key in self._signing_keys]
        return any(hmac.compare_digest(each.encode(), signature.encode()) for each in expected)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ctrl-c is for the test run."""
        yield

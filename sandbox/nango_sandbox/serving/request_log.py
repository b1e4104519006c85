"""The requests that the sandbox saw, for tests that look at what a client sent. Credentials are left out."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from urllib.parse import parse_qsl

from pydantic import BaseModel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nango_sandbox.clock import Clock
from nango_sandbox.serving.own_pages import is_own_page

KEPT = 1000
"""Requests that are remembered, the newest ones."""

_SECRET = (
    "authorization",
    "cookie",
    "token",
    "secret",
    "password",
    "api-key",
    "api_key",
    "apikey",
    "hmac",
    "signature",
)
_SECRET_QUERY = (*_SECRET, "public_key", "code", "state")


class SeenRequest(BaseModel):
    """A request, as it came in.

    query: in the order sent; headers: names in lower case. The value of what may be a credential is `***`.
    at: by the sandbox's clock
    status: of the answer; None while there is none, and when the connection was dropped instead
    """

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    at: datetime
    status: int | None = None


class Seen(NamedTuple):
    """requests: oldest first; forgotten: how many came before these and are not remembered."""

    requests: list[SeenRequest]
    forgotten: int


class RequestLog:
    def __init__(self) -> None:
        self._requests: deque[SeenRequest] = deque(maxlen=KEPT)
        self._count = 0

    def add(self, request: SeenRequest) -> None:
        self._requests.append(request)
        self._count += 1

    def seen(self) -> Seen:
        requests = [each.model_copy() for each in self._requests]
        return Seen(requests, self._count - len(requests))

    def clear(self) -> None:
        self._requests.clear()
        self._count = 0


class RequestLogMiddleware:
    def __init__(self, app: ASGIApp, log: RequestLog, clock: Clock) -> None:
        self._app = app
        self._log = log
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_own_page(scope["path"]):
            await self._app(scope, receive, send)
            return
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        request = SeenRequest(
            method=scope["method"],
            path=scope["path"],
            query=_without(_SECRET_QUERY, query),
            headers=dict(_without(_SECRET, headers)),
            at=self._clock.now(),
        )
        self._log.add(request)

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                request.status = message["status"]
            await send(message)

        await self._app(scope, receive, noted)


def _without(secret: Iterable[str], pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, "***" if any(each in name.lower() for each in secret) else value) for name, value in pairs]

"""Lets requests meet the faults that are declared for them. It stands before everything that Nango does."""

import asyncio
import http
import json
import re
from typing import Protocol, cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nango_sandbox.clock import Clock
from nango_sandbox.faults.about import about_request, read_request
from nango_sandbox.faults.kinds import About, Dropped, Latency, Malformed, RequestFault, Status
from nango_sandbox.faults.registry import Faults
from nango_sandbox.serving.own_pages import is_own_page

DROP = "nango_sandbox.drop"
"""The ASGI extension that closes the connection of a request; whoever serves the application has to offer it."""

_CODES = {401: "unknown_account", 429: "too_many_request", 500: "server_error"}
_NO_BODY = (204, 205, 304)


class Drop(Protocol):
    def __call__(self, *, reset: bool) -> None:
        """Close the connection: after what was sent so far, or with a TCP reset at once."""


class FaultsMiddleware:
    def __init__(self, app: ASGIApp, faults: Faults, clock: Clock) -> None:
        self._app = app
        self._faults = faults
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_own_page(scope["path"]) or not len(self._faults):
            await self._app(scope, receive, send)
            return
        body, again = await read_request(receive)
        about = about_request(scope, body)
        for latency in self._faults.meet_every(Latency, about):
            await (asyncio.sleep if latency.real else self._clock.sleep)(latency.seconds)
        kinds: tuple[type[RequestFault], ...] = (Status, Dropped, Malformed)
        match self._faults.meet(kinds, about):
            case Status() as fault:
                if fault.after_effect:
                    await self._answer_of(scope, again)
                await _own_answer(fault, about, send)
            case Dropped() as fault:
                if fault.when != "before":
                    answer = await self._answer_of(scope, again)
                    if fault.when == "midway":
                        await answer.send_half(send)
                await _drop(scope, receive, reset=fault.reset)
            case Malformed():
                await (await self._answer_of(scope, again)).send_cut_off(send)
            case _:
                await self._app(scope, again, send)

    async def _answer_of(self, scope: Scope, receive: Receive) -> "_Answer":
        answer = _Answer()
        await self._app(scope, receive, answer.take)
        return answer


class _Answer:
    """An answer that is held back."""

    def __init__(self) -> None:
        self._start: Message = {"type": "http.response.start", "status": 200, "headers": []}
        self._body = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")

    async def send_half(self, send: Send) -> None:
        await send({**self._start, "headers": [*self._headers(), _length(self._body + b"-")]})
        await send({"type": "http.response.body", "body": self._body[: len(self._body) // 2], "more_body": True})

    async def send_cut_off(self, send: Send) -> None:
        cut = self._body[: len(self._body) // 2] or b"{"
        await send(
            {
                **self._start,
                "status": 200 if self._start["status"] in _NO_BODY else self._start["status"],
                "headers": [*self._headers(), _length(cut)],
            }
        )
        await send({"type": "http.response.body", "body": cut})

    def _headers(self) -> list[tuple[bytes, bytes]]:
        return [each for each in self._start.get("headers", []) if each[0].lower() != b"content-length"]


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()


async def _own_answer(fault: Status, about: About, send: Send) -> None:
    body = fault.body if fault.body is not None else _nango_error(fault.status, about)
    text, kind = (body, "text/html") if isinstance(body, str) else (json.dumps(body), "application/json")
    raw = b"" if fault.status in _NO_BODY else text.encode()
    headers = {"content-type": f"{kind}; charset=utf-8", **{name.lower(): each for name, each in fault.headers.items()}}
    headers["content-length"] = str(len(raw))
    listed = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": fault.status, "headers": listed})
    await send({"type": "http.response.body", "body": raw})


def _nango_error(status: int, about: About) -> dict[str, dict[str, str]]:
    if status == 429:
        return {"error": {"code": _CODES[429], "method": about.method, "path": about.path}}
    phrase = http.HTTPStatus(status).phrase if status in list(http.HTTPStatus) else f"Status {status}"
    code = _CODES.get(status) or re.sub(r"\W+", "_", phrase.lower())
    return {"error": {"code": code, "message": phrase}}


async def _drop(scope: Scope, receive: Receive, *, reset: bool) -> None:
    drop = cast("Drop | None", scope.get("extensions", {}).get(DROP))
    if drop is None:
        raise RuntimeError(
            "This server cannot drop a connection, as the declared fault wants it. Serve the sandbox with "
            "`Sandbox` or `InProcessSandbox`, not its application alone."
        )
    drop(reset=reset)
    # An application that returned earlier would be taken for one that forgot its answer.
    while (await receive())["type"] != "http.disconnect":
        pass

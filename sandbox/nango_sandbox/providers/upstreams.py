"""The hosts that the proxy reaches: ASGI applications of this process, by address. The sandbox connects to nothing else."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import httpx
from pydantic import JsonValue
from starlette.types import ASGIApp, Receive, Scope, Send

from nango_sandbox.apps.api import app_api
from nango_sandbox.services import Services
from nango_sandbox.store.connections import Connection
from nango_sandbox.store.ledger import LedgerEntry

ACCEPT = "application/json, text/plain, */*"


class UnknownUpstreamError(Exception):
    """No upstream has this address."""


async def refusing(_: Scope, __: Receive, ___: Send) -> None:
    """An upstream where nobody listens: `Options(upstreams={"http://10.0.0.1:9": refusing})`.

    One that raises ConnectionResetError or TimeoutError stands for a host that hangs up, or is never heard of again.
    """
    raise ConnectionRefusedError


class _Upstreams(httpx.AsyncBaseTransport):
    def __init__(self, services: Services, connection: Connection) -> None:
        self._services = services
        self._connection = connection

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises UnknownUpstreamError, and what the application raises (see `refusing`)."""
        given = self._given(request.url)
        app = given or self._own(request.url)
        if app is None:
            raise UnknownUpstreamError
        answer = await httpx.ASGITransport(app).handle_async_request(request)
        if given is not None and request.method not in ("GET", "HEAD"):
            await self._record(request, answer)
        return answer

    async def _record(self, request: httpx.Request, answer: httpx.Response) -> None:
        """A write is a line of the ledger. The apps' own APIs write theirs, and reads too."""
        now = self._services.clock.now()
        body = _json(await request.aread())
        # Not `answer.aread()`: whoever asked has yet to read it.
        raw = b"".join([each async for each in cast("httpx.AsyncByteStream", answer.stream)])
        output = _json(httpx.Response(answer.status_code, headers=answer.headers, content=raw).content)
        entry = LedgerEntry(
            id=0,
            at=now,
            integration=self._connection.integration,
            connection_id=self._connection.connection_id,
            end_user_id=self._connection.tags.get("end_user_id"),
            action=f"{request.method} {request.url.raw_path.decode('ascii')}",
            access="destructive" if request.method == "DELETE" else "write",
            input=body,
            status="succeeded" if answer.status_code < 400 else "failed",
            output=output,
            error=None if answer.status_code < 400 else {"status": answer.status_code, "body": output},
            via="proxy",
        )
        async with self._services.database.transaction() as rows:
            await self._services.ledger.add(rows, entry)

    def _given(self, url: httpx.URL) -> ASGIApp | None:
        upstreams = self._services.options.upstreams.items()
        return next((app for address, app in upstreams if _origin(httpx.URL(address)) == _origin(url)), None)

    def _own(self, url: httpx.URL) -> ASGIApp | None:
        for integration in self._services.integrations.values():
            address = self._services.providers.of(integration).base_url(self._connection.connection_config)
            if address is not None and _origin(httpx.URL(address)) == _origin(url):
                api = app_api(self._services, self._connection, integration)
                if api is not None:
                    return api
        return None


def _json(content: bytes) -> JsonValue:
    try:
        found: JsonValue = json.loads(content)
    except ValueError:
        return content.decode(errors="replace") or None
    return found


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


@asynccontextmanager
async def open_upstreams(services: Services, connection: Connection) -> AsyncIterator[httpx.AsyncClient]:
    """A client that reaches the upstreams, for one connection."""
    headers = {"accept": ACCEPT, "user-agent": "nango-sandbox", "accept-encoding": "gzip, deflate"}
    async with httpx.AsyncClient(
        transport=_Upstreams(services, connection), headers=headers, follow_redirects=True, trust_env=False
    ) as http:
        yield http

"""One pooled HTTP connection to Nango: requests go out, JSON comes back, every failure is a NangoError.

Writes are sent once. What only reads is sent again a few times where that cannot do harm, waiting as Nango says.
"""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

import httpx

from nango_tools.errors import (
    Call,
    ClientClosed,
    InvalidInput,
    MalformedResponse,
    NangoError,
    NotNango,
    Outcome,
    TimedOut,
)
from nango_tools.failures import HTTPX_FAILURES, from_network, from_response
from nango_tools.json_values import read_json
from nango_tools.settings import NangoSettings

Query = Sequence[tuple[str, str]]

_ATTEMPTS = 3
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 20.0
_LONGEST_CONNECT = 10.0
_WORTH_ANOTHER_TRY = (429, 502, 503, 504)


class Http:
    """The lower half of NangoClient; resources are built on it.

    sleep: how to wait between attempts (seconds)
    """

    def __init__(
        self,
        settings: NangoSettings,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.settings = settings
        self._sleep = sleep
        self._client = httpx.AsyncClient(
            base_url=settings.base_url,
            auth=_Bearer(settings),
            headers={"User-Agent": f"nango-agent/{version('nango-agent')}", "Accept": "application/json"},
            transport=transport,
            follow_redirects=False,
            trust_env=False,
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def json(
        self,
        method: str,
        path: str,
        call: Call,
        *,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Any:
        """The parsed body of a 2xx answer; MalformedResponse, or NotNango, where it is not JSON."""
        response = await self.send(method, path, call, query=query, headers=headers, body=body)
        kind = response.headers.get("content-type", "")
        if kind.startswith("text/html"):
            raise NotNango("a web page answered where Nango's API was expected", call=call, status=response.status_code)
        return parse_json(response.text, call)

    async def send(
        self,
        method: str,
        path: str,
        call: Call,
        *,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> httpx.Response:
        """A 2xx answer, read to its end. `body` is sent as JSON unless it is None."""
        content = None if body is None else encode_json(body, call)
        all_headers = dict(headers or {})
        if content is not None:
            all_headers["Content-Type"] = "application/json"
        request = {
            "method": method,
            "url": path,
            "params": httpx.QueryParams(list(query)),
            "headers": all_headers,
            "content": content,
        }
        for attempt in range(1, _ATTEMPTS):
            try:
                return await self._send_once(request, call)
            except NangoError as error:
                pause = _pause(error, attempt)
                if call.writes or pause is None:
                    raise
            await self._sleep(pause)
        return await self._send_once(request, call)

    async def _send_once(self, request: dict[str, Any], call: Call) -> httpx.Response:
        if self._client.is_closed:
            raise ClientClosed("the Nango client is closed", call=call)
        seconds = self.settings.write_timeout if call.writes and call.action else self.settings.read_timeout
        connect = min(seconds, _LONGEST_CONNECT)
        timeout = httpx.Timeout(seconds, connect=connect, pool=connect)
        failure: NangoError
        try:
            # httpx limits the wait for each part; only this limits a body that trickles.
            async with asyncio.timeout(seconds + connect):
                response = await self._client.request(**request, timeout=timeout)
        except TimeoutError:
            failure = TimedOut(f"Nango's answer was not complete after {seconds + connect:g} seconds", call=call)
        except HTTPX_FAILURES as error:
            failure = from_network(error, call)
        else:
            response = _without_key(response, self.settings)
            if response.is_success:
                return response
            failure = from_response(response, call)
        # Raised outside of the handlers: an httpx exception holds the request, and with it the key.
        raise failure


class _Bearer(httpx.Auth):
    """Adds the key at the last moment, so that it is in no dictionary of headers that a traceback could show."""

    def __init__(self, settings: NangoSettings) -> None:
        self._settings = settings

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {self._settings.api_key.get_secret_value()}"
        yield request


def _without_key(response: httpx.Response, settings: NangoSettings) -> httpx.Response:
    """The same, without the key where the other side echoes it: it would end up in messages, logs and prompts."""
    key = settings.api_key.get_secret_value().encode()
    if key not in response.content and not any(key in value for _, value in response.headers.raw):
        return response
    dropped = (b"content-encoding", b"content-length", b"transfer-encoding")
    headers = [(n, v.replace(key, b"[key]")) for n, v in response.headers.raw if n.lower() not in dropped]
    return httpx.Response(response.status_code, headers=headers, content=response.content.replace(key, b"[key]"))


def _pause(error: NangoError, attempt: int) -> float | None:
    """Seconds to wait before another attempt; None where another would not help, or would be long in coming."""
    if error.outcome is not Outcome.NOT_SENT and error.status not in _WORTH_ANOTHER_TRY:
        return None
    if isinstance(error, ClientClosed):
        return None
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= _LONGEST_PAUSE else None
    return _FIRST_PAUSE * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311 spreads load, guards nothing


def encode_json(value: Any, call: Call) -> bytes:
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        problem = f"the input cannot be written as JSON ({error})"
    raise InvalidInput(problem, call=call, outcome=Outcome.NOT_SENT)


def parse_json(text: str, call: Call) -> Any:
    try:
        return read_json(text)
    except ValueError as error:
        problem = f"Nango's answer is not JSON ({error})"
    raise MalformedResponse(problem, call=call)


def connection_headers(call: Call, connection_id: str, integration_id: str) -> dict[str, str]:
    """The two headers that address a connection, refused where they would not arrive as given."""
    return {
        "Connection-Id": _addressable(call, "connection id", connection_id),
        "Provider-Config-Key": _addressable(call, "integration id", integration_id),
    }


def path_segment(call: Call, name: str, value: str) -> str:
    """`value` as one segment of a path."""
    if _addressable(call, name, value) in (".", ".."):
        raise InvalidInput(f"{value!r} is no {name}", call=call, outcome=Outcome.NOT_SENT)
    return quote(value, safe="")


def _addressable(call: Call, name: str, value: str) -> str:
    """Nango allows printable ASCII only [mcp-auth-and-headers]; spaces at the ends would be lost on the way."""
    if not value or not value.isascii() or not value.isprintable() or value != value.strip():
        raise InvalidInput(f"{value!r} is no {name}", call=call, outcome=Outcome.NOT_SENT)
    return value

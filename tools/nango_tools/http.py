"""One pooled HTTP connection to Nango: requests go out, JSON comes back, every failure is a NangoError.

What is sent again, and when, is decided in `retries`; which failure becomes which error, in `failures`.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from typing import Any

import httpx
from pydantic import SecretBytes, SecretStr

from nango_tools.addressing import Target, connection_headers, path_segment, target
from nango_tools.bodies import encode_json, parse_json
from nango_tools.errors import Call, ClientClosed, NotNango, ResponseTooLarge, TimedOut
from nango_tools.failures import TRANSPORT_FAILURES, from_network, from_response, is_nangos_own
from nango_tools.quota import Quota
from nango_tools.retries import OWN_LIMIT, Attempt, Retries
from nango_tools.settings import NangoSettings

__all__ = ["Http", "Query", "connection_headers", "encode_json", "parse_json", "path_segment"]

Query = Sequence[tuple[str, str]]

_LONGEST_CONNECT = 10.0
_ABOUT_THE_TRANSFER = (b"content-encoding", b"content-length", b"transfer-encoding")


class Http:
    """The lower half of NangoClient; resources are built on it.

    transport: what carries the requests, in place of the network
    sleep: how to wait between attempts (seconds); clock: seconds that only rise, for what is waited for and saved up

    `path` begins with a slash, or is settings.management_mcp_url as it stands. `bearer` takes the API key's place
    where a call is made with another token (GET /connect/session).
    """

    def __init__(
        self,
        settings: NangoSettings,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self._quota = Quota(clock)
        self._retries = Retries(self._quota, sleep, clock, longest_wait=settings.longest_wait)
        self._client = httpx.AsyncClient(
            headers={"User-Agent": f"nango-agent/{version('nango-agent')}", "Accept": "application/json"},
            transport=transport,
            # A provider's cookies come through the proxy: they would go out again with another user's call.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            follow_redirects=False,
            trust_env=False,
        )

    def reads_wait(self) -> float:
        """Seconds that a read would wait now for Nango's request limit, before it is sent."""
        return self._quota.wait()

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
        bearer: SecretStr | None = None,
    ) -> Any:
        """The parsed body of a 2xx answer, as `send` gets it; MalformedResponse where it is not JSON."""
        response = await self.send(method, path, call, query=query, headers=headers, body=body, bearer=bearer)
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
        bearer: SecretStr | None = None,
    ) -> httpx.Response:
        """A 2xx answer, read to its end; NotNango for a web page. `body` is sent as JSON unless it is None, and may hold
        SecretStr.
        """
        content = None if body is None else encode_json(body, call)
        kind = None if body is None else "application/json"
        request = self._request(method, path, call, query, headers, content, kind)
        ended = await self._ended(request, call, bearer, limits=True)
        if ended.failure is not None:
            raise ended.failure
        if ended.answer.headers.get("content-type", "").startswith("text/html"):
            status = ended.answer.status_code
            raise NotNango("a web page answered where Nango's API was expected", call=call, status=status)
        return ended.answer

    async def exchange(
        self,
        method: str,
        path: str,
        call: Call,
        *,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        content_type: str | None = None,
        bearer: SecretStr | None = None,
    ) -> httpx.Response:
        """Whatever was answered, of any status, read to its end; `content` is sent as it is.

        For the proxy, whose answers are mostly the provider's: failures.is_nangos_own tells. Only what is no answer is
        raised: NetworkFailure, TimedOut, ResponseTooLarge, ClientClosed, InvalidInput.
        """
        wrapped = None if content is None else SecretBytes(content)
        request = self._request(method, path, call, query, headers, wrapped, content_type)
        ended = await self._ended(request, call, bearer, limits=False)
        if ended.response is None and ended.failure is not None:
            raise ended.failure
        return ended.answer

    def _request(
        self,
        method: str,
        path: str,
        call: Call,
        query: Query,
        headers: Mapping[str, str] | None,
        content: SecretBytes | None,
        content_type: str | None,
    ) -> Callable[[], httpx.Request]:
        """Makes the request anew for each attempt: one that was sent holds the key, and none is kept."""
        to: Target = target(path, self.settings, call)
        all_headers = {**(headers or {}), **to.headers} | ({"Content-Type": content_type} if content_type else {})
        seconds = self._patience(call)
        connect = min(seconds, _LONGEST_CONNECT)

        def made() -> httpx.Request:
            return self._client.build_request(
                method,
                to.url,
                params=httpx.QueryParams(list(query)) if query else None,
                headers=all_headers,
                content=content.get_secret_value() if content is not None else None,
                timeout=httpx.Timeout(seconds, connect=connect, pool=connect),
                extensions=dict(to.extensions),
            )

        return made

    def _patience(self, call: Call) -> float:
        return self.settings.write_timeout if call.writes and call.action else self.settings.read_timeout

    async def _ended(
        self, request: Callable[[], httpx.Request], call: Call, bearer: SecretStr | None, *, limits: bool
    ) -> Attempt:
        """limits: whether x-ratelimit-* of the answer is Nango's; the proxy hands through the provider's."""
        key = bearer or self.settings.api_key

        async def attempt() -> Attempt:
            return await self._attempt(request, key, call, limits=limits)

        return await self._retries.run(attempt, call)

    async def _attempt(
        self, request: Callable[[], httpx.Request], key: SecretStr, call: Call, *, limits: bool
    ) -> Attempt:
        if self._client.is_closed:
            raise ClientClosed("the Nango client is closed", call=call)
        patience = self._patience(call)
        seconds = patience + min(patience, _LONGEST_CONNECT)
        self._quota.sent()
        try:
            # httpx limits the wait for each part; only this limits a body that trickles.
            async with asyncio.timeout(seconds):
                response = await self._read(request(), key)
        except TimeoutError:
            return Attempt(None, TimedOut(f"Nango's answer was not complete after {seconds:g} seconds", call=call))
        except TRANSPORT_FAILURES as error:
            # A new error, and raised elsewhere: an httpx exception holds the request, and with it the key.
            return Attempt(None, from_network(error, call))
        if response is None:
            most = self.settings.max_response_bytes
            return Attempt(None, ResponseTooLarge(f"Nango's answer has more than {most} bytes", call=call))
        if limits:
            self._quota.learn(response)
        if response.is_success:
            return Attempt(response, None)
        failure = from_response(response, call)
        if failure.code == OWN_LIMIT and is_nangos_own(response):
            self._quota.used_up(response)
        return Attempt(response, failure)

    async def _read(self, request: httpx.Request, key: SecretStr) -> httpx.Response | None:
        """The whole answer, unpacked and without the keys; None where it is too large."""
        most = self.settings.max_response_bytes
        response = await self._client.send(request, auth=_Bearer(key), stream=True)
        try:
            content = bytearray()
            async for part in response.aiter_bytes():
                content += part
                if len(content) > most:
                    return None
        finally:
            await response.aclose()
        return _without_keys(response, bytes(content), (self.settings.api_key, key))


class _Bearer(httpx.Auth):
    """Adds the key at the last moment, so that it is in no dictionary of headers that a traceback could show."""

    def __init__(self, key: SecretStr) -> None:
        self._key = key

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        yield request


def _without_keys(response: httpx.Response, content: bytes, keys: Sequence[SecretStr]) -> httpx.Response:
    """The same without the request, which holds the key, and without the key where the other side echoes it: it would
    end up in messages, logs and prompts.
    """
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _ABOUT_THE_TRANSFER]
    for key in keys:
        secret = key.get_secret_value().encode()
        content = content.replace(secret, b"[key]")
        headers = [(name, value.replace(secret, b"[key]")) for name, value in headers]
    made = httpx.Response(response.status_code, headers=headers, content=content)
    # What Nango says is UTF-8 (RFC 8259 8.1); Python's codecs are not to be chosen by the other side.
    made.encoding = "utf-8"
    return made

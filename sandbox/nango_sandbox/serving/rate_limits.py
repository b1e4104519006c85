"""Nango's own limit on requests: so many a minute, counted once whoever asks has shown who they are.

API keys of an environment share one count, whatever they call: REST, the proxy, MCP. Connect sessions share another. A
window begins with its first request and lasts a minute of the sandbox's clock.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nango_sandbox.clock import Clock
from nango_sandbox.errors import NangoError

WINDOW = timedelta(minutes=1)

Callers = Literal["environment", "end users"]


@dataclass(frozen=True)
class Quota:
    """used: requests of the window so far, those over the limit too."""

    limit: int
    used: int
    resets_at: datetime


class RateLimits:
    """limit: requests a minute; None counts nothing, and no answer tells of a limit."""

    def __init__(self, limit: int | None, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._windows: dict[Callers, Quota] = {}

    def count(self, request: Request, callers: Callers) -> None:
        """Count a request, once however often this is called for it. Raises NangoError 429 over the limit."""
        if hasattr(request.state, "quota"):
            return
        quota = self._take(callers)
        if quota is None:
            return
        request.state.quota = _headers(quota, self._clock.now())
        if quota.used > quota.limit:
            raise NangoError(429, "too_many_request", method=request.method, path=request.url.path)

    def count_function(self) -> dict[str, str]:
        """Count what a running function asks of Nango, which is never refused. Returns the headers of that answer."""
        quota = self._take("environment")
        return {} if quota is None else _headers(quota, self._clock.now())

    def _take(self, callers: Callers) -> Quota | None:
        if self._limit is None:
            return None
        now = self._clock.now()
        window = self._windows.get(callers)
        if window is None or now >= window.resets_at:
            window = Quota(self._limit, 0, now + WINDOW)
        quota = self._windows[callers] = replace(window, used=window.used + 1)
        return quota


def _headers(quota: Quota, now: datetime) -> dict[str, str]:
    headers = {
        "x-ratelimit-limit": str(quota.limit),
        "x-ratelimit-remaining": str(max(0, quota.limit - quota.used)),
        "x-ratelimit-reset": str(int(quota.resets_at.timestamp())),
    }
    if quota.used > quota.limit:
        headers["retry-after"] = str(int((quota.resets_at - now).total_seconds()))
    return headers


class RateLimitHeaders:
    """Tells every counted caller what is left. Where the proxy passes on an upstream's own headers, those stand."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and "quota" in state:
                headers = MutableHeaders(scope=message)
                for name, value in state["quota"].items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, told)

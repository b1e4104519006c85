"""NangoClient: everything Nango offers, one attribute for each kind of thing."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import httpx

from nango_tools.http import Http
from nango_tools.mcp import HostedMcp
from nango_tools.resources.actions import Actions
from nango_tools.resources.connect_sessions import ConnectSessions
from nango_tools.resources.connections import Connections
from nango_tools.resources.integrations import Integrations
from nango_tools.resources.scripts import Scripts
from nango_tools.settings import NangoSettings


class NangoClient:
    """A client for one Nango environment, on one pool of connections.

        async with NangoClient(settings) as nango:
            async for connection in nango.connections.list(tags={"end_user_id": "alice"}):
                ...

    Everything raises NangoError, and nothing else, for what goes wrong outside.

    transport: what carries the requests, in place of the network
    sleep: how to wait (seconds) before a read is sent again
    """

    def __init__(
        self,
        settings: NangoSettings,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.settings = settings
        self._http = Http(settings, transport, sleep)
        self.connections = Connections(self._http)
        self.connect_sessions = ConnectSessions(self._http)
        self.integrations = Integrations(self._http)
        self.scripts = Scripts(self._http)
        self.actions = Actions(self._http)
        self.mcp = HostedMcp(self._http)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the pool. Later calls raise ClientClosed."""
        await self._http.aclose()

    def __repr__(self) -> str:
        return f"NangoClient({self.settings.base_url!r})"

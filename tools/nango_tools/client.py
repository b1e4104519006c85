"""NangoClient: everything Nango offers, one attribute for each kind of thing."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

import httpx

from nango_tools.end_users import EndUser
from nango_tools.http import Http
from nango_tools.management import ManagementMcp
from nango_tools.mcp import HostedMcp
from nango_tools.polling import Waiting
from nango_tools.provider_limits import ProviderLimits
from nango_tools.resources.actions import Actions
from nango_tools.resources.connect_sessions import ConnectSessions
from nango_tools.resources.connections import Connections
from nango_tools.resources.environment_variables import EnvironmentVariables
from nango_tools.resources.integrations import Integrations
from nango_tools.resources.providers import Providers
from nango_tools.resources.proxy import Proxy
from nango_tools.resources.records import Records
from nango_tools.resources.scripts import Scripts
from nango_tools.resources.syncs import Syncs
from nango_tools.running import Runner
from nango_tools.settings import NangoSettings


class NangoClient:
    """A client for one Nango environment, on one pool of connections.

        async with NangoClient(settings) as nango:
            alice = nango.end_user({"end_user_id": "alice"})
            issues = await alice.execute("github", "list-issues", {"repo": "widgets"}, writes=False)

    Everything raises NangoError, and nothing else, for what goes wrong outside.

    transport: what carries the requests, in place of the network
    sleep: how to wait (seconds), before a read is sent again and between looks
    clock: seconds that only rise, for deadlines
    """

    def __init__(
        self,
        settings: NangoSettings,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self._http = Http(settings, transport, sleep, clock)
        self._waiting = Waiting(sleep, clock)
        self.connections = Connections(self._http)
        self.connect_sessions = ConnectSessions(self._http)
        self.integrations = Integrations(self._http)
        self.providers = Providers(self._http)
        self.scripts = Scripts(self._http)
        self.actions = Actions(self._http, self._waiting)
        self.syncs = Syncs(self._http)
        self.records = Records(self._http)
        self.environment_variables = EnvironmentVariables(self._http)
        self.proxy = Proxy(self._http)
        self.mcp = HostedMcp(self._http)
        self.runner = Runner(self.actions, self.mcp, ProviderLimits(sleep, clock, self._http.reads_wait))
        self.management = ManagementMcp(self._http)

    def end_user(self, tags: Mapping[str, str]) -> EndUser:
        """What can be done for one user, known by the tags of the user's connections. InvalidInput without tags."""
        return EndUser(tags, self.connections, self.connect_sessions, self.actions, self._waiting)

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

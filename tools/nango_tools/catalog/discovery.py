"""What the agent can do: the integrations of this environment, and the tools that a user's connections offer.

Two listings are merged. The hosted MCP says what a connection really offers, but loses parts of the schemas and leaves
actions out; GET /scripts/config has all that the authors declared, and needs no connection, but lists disabled actions
too. A key that may read only one of them works from that one.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

import mcp.types

from nango_tools.catalog.guarding import Guard, Held, Unguarded
from nango_tools.catalog.keeping import Kept
from nango_tools.catalog.merging import AccessRule, merged
from nango_tools.catalog.tool import IntegrationSummary, Tool
from nango_tools.client import NangoClient
from nango_tools.errors import InsufficientScopeError
from nango_tools.models.integrations import IntegrationFunctions

_Functions = dict[str, IntegrationFunctions]

_AT_ONCE = 8


class Catalog:
    """Listings are kept for `ttl` seconds of `clock`, and concurrent callers share one request.

    Those of the MCP are kept once for each integration: what it offers does not depend on whose connection it is.
    """

    def __init__(
        self,
        nango: NangoClient,
        *,
        ttl: float = 300,
        clock: Callable[[], float] = time.monotonic,
        guard: Guard | None = None,
        access_rule: AccessRule | None = None,
    ) -> None:
        self._nango = nango
        self._guard = guard or Unguarded()
        self._access_rule = access_rule
        self._ttl = ttl
        self._clock = clock
        self._few = asyncio.Semaphore(_AT_ONCE)
        self.forget()

    def forget(self) -> None:
        """Fetch everything anew at the next call."""
        self._functions = Kept[_Functions | None](self._ttl, self._clock)
        self._summaries = Kept[list[IntegrationSummary]](self._ttl, self._clock)
        self._tools: dict[str, Kept[tuple[Tool, ...]]] = {}
        self._held: dict[str, tuple[Held, ...]] = {}

    async def integrations(self) -> list[IntegrationSummary]:
        """All integrations of the environment, by key; those without tools too. Needs no connection."""
        return list(await self._summaries.get(self._fetch_summaries))

    async def discover(self, connections: Sequence[tuple[str, str]]) -> dict[str, tuple[Tool, ...]]:
        """The enabled tools, by name, for each integration among `connections` (integration id, connection id).

        The first connection of each integration is asked, several integrations at once. InsufficientScopeError where
        the key may read neither listing. Any other failure is raised too; what was found is kept for the next call.
        """
        first: dict[str, str] = {}
        for integration, connection in connections:
            first.setdefault(integration, connection)
        found = await asyncio.gather(*(self._discover(*pair) for pair in first.items()), return_exceptions=True)
        for result in found:
            if isinstance(result, BaseException):
                raise result
        return {key: tools for key, tools in zip(first, found, strict=True) if not isinstance(tools, BaseException)}

    async def tools(self, integration: str) -> tuple[Tool, ...]:
        """What was discovered last, or else what GET /scripts/config alone tells; empty for an unknown integration."""
        kept = self._tools.get(integration)
        if kept is not None and (tools := kept.fresh()) is not None:
            return tools
        functions = await self._functions.get(self._fetch_functions)
        return await self._admitted(integration, (functions or {}).get(integration), ())

    async def tool(self, integration: str, name: str) -> Tool | None:
        """One of `tools`; None where there is none of that name, or it is disabled."""
        return next((tool for tool in await self.tools(integration) if tool.name == name), None)

    def held(self, integration: str) -> tuple[Held, ...]:
        """Those of its tools that the guard kept back when it was last looked at."""
        return self._held.get(integration, ())

    async def _admitted(
        self, integration: str, functions: IntegrationFunctions | None, listed: Sequence[mcp.types.Tool]
    ) -> tuple[Tool, ...]:
        admitted = await self._guard.admit(merged(integration, functions, listed, self._access_rule))
        self._held[integration] = admitted.held
        return admitted.tools

    async def _discover(self, integration: str, connection: str) -> tuple[Tool, ...]:
        async def fetch() -> tuple[Tool, ...]:
            functions = await self._functions.get(self._fetch_functions)
            listed: list[mcp.types.Tool] = []
            try:
                async with self._few:
                    listed = await self._nango.mcp.list_tools(connection_id=connection, integration_id=integration)
            except InsufficientScopeError:
                if functions is None:
                    raise
            return await self._admitted(integration, (functions or {}).get(integration), listed)

        return await self._tools.setdefault(integration, Kept(self._ttl, self._clock)).get(fetch)

    async def _fetch_functions(self) -> _Functions | None:
        """None where the key lacks the scope."""
        try:
            return {functions.integration_id: functions for functions in await self._nango.scripts.config()}
        except InsufficientScopeError:
            return None

    async def _fetch_summaries(self) -> list[IntegrationSummary]:
        functions = await self._functions.get(self._fetch_functions)
        try:
            listed = {integration.key: integration for integration in await self._nango.integrations.list()}
        except InsufficientScopeError:
            if functions is None:
                raise
            listed = {}
        summaries = []
        for key in sorted({*listed, *(functions or {})}):
            integration, deployed = listed.get(key), (functions or {}).get(key)
            provider = (integration and integration.provider) or (deployed and deployed.provider) or key
            tools = await self._admitted(key, deployed, ())
            summaries.append(
                IntegrationSummary(
                    key=key,
                    provider=provider,
                    display_name=(integration and integration.display_name) or key,
                    tools=tuple((tool.name, tool.description) for tool in tools),
                )
            )
        return summaries

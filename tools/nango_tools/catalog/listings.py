"""What Nango says that there is: its two listings of tools, and its list of integrations; one request a call, nothing is kept."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, replace

from langchain_core.tools import BaseTool

from nango_tools.catalog.guarding import Admitted, Guard, Held
from nango_tools.catalog.making import AccessRule, Schemas
from nango_tools.catalog.merging import Declared, as_langchain_tools, declared, merged
from nango_tools.catalog.tool import Source, Tool
from nango_tools.client import NangoClient
from nango_tools.errors import InsufficientScopeError
from nango_tools.models.integrations import Integration, IntegrationFunctions

_AT_ONCE = 20
"""Listings: as many as the client keeps connections alive."""


@dataclass(frozen=True, slots=True)
class Scripts:
    """All of GET /scripts/config, by integration."""

    declares: dict[str, Declared]
    admitted: dict[str, Admitted]

    def of(self, integration: str) -> Admitted:
        return self.admitted.get(integration, Admitted(()))


@dataclass(frozen=True, slots=True)
class Listing:
    """The tools of one integration, and the listings that they come from."""

    admitted: Admitted
    source: Source


class Listings:
    """Asks the guard about all that it finds."""

    def __init__(self, nango: NangoClient, guard: Guard, access_rule: AccessRule | None) -> None:
        self._nango = nango
        self._guard = guard
        self._access_rule = access_rule
        self._few = asyncio.Semaphore(_AT_ONCE)

    async def of_connection(self, integration: str, connection: str, scripts: Awaitable[Scripts | None]) -> Listing:
        """What the hosted MCP says of a connection, merged with `scripts`, which are waited for meanwhile."""
        found, listed = await asyncio.gather(scripts, self._on_mcp(integration, connection), return_exceptions=True)
        if isinstance(found, BaseException):
            raise found
        if isinstance(listed, BaseException):
            if found is None or not isinstance(listed, InsufficientScopeError):
                raise listed
            return Listing(found.of(integration), "scripts")
        declares = found.declares.get(integration) if found else None
        tools, refused = merged(integration, declares, listed, self._access_rule)
        admitted = await self._guard.admit(tools)
        return Listing(replace(admitted, held=(*admitted.held, *refused)), "both" if found else "mcp")

    async def scripts(self) -> Scripts | None:
        """GET /scripts/config. None where the key lacks the scope. The guard is asked once for all."""
        try:
            functions = await self._nango.scripts.config()
        except InsufficientScopeError:
            return None
        # Half a second for 3,000 actions, in which other runs of this loop should not stand still.
        declares, found = await asyncio.to_thread(_declared, functions, self._access_rule)
        admitted = await self._guard.admit([tool for tools, _ in found.values() for tool in tools])
        tools, held = defaultdict[str, list[Tool]](list), defaultdict[str, list[Held]](list)
        for tool in admitted.tools:
            tools[tool.integration].append(tool)
        for one in admitted.held:
            held[one.tool.partition("/")[0]].append(one)
        return Scripts(
            declares,
            {key: Admitted(tuple(tools[key]), (*held[key], *refused)) for key, (_, refused) in found.items()},
        )

    async def integrations(self) -> dict[str, Integration] | None:
        """GET /integrations, by key. None where the key lacks the scope."""
        try:
            found = await self._nango.integrations.list()
        except InsufficientScopeError:
            return None
        return {integration.key: integration for integration in found}

    async def _on_mcp(self, integration: str, connection: str) -> list[BaseTool]:
        async with self._few:
            listed = await self._nango.mcp.list_tools(connection_id=connection, integration_id=integration)
        return as_langchain_tools(listed, self._nango.settings.base_url)


def _declared(
    functions: Iterable[IntegrationFunctions], access_rule: AccessRule | None
) -> tuple[dict[str, Declared], dict[str, tuple[tuple[Tool, ...], tuple[Held, ...]]]]:
    schemas = Schemas()
    declares = {one.integration_id: declared(one, access_rule, schemas) for one in functions}
    return declares, {key: merged(key, one, (), access_rule) for key, one in declares.items()}

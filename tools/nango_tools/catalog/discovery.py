"""What the agent can do: the integrations of this environment, and the tools that a user's connections offer.

Two listings are merged. The hosted MCP says what a connection really offers, but loses parts of the schemas and leaves
actions out; GET /scripts/config has all that the authors declared, and needs no connection, but lists disabled actions
too. A key that may read only one of them works from that one. So does everybody while the MCP can't be asked.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from nango_tools.catalog.guarding import Admitted, Guard, Held, Unguarded
from nango_tools.catalog.keeping import Kept
from nango_tools.catalog.listings import Listing, Listings, Scripts
from nango_tools.catalog.making import AccessRule, name_problem
from nango_tools.catalog.tool import IntegrationSummary, Source, Tool
from nango_tools.client import NangoClient
from nango_tools.errors import (
    Call,
    InsufficientScopeError,
    NangoError,
    ReauthorizationRequired,
    TransientError,
    UnknownConnection,
    UnknownIntegration,
)
from nango_tools.models.integrations import Integration

_GRACE = 3600.0
_OF_ONE_CONNECTION = (UnknownConnection, ReauthorizationRequired)
"""What says nothing about the integration: another connection may be asked."""
_OF_ONE_INTEGRATION = (*_OF_ONE_CONNECTION, TransientError, UnknownIntegration)
"""What is no reason to leave out the others."""


class Catalog:
    """Listings are kept for `ttl` seconds of `clock`, and concurrent callers share one request. It belongs to the event loop
    in which it is used first: make one for each.

    Those of the MCP are kept once for each integration: what it offers does not depend on whose connection it is.
    While Nango can't be asked, what was found before goes on being offered for up to an hour: it is only a list, and
    whether a tool may be used is decided anew at each call. A key that Nango refuses is no outage, and is raised.
    Of what was never found before, GET /scripts/config tells alone, until the MCP is asked again soon: see `failed`.
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
        self._from_nango = Listings(nango, guard or Unguarded(), access_rule)
        self._ttl = ttl
        self._clock = clock
        self.forget()

    def forget(self) -> None:
        """Fetch everything anew at the next call."""
        self._scripts = Kept[Scripts | None](self._ttl, self._clock, grace=_GRACE)
        self._existing = Kept[dict[str, Integration] | None](self._ttl, self._clock, grace=_GRACE)
        self._listings: dict[str, Kept[Listing]] = {}
        self._failed: dict[str, NangoError] = {}

    async def integrations(self, known: Iterable[tuple[str, str]] = ()) -> list[IntegrationSummary]:
        """All integrations of the environment, by key; those without tools too. Needs no connection.

        A key that may not list functions sees tools only of the `known` connections (integration id, connection id),
        which are asked then; one that may not list integrations either sees only the integrations of those, and gets
        an InsufficientScopeError without any.
        """
        scripts = await self._scripts.get(self._from_nango.scripts)
        existing = await self._existing.get(self._from_nango.integrations)
        if scripts is not None:
            tools = {key: admitted.tools for key, admitted in scripts.admitted.items()}
        else:
            by_integration = _grouped(known)
            of_known, failures = await self._discover_all(by_integration)
            unreachable = [error for error in failures if not isinstance(error, _OF_ONE_CONNECTION)]
            if unreachable and not of_known:
                raise unreachable[0]
            tools = {key: of_known.get(key, ()) for key in by_integration}
            if existing is None and not tools:
                problem = "the API key may list neither integrations nor functions, and no connection is known"
                raise InsufficientScopeError(problem, call=Call("list integrations"))
        declares, existing = scripts.declares if scripts else {}, existing or {}
        summaries = []
        for key in sorted(key for key in {*existing, *tools} if not name_problem(key)):
            integration, deployed = existing.get(key), declares.get(key)
            summaries.append(
                IntegrationSummary(
                    key=key,
                    provider=(integration and integration.provider) or (deployed and deployed.provider) or key,
                    display_name=(integration and integration.display_name) or key,
                    tools=tuple((tool.name, tool.description) for tool in tools.get(key, ())),
                )
            )
        return summaries

    async def discover(self, connections: Iterable[tuple[str, str]]) -> dict[str, tuple[Tool, ...]]:
        """The enabled tools, by name, for each integration among `connections` (integration id, connection id).

        All integrations at once. Of several connections of one the first that works is asked; where none does, or Nango
        can't list its tools just now, they are those of GET /scripts/config alone. An integration of which nothing can be
        told has no tools, and `failed` says why; where that is so with all of them, the failure of the first is raised:
        UnknownConnection, ReauthorizationRequired, UnknownIntegration or a TransientError. Whatever else fails concerns
        all of them, and is raised: InvalidKeyError, or InsufficientScopeError where the key may read neither listing.
        """
        by_integration = _grouped(connections)
        tools, failures = await self._discover_all(by_integration)
        if failures and not tools:
            raise failures[0]
        return {integration: tools.get(integration, ()) for integration in by_integration}

    async def tools(self, integration: str) -> tuple[Tool, ...]:
        """What was discovered last, or else what GET /scripts/config alone tells; empty for an unknown integration."""
        if (fresh := self._listing(integration).fresh()) is not None:
            return fresh.admitted.tools
        scripts = await self._scripts.get(self._from_nango.scripts)
        return scripts.of(integration).tools if scripts else ()

    async def tool(self, integration: str, name: str) -> Tool | None:
        """One of `tools`; None where there is none of that name, or it is disabled."""
        return next((tool for tool in await self.tools(integration) if tool.name == name), None)

    def held(self, integration: str) -> tuple[Held, ...]:
        """Those of its tools that were kept back when it was last looked at: by the guard, or for their name or size."""
        admitted = self._last(integration)
        return admitted.held if admitted else ()

    def failed(self, integration: str) -> NangoError | None:
        """Why its tools could not be listed when that was last tried: what is offered is old, `scripts` alone, or nothing."""
        return self._failed.get(integration)

    def refused_integrations(self) -> tuple[str, ...]:
        """Keys that can't be shown safely, escaped: they and their tools are nowhere else."""
        keys = {*(self._existing.last or ()), *(self._scripts.last.declares if self._scripts.last else ())}
        return tuple(sorted(ascii(key)[1:-1] for key in keys if name_problem(key)))

    def source(self, integration: str) -> Source | None:
        """The listings that its tools come from, as last looked at; None where that never was."""
        listing = self._listing(integration).last
        if listing is not None:
            return listing.source
        return "scripts" if self._last(integration) else None

    def _last(self, integration: str) -> Admitted | None:
        listing, scripts = self._listing(integration).last, self._scripts.last
        if listing is not None:
            return listing.admitted
        return scripts.admitted.get(integration) if scripts else None

    def _listing(self, integration: str) -> Kept[Listing]:
        return self._listings.get(integration) or Kept(self._ttl, self._clock, grace=_GRACE)

    async def _discover_all(
        self, by_integration: Mapping[str, Iterable[str]]
    ) -> tuple[dict[str, tuple[Tool, ...]], list[NangoError]]:
        """The tools of those integrations that can be listed, and what went wrong with the others."""
        results = await asyncio.gather(
            *(self._discover(integration, ids) for integration, ids in by_integration.items()), return_exceptions=True
        )
        tools: dict[str, tuple[Tool, ...]] = {}
        failures: list[NangoError] = []
        for integration, result in zip(by_integration, results, strict=True):
            if isinstance(result, _OF_ONE_INTEGRATION):
                failures.append(result)
            elif isinstance(result, BaseException):
                raise result
            else:
                tools[integration] = result
        return tools, failures

    async def _discover(self, integration: str, connections: Iterable[str]) -> tuple[Tool, ...]:
        if name_problem(integration):
            return ()
        listing = self._listings.setdefault(integration, self._listing(integration))
        try:
            tools = await self._listed(listing, integration, connections)
        except NangoError as error:
            self._failed[integration] = error
            raise
        if listing.failure is not None:
            self._failed[integration] = listing.failure
        else:
            self._failed.pop(integration, None)
        return tools

    async def _listed(self, listing: Kept[Listing], integration: str, connections: Iterable[str]) -> tuple[Tool, ...]:
        refused: NangoError | None = None
        instead = partial(self._without_mcp, integration)
        for connection in connections:
            fetch = partial(self._fetch_listing, integration, connection)
            while True:
                try:
                    return (await listing.get(fetch, within=self._scripts, instead=instead)).admitted.tools
                except _OF_ONE_CONNECTION as error:
                    refused = error
                    # Somebody else's connection may have been asked for both of us.
                    if error.call is None or error.call.connection_id == connection:
                        break
        scripts = await self._scripts.get(self._from_nango.scripts)
        if refused is not None and scripts is None:
            raise refused
        return scripts.of(integration).tools if scripts else ()

    async def _fetch_listing(self, integration: str, connection: str) -> Listing:
        scripts = self._scripts.get(self._from_nango.scripts)
        return await self._from_nango.of_connection(integration, connection, scripts)

    async def _without_mcp(self, integration: str) -> Listing | None:
        scripts = await self._scripts.get(self._from_nango.scripts)
        return Listing(scripts.of(integration), "scripts") if scripts is not None else None


def _grouped(connections: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    by_integration: dict[str, list[str]] = {}
    for integration, connection in connections:
        ids = by_integration.setdefault(integration, [])
        if connection not in ids:
            ids.append(connection)
    return by_integration

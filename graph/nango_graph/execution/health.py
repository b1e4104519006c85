"""Which connections are usable while a plan is carried out. Nango says so, not the error of a call alone."""

import asyncio
from collections.abc import Mapping

from nango_graph.connections.accounts import usable_accounts
from nango_graph.connections.finding import still_usable
from nango_graph.identity import Requester
from nango_graph.services import Services
from nango_graph.state import Connection
from nango_tools import NangoError, ReauthorizationRequired, UnknownConnection

MOST_PARKINGS = 2
"""Of one connection in one turn: one that breaks again and again is no longer waited for."""

FRESH_FOR = 30.0
"""Seconds for which what Nango listed is taken for what is there, where nothing says otherwise."""


class Health:
    """`chosen`: the turn's connections, by integration. `usable`: those of them that Nango lists as working.
    `parkings`: how often the turn has waited for a connection, by its id.
    """

    def __init__(
        self,
        services: Services,
        requester: Requester,
        *,
        chosen: Mapping[str, Connection],
        usable: Mapping[str, Connection],
        parkings: Mapping[str, int],
    ) -> None:
        self._services = services
        self._requester = requester
        self._chosen = chosen
        self._usable = dict(usable)
        self._parkings = parkings
        self._looking = asyncio.Lock()
        self._works: set[str] = set()
        self._looked_at = services.clock.now()

    def usable(self, integration: str) -> Connection | None:
        return self._usable.get(integration)

    async def look(self) -> None:
        """Asks Nango which of them can still be used, if the last look is a while ago. Raises what listing connections raises."""
        async with self._looking:
            now = self._services.clock.now()
            if now - self._looked_at >= FRESH_FOR:
                self._usable = await usable_accounts(self._services, self._requester, self._usable)
                self._works.clear()
                self._looked_at = now

    def chosen_id(self, integration: str) -> str:
        """Of the connection that the turn uses, or used until it broke; "" if there was none."""
        return self._chosen[integration]["connection_id"] if integration in self._chosen else ""

    def is_waited_for(self, integration: str) -> bool:
        """May a step wait until this connection is mended?"""
        return self._parkings.get(self.chosen_id(integration), 0) < MOST_PARKINGS

    async def broke(self, integration: str, error: NangoError) -> bool:
        """Has the connection broken, as a call that failed says? Nango's list is asked, once for each connection."""
        if not isinstance(error, ReauthorizationRequired | UnknownConnection):
            return False
        async with self._looking:
            connection = self._usable.get(integration)
            if connection is not None and integration not in self._works:
                try:
                    still = await still_usable(self._services, self._requester, {integration: connection})
                except NangoError:
                    # Nobody knows: the call failed, as it says.
                    return False
                if integration in still:
                    self._works.add(integration)
                else:
                    del self._usable[integration]
            return integration not in self._usable

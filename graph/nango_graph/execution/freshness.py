"""Is what a call was prepared with still so, right before it leaves? A run may have waited for long since it began."""

from collections.abc import Mapping
from dataclasses import replace

from nango_graph.execution.health import FRESH_FOR, Health
from nango_graph.execution.units import Unit
from nango_graph.services import Services
from nango_tools import NangoError, ReauthorizationRequired, Tool, UnknownConnection


class Outdated(Exception):
    """What was to be sent is not what could be sent now. `str()` says why, after "Not sent: "."""


class Freshness:
    """Of one run of the node that executes, which has looked at tools and connections when it began."""

    def __init__(self, services: Services, health: Health) -> None:
        self._services = services
        self._health = health
        self._began = services.clock.now()
        self._listed: dict[str, tuple[float, Mapping[str, Tool]]] = {}

    async def of(self, unit: Unit) -> Unit | None:
        """The call to its account as Nango lists it now; None if that can't be used. Raises `Outdated`."""
        integration = unit.tool.integration
        try:
            await self._health.look()
            connection = self._health.usable(integration)
            if connection is None or connection["connection_id"] != unit.connection["connection_id"]:
                return None
            tool = await self._tool(unit.tool, connection["connection_id"])
        except (UnknownConnection, ReauthorizationRequired):
            # The call itself will tell, and that is asked about before anything is made of it.
            return unit
        except NangoError as error:
            raise Outdated(
                f"whether {unit.tool.id} and its account are still there can't be told just now. {error}"
            ) from error
        if tool is None:
            raise Outdated(f"{unit.tool.id} is not offered any more")
        if (tool.fingerprint, tool.access) != (unit.tool.fingerprint, unit.tool.access):
            raise Outdated(f"{unit.tool.id} is not what it was when this was prepared; ask for it again")
        return replace(unit, connection=connection)

    async def _tool(self, tool: Tool, connection_id: str) -> Tool | None:
        at, there = self._listed.get(tool.integration, (self._began, {tool.id: tool}))
        now = self._services.clock.now()
        if now - at < FRESH_FOR:
            # Without a listing of its own it was offered when the run began.
            return there.get(tool.id) if tool.integration in self._listed else tool
        found = await self._services.catalog.discover([(tool.integration, connection_id)])
        there = {one.id: one for one in found[tool.integration]}
        self._listed[tool.integration] = (now, there)
        return there.get(tool.id)

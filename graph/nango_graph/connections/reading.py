"""The action that the settings name for an integration, to see that a connection works, and whose account it is."""

from typing import Any

from nango_graph.services import Services
from nango_tools import Access, ConnectionSummary, Tool


async def reading_tool(services: Services, integration: str) -> Tool | None:
    """None where the settings name none, or one that does more than read."""
    name = services.settings.probes.get(integration)
    tool = await services.catalog.tool(integration, name) if name else None
    return tool if tool is not None and tool.access is Access.READ else None


async def read(services: Services, connection: ConnectionSummary, tool: Tool) -> Any:
    """POST /action/trigger, or over the MCP: the tool's output. Raises `NangoError`."""
    return await services.nango.runner.trigger(
        connection_id=connection.connection_id,
        integration_id=tool.integration,
        action=tool.name,
        input={},
        writes=False,
    )

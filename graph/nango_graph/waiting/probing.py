"""Does a connection really work? Asked before a wait counts as satisfied."""

from nango_graph.connections.reading import read, reading_tool
from nango_graph.services import Services
from nango_tools import (
    ConnectionSummary,
    EndUserError,
    InsufficientScopeError,
    NangoError,
)

REFRESHED = "Nango read it, with its credentials refreshed where that was due"
UNPROBED = "Nango lists no authorization error for it"


async def probe(services: Services, connection: ConnectionSummary) -> str | None:
    """In words how it was seen that it works; None if it does not, or not yet.

    GET /connections/{id}, which refreshes credentials; where the key may not, the action that the settings name for
    this integration, if it only reads; else nothing but the absence of errors is left.
    """
    connection_id, integration = connection.connection_id, connection.integration_id
    try:
        await services.nango.connections.get(connection_id, integration)
    except InsufficientScopeError:
        return await _by_reading(services, connection)
    except EndUserError:
        return None
    return REFRESHED


async def _by_reading(services: Services, connection: ConnectionSummary) -> str | None:
    tool = await reading_tool(services, connection.integration_id)
    if tool is None:
        return UNPROBED
    try:
        await read(services, connection, tool)
    except InsufficientScopeError:
        return UNPROBED
    except NangoError:
        return None
    return f"{tool.id} could be read"

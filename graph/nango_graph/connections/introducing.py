"""Whose account is it? What can be told of one that somebody connected of whom nobody knows who it was.

Its tags say nothing of that: they are the requester's own, which our link put there, whoever opened it.
"""

import asyncio
from datetime import UTC

from nango_graph.connections.finding import Unconfirmed
from nango_graph.connections.questions import ConfirmAccount
from nango_graph.connections.reading import read, reading_tool
from nango_graph.display import compact
from nango_graph.services import Services
from nango_graph.state import Asked
from nango_tools import ConnectionSummary, NangoError

READ_SECONDS = 10.0
"""How long a question waits for the provider to say whose account it is."""
_SHOWN = 270
"""Characters of what it says; how many there were is added where it is cut."""


async def confirmation(
    services: Services, unconfirmed: Unconfirmed, display_name: str, asked: Asked | None
) -> ConfirmAccount:
    """The question about one account. What the open question `asked` says of it is kept: it is read once, and a question whose
    words changed at every look could not be answered.
    """
    connection = unconfirmed.connection
    said = _said_before(unconfirmed, asked)
    return ConfirmAccount(
        mark=unconfirmed.mark,
        integration=connection.integration_id,
        display_name=display_name,
        connection_id=connection.connection_id,
        created=f"{connection.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        again=unconfirmed.again,
        says=await introduce(services, connection) if said is None else said,
    )


async def introduce(services: Services, connection: ConnectionSummary) -> str:
    """What the provider says of an account: "<tool>: <its output>" on one line, control and direction characters escaped, markup not.

    It is asked with the action that the settings name for the integration, if that only reads. "" where none is named, or
    where it can't be asked now.
    """
    try:
        async with asyncio.timeout(READ_SECONDS):
            tool = await reading_tool(services, connection.integration_id)
            if tool is None:
                return ""
            output = await read(services, connection, tool)
    except (NangoError, TimeoutError):
        return ""
    return f"{tool.id}: {compact(output, _SHOWN)}"


def _said_before(unconfirmed: Unconfirmed, asked: Asked | None) -> str | None:
    for item in asked["items"] if asked is not None else []:
        if item["about"] == "confirm" and item["wait_id"] == unconfirmed.mark:
            said = item.get("says")
            return said if isinstance(said, str) else None
    return None

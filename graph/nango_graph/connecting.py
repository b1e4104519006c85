"""Connections of a requester in Nango: which are there, which are usable, and links that make new ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from nango_graph.identity import Requester
from nango_graph.records import Wait
from nango_graph.services import Services
from nango_graph.state import Connection
from nango_tools import ConnectionSummary, ConnectSession

WAIT_TAG = "nango_agent_wait"
"""Tag of connections that a wait brought about: it comes back in Nango's webhook."""


@dataclass(frozen=True, slots=True)
class Found:
    """A requester's connections to one integration."""

    usable: Sequence[ConnectionSummary]
    broken: Sequence[ConnectionSummary]


async def find_connections(services: Services, requester: Requester, integrations: Sequence[str]) -> dict[str, Found]:
    """What Nango has now, newest first. Tags are compared again here: a filter that failed open would cross tenants."""
    found: dict[str, list[ConnectionSummary]] = {integration: [] for integration in integrations}
    async for connection in services.nango.connections.list(tags=requester.tags, integration_ids=integrations):
        if connection.integration_id in found and belongs_to(connection, requester):
            found[connection.integration_id].append(connection)
    return {
        integration: Found(
            usable=[connection for connection in there if not connection.needs_reauthorization],
            broken=[connection for connection in there if connection.needs_reauthorization],
        )
        for integration, there in found.items()
    }


async def still_usable(
    services: Services, requester: Requester, chosen: Mapping[str, Connection]
) -> dict[str, Connection]:
    """Those of the chosen connections that are the requester's and work now. The state that they come from proves nothing."""
    found = await find_connections(services, requester, list(chosen))
    return {
        integration: connection
        for integration, connection in chosen.items()
        if connection["connection_id"] in {usable.connection_id for usable in found[integration].usable}
    }


def belongs_to(connection: ConnectionSummary, requester: Requester) -> bool:
    return all(connection.tags.get(key) == value for key, value in requester.tags.items())


async def new_session(services: Services, wait: Wait, broken: Sequence[ConnectionSummary] = ()) -> ConnectSession:
    """A fresh link for a wait. Tags are always sent in full: Nango wipes those of a reconnected connection otherwise."""
    kept = next((connection.tags for connection in broken if connection.connection_id == wait.connection_id), {})
    tags = {**kept, **wait.requester.tags, WAIT_TAG: wait.id}
    if wait.connection_id is not None:
        return await services.nango.connect_sessions.reconnect(
            connection_id=wait.connection_id, integration_id=wait.integration, tags=tags
        )
    return await services.nango.connect_sessions.create(tags=tags, allowed_integrations=[wait.integration])


def in_state(connection: ConnectionSummary, display_name: str) -> Connection:
    return Connection(
        integration=connection.integration_id,
        connection_id=connection.connection_id,
        label=label_of(connection, display_name),
    )


def label_of(connection: ConnectionSummary, display_name: str) -> str:
    """Words by which a person recognizes the account."""
    tags = connection.tags
    whose = tags.get("end_user_display_name") or tags.get("end_user_email") or tags.get("end_user_id", "")
    return f"{display_name} ({whose}, since {connection.created_at:%Y-%m-%d})"


def has_expired(expires_at: str, now: float) -> bool:
    """Has a link died, or will it within a minute?"""
    return datetime.fromisoformat(expires_at).timestamp() < now + 60


def moment(timestamp: datetime) -> str:
    return timestamp.astimezone(UTC).isoformat(timespec="seconds")

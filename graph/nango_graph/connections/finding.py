"""Which connections a requester has in Nango now, and in what health."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from nango_graph.identity import Requester
from nango_graph.records import Wait
from nango_graph.services import Services
from nango_graph.state import Connection
from nango_tools import ConnectionSummary

WAIT_TAG = "nango_agent_wait"
"""Tag of connections that a wait brought about: it comes back in Nango's webhook."""


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A connection that works, made through a link whose opener did not prove to be the requester."""

    connection: ConnectionSummary
    wait: Wait


@dataclass(frozen=True, slots=True)
class Found:
    """A requester's connections to one integration, the person's own before those of the organization, newest first."""

    usable: list[ConnectionSummary] = field(default_factory=list)
    unconfirmed: list[Unconfirmed] = field(default_factory=list)
    broken: list[ConnectionSummary] = field(default_factory=list)

    @property
    def all(self) -> list[ConnectionSummary]:
        return [*self.usable, *self.broken, *(one.connection for one in self.unconfirmed)]


async def find_connections(services: Services, requester: Requester, integrations: Iterable[str]) -> dict[str, Found]:
    """What Nango has now. Tags are compared again here: a filter that failed open would cross tenants."""
    found = {integration: Found() for integration in integrations}
    if not found:
        return found
    there = [one async for one in _listed(services, requester, list(found)) if one.integration_id in found]
    known = await services.records.accounts.known(requester)
    waits = await services.records.waits.get_all([one.tags[WAIT_TAG] for one in there if one.tags.get(WAIT_TAG)])
    for connection in sorted(there, key=lambda one: "end_user_id" not in one.tags):
        of_integration = found[connection.integration_id]
        said = known.get((connection.integration_id, connection.connection_id))
        wait = waits.get(connection.tags.get(WAIT_TAG, ""))
        asked_about = said is not None and wait is not None and said.trusted_wait == wait.id
        if connection.needs_reauthorization:
            of_integration.broken.append(connection)
        elif wait is None or not wait.unverified or (asked_about and said is not None and said.trusted):
            of_integration.usable.append(connection)
        elif not asked_about:
            of_integration.unconfirmed.append(Unconfirmed(connection, wait))
    return found


async def _listed(
    services: Services, requester: Requester, integrations: Sequence[str]
) -> AsyncIterator[ConnectionSummary]:
    organization = {"organization_id": requester.organization_id} if requester.organization_id else requester.tags
    async for connection in services.nango.connections.list(tags=organization, integration_ids=integrations):
        if belongs_to(connection, requester):
            yield connection


def belongs_to(connection: ConnectionSummary, requester: Requester) -> bool:
    """The requester's own, or shared by the requester's organization: those have no `end_user_id` tag.

    A connection of an organization is nobody's who does not come from there, whatever the user id.
    """
    if connection.tags.get("organization_id", "") != requester.organization_id:
        return False
    user_id = connection.tags.get("end_user_id")
    return user_id == requester.user_id or (user_id is None and bool(requester.organization_id))


async def still_usable(
    services: Services, requester: Requester, chosen: Mapping[str, Connection]
) -> dict[str, Connection]:
    """Those of the chosen connections that are the requester's and work now. The state that they come from proves nothing."""
    found = await find_connections(services, requester, chosen)
    usable = {
        integration: {connection.connection_id: connection for connection in there.usable}
        for integration, there in found.items()
    }
    return {
        integration: connection
        for integration, connection in chosen.items()
        if connection["connection_id"] in usable[integration]
    }

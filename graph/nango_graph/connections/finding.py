"""Which connections a requester has in Nango now, and in what health."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from nango_graph.digests import digest
from nango_graph.identity import Requester
from nango_graph.records import Wait
from nango_graph.services import Services
from nango_graph.state import Connection
from nango_tools import ConnectionSummary, InsufficientScopeError, IntegrationSummary

WAIT_TAG = "nango_agent_wait"
"""Tag of connections that a wait brought about, "<wait id>.<nonce of the connect session>": it comes back in Nango's webhook."""
MOST_TAGS = 10
"""That Nango takes. A connection that has so many of its own is authorized again without ours."""
_LONGEST_MARK = 64
"""What the records hold of it."""


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A connection that works, authorized by somebody of whom nobody knows whether it was the requester."""

    connection: ConnectionSummary
    mark: str
    """What a confirmation counts for: this authorization, and none that comes through the same link later."""
    again: bool = False
    """It was there before, and was authorized again."""


@dataclass(frozen=True, slots=True)
class Found:
    """A requester's connections to one integration, the person's own before those of the organization, newest first."""

    usable: list[ConnectionSummary] = field(default_factory=list)
    unconfirmed: list[Unconfirmed] = field(default_factory=list)
    broken: list[ConnectionSummary] = field(default_factory=list)

    @property
    def all(self) -> list[ConnectionSummary]:
        return [*self.usable, *self.broken, *(one.connection for one in self.unconfirmed)]

    @property
    def to_confirm(self) -> frozenset[str]:
        """Connection ids."""
        return frozenset(one.connection.connection_id for one in self.unconfirmed)


async def find_connections(services: Services, requester: Requester, integrations: Iterable[str]) -> dict[str, Found]:
    """What Nango has now. Tags are compared again here: a filter that failed open would cross tenants."""
    found = {integration: Found() for integration in integrations}
    if not found:
        return found
    there = [one async for one in connections_of(services, requester, list(found)) if one.integration_id in found]
    known = await services.records.accounts.known(requester)
    waits = await services.records.waits.get_all([wait_id for one in there if (wait_id := wait_id_of(one.tags))])
    full = [one.connection_id for one in there if not one.tags.get(WAIT_TAG) and len(one.tags) >= MOST_TAGS]
    untagged = await services.records.waits.unverified_for(requester, full)
    for connection in sorted(there, key=lambda one: "end_user_id" not in one.tags):
        of_integration = found[connection.integration_id]
        said = known.get((connection.integration_id, connection.connection_id))
        unconfirmed = _in_doubt(connection, waits, untagged)
        if connection.needs_reauthorization:
            of_integration.broken.append(connection)
        elif unconfirmed is None:
            of_integration.usable.append(connection)
        elif said is None or said.trusted_wait != unconfirmed.mark:
            of_integration.unconfirmed.append(unconfirmed)
        elif said.trusted:
            of_integration.usable.append(connection)
    return found


async def integrations_for(services: Services, requester: Requester) -> list[IntegrationSummary]:
    """All that there are in the environment; for an API key that may list none, those that the requester has connections to."""
    try:
        return await services.catalog.integrations()
    except InsufficientScopeError:
        own = [(one.integration_id, one.connection_id) async for one in connections_of(services, requester)]
        return await services.catalog.integrations(own)


def wait_id_of(tags: Mapping[str, str]) -> str:
    """The id of the wait that brought a connection about; "" if none did. (Older tags hold the id and nothing else.)"""
    return tags.get(WAIT_TAG, "").partition(".")[0]


def _in_doubt(
    connection: ConnectionSummary, waits: Mapping[str, Wait], untagged: Mapping[tuple[str, str], Wait]
) -> Unconfirmed | None:
    """`waits`: by id. `untagged`: by integration and connection id, of connections that had no room for the tag."""
    tag = connection.tags.get(WAIT_TAG, "")
    if not tag:
        wait = untagged.get((connection.integration_id, connection.connection_id))
        return Unconfirmed(connection, wait.id, again=True) if wait is not None else None
    wait = waits.get(wait_id_of(connection.tags))
    if wait is not None and not wait.unverified:
        return None
    # A wait that is not known (the records were lost, or are another deployment's) proves nothing of its opener.
    again = wait is not None and wait.connection_id == connection.connection_id
    return Unconfirmed(connection, tag if len(tag) <= _LONGEST_MARK else digest(tag), again=again)


async def connections_of(
    services: Services, requester: Requester, integrations: Sequence[str] | None = None
) -> AsyncIterator[ConnectionSummary]:
    """Of these integrations, or of all; in whatever health."""
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

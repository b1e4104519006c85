"""Whose connections a session uses, and which one of each integration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from nango_tools.client import NangoClient
from nango_tools.errors import (
    Call,
    InvalidInput,
    NangoError,
    NoConnection,
    Outcome,
    ReauthorizationRequired,
    SeveralConnections,
)
from nango_tools.models.connections import ConnectionSummary


@dataclass(frozen=True, slots=True)
class Owner:
    """organization_id: "" for somebody who comes without one."""

    user_id: str
    organization_id: str = ""

    @classmethod
    def checked(cls, user_id: str, organization_id: str | None) -> Self:
        """InvalidInput for what names nobody: without a tag, Nango's filter fits everybody's connections."""
        if not user_id.strip():
            raise InvalidInput("the session's user_id is empty", outcome=Outcome.NOT_SENT)
        if organization_id is not None and not organization_id.strip():
            problem = "the session's organization_id is empty; leave it out for a user without one"
            raise InvalidInput(problem, outcome=Outcome.NOT_SENT)
        return cls(user_id, organization_id or "")

    @property
    def tags(self) -> dict[str, str]:
        """What this user's own connections carry, and new ones get."""
        mine = {"end_user_id": self.user_id}
        return {**mine, "organization_id": self.organization_id} if self.organization_id else mine

    def has(self, connection: ConnectionSummary) -> bool:
        """The user's own, or shared by the user's organization: those have no `end_user_id` tag.

        A connection of an organization is nobody's who does not come from there, whatever the user id.
        """
        tags = {key.lower(): value for key, value in connection.tags.items()}
        if tags.get("organization_id", "") != self.organization_id:
            return False
        whose = tags.get("end_user_id")
        return whose == self.user_id or (whose is None and bool(self.organization_id))


@dataclass(frozen=True, slots=True)
class Found:
    """By integration: the connection to use, or the error that says why there is none."""

    usable: Mapping[str, ConnectionSummary]
    missing: Mapping[str, NangoError]


async def find_connections(
    nango: NangoClient, owner: Owner, integrations: Sequence[str], accounts: Mapping[str, str]
) -> Found:
    """GET /connections, and the tags of each are compared again here: a filter that failed open would cross tenants.

    accounts: which connection id of an integration to use, and no other
    """
    if not integrations:
        return Found({}, {})
    shared_too = {"organization_id": owner.organization_id} if owner.organization_id else owner.tags
    listing = nango.connections.list(tags=shared_too, integration_ids=integrations)
    there: dict[str, list[ConnectionSummary]] = {integration: [] for integration in integrations}
    async for connection in listing:
        if connection.integration_id in there and owner.has(connection):
            there[connection.integration_id].append(connection)
    usable: dict[str, ConnectionSummary] = {}
    missing: dict[str, NangoError] = {}
    for integration, connections in there.items():
        try:
            usable[integration] = _the_one(integration, connections, accounts.get(integration))
        except NangoError as error:
            missing[integration] = error
    return Found(usable, missing)


def _the_one(integration: str, connections: Sequence[ConnectionSummary], wanted: str | None) -> ConnectionSummary:
    named = [one for one in connections if wanted in (None, one.connection_id)]
    working = [one for one in named if not one.needs_reauthorization]
    if len(working) == 1:
        return working[0]
    call = Call("find connection", wanted, integration)
    if working:
        ids = [one.connection_id for one in working]
        raise SeveralConnections(
            f"the user has {len(ids)} connections ({', '.join(ids)}); name one in the session's accounts",
            call=call,
            payload=ids,
        )
    if named:
        problem = "the credentials of the connection no longer work"
        raise ReauthorizationRequired(
            problem, call=Call("find connection", named[0].connection_id, integration), outcome=Outcome.NOT_SENT
        )
    problem = "the user has no such connection" if wanted else "the user has not connected an account"
    raise NoConnection(problem, call=call)


def account_of(connection: ConnectionSummary) -> str:
    """Whose account it is, in words, as the tags tell."""
    tags = connection.tags
    if "end_user_id" in tags:
        return tags.get("end_user_email") or tags.get("end_user_display_name") or tags["end_user_id"]
    return f"shared by {tags.get('organization_id', 'the organization')}"

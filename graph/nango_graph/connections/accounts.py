"""Which of a person's accounts to use, and the words by which a person knows them."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from nango_graph.connections.finding import WAIT_TAG, Found, find_connections, integrations_for
from nango_graph.display import visible
from nango_graph.identity import Requester
from nango_graph.records import Known
from nango_graph.services import Services
from nango_graph.state import Connection
from nango_tools import ConnectionSummary

_SHOWN = ("end_user_display_name", "end_user_email", "end_user_id", "organization_id", WAIT_TAG)
_SHORT = 8
"""First characters of a connection id, which are mostly enough."""


def which_account(
    found: Found,
    *,
    named: str | None,
    before: str | None,
    known: Mapping[tuple[str, str], Known],
) -> ConnectionSummary | None:
    """The account to use, or None if only the person can tell (or there is none). It may be one that is broken or to be confirmed.

    What was named for this turn; else what this thread has used; else what the person prefers; else the only one that works.
    `named` may be "": then the person wants to be asked.
    """
    if named == "":
        return None
    there = {connection.connection_id: connection for connection in found.all}
    preferred = max(
        (
            (said.preferred_at, connection_id)
            for connection_id, connection in there.items()
            if (said := known.get((connection.integration_id, connection_id))) is not None
            and said.preferred_at is not None
        ),
        default=(0.0, None),
    )[1]
    for connection_id in (named, before, preferred):
        if connection_id in there:
            # Another one, only because this one can't be used yet, would act in an account that nobody meant.
            return there[connection_id]
    return found.usable[0] if len(found.usable) == 1 else None


def labelled(
    connections: Iterable[ConnectionSummary], display_name: str, *, to_confirm: Collection[str] = ()
) -> dict[str, Connection]:
    """By connection id, as the state holds them. Labels that would be the same carry as much of the id as tells them apart.

    `to_confirm`: ids of those that the person is asked about before their first use, which is said.
    """
    there = {connection.connection_id: connection for connection in connections}
    labels = {connection_id: label_of(connection, display_name) for connection_id, connection in there.items()}
    return {
        connection_id: Connection(
            integration=connection.integration_id,
            connection_id=connection_id,
            label=_told_apart(
                connection_id, [other for other in there if labels[other] == labels[connection_id]], labels
            )
            + (", to be confirmed" if connection_id in to_confirm else ""),
        )
        for connection_id, connection in there.items()
    }


async def usable_accounts(
    services: Services, requester: Requester, chosen: Mapping[str, Connection], *, lately: bool = False
) -> dict[str, Connection]:
    """Those of the chosen connections, by integration, that are the requester's and work now. Of the state that they come from
    only the ids count: rules may hang on whose account it is, so the label is made anew from what Nango has.

    lately: what Nango said in the same run a moment ago will do
    """
    found = services.looks.recent(requester, chosen) if lately else None
    if found is None:
        found = await find_connections(services, requester, chosen)
    there_are = await integrations_for(services, requester) if chosen else []
    names = {summary.key: summary.display_name for summary in there_are}
    usable = {}
    for integration, connection in chosen.items():
        there = found[integration]
        accounts = labelled(there.all, names.get(integration, integration), to_confirm=there.to_confirm)
        if connection["connection_id"] in {one.connection_id for one in there.usable}:
            usable[integration] = accounts[connection["connection_id"]]
    return usable


def _told_apart(connection_id: str, same: Sequence[str], labels: Mapping[str, str]) -> str:
    label = labels[connection_id]
    if len(same) < 2:
        return label
    length = next(
        (
            length
            for length in range(_SHORT, len(connection_id))
            if len({other[:length] for other in same}) == len(same)
        ),
        len(connection_id),
    )
    return f"{label}, id {visible(connection_id[:length], keep='')}"


def label_of(connection: ConnectionSummary, display_name: str) -> str:
    """Words by which a person recognizes the account: whose it is, what else its tags say, and since when. On one line, with
    control and direction characters escaped; markup is not.
    """
    tags = connection.tags
    if "end_user_id" in tags:
        whose = tags.get("end_user_display_name") or tags.get("end_user_email") or tags["end_user_id"]
        email = tags.get("end_user_email", "")
        whose = f"{whose}, {email}" if email and email != whose else whose
    else:
        whose = f"shared by {tags.get('organization_id', 'the organization')}"
    more = [f"{key} {value}" for key, value in sorted(tags.items()) if key not in _SHOWN]
    return visible(f"{display_name} ({', '.join([whose, *more])}, since {connection.created_at:%Y-%m-%d})", keep="")

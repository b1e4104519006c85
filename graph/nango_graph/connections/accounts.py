"""Which of a person's accounts to use, and the words by which a person knows them."""

from collections.abc import Mapping

from nango_graph.connections.finding import WAIT_TAG, Found
from nango_graph.records import Known
from nango_graph.state import Connection
from nango_tools import ConnectionSummary

_SHOWN = ("end_user_display_name", "end_user_email", "end_user_id", "organization_id", WAIT_TAG)


def which_account(
    found: Found,
    *,
    named: str | None,
    before: Connection | None,
    known: Mapping[tuple[str, str], Known],
) -> ConnectionSummary | None:
    """The account to use, or None if only the person can tell (or there is none). It may be one that is broken.

    What was named for this turn; else what this thread has used; else what the person prefers; else the only one that works.
    `named` may be "": then the person wants to be asked.
    """
    if named == "":
        return None
    there = {connection.connection_id: connection for connection in [*found.usable, *found.broken]}
    preferred = max(
        (
            (said.preferred_at, connection_id)
            for connection_id, connection in there.items()
            if (said := known.get((connection.integration_id, connection_id))) is not None
            and said.preferred_at is not None
        ),
        default=(0.0, None),
    )[1]
    for connection_id in (named, before["connection_id"] if before else None, preferred):
        if connection_id in there:
            # Another one, only because this one broke, would act in an account that nobody meant.
            return there[connection_id]
    return found.usable[0] if len(found.usable) == 1 else None


def in_state(connection: ConnectionSummary, display_name: str) -> Connection:
    return Connection(
        integration=connection.integration_id,
        connection_id=connection.connection_id,
        label=label_of(connection, display_name),
    )


def label_of(connection: ConnectionSummary, display_name: str) -> str:
    """Words by which a person recognizes the account: whose it is, what else its tags say, and since when."""
    tags = connection.tags
    if "end_user_id" in tags:
        whose = tags.get("end_user_display_name") or tags.get("end_user_email") or tags["end_user_id"]
        email = tags.get("end_user_email", "")
        whose = f"{whose}, {email}" if email and email != whose else whose
    else:
        whose = f"shared by {tags.get('organization_id', 'the organization')}"
    more = [f"{key} {value}" for key, value in sorted(tags.items()) if key not in _SHOWN]
    return f"{display_name} ({', '.join([whose, *more])}, since {connection.created_at:%Y-%m-%d})"

"""Which account a person prefers where there are several, and which ones that a link brought were confirmed."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from nango_graph.identity import Requester
from nango_graph.records.database import Database
from nango_graph.records.tables import accounts


@dataclass(frozen=True, slots=True)
class Known:
    """What a person said of one connection."""

    preferred_at: float | None
    trusted: bool | None
    """True: confirmed as the person's own; False: refused; None: never asked."""
    trusted_wait: str
    """The wait whose link brought what was confirmed: authorized anew through another link, it is asked again."""


_OF_REQUESTER = select(accounts).where(
    accounts.c.tenant == bindparam("of_tenant"), accounts.c.requester == bindparam("of_requester")
)


class Accounts:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, requester: Requester) -> Mapping[tuple[str, str], Known]:
        """By integration and connection id."""
        whose = {"of_tenant": requester.tenant, "of_requester": requester.user_id}
        return {
            (row.integration, row.connection_id): Known(row.preferred_at, row.trusted, row.trusted_wait or "")
            for row in await self._database.rows(_OF_REQUESTER, whose)
        }

    async def prefer(self, requester: Requester, integration: str, connection_id: str, *, now: float) -> None:
        """The one to use from now on, wherever nothing else is said."""
        await self._note(requester, integration, connection_id, {"preferred_at": now})

    async def trust(
        self, requester: Requester, integration: str, connection_id: str, *, trusted: bool, wait_id: str
    ) -> None:
        await self._note(requester, integration, connection_id, {"trusted": trusted, "trusted_wait": wait_id})

    async def _note(
        self, requester: Requester, integration: str, connection_id: str, values: Mapping[str, object]
    ) -> None:
        key = {
            "tenant": requester.tenant,
            "requester": requester.user_id,
            "integration": integration,
            "connection_id": connection_id,
        }
        there = [accounts.c[name] == value for name, value in key.items()]

        def work(connection: Connection) -> None:
            connection.execute(self._database.insert_if_absent(accounts).values(**key))
            connection.execute(update(accounts).where(*there).values(**values))

        await self._database.transaction(work)

"""Turns: whose they are is fixed when they begin."""

from dataclasses import dataclass

from sqlalchemy import select, update

from nango_graph.errors import UsageError
from nango_graph.identity import Requester
from nango_graph.records.database import Database, turns

SOMEBODY_ELSES = "This thread belongs to somebody else. Start a new one."


@dataclass(frozen=True, slots=True)
class TurnRow:
    id: str
    requester: Requester
    thread_id: str
    assistant_id: str


class Turns:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, row: TurnRow, *, message_id: str, now: float) -> None:
        """Fixes the requester of a turn. Raises `UsageError` if the thread belongs to another tenant."""
        async with self._database.transaction() as connection:
            tenant = (
                await connection.execute(select(turns.c.tenant).where(turns.c.thread_id == row.thread_id).limit(1))
            ).scalar()
            if tenant is not None and tenant != row.requester.tenant:
                raise UsageError(SOMEBODY_ELSES)
            await connection.execute(
                self._database.insert_if_absent(turns).values(
                    id=row.id,
                    tenant=row.requester.tenant,
                    requester=row.requester.user_id,
                    organization=row.requester.organization_id,
                    thread_id=row.thread_id,
                    assistant_id=row.assistant_id,
                    message_id=message_id,
                    started_at=now,
                )
            )

    async def get(self, turn_id: str, thread_id: str) -> TurnRow:
        """Raises `UsageError` if the records don't know the turn: the state alone proves nothing."""
        async with self._database.transaction() as connection:
            row = (
                await connection.execute(select(turns).where(turns.c.id == turn_id, turns.c.thread_id == thread_id))
            ).one_or_none()
        if row is None:
            raise UsageError(
                "The records know nothing of this turn. Run the graph with the records (NANGO_AGENT_RECORDS_URL, "
                "NANGO_AGENT_DATA_DIR) it began with, or send the request again."
            )
        return TurnRow(row.id, Requester(row.requester, row.organization), row.thread_id, row.assistant_id)

    async def tenant_of(self, thread_id: str) -> str | None:
        """Whose the thread is; None for a new one."""
        async with self._database.transaction() as connection:
            return (
                await connection.execute(select(turns.c.tenant).where(turns.c.thread_id == thread_id).limit(1))
            ).scalar()

    async def finish(self, turn_id: str, now: float) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(update(turns).where(turns.c.id == turn_id).values(finished_at=now))

    async def is_finished(self, turn_id: str) -> bool:
        async with self._database.transaction() as connection:
            found = await connection.execute(select(turns.c.finished_at).where(turns.c.id == turn_id))
            return found.scalar() is not None

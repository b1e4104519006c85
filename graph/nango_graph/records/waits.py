"""Waits for a user's authorization: rows that outlive links, processes and lost webhooks."""

import uuid
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select, update

from nango_graph.identity import Requester
from nango_graph.records.database import Database, waits

LIFETIME = 30 * 24 * 3600.0

WaitState = Literal["open", "satisfied", "consumed", "cancelled", "expired"]


@dataclass(frozen=True, slots=True)
class Wait:
    id: str
    requester: Requester
    thread_id: str
    assistant_id: str
    integration: str
    reason: str
    connection_id: str | None
    """The connection to authorize again, if it is one that broke."""
    deadline: float
    state: WaitState


class Waits:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_for(
        self,
        requester: Requester,
        *,
        thread_id: str,
        assistant_id: str,
        integration: str,
        reason: str,
        connection_id: str | None,
        now: float,
    ) -> Wait:
        """The open wait of this thread for this integration, made if there is none. Asked again, it keeps its deadline."""
        async with self._database.transaction() as connection:
            await connection.execute(
                self._database.insert_if_absent(waits).values(
                    id=uuid.uuid4().hex,
                    tenant=requester.tenant,
                    requester=requester.user_id,
                    organization=requester.organization_id,
                    thread_id=thread_id,
                    assistant_id=assistant_id,
                    integration=integration,
                    reason=reason,
                    connection_id=connection_id,
                    deadline=now + LIFETIME,
                    state="open",
                    created_at=now,
                    changed_at=now,
                )
            )
            # The open one; or the one that was open a moment ago, if somebody ended it in between.
            row = (
                await connection.execute(
                    select(waits)
                    .where(
                        waits.c.thread_id == thread_id,
                        waits.c.tenant == requester.tenant,
                        waits.c.requester == requester.user_id,
                        waits.c.integration == integration,
                    )
                    .order_by((waits.c.state == "open").desc(), waits.c.changed_at.desc())
                    .limit(1)
                )
            ).one()
        return _wait(row)

    async def get(self, wait_id: str) -> Wait | None:
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(waits).where(waits.c.id == wait_id))).one_or_none()
        return _wait(row) if row is not None else None

    async def live_in(self, thread_id: str) -> list[Wait]:
        """The thread's waits that are not over: open, or satisfied and not yet passed."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                select(waits)
                .where(waits.c.thread_id == thread_id, waits.c.state.in_(("open", "satisfied")))
                .order_by(waits.c.created_at)
            )
            return [_wait(row) for row in rows]

    async def change(self, wait_id: str, state: WaitState, *, only_from: tuple[WaitState, ...], now: float) -> bool:
        """True for the one caller that made the change."""
        async with self._database.transaction() as connection:
            changed = await connection.execute(
                update(waits)
                .where(waits.c.id == wait_id, waits.c.state.in_(only_from))
                .values(state=state, changed_at=now)
                .returning(waits.c.id)
            )
            return changed.first() is not None


def _wait(row: Any) -> Wait:
    return Wait(
        id=row.id,
        requester=Requester(row.requester, row.organization),
        thread_id=row.thread_id,
        assistant_id=row.assistant_id,
        integration=row.integration,
        reason=row.reason,
        connection_id=row.connection_id,
        deadline=row.deadline,
        state=row.state,
    )

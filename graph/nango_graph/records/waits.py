"""Waits for a user's authorization: rows that outlive links, processes and lost webhooks.

open ─▶ satisfied ─▶ consumed       a usable connection was found; the graph has passed
open ─▶ cancelled | expired         the user goes on without it; the deadline came
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, and_, select, update

from nango_graph.identity import Requester
from nango_graph.records.database import Database
from nango_graph.records.tables import waits
from nango_graph.records.turns import TurnRow

LIFETIME = 30 * 24 * 3600.0
FIRST_LOOK = 5.0

WaitState = Literal["open", "satisfied", "consumed", "cancelled", "expired"]
LIVE: tuple[WaitState, ...] = ("open", "satisfied")
TO_BE_TOLD: tuple[WaitState, ...] = (*LIVE, "cancelled")
FRESH = 10
"""Looks."""


@dataclass(frozen=True, slots=True)
class Wait:
    id: str
    requester: Requester
    thread_id: str
    turn_id: str
    assistant_id: str
    integration: str
    reason: str
    """missing, broken, or scopes."""
    connection_id: str | None
    """The connection to authorize again, if it is one that broke."""
    deadline: float
    state: WaitState
    created_at: float
    looks: int = 0
    """How often a sweep has looked in vain."""
    unverified: bool = False
    """Whoever opened the link did not prove to be the requester: the account is confirmed before its first use."""
    found_id: str | None = None
    """The connection that satisfied it."""
    checked_by: str = ""
    """In words: how it was found that the connection works."""


class Waits:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_for(
        self, turn: TurnRow, *, integration: str, reason: str, connection_id: str | None, now: float
    ) -> Wait:
        """The open wait of this thread for this integration, made if there is none. Asked again, it keeps its deadline."""
        requester = turn.requester
        same = (
            waits.c.thread_id == turn.thread_id,
            waits.c.tenant == requester.tenant,
            waits.c.requester == requester.user_id,
            waits.c.integration == integration,
        )

        def work(connection: Connection) -> Row[Any]:
            # What satisfied it has broken again before the thread got there: it is the same wait still.
            connection.execute(
                update(waits).where(*same, waits.c.state == "satisfied").values(state="open", changed_at=now)
            )
            made = connection.execute(
                self._database.insert_if_absent(waits)
                .values(
                    id=uuid.uuid4().hex,
                    tenant=requester.tenant,
                    requester=requester.user_id,
                    organization=requester.organization_id,
                    thread_id=turn.thread_id,
                    turn_id=turn.id,
                    assistant_id=turn.assistant_id,
                    integration=integration,
                    reason=reason,
                    connection_id=connection_id,
                    deadline=now + LIFETIME,
                    state="open",
                    created_at=now,
                    changed_at=now,
                    look_at=now + FIRST_LOOK,
                    looks=0,
                    unverified=False,
                )
                .returning(waits.c.id)
            )
            if made.first() is None:
                # The turn that asks now is the one to wake, and what it waits for may have changed.
                connection.execute(
                    update(waits)
                    .where(*same, waits.c.state == "open")
                    .values(turn_id=turn.id, reason=reason, connection_id=connection_id)
                )
            # The open one; or the one that was open a moment ago, if somebody ended it in between.
            return connection.execute(
                select(waits)
                .where(*same)
                .order_by((waits.c.state == "open").desc(), waits.c.changed_at.desc())
                .limit(1)
            ).one()

        return _wait(await self._database.transaction(work))

    async def get(self, wait_id: str) -> Wait | None:
        found = await self.get_all([wait_id])
        return found.get(wait_id)

    async def get_all(self, wait_ids: Sequence[str]) -> dict[str, Wait]:
        found = await self._many(waits.c.id.in_(wait_ids)) if wait_ids else []
        return {wait.id: wait for wait in found}

    async def of_turn(self, turn: TurnRow, wait_ids: Sequence[str]) -> dict[str, Wait]:
        """Those of them that are of the turn's thread and requester: ids may come from a state that somebody has edited."""
        return {
            wait.id: wait
            for wait in (await self.get_all(wait_ids)).values()
            if wait.thread_id == turn.thread_id and wait.requester == turn.requester
        }

    async def live_in(self, thread_id: str) -> list[Wait]:
        """The thread's waits that are not over: open, or satisfied and not yet passed."""
        return await self._many(waits.c.thread_id == thread_id, waits.c.state.in_(LIVE))

    async def live_of(self, requester: Requester, integration: str) -> list[Wait]:
        """A requester's waits for an integration, in whatever thread."""
        return await self._many(
            waits.c.integration == integration,
            waits.c.requester == requester.user_id,
            waits.c.tenant == requester.tenant,
            waits.c.state.in_(LIVE),
        )

    async def live_for_connection(self, integration: str, connection_id: str) -> list[Wait]:
        """Waits for this connection to be authorized again."""
        return await self._many(
            waits.c.integration == integration, waits.c.connection_id == connection_id, waits.c.state.in_(LIVE)
        )

    async def unverified_for(self, requester: Requester, connection_ids: Sequence[str]) -> dict[tuple[str, str], Wait]:
        """By integration and connection id: the last wait, in whatever state, of the requester's tenant for one of these
        connections to be authorized again whose link somebody opened who did not prove to be its requester.
        """
        if not connection_ids:
            return {}
        found = await self._many(
            waits.c.connection_id.in_(connection_ids),
            waits.c.tenant == requester.tenant,
            waits.c.unverified.is_(True),
        )
        return {(wait.integration, wait.connection_id or ""): wait for wait in found}

    async def due(self, now: float, *, limit: int) -> list[Wait]:
        """Waits to be looked at now, the longest overdue first: live ones, and declined ones that no run has heard of.

        Those that nobody has looked at often come before all others: somebody may be authorizing just now.
        """
        due = (waits.c.state.in_(TO_BE_TOLD), waits.c.look_at <= now)
        order = (waits.c.look_at, waits.c.id)
        fresh = await self._many(*due, waits.c.looks < FRESH, order=order, limit=limit)
        return fresh + await self._many(*due, waits.c.looks >= FRESH, order=order, limit=limit - len(fresh))

    async def change(self, wait_id: str, state: WaitState, *, only_from: tuple[WaitState, ...], now: float) -> bool:
        """True for the one caller that made the change."""
        values: dict[str, Any] = {"state": state, "changed_at": now}
        if state not in LIVE:
            values["look_at"] = None
        return await self._set(and_(waits.c.id == wait_id, waits.c.state.in_(only_from)), values)

    async def decline(self, wait_id: str, *, now: float) -> bool:
        """Cancelled outside of its thread, which is to be woken until it has heard of it. True for who did it."""
        return await self._set(
            and_(waits.c.id == wait_id, waits.c.state == "open"),
            {"state": "cancelled", "changed_at": now, "look_at": now, "looks": 0},
        )

    async def heard(self, wait_id: str) -> None:
        """Its thread knows that it is over: nobody needs to be woken for it any more."""
        await self._set(waits.c.id == wait_id, {"look_at": None})

    async def satisfy(self, wait_id: str, *, connection_id: str, checked_by: str, now: float) -> bool:
        """True for the one caller that committed it. The thread is to be woken from now on, until it has passed."""
        return await self._set(
            and_(waits.c.id == wait_id, waits.c.state == "open"),
            {
                "state": "satisfied",
                "found_id": connection_id,
                "checked_by": checked_by,
                "changed_at": now,
                "look_at": now,
                "looks": 0,
            },
        )

    async def look_again(self, wait_id: str, *, at: float, looks: int) -> None:
        """When to look at it next (seconds since the epoch), after so many looks."""
        await self._set(and_(waits.c.id == wait_id, waits.c.state.in_(TO_BE_TOLD)), {"look_at": at, "looks": looks})

    async def opened(self, wait_id: str, *, unverified: bool, now: float) -> None:
        """Somebody went through our link to Nango: the connection may come any moment."""
        values: dict[str, Any] = {"look_at": now + FIRST_LOOK, "looks": 0}
        if unverified:
            values["unverified"] = True
        await self._set(and_(waits.c.id == wait_id, waits.c.state == "open"), values)

    async def _set(self, condition: ColumnElement[bool], values: dict[str, Any]) -> bool:
        change = update(waits).where(condition).values(**values)
        return await self._database.execute(change.returning(waits.c.id)) is not None

    async def _many(
        self, *conditions: ColumnElement[bool], order: Sequence[Any] = (waits.c.created_at,), limit: int | None = None
    ) -> list[Wait]:
        query = select(waits).where(*conditions).order_by(*order).limit(limit)
        return [_wait(row) for row in await self._database.rows(query)]


def _wait(row: Any) -> Wait:
    return Wait(
        id=row.id,
        requester=Requester(row.requester, row.organization),
        thread_id=row.thread_id,
        turn_id=row.turn_id or "",
        assistant_id=row.assistant_id,
        integration=row.integration,
        reason=row.reason,
        connection_id=row.connection_id,
        deadline=row.deadline,
        state=row.state,
        created_at=row.created_at,
        looks=row.looks or 0,
        unverified=bool(row.unverified),
        found_id=row.found_id,
        checked_by=row.checked_by or "",
    )

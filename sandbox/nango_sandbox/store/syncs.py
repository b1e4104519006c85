"""Syncs of connections: whether each is paused, when it runs next, and how its last run ended."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import uuid4

import aiosqlite
from pydantic import BaseModel, Field

from nango_sandbox.store.database import Database

BASE = "base"
"""The variant of a sync that every connection has."""


class Counts(BaseModel):
    """How many records of a model a run changed."""

    added: int = 0
    updated: int = 0
    deleted: int = 0


class LastRun(BaseModel):
    status: Literal["SUCCESS", "STOPPED"]
    finished_at: datetime
    result: dict[str, Counts]


class Request(BaseModel):
    """Somebody wants a run now. clear: what the sync had brought is forgotten first"""

    at: datetime
    clear: bool = False


class SyncState(BaseModel):
    """connection: the row of the connection
    frequency: where it is another one than the sync declares
    next_at: when the schedule has it run, unless it is paused
    succeeded_at: when its last run began that succeeded
    log_id: of the error that its last run left at the connection
    """

    id: str = Field(default_factory=lambda: str(uuid4()))
    connection: int
    connection_id: str
    integration: str
    name: str
    variant: str = BASE
    frequency: str | None = None
    paused: bool
    created_at: datetime
    next_at: datetime
    request: Request | None = None
    last: LastRun | None = None
    succeeded_at: datetime | None = None
    log_id: str | None = None

    def model(self, name: str) -> str:
        """Under which the records of a model are kept: those of a variant are its own."""
        return name if self.variant == BASE else f"{name}::{self.variant}"


class SyncName(NamedTuple):
    name: str
    variant: str = BASE


class Syncs:
    """`changed` is set when there may be something to run. `running` holds the ids of those that run now."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.changed = asyncio.Event()
        self.running: set[str] = set()

    async def add(self, sync: SyncState) -> bool:
        """Whether it was added: there is one at most of each name and variant."""
        async with self._database.transaction() as rows:
            cursor = await rows.execute(
                "INSERT OR IGNORE INTO syncs (id, connection, integration, name, variant, body) VALUES (?, ?, ?, ?, ?, ?)",
                (sync.id, sync.connection, sync.integration, sync.name, sync.variant, sync.model_dump_json()),
            )
        self.changed.set()
        return cursor.rowcount == 1

    async def change(self, sync_id: str, how: Callable[[SyncState], SyncState]) -> SyncState | None:
        """The changed sync; None if there is none any more."""
        async with self._database.transaction() as rows:
            async with rows.execute("SELECT body FROM syncs WHERE id = ?", (sync_id,)) as found:
                row = await found.fetchone()
            if row is None:
                return None
            changed = how(_read(row))
            await rows.execute("UPDATE syncs SET body = ? WHERE id = ?", (changed.model_dump_json(), sync_id))
        self.changed.set()
        return changed

    async def delete(self, sync_id: str) -> None:
        """What it brought goes with it."""
        async with self._database.transaction() as rows:
            await rows.execute("DELETE FROM records WHERE sync = ?", (sync_id,))
            await rows.execute("DELETE FROM syncs WHERE id = ?", (sync_id,))

    async def all(self, integration: str | None = None, connection: int | None = None) -> list[SyncState]:
        """Those of an integration or of one connection, oldest first."""
        query = "SELECT body FROM syncs WHERE (?1 IS NULL OR integration = ?1) AND (?2 IS NULL OR connection = ?2) ORDER BY position"
        async with self._database.transaction() as rows, rows.execute(query, (integration, connection)) as found:
            return [_read(row) async for row in found]


def _read(row: aiosqlite.Row) -> SyncState:
    return SyncState.model_validate_json(row["body"])

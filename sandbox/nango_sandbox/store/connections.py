"""Connections: one user's authorization of one integration."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

import aiosqlite
from pydantic import BaseModel, Field

from nango_sandbox.clock import Clock
from nango_sandbox.store.database import Database
from nango_sandbox.store.kept import FreeObject, Kept

Operation = Literal["creation", "override"]


class EndUser(BaseModel):
    """The deprecated way to say whose a connection is. Tags replace it, and are derived from it."""

    id: str
    display_name: str | None = None
    email: str | None = None
    tags: dict[str, str] | None = None
    organization: dict[str, str | None] | None = None


class Connection(Kept):
    id: int = 0
    connection_id: str
    integration: str
    provider: str
    auth_mode: str
    tags: dict[str, str]
    metadata: FreeObject = Field(default_factory=dict)
    connection_config: FreeObject = Field(default_factory=dict)
    end_user: EndUser | None = None
    credentials: FreeObject = Field(default_factory=dict, repr=False)
    errors: list[dict[str, str]] = Field(default_factory=list)
    webhook_url_override: str | None = None
    refresh_failed_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    last_fetched_at: datetime | None = None


class Stored(NamedTuple):
    connection: Connection
    operation: Operation


def _read(row: aiosqlite.Row) -> Connection:
    connection = Connection.from_text(row["body"])
    connection.id = row["id"]
    return connection


class Connections:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, connection_id: str, integration: str) -> Connection | None:
        async with self._database.transaction() as rows:
            return await self._get(rows, connection_id, integration)

    async def put(self, wanted: Connection) -> Stored:
        """Add a connection, or put it over the one with its id. What is not sent is wiped, tags included."""
        async with self._database.transaction() as rows:
            held = await self._get(rows, wanted.connection_id, wanted.integration)
            connection = wanted.model_copy()
            if held is not None:
                kept = {
                    "created_at": held.created_at,
                    # New credentials clear what was wrong with the old ones. A sync that fails is another matter.
                    "errors": [each for each in held.errors if each["type"] != "auth"],
                    "metadata": wanted.metadata or held.metadata,
                    "last_fetched_at": wanted.last_fetched_at or held.last_fetched_at,
                }
                connection = wanted.model_copy(update=kept)
            await self._save(rows, connection)
            stored = await self._get(rows, wanted.connection_id, wanted.integration)
        assert stored is not None  # noqa: S101 - it was written in this transaction
        return Stored(stored, "creation" if held is None else "override")

    async def change(self, connection_id: str, integration: str, **fields: Any) -> Connection | None:
        """Replace fields of a connection; None if there is no such connection."""
        async with self._database.transaction() as rows:
            connection = await self._get(rows, connection_id, integration)
            if connection is None:
                return None
            changed = connection.model_copy(update=fields)
            await self._save(rows, changed)
            return changed

    async def delete(self, connection_id: str, integration: str) -> bool:
        """Its syncs and their records go with it."""
        async with self._database.transaction() as rows:
            held = await self._get(rows, connection_id, integration)
            if held is None:
                return False
            await rows.execute("DELETE FROM connections WHERE id = ?", (held.id,))
            for table in ("syncs", "records"):
                await rows.execute(f"DELETE FROM {table} WHERE connection = ?", (held.id,))  # noqa: S608
            return True

    async def newest_first(self, *, tags: Mapping[str, str] | None = None) -> list[Connection]:
        """All connections that carry all of these tags."""
        async with (
            self._database.transaction() as rows,
            rows.execute("SELECT id, body FROM connections ORDER BY id DESC") as found,
        ):
            connections = [_read(row) async for row in found]
        wanted = (tags or {}).items()
        return [each for each in connections if wanted <= each.tags.items()]

    async def _get(self, rows: aiosqlite.Connection, connection_id: str, integration: str) -> Connection | None:
        query = "SELECT id, body FROM connections WHERE connection_id = ? AND integration = ?"
        async with rows.execute(query, (connection_id, integration)) as found:
            row = await found.fetchone()
        return None if row is None else _read(row)

    async def _save(self, rows: aiosqlite.Connection, connection: Connection) -> None:
        await rows.execute(
            "INSERT INTO connections (connection_id, integration, body) VALUES (?, ?, ?) "
            "ON CONFLICT (integration, connection_id) DO UPDATE SET body = excluded.body",
            (connection.connection_id, connection.integration, connection.to_text(exclude={"id"})),
        )

"""What one app remembers: JSON documents by kind and id, in the order in which they came."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiosqlite

from nango_sandbox.store.database import Database


class Documents:
    """The data of one app. Each call takes effect by itself; inside a transaction, all of them together or not at all."""

    def __init__(self, held: Database | aiosqlite.Connection, app: str) -> None:
        """`held` is the database, or a transaction of it in which everything happens."""
        self._held = held
        self._app = app

    async def all(self, kind: str) -> list[Any]:
        """Every document of a kind, oldest first."""
        query = "SELECT body FROM documents WHERE app = ? AND kind = ? ORDER BY position"
        async with self._transaction() as rows, rows.execute(query, (self._app, kind)) as found:
            return [json.loads(row["body"]) async for row in found]

    async def get(self, kind: str, key: object) -> Any:
        """The document, or None."""
        query = "SELECT body FROM documents WHERE app = ? AND kind = ? AND id = ?"
        async with self._transaction() as rows, rows.execute(query, (self._app, kind, str(key))) as found:
            row = await found.fetchone()
        return None if row is None else json.loads(row["body"])

    async def put(self, kind: str, key: object, body: object) -> None:
        """Add a document, or replace the one of that kind and id."""
        async with self._transaction() as rows:
            await rows.execute(
                "INSERT INTO documents (app, kind, id, body) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (app, kind, id) DO UPDATE SET body = excluded.body",
                (self._app, kind, str(key), json.dumps(body)),
            )

    async def delete(self, kind: str, key: object) -> bool:
        """Whether there was such a document."""
        async with self._transaction() as rows:
            cursor = await rows.execute(
                "DELETE FROM documents WHERE app = ? AND kind = ? AND id = ?", (self._app, kind, str(key))
            )
        return cursor.rowcount == 1

    async def next_number(self, name: str, first: int = 1) -> int:
        """The next number of a series. A number is never given twice, whatever was deleted."""
        query = (
            "INSERT INTO counters (app, name, value) VALUES (?, ?, ?) "
            "ON CONFLICT (app, name) DO UPDATE SET value = value + 1 RETURNING value"
        )
        async with self._transaction() as rows, rows.execute(query, (self._app, name, first)) as found:
            row = await found.fetchone()
        assert row is not None  # noqa: S101 - RETURNING gives a row
        return int(row["value"])

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        if isinstance(self._held, Database):
            async with self._held.transaction() as rows:
                yield rows
        else:
            yield self._held


async def every_document(rows: aiosqlite.Connection) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """All apps' data: app, kind, documents."""
    state: dict[str, dict[str, list[dict[str, Any]]]] = {}
    async with rows.execute("SELECT app, kind, body FROM documents ORDER BY position") as found:
        async for row in found:
            state.setdefault(row["app"], {}).setdefault(row["kind"], []).append(json.loads(row["body"]))
    return state

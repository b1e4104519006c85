"""Actions that were triggered with `X-Async`: a queue, and what came of those that are done."""

import asyncio
from datetime import datetime
from uuid import uuid4

import aiosqlite
from pydantic import Field

from nango_sandbox.store.database import Database
from nango_sandbox.store.kept import FreeJson, Kept


class Outcome(Kept):
    """What the synchronous call would have answered."""

    status: int
    body: FreeJson


class AsyncAction(Kept):
    """retries: how often it may still be run again
    due: when it runs at the earliest
    started_at: when its present run began; None while it waits
    """

    id: str = Field(default_factory=lambda: str(uuid4()))
    connection_id: str
    integration: str
    action: str
    input: FreeJson
    retries: int
    due: datetime
    started_at: datetime | None = None
    outcome: Outcome | None = None


class AsyncActions:
    """`changed` is set when there is something new to do."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.changed = asyncio.Event()

    async def add(self, action: AsyncAction) -> None:
        async with self._database.transaction() as rows:
            await rows.execute("INSERT INTO async_actions (id, body) VALUES (?, ?)", (action.id, action.to_text()))
        self.changed.set()

    async def get(self, action_id: str) -> AsyncAction | None:
        async with (
            self._database.transaction() as rows,
            rows.execute("SELECT body FROM async_actions WHERE id = ?", (action_id,)) as found,
        ):
            row = await found.fetchone()
        return None if row is None else _read(row)

    async def put(self, action: AsyncAction) -> None:
        """Replace the one with its id."""
        async with self._database.transaction() as rows:
            await rows.execute("UPDATE async_actions SET body = ? WHERE id = ?", (action.to_text(), action.id))

    async def unfinished(self) -> list[AsyncAction]:
        """Those that wait or run, first come first."""
        query = "SELECT body FROM async_actions WHERE json_extract(body, '$.outcome') IS NULL ORDER BY position"
        async with self._database.transaction() as rows, rows.execute(query) as found:
            return [_read(row) async for row in found]


def _read(row: aiosqlite.Row) -> AsyncAction:
    return AsyncAction.from_text(row["body"])

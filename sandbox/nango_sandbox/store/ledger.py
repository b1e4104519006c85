"""The ledger: every action that ran, reads too. It says what really happened, whatever a client believes."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

import aiosqlite
from pydantic import ConfigDict, JsonValue

from nango_sandbox.store.database import Database
from nango_sandbox.store.kept import FREE, FreeJson, Kept

Access = Literal["read", "write", "destructive"]
Via = Literal["rest", "mcp", "proxy"]


class LedgerEntry(Kept):
    """One execution of one action. `output` is there if it succeeded, `error` (Nango's error object) if it failed."""

    model_config = ConfigDict(frozen=True)

    id: int
    at: datetime
    integration: str
    connection_id: str
    end_user_id: str | None
    action: str
    access: Access
    input: FreeJson
    status: Literal["succeeded", "failed"]
    output: FreeJson = None
    error: Annotated[dict[str, Any] | None, FREE] = None
    via: Via

    def failed(self, status: int, error: dict[str, JsonValue]) -> Self:
        """The same run, with the status and the error that Nango answered."""
        return self.model_copy(update={"status": "failed", "error": {"status": status, **error}})

    def to_wire(self) -> dict[str, JsonValue]:
        absent = "error" if self.status == "succeeded" else "output"
        return self.to_json(exclude={absent})


class Ledger:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, entry: LedgerEntry) -> None:
        """Write an entry; its id is given here."""
        async with self._database.transaction() as rows:
            await self.add(rows, entry)

    async def add(self, rows: aiosqlite.Connection, entry: LedgerEntry) -> None:
        """Write an entry in a transaction; its id is given here."""
        await rows.execute("INSERT INTO ledger (body) VALUES (?)", (entry.to_text(exclude={"id"}),))

    async def entries(self) -> list[LedgerEntry]:
        """Every entry, oldest first."""
        async with (
            self._database.transaction() as rows,
            rows.execute("SELECT id, json_set(body, '$.id', id) AS body FROM ledger ORDER BY id") as found,
        ):
            return [LedgerEntry.from_text(row["body"]) async for row in found]

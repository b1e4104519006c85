"""Records: what syncs have copied, with when each was first seen, changed and deleted."""

import base64
import binascii
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID, uuid5

import aiosqlite

from nango_sandbox.store.database import Database
from nango_sandbox.store.kept import FreeObject, Kept
from nango_sandbox.store.syncs import Counts, SyncState

LastAction = Literal["ADDED", "UPDATED", "DELETED"]

_NIL = UUID(int=0)


class Cursor(NamedTuple):
    """The place of a record among those of its model, which go by the time of their last change."""

    modified_at: str
    uuid: str

    def __str__(self) -> str:
        return base64.b64encode(f"{self.modified_at}||{self.uuid}".encode()).decode()

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Raises ValueError."""
        try:
            modified_at, separator, uuid = base64.b64decode(text, validate=True).decode().partition("||")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ValueError(str(error)) from error
        if not separator:
            raise ValueError(text)
        return cls(record_time(datetime.fromisoformat(modified_at)), str(UUID(uuid)))


class Record(Kept):
    """digest: tells whether the data changed, even after it was pruned"""

    uuid: str
    digest: str
    data: FreeObject
    first_seen_at: datetime
    last_modified_at: datetime
    last_action: LastAction
    deleted_at: datetime | None = None
    pruned_at: datetime | None = None

    @property
    def cursor(self) -> Cursor:
        return Cursor(record_time(self.last_modified_at), self.uuid)


def record_time(moment: datetime) -> str:
    """2026-11-20T20:54:40.580531+00:00, whose order as text is that of the moments."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


class Records:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(
        self, sync: SyncState, model: str, records: Sequence[Mapping[str, Any]], now: datetime, *, track_deletes: bool
    ) -> Counts | None:
        """Write what a sync brought; of records with one id, the last counts. None if the sync is no more.

        track_deletes: what is not among `records` is marked as deleted
        """
        brought = {str(each["id"]): dict(each) for each in records}
        counts = Counts()
        async with self._database.transaction() as rows:
            async with rows.execute("SELECT 1 FROM syncs WHERE id = ?", (sync.id,)) as found:
                if await found.fetchone() is None:
                    return None
            held = await self._of_model(rows, sync, model)
            for external_id, data in brought.items():
                before, digest = held.get(external_id), _digest(data)
                if before is None or before.deleted_at is not None:
                    counts.added += 1
                    record = Record(
                        uuid=_uuid(sync, model, external_id),
                        digest=digest,
                        data=data,
                        first_seen_at=now,
                        last_modified_at=now,
                        last_action="ADDED",
                    )
                elif before.digest != digest:
                    counts.updated += 1
                    changed = {"last_modified_at": now, "last_action": "UPDATED", "pruned_at": None}
                    record = before.model_copy(update={"data": data, "digest": digest, **changed})
                else:
                    continue
                await self._put(rows, sync, model, external_id, record)
            for external_id in held.keys() - brought.keys() if track_deletes else ():
                before = held[external_id]
                if before.deleted_at is None:
                    counts.deleted += 1
                    fields = {"deleted_at": now, "last_modified_at": now, "last_action": "DELETED"}
                    await self._put(rows, sync, model, external_id, before.model_copy(update=fields))
        return counts

    async def clear(self, sync: SyncState) -> None:
        """Forget what a sync brought."""
        async with self._database.transaction() as rows:
            await rows.execute("DELETE FROM records WHERE sync = ?", (sync.id,))

    async def count(self, sync: SyncState, model: str) -> int:
        """How many there are that are not deleted."""
        query = (
            "SELECT count(*) AS count FROM records WHERE sync = ? AND model = ? "
            "AND json_extract(body, '$.deleted_at') IS NULL"
        )
        async with (
            self._database.transaction() as rows,
            rows.execute(query, (sync.id, sync.model(model))) as found,
        ):
            row = await found.fetchone()
        return int(row["count"]) if row is not None else 0

    async def page(
        self,
        connection: int,
        model: str,
        limit: int,
        *,
        after: Cursor | None = None,
        modified_after: datetime | None = None,
        actions: Collection[LastAction] = (),
        ids: Collection[str] | None = None,
    ) -> tuple[list[Record], Cursor | None]:
        """So many records, by time of their last change, and the cursor of the last one if more follow."""
        where, values = ["connection = ?", "model = ?"], [connection, model]
        given: list[tuple[str, Sequence[Any]]] = []
        if after is not None:
            given.append(("(modified_at, uuid) > (?, ?)", after))
        if modified_after is not None:
            given.append(("modified_at >= ?", [record_time(modified_after)]))
        if actions:
            given.append((f"json_extract(body, '$.last_action') IN ({_marks(actions)})", [*actions]))
        if ids is not None:
            given.append((f"external_id IN ({_marks(ids)})", [*ids]))
        where += [condition for condition, _ in given]
        bound: list[Any] = [*values, *(value for _, each in given for value in each), limit + 1]
        query = f"SELECT body FROM records WHERE {' AND '.join(where)} ORDER BY modified_at, uuid LIMIT ?"  # noqa: S608
        async with self._database.transaction() as rows, rows.execute(query, bound) as found:
            records = [Record.from_text(row["body"]) async for row in found]
        return records[:limit], records[limit - 1].cursor if len(records) > limit else None

    async def prune(self, connection: int, model: str, until: Cursor, limit: int, now: datetime) -> list[Cursor]:
        """Empty so many records up to a cursor, which keep their ids. Returns their cursors."""
        query = (
            "SELECT external_id, body FROM records WHERE connection = ? AND model = ? AND (modified_at, uuid) <= (?, ?) "
            "AND json_extract(body, '$.pruned_at') IS NULL ORDER BY modified_at, uuid LIMIT ?"
        )
        pruned = []
        async with self._database.transaction() as rows:
            async with rows.execute(query, (connection, model, *until, limit)) as found:
                held = [(row["external_id"], Record.from_text(row["body"])) async for row in found]
            for external_id, record in held:
                emptied = record.model_copy(update={"data": {"id": record.data["id"]}, "pruned_at": now})
                await rows.execute(
                    "UPDATE records SET body = ? WHERE connection = ? AND model = ? AND external_id = ?",
                    (emptied.to_text(), connection, model, external_id),
                )
                pruned.append(record.cursor)
        return pruned

    async def _of_model(self, rows: aiosqlite.Connection, sync: SyncState, model: str) -> dict[str, Record]:
        query = "SELECT external_id, body FROM records WHERE connection = ? AND model = ?"
        async with rows.execute(query, (sync.connection, sync.model(model))) as found:
            return {row["external_id"]: Record.from_text(row["body"]) async for row in found}

    async def _put(
        self, rows: aiosqlite.Connection, sync: SyncState, model: str, external_id: str, record: Record
    ) -> None:
        await rows.execute(
            "INSERT OR REPLACE INTO records (connection, model, external_id, sync, modified_at, uuid, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (sync.connection, sync.model(model), external_id, sync.id, *record.cursor, record.to_text()),
        )


def _uuid(sync: SyncState, model: str, external_id: str) -> str:
    """The same for a record whenever it comes, and as a real server makes it, so that the order is the same too."""
    kept_as = f"{sync.connection}{sync.model(model)}"
    return str(uuid5(uuid5(_NIL, kept_as), f"{kept_as}{external_id}"))


def _digest(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" * len(values))

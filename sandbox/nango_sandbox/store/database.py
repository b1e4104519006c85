"""One SQLite database: keys, connections, connect sessions, the apps' data and the ledger."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import aiosqlite

SCHEMA_VERSION = 2

_TABLES = """
CREATE TABLE keys (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    secret TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL
);
CREATE TABLE integrations (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
);
CREATE TABLE declared (key TEXT PRIMARY KEY);
CREATE TABLE connections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    connection_id TEXT NOT NULL,
    integration TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (integration, connection_id)
);
CREATE TABLE grants (
    provider TEXT NOT NULL,
    secret TEXT NOT NULL,
    refresh_token TEXT,
    body TEXT NOT NULL,
    PRIMARY KEY (provider, secret),
    UNIQUE (provider, refresh_token)
);
CREATE TABLE authorization_codes (code TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE oauth_states (state TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE async_actions (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
);
CREATE TABLE syncs (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    connection INTEGER NOT NULL,
    integration TEXT NOT NULL,
    name TEXT NOT NULL,
    variant TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (connection, name, variant)
);
CREATE TABLE records (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    connection INTEGER NOT NULL,
    model TEXT NOT NULL,
    external_id TEXT NOT NULL,
    sync TEXT NOT NULL,
    modified_at TEXT NOT NULL,
    uuid TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (connection, model, external_id)
);
CREATE INDEX records_by_cursor ON records (connection, model, modified_at, uuid);
CREATE TABLE connect_sessions (token TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE documents (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    app TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (app, kind, id)
);
CREATE TABLE counters (
    app TEXT NOT NULL,
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (app, name)
);
CREATE TABLE ledger (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    body TEXT NOT NULL
);
"""


class DatabaseVersionError(RuntimeError):
    """The file was written by another version of the sandbox."""


class DatabaseTakenError(RuntimeError):
    """Another sandbox uses the file."""


class Database:
    """One connection to SQLite, used by one transaction at a time."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """Everything inside takes effect together, or not at all if an exception leaves the block."""
        async with self._turn:
            try:
                await self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
            except BaseException:
                await self._connection.rollback()
                raise
            await self._connection.commit()


@contextmanager
def _claimed(path: Path) -> Iterator[None]:
    """Keep others from the database. The operating system ends the claim with the process, however that ends.

    It is SQLite's lock on an empty file beside it, which stays: were it deleted, two could hold one each.
    """
    lock = path.with_name(f"{path.name}-lock")
    lock.touch(mode=0o600)
    with closing(sqlite3.connect(lock, timeout=0, isolation_level=None)) as claim:
        try:
            claim.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            message = f"Another sandbox uses {path}. Stop it, or name another file."
            raise DatabaseTakenError(message) from error
        yield


def delete_database(path: Path) -> None:
    """The file, and those that SQLite keeps beside it. Raises DatabaseTakenError if a sandbox uses it."""
    if not path.parent.is_dir():
        return
    with _claimed(path):
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


@asynccontextmanager
async def open_database(path: Path | None) -> AsyncIterator[Database]:
    """Open the file, making it (readable by its owner only) if it does not exist; None is a database in memory.

    Raises DatabaseTakenError if another sandbox uses the file, DatabaseVersionError if it has another layout,
    sqlite3.DatabaseError if it is no database.
    """
    if path is None:
        async with _opened(None) as database:
            yield database
        return
    await asyncio.to_thread(path.touch, mode=0o600)
    with _claimed(path):
        async with _opened(path) as database:
            yield database


@asynccontextmanager
async def _opened(path: Path | None) -> AsyncIterator[Database]:
    async with aiosqlite.connect(path or ":memory:", isolation_level=None) as connection:
        connection.row_factory = aiosqlite.Row
        await connection.execute("PRAGMA journal_mode = WAL")
        async with connection.execute("PRAGMA user_version") as cursor:
            row = await cursor.fetchone()
        version = row[0] if row else 0
        if version == 0:
            await connection.executescript(
                f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            )
        elif version != SCHEMA_VERSION:
            message = (
                f"{path} has layout {version}, this sandbox writes layout {SCHEMA_VERSION}. "
                "Start it with --reset for a fresh one, or name another file."
            )
            raise DatabaseVersionError(message)
        yield Database(connection)

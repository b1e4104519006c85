"""The agent's own database: what must be true after a crash. SQLite by default, Postgres by URL."""

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Table,
    event,
    insert,
    inspect,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from nango_graph.records.tables import VERSION, metadata, schema

_PATIENCE = 15.0
"""Seconds to wait for another process's lock on a SQLite file."""
_READERS = 4
"""Connections that read a SQLite file at the same time."""
_SETUP_LOCK = 0x6E616E676F


class Database:
    """A connection pool with the tables in place. One per event loop: an engine belongs to the loop that made it."""

    def __init__(self, engine: AsyncEngine, readers: AsyncEngine) -> None:
        """`readers`: connections that commit by themselves, for what only reads."""
        self._engine = engine
        self._readers = readers
        # SQLite has one writer at a time. Who waits for it in here is woken at once; its own busy handler sleeps.
        self._alone = asyncio.Lock() if engine.dialect.name == "sqlite" else None

    @classmethod
    async def open(cls, url: str | Path | None) -> "Database":
        """`url`: SQLAlchemy URL, the path of a SQLite file (made with mode 0600), or None for one in memory."""
        if url is None:
            engine, readers = _writer_and_readers("sqlite+aiosqlite://")
        elif isinstance(url, Path):
            # The LangGraph server refuses blocking calls on its loop.
            await asyncio.to_thread(_sqlite_file, url)
            engine, readers = _writer_and_readers(f"sqlite+aiosqlite:///{url}")
        else:
            engine, readers = _writer_and_readers(_with_driver(url))
        if engine.dialect.name == "sqlite":
            _make_sqlite_durable(engine)
        database = cls(engine, readers)
        try:
            async with database.transaction() as connection:
                if engine.dialect.name == "postgresql":
                    # CREATE TABLE races between workers that start together.
                    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SETUP_LOCK})
                await connection.run_sync(_bring_up_to_date)
            if readers is not engine and engine.dialect.name == "sqlite":
                # Now, and not when a run first needs one: a run may be cancelled while a connection opens, which then leaks.
                async with AsyncExitStack() as opened:
                    for _ in range(_READERS):
                        await opened.enter_async_context(database.reading())
        except BaseException:
            await database.close()
            raise
        return database

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """What is done in it is committed in the end, all or nothing. Nothing else may write meanwhile in SQLite."""
        async with self._alone or nullcontext(), self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """For SELECTs: each sees what was committed before it. It waits for no writer."""
        if self._readers is self._engine:
            async with self.transaction() as connection:
                yield connection
        else:
            async with self._readers.connect() as connection:
                yield connection

    def insert_if_absent(self, table: Table) -> Any:
        """`INSERT … ON CONFLICT DO NOTHING` in the dialect at hand."""
        build = sqlite_insert if self._engine.dialect.name == "sqlite" else postgres_insert
        return build(table).on_conflict_do_nothing()

    async def close(self) -> None:
        await self._readers.dispose()
        await self._engine.dispose()


def _writer_and_readers(url: str | URL) -> tuple[AsyncEngine, AsyncEngine]:
    if make_url(url).get_backend_name() != "sqlite":
        engine = create_async_engine(url, pool_pre_ping=True)
        return engine, engine.execution_options(isolation_level="AUTOCOMMIT")
    if make_url(url).database in {None, "", ":memory:"}:
        engine = create_async_engine(url, poolclass=AsyncAdaptedQueuePool, pool_size=1, max_overflow=0)
        return engine, engine
    readers = create_async_engine(url, isolation_level="AUTOCOMMIT", pool_size=_READERS, max_overflow=0)
    event.listen(readers.sync_engine, "connect", _be_patient)
    return create_async_engine(url, pool_size=2, max_overflow=2), readers


def _with_driver(url: str) -> URL:
    parsed = make_url(url)
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def _bring_up_to_date(connection: Connection) -> None:
    """Makes what is missing: tables, and the columns and indexes that later versions have added to older ones."""
    there = inspect(connection)
    older = {table.name for table in metadata.sorted_tables if there.has_table(table.name)}
    known = {name: {column["name"] for column in there.get_columns(name)} for name in older}
    indexed = {name: {index["name"] for index in there.get_indexes(name)} for name in older}
    metadata.create_all(connection)
    found = connection.execute(select(schema.c.version)).scalar()
    if found is not None and found > VERSION:
        raise RuntimeError(
            f"The records were written by a later version of nango-agent (schema {found}, this one has {VERSION}). "
            "Use that version, or give this one a database of its own."
        )
    for table in metadata.sorted_tables:
        if table.name not in older:
            continue
        for column in table.columns:
            if column.name not in known[table.name]:
                # Columns are only ever added, and those that are may be empty: older rows stay as they are.
                kind = column.type.compile(dialect=connection.dialect)
                connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}"))
        for index in table.indexes:
            if index.name not in indexed[table.name]:
                index.create(connection)
    if found is None:
        connection.execute(insert(schema).values(version=VERSION))
    elif found < VERSION:
        connection.execute(update(schema).values(version=VERSION))


def private_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Only a new file is opened: closing one that SQLite has open elsewhere in this process would drop SQLite's locks.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _sqlite_file(path: Path) -> None:
    """The file, with write-ahead logging on: SQLite waits for no lock when it turns that on, so this tries again."""
    private_file(path)
    until = time.monotonic() + _PATIENCE
    with contextlib.closing(sqlite3.connect(path, timeout=_PATIENCE)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.01)
            else:
                return


def _be_patient(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={int(_PATIENCE * 1000)}")
    cursor.close()


def _make_sqlite_durable(engine: AsyncEngine) -> None:
    """A committed row survives a power cut, and a transaction takes its lock when it begins, not when it first writes."""

    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (f"busy_timeout={int(_PATIENCE * 1000)}", "journal_mode=WAL", "synchronous=FULL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _on_begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

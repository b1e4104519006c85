"""The agent's own database: what must be true after a crash. SQLite by default, Postgres by URL."""

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    URL,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
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

VERSION = 2
_PATIENCE = 15.0
"""Seconds to wait for another process's lock on a SQLite file."""
_SETUP_LOCK = 0x6E616E676F

metadata = MetaData()


class Prose(TypeDecorator[str]):
    """Text from outside. NUL and lone surrogates, which JSON may hold and databases refuse, become U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


schema = Table("nango_agent_schema", metadata, Column("version", Integer, primary_key=True))

turns = Table(
    "nango_agent_turns",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("requester", String(255), nullable=False),
    Column("organization", String(255), nullable=False),
    Column("thread_id", String(255), nullable=False, index=True),
    Column("assistant_id", String(255), nullable=False),
    Column("message_id", Prose, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("graph_id", String(255)),
    Column("settings", JSON),
)

waits = Table(
    "nango_agent_waits",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("requester", String(255), nullable=False),
    Column("organization", String(255), nullable=False),
    Column("thread_id", String(255), nullable=False, index=True),
    Column("assistant_id", String(255), nullable=False),
    Column("integration", String(255), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("connection_id", String(255)),
    Column("deadline", Float, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("created_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    Column("turn_id", String(64)),
    Column("look_at", Float),
    Column("looks", Integer),
    Column("unverified", Boolean),
    Column("found_id", String(255)),
    Column("checked_by", Prose),
    Index("nango_agent_waits_due", "state", "look_at"),
    Index("nango_agent_waits_fresh", "state", "looks", "look_at"),
    Index("nango_agent_waits_requester", "integration", "requester", "state"),
    Index("nango_agent_waits_connection", "connection_id"),
    Index(
        "nango_agent_waits_open",
        "thread_id",
        "tenant",
        "requester",
        "integration",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
)

plans = Table(
    "nango_agent_plans",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("thread_id", String(255), nullable=False, index=True),
    Column("turn_id", String(64), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("steps", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
)

decisions = Table(
    "nango_agent_decisions",
    metadata,
    Column("plan_id", String(64), nullable=False),
    Column("step", String(64), nullable=False),
    Column("item", String(64), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("tenant", String(255), nullable=False),
    Column("thread_id", String(255), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("asked_id", String(64), nullable=False),
    Column("actor", String(255), nullable=False),
    Column("message", Prose, nullable=False),
    Column("decided_at", Float, nullable=False),
    PrimaryKeyConstraint("plan_id", "step", "item", "attempt"),
)

calls = Table(
    "nango_agent_calls",
    metadata,
    Column("plan_id", String(64), nullable=False),
    Column("step", String(64), nullable=False),
    Column("item", String(64), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("tenant", String(255), nullable=False),
    Column("thread_id", String(255), nullable=False),
    Column("tool", String(512), nullable=False),
    Column("connection_id", String(255), nullable=False),
    Column("access", String(16), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("worker", String(64), nullable=False),
    Column("lease_until", Float, nullable=False),
    Column("output", JSON),
    Column("error", Prose),
    Column("started_at", Float, nullable=False),
    Column("finished_at", Float),
    PrimaryKeyConstraint("plan_id", "step", "item", "attempt"),
    Column("cause", String(32)),
    Index("nango_agent_calls_thread", "thread_id", "tenant"),
)

accounts = Table(
    "nango_agent_accounts",
    metadata,
    Column("tenant", String(255), nullable=False),
    Column("requester", String(255), nullable=False),
    Column("integration", String(255), nullable=False),
    Column("connection_id", String(255), nullable=False),
    Column("preferred_at", Float),
    Column("trusted", Boolean),
    Column("trusted_wait", String(64)),
    PrimaryKeyConstraint("tenant", "requester", "integration", "connection_id"),
)

leases = Table(
    "nango_agent_leases",
    metadata,
    Column("name", String(600), primary_key=True),
    Column("kind", String(16), nullable=False, index=True),
    Column("thread_id", String(255), nullable=False),
    Column("worker", String(255), nullable=False),
    Column("fence", Integer, nullable=False),
    Column("until", Float, nullable=False),
)


class Database:
    """A connection pool with the tables in place. One per event loop: an engine belongs to the loop that made it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @classmethod
    async def open(cls, url: str | Path | None) -> "Database":
        """`url`: SQLAlchemy URL, the path of a SQLite file (made with mode 0600), or None for one in memory."""
        if url is None:
            engine = create_async_engine(
                "sqlite+aiosqlite://", poolclass=AsyncAdaptedQueuePool, pool_size=1, max_overflow=0
            )
        elif isinstance(url, Path):
            # The LangGraph server refuses blocking calls on its loop.
            await asyncio.to_thread(_sqlite_file, url)
            engine = create_async_engine(f"sqlite+aiosqlite:///{url}")
        else:
            engine = create_async_engine(_with_driver(url), pool_pre_ping=True)
        if engine.dialect.name == "sqlite":
            _make_sqlite_durable(engine)
        database = cls(engine)
        try:
            async with database.transaction() as connection:
                if engine.dialect.name == "postgresql":
                    # CREATE TABLE races between workers that start together.
                    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SETUP_LOCK})
                await connection.run_sync(_bring_up_to_date)
        except BaseException:
            await engine.dispose()
            raise
        return database

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        async with self._engine.begin() as connection:
            yield connection

    def insert_if_absent(self, table: Table) -> Any:
        """`INSERT … ON CONFLICT DO NOTHING` in the dialect at hand."""
        build = sqlite_insert if self._engine.dialect.name == "sqlite" else postgres_insert
        return build(table).on_conflict_do_nothing()

    async def close(self) -> None:
        await self._engine.dispose()


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

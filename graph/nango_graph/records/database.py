"""The agent's own database: what must be true after a crash. SQLite by default, Postgres by URL."""

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import URL, Connection, Executable, Row, Select, Table, insert, inspect, make_url, select, text, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from nango_graph.errors import UsageError
from nango_graph.records.engines import PATIENCE, Engines, Postgres, Sqlite, Work, is_in_memory
from nango_graph.records.tables import VERSION, metadata, schema

T = TypeVar("T")
Values = Mapping[str, Any]
"""For the parameters of a statement, by name."""
_SETUP_LOCK = 0x6E616E676F


class Database:
    """The tables, in place. One per event loop."""

    def __init__(self, engines: Engines, *, outlives_the_process: bool = True) -> None:
        self.engines = engines
        self.outlives_the_process = outlives_the_process

    @classmethod
    async def open(cls, url: str | Path | None) -> Self:
        """`url`: SQLAlchemy URL, the path of a SQLite file (made with mode 0600), or None for one in memory."""
        parsed = URL.create("sqlite", database=str(url)) if isinstance(url, Path) else make_url(url or "sqlite://")
        engines: Engines
        backend = parsed.get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise UsageError(
                f"NANGO_AGENT_DATABASE_URL names a database of {backend}. The records are kept in SQLite or Postgres."
            )
        if backend == "postgresql":
            engines = Postgres(parsed)
        else:
            if (parsed.database or "").startswith("file:"):
                raise UsageError(
                    f"SQLite's own URIs are not taken ({parsed.database}). Give the path: sqlite:////folder/records.db"
                )
            if not is_in_memory(parsed):
                # The LangGraph server refuses blocking calls on its loop.
                await asyncio.to_thread(_sqlite_file, Path(parsed.database or ""))
            engines = Sqlite(parsed)
        database = cls(engines, outlives_the_process=not is_in_memory(parsed))
        try:
            await engines.write(_bring_up_to_date)
        except BaseException:
            await database.close()
            raise
        return database

    async def transaction(self, work: Work[T]) -> T:
        """What `work` does with the connection is committed in the end, all or nothing. In SQLite nothing else may write meanwhile."""
        return await self.engines.write(work)

    async def execute(self, statement: Executable, values: Values | Sequence[Values] | None = None) -> Row[Any] | None:
        """One statement in a transaction of its own, for each of `values` where they are several; the first row that it returns."""

        def work(connection: Connection) -> Row[Any] | None:
            result = connection.execute(statement, values)
            return result.first() if result.returns_rows else None

        return await self.transaction(work)

    async def read(self, work: Work[T]) -> T:
        """For SELECTs: each sees what was committed before it. It waits for no writer."""
        return await self.engines.read(work)

    async def rows(self, query: Select[Any], values: Values | None = None) -> Sequence[Row[Any]]:
        return await self.read(lambda connection: connection.execute(query, values).all())

    async def row(self, query: Select[Any], values: Values | None = None) -> Row[Any] | None:
        """The first one."""
        return await self.read(lambda connection: connection.execute(query, values).first())

    def insert_if_absent(self, table: Table) -> Any:
        """`INSERT … ON CONFLICT DO NOTHING` in the dialect at hand."""
        build = sqlite_insert if self.engines.dialect.name == "sqlite" else postgres_insert
        return build(table).on_conflict_do_nothing()

    async def close(self) -> None:
        await self.engines.close()


def _bring_up_to_date(connection: Connection) -> None:
    """Makes what is missing: tables, and the columns and indexes that later versions have added to older ones."""
    if connection.dialect.name == "postgresql":
        # CREATE TABLE races between workers that start together.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SETUP_LOCK})
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
    until = time.monotonic() + PATIENCE
    with contextlib.closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.01)
            else:
                return

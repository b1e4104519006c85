"""How a unit of work reaches its database: SQLite in threads of its own, Postgres through an asynchronous driver.

A unit of work is a function of a SQLAlchemy connection. SQLite answers in microseconds, and going to another thread and back
takes longer than that: so a whole transaction goes there at once, not each of its statements.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from sqlalchemy import URL, Connection, Dialect, StaticPool, create_engine, event
from sqlalchemy.ext.asyncio import create_async_engine

T = TypeVar("T")
Work = Callable[[Connection], T]

PATIENCE = 15.0
"""Seconds to wait for another process's lock on a SQLite file."""
_READERS = 4
"""Connections that read a SQLite file at the same time."""


class Engines(Protocol):
    """`write` commits in the end, all or nothing; who is cancelled before that has done nothing. `read` is for SELECTs: each
    sees what was committed before it, and waits for no writer.
    """

    @property
    def dialect(self) -> Dialect: ...

    async def write(self, work: Work[T]) -> T: ...

    async def read(self, work: Work[T]) -> T: ...

    async def close(self) -> None: ...


class _Stopped(Exception):
    """Nobody waits any more for what a transaction does: it is rolled back."""


def is_in_memory(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}


class Sqlite:
    """One thread writes, as SQLite has one writer at a time; others read."""

    def __init__(self, url: URL) -> None:
        url = url.set(drivername="sqlite")
        if is_in_memory(url):
            self._writer = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
            self._readers = self._writer
            self._reading = self._writing = ThreadPoolExecutor(1, "records")
        else:
            self._writer = create_engine(url, pool_size=1, max_overflow=0)
            self._readers = create_engine(url, isolation_level="AUTOCOMMIT", pool_size=_READERS, max_overflow=0)
            self._writing = ThreadPoolExecutor(1, "records-write")
            self._reading = ThreadPoolExecutor(_READERS, "records-read")
            event.listen(self._readers, "connect", _patient)
        event.listen(self._writer, "connect", _durable)
        event.listen(self._writer, "begin", _locked_at_once)

    @property
    def dialect(self) -> Dialect:
        return self._writer.dialect

    async def write(self, work: Work[T]) -> T:
        wanted = True

        def transaction() -> T:
            with self._writer.begin() as connection:
                done = work(connection)
                if not wanted:
                    raise _Stopped
            return done

        started = self._writing.submit(transaction)
        ended = asyncio.wrap_future(started)
        try:
            return await asyncio.shield(ended)
        except asyncio.CancelledError:
            wanted = False
            if not started.cancel():
                # Until it is committed or rolled back; what it raised is nobody's concern any more.
                await asyncio.wait([ended])
                ended.exception()
            raise

    async def read(self, work: Work[T]) -> T:
        def reading() -> T:
            with self._readers.connect() as connection:
                return work(connection)

        if self._readers is self._writer:
            return await self.write(work)
        return await asyncio.wrap_future(self._reading.submit(reading))

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for threads in (self._reading, self._writing):
            threads.shutdown()
        for engine in (self._readers, self._writer):
            engine.dispose()


class Postgres:
    def __init__(self, url: URL) -> None:
        driver = url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url
        self._writer = create_async_engine(driver, pool_pre_ping=True)
        self._readers = self._writer.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def dialect(self) -> Dialect:
        return self._writer.dialect

    async def write(self, work: Work[T]) -> T:
        async with self._writer.begin() as connection:
            return await connection.run_sync(work)

    async def read(self, work: Work[T]) -> T:
        async with self._readers.connect() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        await self._writer.dispose()


def _patient(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={int(PATIENCE * 1000)}")
    cursor.close()


def _durable(connection: Any, _: Any) -> None:
    """A committed row survives a power cut."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={int(PATIENCE * 1000)}", "journal_mode=WAL", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _locked_at_once(connection: Connection) -> None:
    """A transaction takes its lock when it begins, not when it first writes."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")

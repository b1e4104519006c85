"""The checkpointer of the LangGraph server: the same database as the records. `langgraph dev` itself loses what it
did not yet write to its files when it is killed.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from nango_graph.records.database import private_file
from nango_graph.settings import AgentSettings
from nango_tools import SettingsError

PATIENCE = 15.0
"""Seconds to wait for another process's lock on a SQLite file."""
CONNECTIONS = 10
_SETUP_LOCK = 0x6E616E676F + 1
"""Of Postgres: workers that start together make the tables one after the other."""


@asynccontextmanager
async def open_checkpointer() -> AsyncIterator[BaseCheckpointSaver[Any]]:
    """Named in the LangGraph configuration. The server opens one for each thread that runs an event loop."""
    async with open_saver(AgentSettings.from_environ(os.environ)) as saver:
        yield saver


@asynccontextmanager
async def open_saver(settings: AgentSettings) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    """Checkpoints in `settings.database_url`; without one in a SQLite file (mode 0600) in `settings.data_dir`.

    Raises `SettingsError` for a database that can't keep them.
    """
    url = _parsed(settings.database_url) if settings.database_url else None
    if url is None:
        opened = _sqlite(settings.data_dir / "checkpoints.db")
    elif url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        opened = _sqlite(Path(url.database))
    elif url.get_backend_name() == "postgresql":
        opened = _postgres(url)
    else:
        raise SettingsError("NANGO_AGENT_DATABASE_URL must name a Postgres database or a SQLite file.")
    async with opened as saver:
        yield saver


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        raise SettingsError("NANGO_AGENT_DATABASE_URL is no database URL.") from None  # it may hold a password


class _SqliteSaver(AsyncSqliteSaver):
    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Forgets the checkpoints of runs that are rolled back: without it the server refuses `multitask_strategy="rollback"` with a
        500. What they sent stays in the records.
        """
        runs = [(str(run_id),) for run_id in run_ids]
        # What is no JSON to SQLite (Python writes NaN) is some other program's.
        text = "CAST(metadata AS TEXT)"
        of_run = f"CASE WHEN json_valid({text}) THEN json_extract({text}, '$.run_id') END = ?"
        key = "thread_id, checkpoint_ns, checkpoint_id"
        async with self.lock, self.conn.cursor() as cursor:
            await cursor.executemany(
                f"DELETE FROM writes WHERE ({key}) IN (SELECT {key} FROM checkpoints WHERE {of_run})",  # noqa: S608
                runs,
            )
            await cursor.executemany(f"DELETE FROM checkpoints WHERE {of_run}", runs)  # noqa: S608
            await self.conn.commit()


@asynccontextmanager
async def _sqlite(path: Path) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    # In a thread: the LangGraph server refuses blocking calls on its loop.
    await asyncio.to_thread(private_file, path)
    async with aiosqlite.connect(path, timeout=PATIENCE) as connection:
        await connection.execute("PRAGMA synchronous=FULL")
        saver = _SqliteSaver(connection)
        await saver.setup()
        yield saver


@asynccontextmanager
async def _postgres(url: URL) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    try:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver  # noqa: PLC0415 - an extra
        from psycopg.rows import dict_row  # noqa: PLC0415
        from psycopg_pool import AsyncConnectionPool  # noqa: PLC0415
    except ImportError:
        raise SettingsError("Postgres needs more packages: pip install 'nango-agent[postgres]'.") from None

    class PostgresSaver(AsyncPostgresSaver):
        async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
            """As `_SqliteSaver`."""
            runs = ([str(run_id) for run_id in run_ids],)
            of_run, key = "metadata->>'run_id' = ANY(%s)", "thread_id, checkpoint_ns, checkpoint_id"
            async with self._cursor(pipeline=True) as cursor:
                await cursor.execute(
                    f"DELETE FROM checkpoint_writes WHERE ({key}) IN (SELECT {key} FROM checkpoints WHERE {of_run})",  # noqa: S608
                    runs,
                )
                await cursor.execute(f"DELETE FROM checkpoints WHERE {of_run}", runs)  # noqa: S608

    conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
    pool = AsyncConnectionPool(
        conninfo,
        min_size=1,
        max_size=CONNECTIONS,
        open=False,
        check=AsyncConnectionPool.check_connection,
        kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
    )
    async with pool:
        async with pool.connection() as connection:
            await connection.execute("SELECT pg_advisory_lock(%s)", (_SETUP_LOCK,))
            try:
                await AsyncPostgresSaver(connection).setup()  # type: ignore[arg-type]
            finally:
                await connection.execute("SELECT pg_advisory_unlock(%s)", (_SETUP_LOCK,))
        yield PostgresSaver(pool)  # type: ignore[arg-type]

"""SQLite in threads of its own: who is cancelled has written nothing, reads wait for no writer, all ends when it is closed."""

import asyncio
import gc
import stat
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from nango_graph import Records, UsageError
from nango_graph.records.database import Database
from nango_graph.records.tables import threads


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "records.db")
    yield opened
    await opened.close()


async def count(database: Database) -> int:
    found = await database.row(select(func.count().label("rows")).select_from(threads))
    return found.rows if found is not None else 0


class Held:
    """A transaction that has written and is not committed before it is let go."""

    def __init__(self) -> None:
        self.has_written = threading.Event()
        self.may_end = threading.Event()

    def __call__(self, connection: Connection) -> None:
        connection.execute(threads.insert().values(thread_id="held", owner="ada"))
        self.has_written.set()
        assert self.may_end.wait(10)

    async def begun(self, database: Database) -> asyncio.Task[None]:
        task = asyncio.create_task(database.transaction(self))
        await asyncio.to_thread(self.has_written.wait, 10)
        return task


async def test_a_read_waits_for_no_writer_and_sees_what_is_committed(database: Database) -> None:
    held = Held()
    writing = await held.begun(database)
    assert await asyncio.wait_for(count(database), 5) == 0
    held.may_end.set()
    await writing
    assert await count(database) == 1


async def test_who_is_cancelled_in_a_transaction_has_written_nothing(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    held = Held()
    writing = await held.begun(database)
    writing.cancel()
    await asyncio.sleep(0)
    assert not writing.done(), "it ends when it is known what came of it"
    held.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await count(database) == 0
    del writing
    gc.collect()
    assert caplog.records == [], "nobody is told of what was given up"


async def test_who_is_cancelled_while_others_write_never_begins(database: Database) -> None:
    held, begun = Held(), list[str]()
    writing = await held.begun(database)
    waiting = asyncio.create_task(database.transaction(lambda _: begun.append("begun")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, 5)
    held.may_end.set()
    await writing
    assert await count(database) == 1
    assert begun == []


async def test_what_a_transaction_raises_is_raised_and_rolls_it_back(database: Database) -> None:
    def fails(connection: Connection) -> None:
        connection.execute(threads.insert().values(thread_id="one", owner="ada"))
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        await database.transaction(fails)
    assert await count(database) == 0


async def test_closing_waits_for_what_is_being_written_and_ends_the_threads(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    database, held = await Database.open(tmp_path / "records.db"), Held()
    writing = await held.begun(database)
    closing = asyncio.create_task(database.close())
    held.may_end.set()
    await asyncio.wait_for(asyncio.gather(writing, closing), 10)
    left = {thread for thread in set(threading.enumerate()) - before if thread.name.startswith("records")}
    assert left == set()
    again = await Database.open(tmp_path / "records.db")
    assert await count(again) == 1
    await again.close()


@pytest.mark.parametrize("name", ["with space", "with?mark", "with%41percent", "with#hash"])
async def test_any_name_of_a_file_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    await (await Database.open(tmp_path / name)).close()
    assert (tmp_path / name).is_file()


@pytest.mark.parametrize("driver", ["sqlite", "sqlite+aiosqlite"])
async def test_a_url_of_a_file_is_as_good_as_its_path(tmp_path: Path, driver: str) -> None:
    path = tmp_path / "folder" / "records.db"
    records = await Records.open(f"{driver}:///{path}")
    assert records.durable
    assert records.writes_allowed
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await records.close()


async def test_a_url_of_a_database_in_memory_keeps_no_promise_and_allows_no_writes() -> None:
    records = await Records.open("sqlite://")
    assert not records.durable
    assert not records.writes_allowed
    await records.close()


async def test_uris_of_sqlite_are_refused_in_words() -> None:
    with pytest.raises(UsageError, match="Give the path"):
        await Records.open("sqlite:///file:records?mode=memory&uri=true")

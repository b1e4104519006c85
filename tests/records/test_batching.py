"""Group commit: what many tasks record at once becomes few transactions, and each of them knows that its row is committed."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from nango_graph import Records
from nango_graph.records import Call, CallKey
from nango_graph.records.batching import Batches
from record_engines import writer_of

NOW = 1_000_000.0


@pytest.fixture
async def records(records_url: str | Path) -> AsyncIterator[Records]:
    opened = await Records.open(records_url)
    yield opened
    await opened.close()


def read(item: int, output: Any = None) -> Call:
    key = CallKey("plan", "s1", f"i{item:04}")
    return Call(key, "github/get-issue", "c1", "read", "d", {"n": item}, "succeeded", "worker", 0.0, output=output)


async def record(records: Records, call: Call) -> None:
    await records.calls.record(call, tenant="ada", thread_id="thread", now=NOW)


@pytest.fixture
def commits(records: Records) -> Callable[[], int]:
    counted = 0

    @event.listens_for(writer_of(records), "commit")
    def _count(_: Any) -> None:
        nonlocal counted
        counted += 1

    return lambda: counted


async def test_a_thousand_records_at_once_are_few_transactions(records: Records, commits: Callable[[], int]) -> None:
    async with asyncio.TaskGroup() as group:
        for item in range(1_000):
            group.create_task(record(records, read(item, {"number": item})))
    assert commits() <= 10
    kept = await records.calls.of_plan("plan", "ada")
    assert [call.output["number"] for call in kept] == list(range(1_000))


async def test_whoever_returns_finds_the_row_committed(records: Records, records_url: str | Path) -> None:
    elsewhere = await Records.open(records_url)

    async def recorded(item: int) -> bool:
        await record(records, read(item))
        return await elsewhere.calls.get(read(item).key) is not None

    try:
        assert all(await asyncio.gather(*map(recorded, range(30))))
    finally:
        await elsewhere.close()


async def test_a_row_that_cannot_be_written_keeps_no_other_from_it(records: Records) -> None:
    outputs: list[Any] = [{"number": 0}, object(), {"number": 2}, object(), {"number": 4}]
    calls = [record(records, read(item, output)) for item, output in enumerate(outputs)]
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert [end is None for end in ended] == [True, False, True, False, True]
    assert all("not JSON serializable" in str(end) for end in ended if end is not None)
    assert [call.arguments["n"] for call in await records.calls.of_plan("plan", "ada")] == [0, 2, 4]


async def test_of_two_outcomes_of_one_read_the_first_stands_also_within_a_transaction(records: Records) -> None:
    await asyncio.gather(record(records, read(1, "first")), record(records, read(1, "second")))
    (kept,) = await records.calls.of_plan("plan", "ada")
    assert kept.output == "first"


async def test_who_is_cancelled_takes_no_other_along_and_leaves_its_row(records: Records) -> None:
    tasks = [asyncio.create_task(record(records, read(item))) for item in range(5)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[3].cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    cancelled = [isinstance(end, asyncio.CancelledError) for end in ended]
    assert cancelled == [True, False, False, True, False]
    await records.calls.settled()
    assert len(await records.calls.of_plan("plan", "ada")) == 5


async def test_closing_waits_for_what_is_on_its_way(tmp_path: Path) -> None:
    records = await Records.open(tmp_path / "records.db")
    tasks = [asyncio.create_task(record(records, read(item))) for item in range(1_000)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await records.close()
    connection = sqlite3.connect(tmp_path / "records.db")
    assert connection.execute("SELECT count(*) FROM nango_agent_calls").fetchone() == (1_000,)
    connection.close()


class Slow:
    """A commit that waits until it is let through, and fails on what it is told to."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.tried: list[list[int]] = []
        self.under_way = asyncio.Event()
        self.may_end = asyncio.Event()
        self._problem = problem

    async def __call__(self, rows: Sequence[int]) -> None:
        self.tried.append(list(rows))
        self.under_way.set()
        await self.may_end.wait()
        if self._problem is not None:
            raise self._problem


async def test_rows_that_come_during_a_transaction_go_into_the_next_one_in_their_order() -> None:
    commit = Slow()
    batches = Batches(commit, most=3)
    first = asyncio.create_task(batches.add(0))
    await commit.under_way.wait()
    others = [asyncio.create_task(batches.add(row)) for row in range(1, 6)]
    await asyncio.sleep(0)
    assert not first.done()
    commit.may_end.set()
    await asyncio.gather(first, *others)
    assert commit.tried == [[0], [1, 2, 3], [4, 5]]


async def test_a_database_that_is_away_is_tried_once_for_all_and_all_are_told() -> None:
    away = OperationalError("INSERT", {}, Exception("database is locked"))
    commit = Slow(away)
    commit.may_end.set()
    batches = Batches(commit, most=10)
    ended = await asyncio.gather(*(batches.add(row) for row in range(4)), return_exceptions=True)
    assert ended == [away] * 4
    assert commit.tried == [[0, 1, 2, 3]]


async def test_after_a_failure_the_next_row_is_tried_again() -> None:
    commit = Slow(ValueError("no"))
    commit.may_end.set()
    batches = Batches(commit, most=10)
    for row in range(2):
        with pytest.raises(ValueError, match="no"):
            await batches.add(row)
    assert commit.tried == [[0], [1]]


async def test_when_the_loop_is_closed_nobody_is_told_that_all_is_well() -> None:
    commit = Slow()
    batches = Batches(commit, most=1)
    tasks = [asyncio.create_task(batches.add(row)) for row in range(2)]
    await commit.under_way.wait()
    assert batches._committing is not None
    batches._committing.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ended] == [asyncio.CancelledError] * 2
    await batches.settled()

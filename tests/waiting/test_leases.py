"""Leases in the records: of several workers one holds it, and a killed one does not hold it long."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from nango_graph import Records
from nango_graph.records.tables import leases

HOLDER = """
import asyncio, sys
from nango_graph import Records
from pathlib import Path

async def main(url):
    records = await Records.open(Path(url) if url.startswith("/") else url)
    lease = await records.leases.take("run:t|", kind="run", thread_id="t", seconds=3600, now=0)
    print("taken" if lease else "not taken", flush=True)
    sys.stdin.read()

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
async def workers(records_url: str | Path) -> Any:
    opened = [await Records.open(records_url) for _ in range(2)]
    yield opened
    for records in opened:
        await records.close()


async def take(records: Records, *, now: float, name: str = "run:t|", force: bool = False) -> Any:
    return await records.leases.take(name, kind="run", thread_id="t", seconds=10, now=now, by_force=force)


async def test_one_worker_holds_it_until_it_gives_it_back(workers: Any) -> None:
    one, other = workers
    lease = await take(one, now=0)
    assert await take(other, now=5) is None
    assert await take(one, now=5) is None, "not even the same worker twice"
    await one.leases.give_back(lease)
    assert (await take(other, now=5)).fence > lease.fence


async def test_one_of_many_gets_it(workers: Any) -> None:
    taken = await asyncio.gather(*(take(workers[number % 2], now=0) for number in range(20)))
    assert len([lease for lease in taken if lease is not None]) == 1


async def test_one_that_ran_out_is_free_and_its_holder_hears_of_it(workers: Any) -> None:
    one, other = workers
    lease = await take(one, now=0)
    assert await one.leases.renew(lease, seconds=10, now=8)
    assert await take(other, now=17) is None, "it was renewed"
    taken = await take(other, now=19)
    assert taken.fence == lease.fence + 1
    assert not await one.leases.renew(lease, seconds=10, now=19)
    await one.leases.give_back(lease)
    assert await other.leases.renew(taken, seconds=10, now=20), "an older holder gives nothing back"


async def test_the_fence_rises_over_all_who_held_it(workers: Any) -> None:
    one, other = workers
    fences = []
    for records in (one, other, one, one):
        lease = await take(records, now=0)
        fences.append(lease.fence)
        await records.leases.give_back(lease)
    assert fences == sorted(set(fences))
    assert not await one.leases.renew(lease, seconds=10, now=0), "what was given back can't be renewed"


async def test_by_force_it_is_taken_from_whoever_holds_it(workers: Any) -> None:
    one, other = workers
    lease = await take(one, now=0)
    assert (await take(other, now=1, force=True)).fence == lease.fence + 1
    assert not await one.leases.renew(lease, seconds=10, now=1)


async def test_a_killed_run_is_told_by_its_lease(workers: Any) -> None:
    one, other = workers
    await take(one, now=0)
    assert await other.leases.abandoned(5, limit=10) == []
    (left,) = await other.leases.abandoned(11, limit=10)
    assert left.thread_id == "t"
    assert await one.leases.abandoned(11, limit=10) == [], "this process lives, and knows its own runs"
    await other.leases.give_back(left)
    assert await other.leases.abandoned(11, limit=10) == []


async def test_rows_of_leases_that_were_given_back_do_not_stay_for_ever(workers: Any) -> None:
    one, other = workers
    for number in range(5):
        await one.leases.give_back(await take(one, now=0, name=f"run:{number}|"))
    held = await take(one, now=0)
    await other.leases.forget(before=100)
    kept = await other._database.rows(select(leases.c.name))
    assert [row.name for row in kept] == [held.name]


async def test_of_a_process_that_is_gone_it_is_taken_over_at_once(workers: Any, records_url: str | Path) -> None:
    one, _ = workers
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        HOLDER,
        str(records_url),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"taken\n"
    assert await take(one, now=1) is None
    assert await one.leases.abandoned(1, limit=10) == []
    process.kill()
    await process.wait()
    (left,) = await one.leases.abandoned(1, limit=10)
    assert (left.thread_id, left.until) == ("t", 3600)
    assert (await take(one, now=1)).fence == left.fence + 1

"""What Nango told to be over: each once, in any order with what we know of it ourselves, and not for ever."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from nango_graph import Records
from nango_graph.waiting.sweep import DAY, WEEK, Sweep


@pytest.fixture
async def records(tmp_path: Path):
    opened = await Records.open(tmp_path / "records.db")
    yield opened
    await opened.close()


async def test_what_is_told_twice_is_one_thing(records: Records) -> None:
    told = [await records.async_actions.finished("a", now=now) for now in (1.0, 2.0)]
    assert told == [True, False]
    assert await records.async_actions.is_finished("a")
    assert not await records.async_actions.is_finished("b")


async def test_many_at_once_are_all_kept(records: Records) -> None:
    ids = [f"{number % 50}" for number in range(200)]
    told = await asyncio.gather(*(records.async_actions.finished(one, now=1.0) for one in ids))
    assert sum(told) == 50


@pytest.mark.parametrize("async_id", ["", "a\0", "x" * 256])
async def test_what_is_no_id_is_not_kept(records: Records, async_id: str) -> None:
    assert not await records.async_actions.finished(async_id, now=1.0)


async def test_a_pass_of_the_sweep_forgets_what_was_over_a_week_ago(records: Records) -> None:
    services: Any = type("Services", (), {"records": records})
    sweep = Sweep(services, threads=None)  # type: ignore[arg-type]
    now = sweep._clock.now()
    for name, age in (("old", WEEK + DAY), ("new", WEEK - DAY)):
        await records.async_actions.finished(name, now=now - age)
    assert await sweep._leads(records)
    assert [await records.async_actions.is_finished(name) for name in ("old", "new")] == [False, True]

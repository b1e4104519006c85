"""Waits as rows: one for each question, one winner for each change, readable by their owner alone."""

import asyncio
import re
import stat
from pathlib import Path

import pytest

from nango_graph import Records
from nango_graph.identity import Requester
from nango_graph.records import TurnRow
from nango_graph.records.tables import VERSION


@pytest.fixture
async def records(records_url):
    opened = await Records.open(records_url)
    yield opened
    await opened.close()


async def wait_of(
    records: Records,
    user: str = "ada",
    *,
    organization: str = "",
    integration: str = "github",
    thread: str = "t",
    now: float = 0.0,
):
    turn = TurnRow("turn", Requester(user, organization), thread, assistant_id="")
    return await records.waits.open_for(
        turn,
        integration=integration,
        reason="missing",
        connection_id=None,
        now=now,
    )


async def test_there_is_one_open_wait_for_each_thread_integration_and_requester(records: Records) -> None:
    first = await wait_of(records)
    again = await wait_of(records, now=1000.0)
    assert again == first, "the deadline too is the first one's"
    others = [
        await wait_of(records, "bea"),
        await wait_of(records, "ada", organization="acme"),
        await wait_of(records, "bea", organization="acme"),
        await wait_of(records, integration="slack"),
        await wait_of(records, thread="other"),
    ]
    assert len({first.id, *(other.id for other in others)}) == 6


async def test_workers_that_open_a_wait_together_get_the_same_one(records: Records) -> None:
    opened = await asyncio.gather(*(wait_of(records) for _ in range(20)))
    assert len({wait.id for wait in opened}) == 1
    assert len(await records.waits.live_in("t")) == 1


async def test_a_wait_that_is_over_is_not_opened_again_but_made_anew(records: Records) -> None:
    first = await wait_of(records)
    await records.waits.change(first.id, "cancelled", only_from=("open",), now=1.0)
    assert (await wait_of(records)).id != first.id


async def test_a_change_of_a_wait_has_one_winner(records: Records) -> None:
    wait = await wait_of(records)
    won = await asyncio.gather(
        *(records.waits.change(wait.id, "satisfied", only_from=("open",), now=1.0) for _ in range(20))
    )
    assert won.count(True) == 1
    assert not await records.waits.change(wait.id, "expired", only_from=("open",), now=1.0)
    found = await records.waits.get(wait.id)
    assert found is not None
    assert found.state == "satisfied"
    assert await records.waits.get("nonsense") is None


async def test_the_file_is_the_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "records.db"
    opened = await Records.open(path)
    await wait_of(opened)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    await opened.close()
    assert modes["records.db"] == 0o600
    assert set(modes.values()) == {0o600}, "the journal too"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_a_file_of_a_later_version_is_refused_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "records.db"
    await (await Records.open(path)).close()
    monkeypatch.setattr("nango_graph.records.database.VERSION", 1)
    with pytest.raises(RuntimeError, match=re.escape(f"schema {VERSION}, this one has 1")):
        await Records.open(path)


async def test_records_in_memory_allow_no_writes_unless_told() -> None:
    records = await Records.in_memory()
    assert not records.writes_allowed
    assert not records.durable
    await records.close()

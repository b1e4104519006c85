"""Syncs and records, on any Nango that has some."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from nango_tools import NangoClient, NangoUnavailable, NotFound, SyncStatus, UnknownConnection


@pytest.fixture
async def sync(functions: Any, nango: NangoClient) -> Any:
    """A sync that has run at least once."""
    if functions.sync is None or functions.model is None:
        pytest.skip("NANGO_LIVE_SYNC and NANGO_LIVE_MODEL name no sync")
    async with asyncio.timeout(60):
        while (await status(nango, functions)).finished_at is None:  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0 if functions.sandbox else 1)
    return functions


async def status(nango: NangoClient, sync: Any) -> SyncStatus:
    [found] = await nango.syncs.status(sync.integration_id, [sync.sync], connection_id=sync.connection_id)
    return found


async def test_a_sync_is_paused_started_and_run(nango: NangoClient, sync: Any) -> None:
    where = {"connection_id": sync.connection_id}
    assert sync.sync in {found.name for found in await nango.syncs.status(sync.integration_id, **where)}
    assert sync.sync in {found.name for found in await nango.syncs.status(sync.integration_id)}
    await nango.syncs.pause(sync.integration_id, [sync.sync], **where)
    paused = await status(nango, sync)
    assert (paused.status, paused.next_scheduled_sync_at) == ("PAUSED", None)
    await nango.syncs.start(sync.integration_id, [sync.sync], **where)
    assert (await status(nango, sync)).status != "PAUSED"
    await nango.syncs.trigger(sync.integration_id, [sync.sync], **where)
    await nango.syncs.trigger(sync.integration_id, [sync.sync], **where, sync_mode="incremental")
    await nango.syncs.trigger(sync.integration_id, [sync.sync], **where, reset=False)
    found = await status(nango, sync)
    assert (found.connection_id, found.variant) == (sync.connection_id, "base")


async def test_syncs_that_do_not_exist(nango: NangoClient, sync: Any) -> None:
    assert await nango.syncs.status(sync.integration_id, ["no-such-sync"]) == []
    assert await nango.syncs.status("no-such-integration") == []
    for switch in (nango.syncs.trigger, nango.syncs.start, nango.syncs.pause):
        with pytest.raises(NotFound):
            await switch(sync.integration_id, ["no-such-sync"], connection_id=sync.connection_id)
        with pytest.raises(UnknownConnection):
            await switch(sync.integration_id, [sync.sync], connection_id="nobody")


async def test_records_are_the_same_whatever_the_page_size(nango: NangoClient, sync: Any) -> None:
    where = {**sync.where, "model": sync.model}
    everything = [record async for record in nango.records.list(**where, limit=1000)]
    by_pages = [record async for record in nango.records.list(**where, limit=7)]
    assert [record.data["id"] for record in by_pages] == [record.data["id"] for record in everything]
    assert everything
    first = everything[0]
    assert "_nango_metadata" not in first.data
    rest = [record async for record in nango.records.list(**where, cursor=first.metadata.cursor)]
    assert [record.data["id"] for record in rest] == [record.data["id"] for record in everything[1:]]


async def test_records_are_filtered(nango: NangoClient, sync: Any) -> None:
    where = {**sync.where, "model": sync.model}
    everything = {str(record.data["id"]): record async for record in nango.records.list(**where)}

    async def ids(**filters: Any) -> set[str]:
        return {str(record.data["id"]) async for record in nango.records.list(**where, **filters)}

    some = set(sorted(everything)[:2])
    assert await ids(ids=sorted(some)) == some
    assert await ids(modified_after=datetime(2199, 1, 1, tzinfo=UTC)) == set()
    by_last_action = {action: await ids(filter=[action.lower()]) for action in ("ADDED", "UPDATED", "DELETED")}
    for name, record in everything.items():
        assert name in by_last_action[record.metadata.last_action]
    assert sum(map(len, by_last_action.values())) == len(everything)
    assert await ids(filter=["added", "updated", "deleted"]) == set(everything)


async def test_records_that_do_not_exist(nango: NangoClient, sync: Any) -> None:
    unknown_model = nango.records.list(**sync.where, model="NoSuchModel")
    assert [record async for record in unknown_model] == []
    with pytest.raises(UnknownConnection):
        await anext(nango.records.list(connection_id="nobody", integration_id=sync.integration_id, model=sync.model))
    with pytest.raises(NangoUnavailable):
        await anext(nango.records.list(**sync.where, model=sync.model, cursor="bad"))

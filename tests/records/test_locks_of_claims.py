"""What a claim has looked at can't change before it is committed: on Postgres, where transactions run side by side."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.util import await_only

from nango_graph import Records
from nango_graph.identity import Requester
from nango_graph.records import Call, CallKey, Decision, Lease, TurnRow
from nango_graph.records.claims import Overtaken
from record_engines import writer_of

NOW = 1_000_000.0
ADA = Requester("ada")
KEY = CallKey("plan", "s1")
CALL = Call(KEY, "github/create-issue", "c1", "write", "digest", {"title": "Crash"}, "claimed", "worker", NOW + 60)
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

pytestmark = pytest.mark.parametrize("records_url", [pytest.param("postgres", marks=pytest.mark.system)], indirect=True)


@pytest.fixture
async def records(records_url: str) -> AsyncIterator[Records]:
    opened = await Records.open(records_url)
    await opened.turns.begin(TurnRow("turn", ADA, "thread", ""), message_id="m", now=NOW)
    await opened.plans.save(
        plan_id="plan",
        tenant=ADA.tenant,
        thread_id="thread",
        turn_id="turn",
        ordinal=0,
        steps=[{"id": "s1", "tool": CALL.tool}],
        seen=(),
        now=NOW,
    )
    await decide(opened, "approved")
    yield opened
    await opened.close()


async def decide(records: Records, verdict: Any) -> None:
    made = Decision(KEY, verdict, CALL.digest, CALL.arguments, asked_id="q", actor="ada")
    await records.decisions.record([made], tenant=ADA.tenant, thread_id="thread", now=NOW)


async def lease(records: Records, *, by_force: bool = False) -> Lease:
    taken = await records.leases.take("run:thread|", kind="run", seconds=60, now=NOW, by_force=by_force)
    assert taken is not None
    return taken


@asynccontextmanager
async def claim_held_after(records: Records, table: str, held: Lease) -> AsyncIterator[asyncio.Task[Call | None]]:
    """A claim that has looked at the table and goes on when this ends."""
    looked, may_go_on = asyncio.Event(), asyncio.Event()

    def hold(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if f"FROM nango_agent_{table}" in statement and not looked.is_set():
            looked.set()
            await_only(may_go_on.wait())

    event.listen(writer_of(records), "after_cursor_execute", hold)
    claiming = asyncio.create_task(
        records.claims.claim(CALL, tenant=ADA.tenant, thread_id="thread", now=NOW, lease=held)
    )
    await asyncio.wait_for(looked.wait(), 10)
    yield claiming
    may_go_on.set()


async def done_or_waiting_for_a_lock(task: asyncio.Task[Any], url: str) -> None:
    async with await psycopg.AsyncConnection.connect(
        url.replace("postgresql+psycopg", "postgresql"), autocommit=True
    ) as connection:
        while not task.done():
            row = await (await connection.execute(WAITING)).fetchone()
            if row is not None and row[0]:
                return


async def test_who_takes_a_thread_over_finds_what_was_claimed_before(records: Records, records_url: str) -> None:
    other = await Records.open(records_url)
    async with claim_held_after(records, "leases", await lease(records)) as claiming:
        taking = asyncio.create_task(lease(other, by_force=True))
        await done_or_waiting_for_a_lock(taking, records_url)
        assert not taking.done(), "the claim is not committed, so it could not be found"
    assert await claiming is None
    await taking
    assert (await other.calls.in_flight("thread", ADA.tenant)) != []
    await other.close()


async def test_who_rejects_what_is_being_claimed_comes_after_the_claim(records: Records, records_url: str) -> None:
    other = await Records.open(records_url)
    async with claim_held_after(records, "decisions", await lease(records)) as claiming:
        rejecting = asyncio.create_task(decide(other, "rejected"))
        await done_or_waiting_for_a_lock(rejecting, records_url)
        assert not rejecting.done(), "it could not have seen the claim"
    assert await claiming is None
    await rejecting
    assert (await other.decisions.of_plan("plan", ADA.tenant))[KEY].verdict == "approved", "it was sent by then"
    await other.close()


async def test_a_claim_that_comes_after_the_other_run_is_refused(records: Records, records_url: str) -> None:
    other, mine = await Records.open(records_url), await lease(records)
    await lease(other, by_force=True)
    with pytest.raises(Overtaken):
        await records.claims.claim(CALL, tenant=ADA.tenant, thread_id="thread", now=NOW, lease=mine)
    await other.close()

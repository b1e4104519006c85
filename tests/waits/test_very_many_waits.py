"""A hundred thousand people who wait make nobody wait longer: no look-up reads a whole table."""

import re
import time
from pathlib import Path

import pytest

from embedded_host import embedded_host
from many_waits import fill, plan_of, statements_of
from nango_graph.identity import Requester
from nango_graph.records import Records
from noting_model import request_to_list
from opened_links import open_link
from waiting_hosts import at_rest

MANY = 20_000
_READS_ALL = re.compile(r"\bSCAN nango_agent_\w+|Seq Scan on nango_agent_\w+")


@pytest.fixture
async def records(records_url: str | Path):
    opened = await Records.open(records_url)
    yield opened
    await opened.close()


async def test_every_look_up_of_a_wait_uses_an_index(records) -> None:
    now = time.time()
    await fill(records, MANY, now=now, look_at=now - 50)
    waits, turns = records.waits, records.turns
    async with statements_of(records) as sent:
        assert [wait.id for wait in await waits.due(now, limit=3)] == ["wait-0", "wait-1", "wait-2"]
        assert len(await waits.live_in("thread-7")) == 1
        assert len(await waits.live_of(Requester("many-7"), "github")) == 1
        assert len(await waits.live_for_connection("github", "connection-7")) == 1
        assert set(await waits.get_all(["wait-7", "wait-8"])) == {"wait-7", "wait-8"}
        turn = await turns.get("turn-7", "thread-7")
        assert await turns.last_of("thread-7") == turn
        assert await turns.tenant_of("thread-7") == "user:many-7"
        assert await waits.satisfy("wait-7", connection_id="c", checked_by="", now=now)
        await waits.look_again("wait-8", at=now + 5, looks=1)
        await waits.opened("wait-8", unverified=True, now=now)
        assert await waits.change("wait-7", "consumed", only_from=("open", "satisfied"), now=now)
        await waits.open_for(turn, integration="github", reason="missing", connection_id=None, now=now)
        assert await records.leases.abandoned(now, limit=10) == []
    reading = [(statement, given) for statement, given in sent if re.match("SELECT|UPDATE", statement)]
    assert len(reading) >= 14
    plans = [
        (statement.partition("WHERE")[2], await plan_of(records, statement, given)) for statement, given in reading
    ]
    small = "nango_agent_leases"  # a row for each run that goes on now
    reads_all = [(where, plan) for where, plan in plans if _READS_ALL.search(plan) and small not in plan]
    assert reads_all == []


async def test_the_check_sees_a_look_up_without_an_index(records) -> None:
    now = time.time()
    await fill(records, MANY, now=now, look_at=now)
    plan = await plan_of(records, "SELECT * FROM nango_agent_waits WHERE created_at = 7", ())
    assert _READS_ALL.search(plan)


async def test_whoever_authorizes_now_is_found_before_those_who_wait_for_weeks(sandbox, tmp_path) -> None:
    async with embedded_host(sandbox, tmp_path, looks_a_minute=2) as host:
        await fill(host.records, 1000, now=host.now(), look_at=host.now() - 2000, looks=100)
        await host.ask("t", request_to_list("t"), user="ada")
        (wait_id,) = (await host.view("t")).waits
        await open_link(
            (await host.view("t")).question["action_requests"][0]["args"]["connect_link"], host.cookies("ada")
        )
        await host.sweep()
        await host.sweep()
        assert (await at_rest(host, "t")).words == "Done."
        assert (await host.records.waits.get(wait_id)).state == "consumed"

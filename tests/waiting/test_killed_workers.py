"""Workers that are killed around a wait. Another one's sweep takes the thread up, and it passes once."""

import signal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from nango_graph.waiting.embedded import EmbeddedThreads
from nango_graph.waiting.sweep import Sweep

ADA = {"end_user_id": "ada"}
OCTO = {"owner": "octo", "repo": "widgets"}
LIST = {"kind": "plan", "steps": [{"id": "s1", "tool": "github/list-issues", "arguments": OCTO}]}
T: Any = {"configurable": {"thread_id": "t"}}
KILLED = -signal.SIGKILL


async def swept(agent: Any) -> Any:
    # The killed one had the machine's clock, which has gone on meanwhile.
    agent.clock.time += 60
    async with EmbeddedThreads(agent.graph) as threads:
        sweep = Sweep(agent.services, threads)
        result = await sweep.once()
        await sweep.close()
    return result


async def passed_once(agent: Any, wait_id: str) -> None:
    state = await agent.graph.aget_state(T)
    assert state.interrupts == ()
    assert state.values["messages"][-1].text == "Done."
    assert [entry.action for entry in await agent.ledger()] == ["list-issues"]
    assert (await agent.services.records.waits.get(wait_id)).state == "consumed"


async def test_killed_between_satisfied_and_the_nudge(waiting: Any, work: Any) -> None:
    (wait,) = await waiting.services.records.waits.live_in("t")
    await waiting.sandbox.connect("github", ADA)
    worker = await work()
    assert await worker.tell("look t") == "looked"
    assert await worker.kill() == KILLED
    assert (await swept(waiting)).woken == 1
    await passed_once(waiting, wait.id)


@pytest.mark.parametrize("checkpoint", range(1, 6))
async def test_killed_at_a_node_boundary_on_the_way_from_the_wait_to_the_answer(
    waiting: Any, work: Any, checkpoint: int
) -> None:
    (wait,) = await waiting.services.records.waits.live_in("t")
    await waiting.sandbox.connect("github", ADA)
    worker = await work(die_at=checkpoint)
    assert await worker.tell("wake t") == "", "it did not live to say anything"
    assert await worker.ended() == KILLED
    result = await swept(waiting)
    assert result.taken_up + result.woken == 1, result
    await passed_once(waiting, wait.id)
    assert await waiting.services.records.leases.abandoned(10**10, limit=10) == []


async def test_killed_when_all_was_done_but_giving_the_thread_back(waiting: Any, work: Any) -> None:
    (wait,) = await waiting.services.records.waits.live_in("t")
    await waiting.sandbox.connect("github", ADA)
    worker = await work(die_at=6)
    await worker.tell("wake t")
    assert await worker.ended() == KILLED
    before = (await waiting.graph.aget_state(T)).config
    assert (await waiting.graph.aget_state(T)).next == ()
    assert (await swept(waiting)).taken_up == 0
    assert (await waiting.graph.aget_state(T)).config == before
    await passed_once(waiting, wait.id)
    assert await waiting.services.records.leases.abandoned(10**10, limit=10) == []


async def test_a_killed_sweeper_is_followed_at_once(waiting: Any, records_url: str | Path) -> None:
    leases = waiting.services.records.leases
    await leases._me()
    dead = leases._worker.split(":")[0] + ":999999999:1:abc"
    await waiting.services.records._database.execute(
        text(
            "INSERT INTO nango_agent_leases (name, kind, thread_id, worker, fence, until) "
            "VALUES ('sweep', 'sweep', '', :dead, 1, 99999999999)"
        ).bindparams(dead=dead)
    )
    assert (await swept(waiting)).leading

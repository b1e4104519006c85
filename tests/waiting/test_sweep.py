"""The sweep: what no webhook told is found, what was told is passed on, and Nango is not asked more than it has to be."""

import asyncio
import itertools
import logging
from typing import Any

import pytest
from starlette.responses import JSONResponse

from due_waits import next_due
from nango_graph import Records
from nango_graph.waiting.embedded import EmbeddedThreads
from nango_graph.waiting.looking import look_at_waits
from nango_graph.waiting.sweep import Sweep, interval, sweeping

ADA = {"end_user_id": "ada"}
OCTO = {"owner": "octo", "repo": "widgets"}
LIST = {"kind": "plan", "steps": [{"id": "s1", "tool": "github/list-issues", "arguments": OCTO}]}
DAY = 24 * 3600.0


async def swept(agent: Any, **settings: Any) -> Any:
    """One pass of a sweeper of its own, with what it woke run to the end."""
    async with EmbeddedThreads(agent.graph) as threads:
        sweep = Sweep(agent.services, threads, **settings)
        result = await sweep.once()
        await sweep.close()
    return result


async def answer_of(agent: Any, thread: str = "t") -> str:
    state = await agent.graph.aget_state({"configurable": {"thread_id": thread}})
    return "" if state.interrupts else state.values["messages"][-1].text


async def wait_of(agent: Any, thread: str = "t") -> Any:
    (wait,) = await agent.services.records.waits.live_in(thread)
    return wait


async def looks_until(agent: Any, end: float, **settings: Any) -> list[float]:
    """The clock is moved from one look to the next until `end`. When there was one, counted from now."""
    began, seen = agent.clock.time, []
    while True:
        due = await next_due(agent.services.records)
        if due is None or due > began + end:
            return seen
        agent.clock.time = max(due, agent.clock.time)
        result = await swept(agent, **settings)
        if result.looked:
            seen.append(agent.clock.time - began)


@pytest.mark.parametrize("waited", [60.0, DAY, 29 * DAY])
async def test_a_connection_that_no_webhook_told_of_is_found_and_the_thread_goes_on(
    waiting: Any, waited: float
) -> None:
    waiting.clock.time += waited
    assert (await swept(waiting)).looked == 1, "it is not there yet"
    await waiting.sandbox.connect("github", ADA)
    waiting.clock.time += interval(1)
    result = await swept(waiting)
    assert (result.satisfied, result.woken) == (1, 1)
    assert await answer_of(waiting) == "Done."
    waiting.clock.time += DAY
    assert await swept(waiting) == type(result)(), "there is nothing left to look at"


async def test_it_looks_often_at_first_and_then_less(waiting: Any) -> None:
    times = await looks_until(waiting, 3600)
    assert times[:4] == pytest.approx([5, 10, 15, 20], abs=0.1)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps == sorted(gaps)
    assert all(gap <= max(5, 0.11 * time) for gap, time in zip(gaps, times[1:], strict=False)), "a tenth of the age"
    assert interval(10_000) == 300


async def test_after_somebody_opened_the_link_it_looks_often_again(waiting: Any) -> None:
    await looks_until(waiting, DAY / 24)
    now = waiting.clock.now()
    await waiting.services.records.waits.opened((await wait_of(waiting)).id, unverified=False, now=now)
    assert await looks_until(waiting, 16) == pytest.approx([5, 10, 15], abs=0.1)


async def test_what_was_committed_and_never_passed_on_is_passed_on(waiting: Any) -> None:
    await waiting.sandbox.connect("github", ADA)
    assert await look_at_waits(waiting.services, "t")
    result = await swept(waiting)
    assert (result.looked, result.woken) == (0, 1)
    assert await answer_of(waiting) == "Done."


async def test_a_nudge_that_is_lost_is_repeated_ever_more_seldom(waiting: Any) -> None:
    await waiting.sandbox.connect("github", ADA)
    await look_at_waits(waiting.services, "t")
    woken: list[float] = []

    class Lossy:
        async def wake(self, turn: Any, *, wait_id: str | None) -> str:
            woken.append(waiting.clock.now())
            return "woken"

    sweep = Sweep(waiting.services, Lossy())
    while len(woken) < 60:
        waiting.clock.time = await next_due(waiting.services.records)
        await sweep.once()
    gaps = [later - earlier for earlier, later in itertools.pairwise(woken)]
    assert gaps == sorted(gaps)
    assert (gaps[0], gaps[-1]) == (5, 300)
    await sweep.close()
    assert (await swept(waiting)).woken == 0, "not due"
    waiting.clock.time += 300
    assert (await swept(waiting)).woken == 1
    assert await answer_of(waiting) == "Done."


async def test_when_the_deadline_comes_the_thread_goes_on_without(waiting: Any) -> None:
    wait = await wait_of(waiting)
    waiting.model.script = [{"kind": "answer", "text": "Not without GitHub."}]
    waiting.clock.time = wait.deadline - 1
    await swept(waiting)
    assert await answer_of(waiting) == ""
    waiting.clock.time = wait.deadline
    assert (await swept(waiting)).overdue == 1
    assert await answer_of(waiting) == "Not without GitHub."
    assert (await waiting.services.records.waits.get(wait.id)).state == "expired"


async def test_a_wait_that_its_thread_has_left_behind_is_let_be_until_its_deadline(waiting: Any) -> None:
    wait = await wait_of(waiting)
    waiting.model.integrations, waiting.model.script = [], [{"kind": "answer", "text": "Never mind."}]
    assert (await waiting.say("never mind")).answer == "Never mind."
    await waiting.sandbox.connect("github", ADA)
    waiting.clock.time += 5
    assert (await swept(waiting)).satisfied == 1
    passes = 0
    while (due := await next_due(waiting.services.records)) is not None:
        waiting.clock.time = max(due, waiting.clock.time)
        assert (await swept(waiting)).woken == 0
        passes += 1
    assert passes < 60, "a day between most of them"
    assert (await waiting.services.records.waits.get(wait.id)).state == "expired"
    assert waiting.clock.time == pytest.approx(wait.deadline)
    assert await answer_of(waiting) == "Never mind."


async def test_while_nango_fails_the_wait_is_looked_at_again_and_nobody_is_troubled(
    start: Any, proxy: Any, caplog: Any
) -> None:
    async with start(nango={"base_url": proxy.url}) as agent:
        agent.model.integrations, agent.model.script = ["github"], [LIST]
        question = (await agent.say("list the issues")).question

        async def down(request: Any, forward: Any) -> Any:
            return JSONResponse({"error": {"code": "server_error", "message": "canary"}}, 500)

        passing, proxy.handle = proxy.handle, down
        agent.clock.time += 5
        with caplog.at_level(logging.WARNING, logger="nango_graph"):
            assert (await swept(agent)).looked == 1
        assert len([one for one in caplog.records if "tried again" in one.getMessage()]) == 1
        assert (await swept(agent)).looked == 0, "not at once"
        proxy.handle = passing
        assert (await agent.wake()).question == question
        await agent.sandbox.connect("github", ADA)
        agent.clock.time += interval(1)
        assert (await swept(agent)).woken == 1
        assert await answer_of(agent) == "Done."


async def test_it_asks_nango_once_for_a_person_and_no_more_than_the_budget_allows(start: Any, sandbox: Any) -> None:
    async with start() as agent:
        agent.model.integrations = ["github"]
        for number in range(6):
            await agent.say("list", thread=f"t{number}", user=f"user{number // 2}")
        agent.clock.time += 5
        async with EmbeddedThreads(agent.graph) as threads:
            sweep = Sweep(agent.services, threads, looks_a_minute=2)
            assert (await sweep.once()).looked == 4, "two people, two threads each"
            assert (await sweep.once()).looked == 0, "the third has to wait"
            await sweep.close()
        assert (await swept(agent)).looked == 2, "it stayed due"


async def test_a_thread_that_can_not_be_woken_keeps_no_other_waiting(start: Any, sandbox: Any) -> None:
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github"], [LIST]
        for thread in ("bad", "good"):
            await agent.say("list", thread=thread)
        await sandbox.connect("github", ADA)
        agent.clock.time += 5
        async with EmbeddedThreads(agent.graph) as real:

            class Half:
                async def wake(self, turn: Any, *, wait_id: str | None) -> Any:
                    if turn.thread_id == "bad":
                        raise RuntimeError("canary")
                    return await real.wake(turn, wait_id=wait_id)

            sweep = Sweep(agent.services, Half())
            assert (await sweep.once()).woken == 1
            await sweep.close()
        assert await answer_of(agent, "good") == "Done."
        assert (await wait_of(agent, "bad")).state == "satisfied"


async def test_of_two_workers_one_sweeps_and_the_other_follows_when_it_leaves(waiting: Any, records_url: Any) -> None:
    others = await Records.open(records_url)
    other_services = type(waiting.services)(
        **{name: getattr(waiting.services, name) for name in waiting.services.__dataclass_fields__}
        | {"records": others}
    )
    try:
        async with EmbeddedThreads(waiting.graph) as threads:
            one, other = Sweep(waiting.services, threads), Sweep(other_services, threads)
            assert (await one.once()).leading
            assert not (await other.once()).leading
            assert (await one.once()).leading
            await one.close()
            assert (await other.once()).leading
            assert not (await one.once()).leading
    finally:
        await others.close()


async def test_in_the_background_it_begins_at_once_and_outlives_a_database_that_is_away(
    waiting: Any, caplog: Any
) -> None:
    await waiting.sandbox.connect("github", ADA)
    waiting.clock.time += 5
    calls = 0
    opened = asyncio.Event()

    async def source() -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            opened.set()
            raise OSError("canary")
        return waiting.services

    consumed = asyncio.Event()

    class Watched(EmbeddedThreads):
        async def _go_on(self, *args: Any) -> None:
            await super()._go_on(*args)
            consumed.set()

    async with Watched(waiting.graph) as threads, sweeping(source, threads, every=0.05):
        await asyncio.wait_for(opened.wait(), 10)
        await asyncio.wait_for(consumed.wait(), 10)
    assert await answer_of(waiting) == "Done."
    assert [one.getMessage() for one in caplog.records if "sweep failed" in one.getMessage()] == [
        "A sweep failed, and is tried again: OSError"
    ]

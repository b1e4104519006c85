"""The clock: it moves forward, and wakes who is due."""

import asyncio

import pytest

from nango_sandbox import Clock


async def test_moving_the_clock_wakes_who_is_due_and_nobody_else() -> None:
    clock = Clock()
    short, long = asyncio.create_task(clock.sleep(60)), asyncio.create_task(clock.sleep(7200))
    before = clock.now()
    await asyncio.to_thread(clock.advance_to_next)
    await asyncio.wait_for(short, 5)
    assert 59 < (clock.now() - before).total_seconds() < 70
    assert not long.done()
    clock.advance(7200)
    await asyncio.wait_for(long, 5)


async def test_time_that_passes_by_itself_is_enough() -> None:
    await asyncio.wait_for(Clock().sleep(0.01), 5)
    await asyncio.wait_for(Clock().sleep(0), 5)


def test_it_does_not_move_backward() -> None:
    with pytest.raises(ValueError, match="only moves forward"):
        Clock().advance(-1)


async def test_who_stops_sleeping_is_forgotten() -> None:
    clock = Clock()
    sleeper = asyncio.create_task(clock.sleep(60))
    await asyncio.to_thread(clock.advance_to_next)
    await sleeper
    other = asyncio.create_task(clock.sleep(60))
    await asyncio.sleep(0)
    other.cancel()
    with pytest.raises(asyncio.CancelledError):
        await other
    with pytest.raises(TimeoutError):
        clock.advance_to_next(patience=0)


def test_it_does_not_leave_the_calendar_in_several_steps_either() -> None:
    clock, century = Clock(), 100 * 365 * 86400
    clock.advance(century)
    with pytest.raises(ValueError, match="100 years in all"):
        clock.advance(1)

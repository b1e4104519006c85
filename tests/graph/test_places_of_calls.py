"""How many calls are on their way at once: never more than the bounds, and what only waits keeps nobody from going."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse

from agents import MovableClock
from nango_graph import AgentSettings, ModelSettings, build_graph
from nango_graph.execution.patience import Patience, Stopped
from nango_graph.execution.scheduler import StepState
from nango_graph.execution.slots import Slots
from nango_tools import NangoSettings

OCTO = {"owner": "octo", "repo": "widgets"}


def slots(at_once: int, of_each: int) -> Slots:
    nango = NangoSettings(api_key=SecretStr("k"), base_url="http://127.0.0.1:1")
    model = ModelSettings(name="none")
    return Slots(
        AgentSettings(
            nango=nango, model=model, data_dir=Path(), concurrency=at_once, concurrency_per_connection=of_each
        )
    )


async def in_turns(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


class Waiting(MovableClock):
    """Who sleeps does so until all are to wake up."""

    def __init__(self) -> None:
        super().__init__()
        self.sleeping = 0
        self.all_sleep = asyncio.Event()
        self.over = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.sleeping += 1
        if self.sleeping == 100:
            self.all_sleep.set()
        await self.over.wait()
        self.time += seconds


async def test_a_hundred_that_wait_do_not_hold_up_one_of_the_same_or_another_account() -> None:
    clock, places = Waiting(), slots(20, 10)

    async def waits(connection: str) -> None:
        async with places.of(connection) as place:
            await Patience(clock).leaving(place).sleep(1)

    async with asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(waits(f"c{number % 2}"))
        async with asyncio.timeout(5):
            await clock.all_sleep.wait()
        for connection in ("c0", "c2"):
            async with asyncio.timeout(5), places.of(connection):
                pass
        clock.over.set()


@pytest.mark.parametrize("seed", range(20))
async def test_never_more_than_the_bounds_are_under_way_whoever_waits_is_stopped_or_cancelled(seed: int) -> None:
    drawn = random.Random(seed)
    most, each = drawn.randint(1, 5), drawn.randint(1, 3)
    places, clock, under_way = slots(most, each), MovableClock(), {"all": 0}
    seen = 0

    async def request(connection: str) -> None:
        nonlocal seen
        for counted in ("all", connection):
            under_way[counted] = under_way.get(counted, 0) + 1
        assert under_way["all"] <= most
        assert under_way[connection] <= min(each, most)
        seen += 1
        await in_turns(drawn.randint(0, 4))
        for counted in ("all", connection):
            under_way[counted] -= 1

    async def call(connection: str) -> None:
        stops = iter([None] * drawn.randint(0, 6) + [StepState("stopped")] * 1000)
        patience = Patience(clock, stop=lambda: next(stops))
        async with places.of(connection) as place:
            for _ in range(drawn.randint(1, 4)):
                await request(connection)
                await patience.leaving(place).sleep(drawn.random() * 3)

    tasks = [asyncio.create_task(call(f"c{drawn.randint(0, 3)}")) for _ in range(60)]
    for task in drawn.sample(tasks, 15):
        await in_turns(drawn.randint(0, 8))
        # Only where it is not in a request: a request that is cut off is over, too.
        if under_way["all"] == 0:
            task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(one is None or isinstance(one, Stopped | asyncio.CancelledError) for one in ended)
    assert seen
    # All places are there again, and no more than that.
    async with asyncio.timeout(5):
        for connection in range(4):
            taken = [places.of(f"c{connection}") for _ in range(min(each, most))]
            for one in taken:
                await one.__aenter__()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0), places.of(f"c{connection}"):
                    pass
            for one in taken:
                await one.__aexit__(None, None, None)


async def test_who_is_stopped_while_there_is_no_place_does_not_go_on() -> None:
    places, stopped = slots(1, 1), False
    clock = MovableClock()
    patience = Patience(clock, stop=lambda: StepState("stopped") if stopped else None)
    went_on, free = False, asyncio.Event()

    async def waits() -> None:
        nonlocal went_on
        async with places.of("c") as place:
            await patience.leaving(place).sleep(1)
            went_on = True

    async def works() -> None:
        async with places.of("c"):
            await free.wait()

    waiting, working = asyncio.create_task(waits()), asyncio.create_task(works())
    await in_turns(20)
    stopped = True
    free.set()
    await working
    with pytest.raises(Stopped):
        await waiting
    assert not went_on


async def test_what_runs_in_the_background_does_not_hold_up_other_reads_and_is_polled_within_the_bound(
    agent: Any, start: Any, proxy: Any
) -> None:
    under_way = most = 0
    finished: set[str] = set()

    async def handle(request: Any, forward: Any) -> Any:
        nonlocal under_way, most
        if not request.url.path.startswith("/action/"):
            return await forward()
        under_way += 1
        most = max(most, under_way)
        try:
            if request.method == "GET" and len(finished) < 3:
                return JSONResponse(
                    {
                        "error": {
                            "code": "not_found",
                            "message": f"No action '{request.url.path.rsplit('/', 1)[-1]}' found",
                        }
                    },
                    404,
                )
            answer = await forward()
            if request.method == "POST" and "x-async" not in request.headers:
                finished.add((await request.body()).decode())
            return answer
        finally:
            under_way -= 1

    proxy.handle = handle
    async with start(nango={"base_url": proxy.url}) as opened:
        update = {"async_actions": ("github/list-issues",), "concurrency": 2, "concurrency_per_connection": 2}
        services = replace(opened.services, settings=opened.services.settings.model_copy(update=update))
        graph = build_graph(services).compile(checkpointer=opened.graph.checkpointer)
        behind = replace(opened, services=services, graph=graph)
        behind.model.integrations = ["github"]
        lists = [{"id": f"s{number}", "tool": "github/list-issues", "arguments": OCTO} for number in range(1, 6)]
        looks = [
            {"id": f"s{number}", "tool": "github/get-issue", "arguments": {**OCTO, "issue_number": number}}
            for number in (7, 8, 9)
        ]
        behind.model.script = [{"kind": "plan", "steps": [*lists, *looks]}, {"kind": "answer", "text": "Not all."}]
        seen = await behind.say("list and look")
    assert len(finished) == 3
    assert {seen.values["steps"][one["id"]] for one in lists} == {"succeeded"}
    assert most == 2

"""Some points of the kill matrix, always the same: what every change has to pass."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kill_judging import Outcome
from kill_points import AFTER_CALLS, FIRST_KILLS, RECOVERY_OF, Kill, Point, Whole, points_of, some_of
from kill_runs import Place
from kill_scenarios import SCENARIOS
from killed_plans import processes

FORTY_OF_FIFTY = Point("fifty steps", (Kill("calls", AFTER_CALLS),))
_MESSAGES_FIRST = 6
"""Of the points, those at which the person's next message comes before anybody wakes the thread."""
_AT_A_TIME = 2


@dataclass(frozen=True)
class SomeKilled:
    wholes: Sequence[Whole]
    outcomes: Sequence[Outcome]

    @property
    def messages_first(self) -> int:
        return sum(one.point.endswith("; message") and one.killed > 0 for one in self.outcomes)

    @property
    def forty_of_fifty(self) -> Outcome:
        return next(one for one in self.outcomes if one.point == str(FORTY_OF_FIFTY))


async def killed_at_some(folder: Path, postgres: Any, count: int) -> SomeKilled:
    """`postgres`: the server; None for SQLite."""
    async with contextlib.AsyncExitStack() as stack:
        places = [
            Place(await stack.enter_async_context(processes()), folder / str(at), postgres) for at in range(_AT_A_TIME)
        ]
        for place in places:
            await place.prepare()
        wholes: dict[str, Whole] = {}
        recoveries: dict[Kill, Whole] = {}
        outcomes: list[Outcome] = []
        names, first_kills = iter(SCENARIOS), iter(FIRST_KILLS)

        async def unkilled(place: Place) -> None:
            for name in names:
                wholes[name] = await place.whole(name)
            for kill in first_kills:
                recoveries[kill] = await place.whole(RECOVERY_OF, kill)

        await asyncio.gather(*map(unkilled, places))
        assert [f"{whole.scenario}: {whole.problem}" for whole in wholes.values() if whole.problem] == []
        in_order = {name: wholes[name] for name in SCENARIOS}
        rest = [point for point in points_of(in_order, recoveries) if point != FORTY_OF_FIFTY]
        messages_first = some_of([point for point in rest if point.goes_on == "message"], _MESSAGES_FIRST)
        others = some_of([point for point in rest if point.goes_on != "message"], count - 1 - len(messages_first))
        points = iter([FORTY_OF_FIFTY, *messages_first, *others])

        async def kill(place: Place) -> None:
            outcomes.extend([await place.killed(point, wholes[point.scenario]) for point in points])

        await asyncio.gather(*map(kill, places))
    return SomeKilled(list(wholes.values()), outcomes)

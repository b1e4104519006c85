"""How long a run may wait for something: no longer than its turn may work, and not after it was told to stop."""

import math
from collections.abc import Callable

from nango_graph.clock import Clock
from nango_graph.execution.scheduler import StepState
from nango_graph.execution.slots import Place

_LOOK_AGAIN = 5.0
"""Seconds of waiting between two looks whether the run may still go on."""


class Stopped(Exception):
    """What was waited for is not waited for any more. `state`: what comes of the step."""

    def __init__(self, state: StepState) -> None:
        super().__init__(state.error)
        self.state = state


def _goes_on() -> None:
    return None


class Patience:
    """Of one run. `stop`: what comes of a step once no call may leave any more; `left`: seconds that the turn may still work;
    `too_long`: says, for a person, that what it is handed takes longer than that; `place`: that of the call which waits. By default
    it has no end.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        stop: Callable[[], StepState | None] = _goes_on,
        left: Callable[[], float] = lambda: math.inf,
        too_long: Callable[[str], str] = str,
        place: Place | None = None,
    ) -> None:
        self._clock = clock
        self._stop = stop
        self._left = left
        self._too_long = too_long
        self._place = place

    def leaving(self, place: Place) -> "Patience":
        """The same, of a call that leaves its place to others while it waits."""
        return Patience(self._clock, stop=self._stop, left=self._left, too_long=self._too_long, place=place)

    def spare(self, seconds: float, what: str) -> None:
        """Raises `Stopped` if there is not so much time: then waiting for this has no sense from the beginning."""
        if seconds > self._left():
            raise Stopped(StepState("blocked", error=self._too_long(what)))

    async def sleep(self, seconds: float) -> None:
        """Raises `Stopped` as soon as it is seen that the run may not go on."""
        if self._place is None:
            await self._wait(seconds)
            return
        async with self._place.left():
            await self._wait(seconds)
        # It may have taken long until there was a place again.
        await self._wait(0)

    async def _wait(self, seconds: float) -> None:
        until = self._clock.now() + seconds
        while True:
            if (state := self._stop()) is not None:
                raise Stopped(state)
            if (remaining := until - self._clock.now()) <= 0:
                return
            await self._clock.sleep(min(remaining, _LOOK_AGAIN, max(self._left(), 0.01)))

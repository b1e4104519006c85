"""Request limits of providers, as their refusals tell them: what goes through one connection waits together.

A limit is told only by the call that ran into it: of answers that were a success, an action hands on no headers.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from nango_tools.errors import Call, Outcome, RateLimited, UpstreamError

T = TypeVar("T")

LONGEST_FOR_READS = 300.0
"""Seconds that a read waits for limits in all; what is told to last longer is not waited for."""
LONGEST_FOR_WRITES = 60.0
"""The same for a write, which a human approved as things were."""
_FIRST, _MOST = 2.0, 60.0
"""Seconds to wait after a refusal that does not tell how long, growing with each that follows."""
_SPREAD = 1.0
"""Seconds over which those spread who wait for the same moment."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A call waits so many seconds before it leaves. whose: the request limit of the provider, or of Nango."""

    seconds: float
    whose: Literal["provider", "nango"]


Pausing = Callable[[Pause], None]
"""Told of each pause as it begins. What it raises keeps the call from leaving."""
Sleep = Callable[[float], Awaitable[None]]
"""Waits so many seconds. What it raises keeps the call from leaving."""


@dataclass(frozen=True, slots=True)
class _Limit:
    learnt: float
    until: float
    pause: float


class ProviderLimits:
    """For all calls of one client. sleep: how to wait (seconds); clock: seconds that only rise.

    nango: seconds that reads would wait now for Nango's own limit, which the client itself does; they are only told.
    """

    def __init__(self, sleep: Sleep, clock: Callable[[], float], nango: Callable[[], float]) -> None:
        self._sleep = sleep
        self._clock = clock
        self._nango = nango
        self._limits: dict[str, _Limit] = {}

    def wait(self, call: Call) -> float:
        """Seconds until another call on that connection makes sense; 0 for at once."""
        limit = self._limits.get(_where(call))
        return max(0.0, limit.until - self._clock()) if limit is not None else 0.0

    def refused(self, call: Call, error: UpstreamError, *, began: float) -> None:
        """began: when the call left. Those that were under way together are one refusal, however many they are."""
        now, told, known = self._clock(), error.retry_after or 0.0, self._limits.get(_where(call))
        pause = _FIRST if known is None else known.pause
        if known is not None and began > known.learnt:
            pause = min(2 * known.pause, _MOST)
        # A window that is over at once, and refuses nevertheless, is not what was hit.
        until = now + (told if told >= 1 else pause)
        self._limits[_where(call)] = _Limit(now, max(until, known.until) if known else until, pause)

    def _succeeded(self, call: Call, *, began: float) -> None:
        known = self._limits.get(_where(call))
        if known is not None and began >= known.until:
            del self._limits[_where(call)]

    async def clear(
        self,
        call: Call,
        *,
        pausing: Pausing | None = None,
        sleep: Sleep | None = None,
        waited: float = 0.0,
        at_once: bool = False,
    ) -> float:
        """Waits until the limit of the call's connection allows it. Seconds: those it has waited, and those `waited` before.

        RateLimited with the outcome not_sent where that would be too long; with `at_once`, wherever it would have to wait.
        """
        most = 0.0 if at_once else _longest(call)
        while seconds := self.wait(call):
            if waited + seconds > most:
                raise RateLimited(
                    "the provider's request limit, which an earlier call on this connection ran into, is not over yet",
                    call=call,
                    outcome=Outcome.NOT_SENT,
                    retry_after=float(max(round(seconds), 1)),
                )
            waited += await self._pause(Pause(seconds, "provider"), pausing, sleep)
        return waited

    async def within(
        self,
        call: Call,
        send: Callable[[], Awaitable[T]],
        *,
        pausing: Pausing | None = None,
        sleep: Sleep | None = None,
        at_once: bool = False,
    ) -> T:
        """What `send` returns, sent once the limit of the call's connection allows it.

        A read that a limit refused, Nango's or the provider's, is sent again when that has passed. A write is sent once:
        its function ran. RateLimited as `clear`. `sleep`: instead of the client's own, also for Nango's limit.
        """
        most, waited = _longest(call), 0.0
        while True:
            waited = await self.clear(call, pausing=pausing, sleep=sleep, waited=waited, at_once=at_once)
            if not call.writes and (seconds := self._nango()):
                if sleep is not None:
                    if waited + seconds <= most:
                        waited += await self._pause(Pause(seconds, "nango"), pausing, sleep)
                elif pausing is not None:
                    # The client waits, as it does for all that reads.
                    pausing(Pause(seconds, "nango"))
            began = self._clock()
            try:
                output = await send()
            except UpstreamError as error:
                if not error.limited:
                    raise
                self.refused(call, error, began=began)
                if call.writes or waited + self.wait(call) > most:
                    raise
            except RateLimited as error:
                # The client has waited, and others were quicker.
                seconds = error.retry_after or _MOST
                if call.writes or waited + seconds > most:
                    raise
                waited += await self._pause(Pause(seconds, "nango"), pausing, sleep)
            else:
                self._succeeded(call, began=began)
                return output

    async def _pause(self, pause: Pause, pausing: Pausing | None, sleep: Sleep | None) -> float:
        if pausing is not None:
            pausing(pause)
        await (sleep or self._sleep)(pause.seconds + random.uniform(0, _SPREAD))  # noqa: S311 spreads load, guards nothing
        return pause.seconds


def _where(call: Call) -> str:
    return f"{call.integration_id}/{call.connection_id}"


def _longest(call: Call) -> float:
    return LONGEST_FOR_WRITES if call.writes else LONGEST_FOR_READS

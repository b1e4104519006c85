"""When a request is sent again, and after how long.

Reads are repeated a few times where that cannot do harm. A write is repeated only if it certainly had no effect: it
never left, or Nango's own limit turned it away; and only soon, since whoever claimed it waits for so long and no
longer. What all calls of a client may repeat comes out of one budget, so that an outage is not answered with a
stampede: some reserve, and a share of what is sent anyway.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
from tenacity import AsyncRetrying, RetryCallState, wait_exponential

from nango_tools.errors import Call, NangoError, NetworkFailure, Outcome, RateLimited, TimedOut
from nango_tools.quota import Quota

_ATTEMPTS = 3
_GROWING = wait_exponential(multiplier=0.5, max=8)
_SPREAD = 1.0
"""Seconds over which those spread who wait for the same moment; HTTP dates are no finer."""
_WRITES_MAY_TAKE = 10.0
_FOR_A_MOMENT = (429, 502, 503, 504)
OWN_LIMIT = "too_many_request"


@dataclass(frozen=True)
class Attempt:
    """How one attempt ended: with a failure or without, and with an answer or without."""

    response: httpx.Response | None
    failure: NangoError | None

    @property
    def answer(self) -> httpx.Response:
        if self.response is None:
            raise RuntimeError("an attempt without a failure has an answer")
        return self.response


class RetryBudget:
    """A token bucket: a retry takes a token, each request brings a fraction of one, time fills up the reserve.

    share: retries that each request pays for; reserve: how many there are at first; per_second: how fast that many
    come back. Never more than twice the reserve is saved up.
    """

    def __init__(
        self, clock: Callable[[], float], *, share: float = 0.1, reserve: float = 10, per_second: float = 0.5
    ) -> None:
        self._clock = clock
        self._share, self._reserve, self._per_second = share, reserve, per_second
        self._tokens = float(reserve)
        self._filled = clock()

    def request(self) -> None:
        self._tokens = min(2 * self._reserve, self._tokens + self._share)

    def take(self) -> bool:
        """Whether another retry is paid for; it then is taken."""
        now = self._clock()
        if self._tokens < self._reserve:
            self._tokens = min(self._reserve, self._tokens + (now - self._filled) * self._per_second)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Retries:
    """For all calls of one client.

    sleep: how to wait (seconds); clock: seconds that only rise; longest_wait: seconds that a read waits, at most
    """

    def __init__(
        self,
        quota: Quota,
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float],
        *,
        longest_wait: float,
    ) -> None:
        self._quota = quota
        self._sleep = sleep
        self._clock = clock
        self._longest_wait = longest_wait
        self._budget = RetryBudget(clock)

    async def run(self, attempt: Callable[[], Awaitable[Attempt]], call: Call) -> Attempt:
        """The last of up to three attempts. `attempt` raises nothing that another one could mend."""
        if not call.writes:
            await self._wait_for_quota()
        began = self._clock()

        def given_up(state: RetryCallState) -> bool:
            if call.writes:
                too_long = self._clock() - began + state.upcoming_sleep > _WRITES_MAY_TAKE
            else:
                too_long = state.idle_for + _asked_for(state) > self._longest_wait
            return state.attempt_number >= _ATTEMPTS or too_long or not self._budget.take()

        self._budget.request()
        retrying = AsyncRetrying(
            sleep=self._sleep,
            retry=lambda state: _worth_another(_result(state).failure, call),
            wait=_pause,
            stop=given_up,
            retry_error_callback=_result,
        )
        return await retrying(attempt)

    async def _wait_for_quota(self) -> None:
        """Until the window ends; where that is too long, Nango is asked, and says so itself."""
        waited = 0.0
        while 0 < (seconds := self._quota.wait()) <= self._longest_wait - waited:
            waited += seconds
            await self._sleep(seconds + random.uniform(0, _SPREAD))  # noqa: S311 spreads load, guards nothing


def _worth_another(failure: NangoError | None, call: Call) -> bool:
    if failure is None:
        return False
    never_left = isinstance(failure, NetworkFailure) and failure.outcome is Outcome.NOT_SENT
    if call.writes:
        told_when = isinstance(failure, RateLimited) and failure.retry_after is not None
        return never_left or (told_when and failure.code == OWN_LIMIT)
    broke_off = isinstance(failure, NetworkFailure) and not isinstance(failure, TimedOut)
    return never_left or broke_off or failure.status in _FOR_A_MOMENT


def _pause(state: RetryCallState) -> float:
    asked = _asked_for(state)
    if asked:
        return asked + random.uniform(0, _SPREAD)  # noqa: S311 as above
    return _GROWING(state) * random.uniform(0.5, 1.5)  # noqa: S311 as above


def _asked_for(state: RetryCallState) -> float:
    """Seconds that Nango said to wait; 0 where it said nothing."""
    failure = _result(state).failure
    return (failure.retry_after or 0.0) if failure is not None else 0.0


def _result(state: RetryCallState) -> Attempt:
    if state.outcome is None:
        raise RuntimeError("there was no attempt")
    ended: Attempt = state.outcome.result()
    return ended

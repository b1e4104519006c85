"""Nango's request limit, as its answers tell it: when it is used up, the reads of a client wait together."""

from collections.abc import Callable
from datetime import UTC, datetime

import httpx

from nango_tools.failures.http import http_date, retry_after


class Quota:
    """The limit of one Nango environment: a fixed window, whose end and remaining requests stand in every answer.

    Counted down with each request sent, so that calls in parallel do not all run into the limit; others use the same
    quota, so an answer may lower the count. Nango is still asked when in doubt: only it refuses.
    clock: seconds that only rise, as time.monotonic
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._remaining: int | None = None
        self._window: int | None = None
        self._ends = 0.0

    def sent(self) -> None:
        if self._remaining is not None:
            self._remaining -= 1

    def wait(self) -> float:
        """Seconds until another request makes sense; 0 for at once."""
        if self._remaining is None or self._remaining > 0:
            return 0.0
        left = self._ends - self._clock()
        if left > 0:
            return left
        self._remaining = None
        return 0.0

    def learn(self, response: httpx.Response) -> None:
        """From `x-ratelimit-remaining` (requests) and `-reset` (Unix seconds); `Date` tells Nango's own time."""
        remaining = _number(response, "x-ratelimit-remaining")
        window = _number(response, "x-ratelimit-reset")
        if remaining is None or window is None:
            return
        if self._remaining is not None and window == self._window:
            remaining = min(remaining, self._remaining)
        elif self._window is not None and window < self._window and self._ends > self._clock():
            return  # overtaken: an answer from the window before
        now = http_date(response.headers.get("date", "")) or datetime.now(UTC)
        self._remaining, self._window = remaining, window
        # Whole seconds, rounded down: the window ends before the next one begins.
        self._ends = self._clock() + window + 1 - now.timestamp()

    def used_up(self, response: httpx.Response) -> None:
        """From Nango's own 429."""
        self.learn(response)
        seconds = retry_after(response)
        if seconds is not None:
            self._remaining, self._ends = 0, self._clock() + seconds


def _number(response: httpx.Response, header: str) -> int | None:
    said = response.headers.get(header, "").strip()
    return int(said) if said.isascii() and said.isdecimal() and len(said) <= 12 else None

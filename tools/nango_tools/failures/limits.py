"""What a provider says of its request limit, in the `x-rate*` headers that Nango hands on (Retry-After is dropped) [actions].

No two providers count alike. The end of the window is Unix seconds (x-ratelimit-reset), milliseconds, or seconds from
now (x-ratelimit-reset-after); some tell of several windows (x-ratelimit-reset-tokens), each with a header of what remains.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime

_PREFIX = "x-rate"
_MILLISECONDS, _UNIX_SECONDS = 1e11, 1e9
"""From these numbers on it is a point in time, not a number of seconds."""


def is_limit(status: int | None, headers: Mapping[str, object]) -> bool:
    """Whether a provider refused for its limit: 429, or as GitHub does 403 with nothing remaining."""
    named = {name.lower(): value for name, value in headers.items()}
    return status == 429 or (status == 403 and any(_used_up(name, named) for name in named if "reset" in name))


def seconds_until_reset(headers: Mapping[str, object], now: datetime | None = None) -> float | None:
    """Seconds from `now` until the provider takes requests again, the latest of the windows that are used up. None where it
    does not say so.
    """
    named = {name.lower(): value for name, value in headers.items()}
    ends = {name: value for name, value in named.items() if name.startswith(_PREFIX) and "reset" in name}
    used_up = {name: value for name, value in ends.items() if _used_up(name, named)} or ends
    seconds = [_seconds(str(value), now or datetime.now(UTC)) for value in used_up.values()]
    return max((each for each in seconds if each is not None), default=None)


def _used_up(reset: str, headers: Mapping[str, object]) -> bool:
    named = reset.replace("reset-after", "reset").replace("reset", "remaining")
    return str(headers.get(named, "")).strip() == "0"


def _seconds(said: str, now: datetime) -> float | None:
    try:
        number = float(said) if said.isascii() else math.nan
    except ValueError:
        return None
    if not math.isfinite(number) or number < 0:
        return None
    if number >= _MILLISECONDS:
        number /= 1000
    return max(0.0, number - now.timestamp()) if number >= _UNIX_SECONDS else number

"""How often a sync runs, in Nango's words."""

import re
from datetime import timedelta

SHORTEST = timedelta(seconds=30)

_UNITS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
}
_WORDS = re.compile(rf"every\s+(?:(\d{{1,5}}|half)\s+)?({'|'.join(_UNITS)})s?", re.IGNORECASE)


def interval(frequency: str) -> timedelta:
    """As in "every hour", "every 30 minutes", "every half day". Raises ValueError for anything else, or less than 30 s."""
    words = _WORDS.fullmatch(frequency.strip())
    if words is None:
        message = f'{frequency!r} is no frequency. Say "every hour", "every 30 minutes", "every day" or the like.'
        raise ValueError(message)
    number, unit = words.groups()
    found = _UNITS[unit.lower()] * (0.5 if (number or "").lower() == "half" else int(number or 1))
    if found < SHORTEST:
        message = f"{frequency!r} is too often: the shortest interval is {SHORTEST.seconds} seconds."
        raise ValueError(message)
    return found

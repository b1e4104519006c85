"""How often something may be done: counted in memory, by each process for itself."""

from collections import OrderedDict, deque


class Limit:
    """So many times in so many seconds for each key. Keys that were not used for longest are forgotten, so that it stays small."""

    def __init__(self, times: int, *, seconds: float = 60.0, most_keys: int = 10_000) -> None:
        self._times = times
        self._seconds = seconds
        self._most_keys = most_keys
        self._used: OrderedDict[str, deque[float]] = OrderedDict()

    @property
    def seconds(self) -> int:
        """After which it may be tried again, at most."""
        return int(self._seconds)

    def take(self, key: str, now: float) -> bool:
        """True, and counted, if it may be done now. `now` in seconds; it may jump back, as clocks do."""
        used = self._used.setdefault(key, deque(maxlen=self._times))
        self._used.move_to_end(key)
        while len(self._used) > self._most_keys:
            self._used.popitem(last=False)
        if len(used) == self._times and 0 <= now - used[0] < self._seconds:
            return False
        used.append(now)
        return True

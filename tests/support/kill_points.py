"""The points at which processes are killed: in each scenario, spread over what becomes durable, over calls on their way, over recoveries."""

import random
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kill_scenarios import FIFTY

AFTER_CALLS = 40
"""Of the fifty steps: those must not be called again."""
_SEED = 20
_ANYWHERE, _SECOND = 13, 3
"""Kills of a scenario at things that became durable; second kills at random places."""

On = Literal["event", "calls", "arrived", "late", "ran"]
GoesOn = Literal["wake", "sweep", "message"]
ON_THE_WAY: tuple[On, ...] = ("arrived", "late", "ran")


@dataclass(frozen=True)
class Kill:
    """One SIGKILL.

    event: right after the `at`-th thing became durable, or the `at`-th answer came
    calls: when the outcomes of `at` calls are in the records
    arrived: when the `at`-th call has arrived at Nango, which never runs it; late: which runs it nevertheless
    ran: when the `at`-th call has run, before its answer leaves
    """

    on: On
    at: int

    def __str__(self) -> str:
        return f"{self.on} {self.at}"


@dataclass(frozen=True)
class Point:
    scenario: str
    kills: tuple[Kill, ...]
    """Of one process after the other, on the same thread."""
    goes_on: GoesOn = "wake"

    def __str__(self) -> str:
        return f"{self.scenario}: {', then '.join(map(str, self.kills))}; {self.goes_on}"

    @property
    def seed(self) -> int:
        return zlib.crc32(str(self).encode())


@dataclass
class Whole:
    """A scenario that nobody kills; or, after a first kill, what the process does that goes on with it."""

    scenario: str
    events: list[str]
    calls: list[str]
    """The actions that were called, in order."""
    written: dict[str, int]
    steps: dict[str, str]
    problem: str = ""

    @property
    def planned_at(self) -> int:
        """Before, all scenarios are the same."""
        return next((at for at, event in enumerate(self.events) if "insert plans" in event), 1)


FIRST_KILLS = (Kill("arrived", 1), Kill("ran", 1))
"""Of the scenario with one write: the process after it asks what became of the write, and is killed everywhere."""
RECOVERY_OF = "write"


def points_of(wholes: Mapping[str, Whole], recoveries: Mapping[Kill, Whole]) -> list[Point]:
    """All of the matrix: the same for the same events."""
    return list(dict.fromkeys(_points(wholes, recoveries)))


_PLACES = {
    "arrived": "a write has arrived, and never runs",
    "late": "a write is on its way, and runs later",
    "ran": "a write has run, unanswered",
    "calls": "so many calls are done",
}
_READ, _NODE, _DURABLE = (
    "a read has run, unanswered",
    "between nodes, or in a question",
    "after another commit or answer",
)
_FAN_OUT, _ASKED = "in a fan-out", "while an unknown outcome is asked"
_MESSAGE, _TWICE = "the next message comes first", "killed twice"
KINDS = (_DURABLE, _NODE, *_PLACES.values(), _READ, _FAN_OUT, _ASKED, _MESSAGE, _TWICE)
"""Of places. A point may be of several."""
_OF_NODES = ("checkpoint", "a node's writes", "the question")


def kinds_of(point: Point, whole: Whole) -> tuple[str, ...]:
    """`whole`: of its scenario. Where a second kill strikes is known only of those that come while something is asked."""
    first = point.kills[0]
    if first.on == "event":
        kinds = [_NODE if whole.events[first.at - 1].startswith(_OF_NODES) else _DURABLE]
    elif first.on == "ran" and is_read(whole.calls[first.at - 1]):
        kinds = [_READ]
    else:
        kinds = [_PLACES[first.on]]
    holds = {
        _FAN_OUT: "fan-out" in point.scenario,
        _ASKED: len(point.kills) > 1 and first in FIRST_KILLS,
        _MESSAGE: point.goes_on == "message",
        _TWICE: len(point.kills) > 1,
    }
    return (*kinds, *(kind for kind, it_does in holds.items() if it_does))


def some_of(points: Sequence[Point], count: int) -> list[Point]:
    """Of every scenario about as many, always the same."""
    mixed = random.Random(_SEED).sample(list(points), len(points))
    seen: Counter[str] = Counter()
    turns: dict[Point, int] = {}
    for point in mixed:
        turns[point] = seen[point.scenario]
        seen[point.scenario] += 1
    return sorted(mixed, key=turns.__getitem__)[:count]


def _points(wholes: Mapping[str, Whole], recoveries: Mapping[Kill, Whole]) -> Iterator[Point]:
    for name, whole in wholes.items():
        chance = random.Random(f"{_SEED} {name}")
        events = range(1, len(whole.events) + 1)
        late = range(whole.planned_at, len(whole.events) + 1)
        for at in events if name == RECOVERY_OF else sorted(chance.sample(late, min(_ANYWHERE, len(late)))):
            yield Point(name, (Kill("event", at),), _woken(chance))
        yield from _on_the_way(name, whole, chance)
        for _ in range(_SECOND):
            first, second = chance.choice(late), chance.randint(1, len(late))
            yield Point(name, (Kill("event", first), Kill("event", second)), _woken(chance))
    for first_kill, recovery in recoveries.items():
        for at in range(1, len(recovery.events) + 1):
            yield Point(RECOVERY_OF, (first_kill, Kill("event", at)))
    for at in (AFTER_CALLS - 1, AFTER_CALLS, FIFTY):
        yield Point("fifty steps", (Kill("calls", at),))
    for name in ("write", "read, then writes", "independent writes", "fan-out of writes"):
        for on in ON_THE_WAY:
            yield Point(name, (Kill(on, len(wholes[name].calls)),), "message")


def _on_the_way(name: str, whole: Whole, chance: random.Random) -> Iterator[Point]:
    """At the first call, the last one, and one between."""
    count = len(whole.calls)
    for at in sorted({1, (count + 1) // 2, count} if count else ()):
        for on in ("ran",) if is_read(whole.calls[at - 1]) else ON_THE_WAY:
            yield Point(name, (Kill(on, at),), _woken(chance))


def is_read(action: str) -> bool:
    """`action`: its name, with or without its integration."""
    return action.rpartition("/")[2].startswith(("get-", "list-"))


def _woken(chance: random.Random) -> GoesOn:
    return "wake" if chance.random() < 0.5 else "sweep"

# ruff: noqa: INP001 - part of a script
"""What is measured: the steps of each request, what they need, and how long each takes in the lab.

The plan and the calls that a ReAct model makes are both derived from the same steps, so that nobody has more to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

INTEGRATION = "lab"
GET, LIST, CREATE = "get-entry", "list-entries", "create-entry"
ITEMS = 100

SECONDS = {
    "single": 0.1,
    "write": 0.1,
    "list": 0.1,
    "wide": 0.1,
    "item": 0.05,
    "a": 0.3,
    "b": 0.1,
    "c": 0.4,
    "d": 0.1,
    "e": 0.1,
    "f": 0.5,
    "g": 0.1,
}
"""That a call takes in the lab, by its key; of `item-17` as of `item`."""


def seconds_of(key: str) -> float:
    return SECONDS[key.partition("-")[0]]


@dataclass(frozen=True)
class Need:
    """A call: `key` is its argument and its name here. It is given the values that `needs` brought."""

    key: str
    tool: str = GET
    needs: tuple[str, ...] = ()

    def arguments(self, values: Sequence[Any]) -> dict[str, Any]:
        if self.tool == LIST:
            return {"count": ITEMS}
        if self.tool == CREATE:
            return {"key": self.key, "text": "Bring a torch."}
        return {"key": self.key, **({"given": list(values)} if values else {})}


@dataclass(frozen=True)
class Case:
    """`each`: for every entry that the first call lists there is one more call."""

    name: str
    what: str
    request: str
    calls: tuple[Need, ...]
    each: bool = False

    @property
    def tool_calls(self) -> int:
        return len(self.calls) + (ITEMS if self.each else 0)

    @property
    def longest_chain(self) -> float:
        """Seconds of tool delays that no order of the calls can avoid."""
        ends: dict[str, float] = {}
        for call in self.calls:
            ends[call.key] = max((ends[needed] for needed in call.needs), default=0.0) + seconds_of(call.key)
        return max(ends.values()) + (seconds_of("item") if self.each else 0.0)

    def plan(self) -> dict[str, Any]:
        """What the planner submits: `submit_plan`'s arguments."""
        steps = [
            {
                "id": _step(call.key),
                "tool": f"{INTEGRATION}/{call.tool}",
                "arguments": call.arguments([f"${{{_step(needed)}.value}}" for needed in call.needs]),
                "purpose": "as asked",
            }
            for call in self.calls
        ]
        if self.each:
            steps.append(
                {
                    "id": "each",
                    "tool": f"{INTEGRATION}/{GET}",
                    "arguments": {"key": "${item.key}"},
                    "purpose": "each entry",
                    "for_each": f"${{{_step(self.calls[0].key)}.entries}}",
                }
            )
        return {"kind": "plan", "steps": steps}

    def following(self, made: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """What a good ReAct model calls in its next message: everything whose data is there. `made`: outputs by key."""
        ready = [
            (call.tool, call.arguments([made[needed]["value"] for needed in call.needs]))
            for call in self.calls
            if call.key not in made and all(needed in made for needed in call.needs)
        ]
        if self.each and not ready:
            entries = made[self.calls[0].key]["entries"]
            ready = [(GET, {"key": entry["key"]}) for entry in entries if entry["key"] not in made]
        return ready


def _step(key: str) -> str:
    return "s_" + key.replace("-", "_")


CASES = (
    Case("a", "one read of 100 ms", "Get the entry single of the lab", (Need("single"),)),
    Case("b", "one write of 100 ms", "Create an entry in the lab", (Need("write", CREATE),)),
    Case(
        "c",
        "10 independent reads of 100 ms",
        "Get ten entries of the lab",
        tuple(Need(f"wide-{number}") for number in range(10)),
    ),
    Case(
        "d",
        "uneven: a .3 > b .1 > c .4 beside d .1 > e .1 > f .5, then g .1",
        "Get these seven entries of the lab",
        (
            Need("a"),
            Need("d"),
            Need("b", needs=("a",)),
            Need("e", needs=("d",)),
            Need("c", needs=("b",)),
            Need("f", needs=("e",)),
            Need("g", needs=("c", "f")),
        ),
    ),
    Case(
        "e",
        f"a listing of 100 ms, then {ITEMS} reads of 50 ms",
        "Get all entries of the lab",
        (Need("list", LIST),),
        each=True,
    ),
)

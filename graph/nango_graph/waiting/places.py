"""Where a thread stands, as whoever wants to wake it needs to know."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.types import StateSnapshot


@dataclass(frozen=True, slots=True)
class Place:
    paused: bool
    unfinished: bool
    """It has tasks, and asks nothing: a run of it goes on now, or was killed. Not the same as LangGraph's `next`, which leaves out
    tasks whose writes are there and whose step is not."""
    waits: frozenset[str]
    """Of the question it is paused at."""

    def is_at(self, wait_id: str | None) -> bool:
        return wait_id in self.waits


def place_of(state: StateSnapshot) -> Place:
    """`state` with the states of subgraphs in it: the agent may run in a graph of somebody else's."""
    children = [task.state for task in state.tasks if isinstance(task.state, StateSnapshot)]
    return _place(state.values, state.tasks, state.interrupts, map(place_of, children))


def place_of_served(state: Mapping[str, Any]) -> Place:
    """The same, of a thread's state as a LangGraph server tells it (`GET /threads/{id}/state?subgraphs=true`)."""
    tasks = state.get("tasks") or []
    children = [task["state"] for task in tasks if isinstance(task.get("state"), Mapping)]
    interrupts = [one for task in tasks for one in task.get("interrupts") or []] or state.get("interrupts") or []
    return _place(state.get("values"), tasks, interrupts, map(place_of_served, children))


def _place(values: Any, tasks: Sequence[Any], interrupts: Sequence[Any], children: Iterable[Place]) -> Place:
    asked = values.get("asked") if isinstance(values, Mapping) else None
    waits = (
        {item["wait_id"] for item in (asked or {}).get("items", []) if item["about"] == "connect"}
        if interrupts
        else set()
    )
    return Place(
        paused=bool(interrupts),
        unfinished=bool(tasks) and not interrupts,
        waits=frozenset(waits).union(*(child.waits for child in children)),
    )

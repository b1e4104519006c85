"""What runs when. There are no rounds: a step starts as soon as what it needs is there.

Data and `after` decide what a step needs. Beyond that, writes keep the order of the plan, and a read that comes after
a write to the same connection waits for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from nango_graph.planning.plan import Step

Status = Literal[
    "succeeded",
    "skipped",
    "failed",
    "unknown",
    "rejected",
    "declined",
    "blocked",
    "stopped",
    "asking",
    "parked",
    "waiting",
]
"""`blocked`: a step it needs did not succeed. `asking`: a human must decide. `parked`: its connection must be authorized
first. `declined`: the user goes on without that. `waiting`: for a step that is asking or parked. `skipped`: its condition does not hold, or it needs
a step that was skipped. `stopped`: the run came to an end before it could be done; another one goes on with it.
"""


@dataclass(frozen=True, slots=True)
class StepState:
    status: Status
    output: Any = None
    error: str = ""
    arguments: Any = None
    asks: list[Any] = field(default_factory=list)
    unconnected: bool = False
    """Does it hang on a connection that broke: its own, or that of a step it needs?"""
    withheld: str = ""
    """Why calls were not made that a rule denies, or whose tool is held back. For people, not for a model."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A step with what the scheduler must know of its tool."""

    step: Step
    writes: bool
    connection_id: str


P = TypeVar("P")
Earlier = Callable[[Collection[str]], Awaitable[Mapping[str, Any]]]
"""Outputs of steps of earlier plans, by step id: those of the ids given that there are."""


class Work(Protocol[P]):
    async def prepare(self, step: Step, outputs: Mapping[str, Any]) -> P | StepState:
        """Binds arguments and looks up decisions. A state if the step can't or mustn't run now."""

    def sends(self, prepared: P) -> bool:
        """Is there anything left to send? What was done before stays done, whatever became of earlier steps since."""

    async def run(self, prepared: P) -> StepState:
        """Makes the calls."""


async def carry_out(plan: Sequence[Planned], work: Work[P], earlier: Earlier) -> dict[str, StepState]:
    """Runs everything that can run. Returns when nothing can any more: finished, or waiting for decisions."""
    tasks: dict[str, asyncio.Task[StepState]] = {}
    async with asyncio.TaskGroup() as group:
        for position, planned in enumerate(plan):
            tasks[planned.step.id] = group.create_task(_one(planned, plan[:position], dict(tasks), work, earlier))
    return {step_id: task.result() for step_id, task in tasks.items()}


async def _one(
    planned: Planned,
    before: Sequence[Planned],
    tasks: Mapping[str, asyncio.Task[StepState]],
    work: Work[P],
    earlier: Earlier,
) -> StepState:
    step = planned.step
    outputs = dict(await earlier(step.needs - tasks.keys()))
    for needed in sorted(step.needs & tasks.keys()):
        state = await tasks[needed]
        if hindrance := _hindered(needed, state):
            return hindrance
        outputs[needed] = state.output
    prepared = await work.prepare(step, outputs)
    if isinstance(prepared, StepState):
        return prepared
    for prior in before if work.sends(prepared) else ():
        if prior.writes and (planned.writes or prior.connection_id == planned.connection_id):
            state = await tasks[prior.step.id]
            # A human who refused one write saw the others beside it, and a connection that broke holds up what uses it only;
            # a write that failed may be why the next makes no sense.
            elsewhere = state.unconnected and prior.connection_id != planned.connection_id
            if state.status != "rejected" and not elsewhere and (hindrance := _hindered(prior.step.id, state)):
                return hindrance
    return await work.run(prepared)


def _hindered(step_id: str, state: StepState) -> StepState | None:
    match state.status:
        case "succeeded":
            return None
        case "asking" | "parked" | "waiting":
            return StepState("waiting", unconnected=state.unconnected)
        case "declined":
            return StepState("blocked", error=f"It needs {step_id}. {state.error}", unconnected=True)
        case "rejected":
            return StepState("blocked", error=f"It needs {step_id}, which was rejected.")
        case "unknown":
            return StepState("blocked", error=f"It comes after {step_id}, of which nobody knows whether it happened.")
        case _:
            return StepState(
                "blocked", error=f"It needs {step_id}, which did not succeed.", unconnected=state.unconnected
            )

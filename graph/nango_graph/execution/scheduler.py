"""What runs when. There are no rounds: a step starts as soon as what it needs is there.

Data and `after` decide what a step needs. Beyond that, writes keep the order of the plan unless they are independent, and a
read that comes after a write to the same connection waits for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from nango_graph.planning.plan import Step
from nango_graph.planning.references import steps_referred_to

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
"""`blocked`: a step it needs did not succeed, or a budget is used up. `asking`: a human must decide. `parked`: its connection must be
authorized first. `declined`: the user goes on without that. `waiting`: for a step that is asking or parked. `skipped`: its condition
does not hold, or it takes data from a step that was skipped. `stopped`: the run came to an end before it could be done; another one goes on with it.
"""


@dataclass(frozen=True, slots=True)
class StepState:
    status: Status
    output: Any = None
    error: str = ""
    """What went wrong, or what else is to be said of the step."""
    arguments: Any = None
    asks: list[Any] = field(default_factory=list)
    unconnected: bool = False
    """Does it hang on a connection that broke: its own, or that of a step it needs?"""
    withheld: str = ""
    """Why calls were not made that a rule denies, or whose tool is held back. For people, not for a model."""
    found_nothing: bool = False
    """Did a reference find nothing, so that there was nothing to do, or nothing to do it with?"""
    artifacts: tuple[str, ...] = ()
    """Ids under which the records keep the output, or large parts of it."""
    done: int = 0
    """Of a step that ran for each item: how many of its calls succeeded."""
    of: int = 0
    """And how many items there were."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A step with what the scheduler must know of its tool."""

    step: Step
    writes: bool
    connection_id: str

    def follows(self, earlier: "Planned") -> bool:
        """Does it wait for this earlier step of the plan, although no data comes from there?"""
        if not earlier.writes:
            return False
        if self.writes:
            return not (self.step.independent or earlier.step.independent)
        return self.connection_id == earlier.connection_id


P = TypeVar("P")
Earlier = Callable[[Collection[str]], Awaitable[Mapping[str, Any]]]
"""Outputs of steps of earlier plans, by step id: those of the ids given that there are."""


class Work(Protocol[P]):
    async def condition(self, step: Step, outputs: Mapping[str, Any]) -> StepState | None:
        """Of a step that has one: the end of the step, unless its condition holds."""

    async def prepare(self, step: Step, outputs: Mapping[str, Any]) -> P | StepState:
        """Binds arguments and looks up decisions. A state if the step can't or mustn't run now."""

    def sends(self, prepared: P) -> bool:
        """Is there anything left to send? What was done before stays done, whatever became of earlier steps since."""

    async def run(self, prepared: P) -> StepState:
        """Makes the calls."""

    def held_up(self, step: Step, state: StepState) -> StepState:
        """Of a step that another one keeps from being done: what is told of it, with whose account it would have used."""


class _Ended(Exception):
    """How a step ended before it could run."""

    def __init__(self, state: StepState) -> None:
        self.state = state


async def carry_out(plan: Sequence[Planned], work: Work[P], earlier: Earlier) -> dict[str, StepState]:
    """Runs everything that can run. Returns when nothing can any more: finished, or waiting for decisions."""
    tasks: dict[str, asyncio.Task[StepState]] = {}
    writes: list[tuple[Planned, asyncio.Task[StepState]]] = []
    async with asyncio.TaskGroup() as group:
        for planned in plan:
            # Only what stands before it in the plan: whatever a plan says, nothing waits in a circle.
            needs = planned.step.needs - {"item"}
            within = {step_id: tasks[step_id] for step_id in sorted(needs) if step_id in tasks}
            order = [(prior, task) for prior, task in writes if planned.follows(prior)]
            task = group.create_task(_Run(planned, needs, within, order, work, earlier).state())
            tasks[planned.step.id] = task
            if planned.writes:
                writes.append((planned, task))
    return {step_id: task.result() for step_id, task in tasks.items()}


@dataclass(frozen=True, slots=True)
class _Run:
    """Of one step. `needs`: ids of the steps that it needs; `within`: those of them that are in this plan; `order`: the writes that it follows."""

    planned: Planned
    needs: frozenset[str]
    within: Mapping[str, asyncio.Task[StepState]]
    order: Sequence[tuple[Planned, asyncio.Task[StepState]]]
    work: Work[Any]
    earlier: Earlier

    async def state(self) -> StepState:
        try:
            prepared = await self._prepared()
            if self.work.sends(prepared):
                await self._in_order()
        except _Ended as ended:
            return ended.state
        return await self.work.run(prepared)

    async def _prepared(self) -> Any:
        step = self.planned.step
        outputs: dict[str, Any] = {}
        if step.when is not None:
            # First: what does not have to be done needs nothing else.
            await self._gather(steps_referred_to(step.when) & self.needs, outputs)
            if (ended := await self.work.condition(step, outputs)) is not None:
                raise _Ended(ended)
        await self._gather(self.needs - outputs.keys(), outputs)
        prepared = await self.work.prepare(step, outputs)
        if isinstance(prepared, StepState):
            raise _Ended(prepared)
        return prepared

    async def _gather(self, steps: Collection[str], outputs: dict[str, Any]) -> None:
        if before := frozenset(steps) - self.within.keys():
            outputs |= await self.earlier(before)
        step = self.planned.step
        for step_id in filter(steps.__contains__, self.within):
            state = await self.within[step_id]
            if state.status == "skipped" and not self._takes_data_from(step_id):
                continue
            if hindrance := _hindered(step_id, state):
                raise _Ended(self.work.held_up(step, hindrance))
            outputs[step_id] = state.output

    def _takes_data_from(self, step_id: str) -> bool:
        """`after` is about order alone: it does not matter then that there was nothing to wait for."""
        step = self.planned.step
        return step_id in steps_referred_to([step.arguments, step.for_each, step.when])

    async def _in_order(self) -> None:
        for prior, task in self.order:
            state = await task
            # A human who refused one write saw the others beside it, and a connection that broke holds up what uses it only;
            # a write that failed may be why the next makes no sense.
            elsewhere = state.unconnected and prior.connection_id != self.planned.connection_id
            if state.status in ("rejected", "skipped") or elsewhere:
                continue
            if hindrance := _hindered(prior.step.id, state):
                raise _Ended(self.work.held_up(self.planned.step, hindrance))


def _hindered(step_id: str, state: StepState) -> StepState | None:
    match state.status:
        case "succeeded":
            return None
        case "skipped":
            return StepState("skipped", error=f"It takes data from {step_id}, which was skipped.")
        case "stopped":
            return StepState("stopped", error=f"It comes after {step_id}, which was not done yet.")
        case "asking" | "parked" | "waiting":
            return StepState("waiting", error=f"It waits for {step_id}.", unconnected=state.unconnected)
        case "declined":
            return StepState("blocked", error=f"It needs {step_id}. {state.error}", unconnected=True)
        case "rejected":
            return StepState(
                "blocked", error=f"It needs {step_id}, which was rejected. Ask again if it is still wanted."
            )
        case "unknown":
            told = f"It comes after {step_id}, of which nobody knows whether it happened. Settle that first, then ask again."
            return StepState("blocked", error=told)
        case _:
            return StepState(
                "blocked", error=f"It needs {step_id}, which did not succeed.", unconnected=state.unconnected
            )

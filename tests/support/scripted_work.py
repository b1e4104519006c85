"""Work for the scheduler, as a test says: what each step comes to, how long it takes. What began and ended is in the log."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from nango_graph.execution.scheduler import Planned, StepState
from nango_graph.planning.plan import Step


def read(step_id: str, *needs: str, connection: str = "c1", **more: Any) -> Planned:
    return Planned(_step(step_id, needs, more), writes=False, connection_id=connection)


def write(step_id: str, *needs: str, connection: str = "c1", **more: Any) -> Planned:
    return Planned(_step(step_id, needs, more), writes=True, connection_id=connection)


def _step(step_id: str, needs: tuple[str, ...], more: dict[str, Any]) -> Step:
    return Step(id=step_id, tool="app/act", arguments={name: f"${{{name}}}" for name in needs}, **more)


async def nothing(steps: Collection[str]) -> Mapping[str, Any]:
    return {}


@dataclass
class Scripted:
    """Work whose steps end when they are told to (`held`), after `lasts` seconds, or at once: as `states` say.

    `prepared`: states that preparing comes to. `false`: steps whose condition does not hold. `done`: steps of which nothing is
    left to send. `log`: what began and ended, in order; `begun` and `ended`: when, by the loop's time.
    """

    states: Mapping[str, StepState] = field(default_factory=dict)
    prepared: Mapping[str, StepState] = field(default_factory=dict)
    false: Collection[str] = ()
    done: Collection[str] = ()
    lasts: Mapping[str, float] = field(default_factory=dict)
    held: bool = False
    log: list[str] = field(default_factory=list)
    begun: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    outputs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)

    async def condition(self, step: Step, outputs: Mapping[str, Any]) -> StepState | None:
        self.log.append(f"?{self.name(step)}")
        return StepState("skipped") if self.name(step) in self.false else None

    async def prepare(self, step: Step, outputs: Mapping[str, Any]) -> Step | StepState:
        self.outputs[self.name(step)] = dict(outputs)
        return self.prepared.get(self.name(step), step)

    def held_up(self, step: Step, state: StepState) -> StepState:
        return state

    def sends(self, prepared: Step) -> bool:
        return self.name(prepared) not in self.done

    async def run(self, prepared: Step) -> StepState:
        name = self.name(prepared)
        self.log.append(f"+{name}")
        self.begun[name] = asyncio.get_running_loop().time()
        if self.held:
            await self.gates.setdefault(name, asyncio.Event()).wait()
        if name in self.lasts:
            await asyncio.sleep(self.lasts[name])
        self.log.append(f"-{name}")
        self.ended[name] = asyncio.get_running_loop().time()
        return self.states.get(name, StepState("succeeded", output=f"output of {name}"))

    def name(self, step: Step) -> str:
        """By which a test knows the step: its purpose, where ids are not its own."""
        return step.purpose or step.id

    def end(self, step_id: str) -> None:
        self.gates.setdefault(step_id, asyncio.Event()).set()

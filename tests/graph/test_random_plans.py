"""10,000 random plans, well-formed and not, through the scheduler: what holds for each of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from nango_graph.execution.scheduler import Planned, Status, StepState, carry_out
from nango_graph.planning.plan import Step
from scripted_work import Scripted, nothing
from virtual_time import VirtualLoop

PLANS, PORTIONS = 10_000, 10
SURE_TO_END: tuple[Status, ...] = ("succeeded", "succeeded", "succeeded", "failed", "unknown", "rejected", "declined", "asking", "parked", "stopped", "blocked")  # fmt: skip
BEFORE_IT_RUNS: tuple[Status, ...] = ("asking", "failed", "rejected", "parked", "declined", "succeeded", "stopped")


@dataclass
class Drawn:
    """A plan, and what its steps will come to. Steps are known by their position: ids may be given twice."""

    plan: list[Planned]
    states: dict[str, StepState] = field(default_factory=dict)
    prepared: dict[str, StepState] = field(default_factory=dict)
    false: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    lasts: dict[str, float] = field(default_factory=dict)

    @property
    def ids_are_unique(self) -> bool:
        return len({planned.step.id for planned in self.plan}) == len(self.plan)

    def needed(self, position: int) -> Iterator[tuple[int, bool]]:
        """(position, is it for its data) of the steps of this plan that the step at `position` needs."""
        step = self.plan[position].step
        data = {*step.arguments, *filter(None, [(step.when or "").strip("${}!"), (step.for_each or "").strip("${}")])}
        for step_id in data | set(step.after):
            there = [at for at in range(position) if self.plan[at].step.id == step_id]
            if there:
                yield there[-1], step_id in data

    def followed(self, position: int) -> Iterator[int]:
        """Positions of the writes whose turn comes before."""
        this = self.plan[position]
        for at in range(position):
            prior = self.plan[at]
            if not prior.writes:
                continue
            if this.writes and not this.step.independent and not prior.step.independent:
                yield at
            if not this.writes and prior.connection_id == this.connection_id:
                yield at


def drawn(random: Random) -> Drawn:
    length = random.choice([1, 2, 3, 5, 8, 13, 21])
    names = [f"s{number}" for number in range(length)]
    anything = [*names, "elsewhere", "item"]
    malformed = random.random() < 0.3
    result = Drawn([])

    def some(position: int, chance: float) -> list[str]:
        """Ids of earlier steps; where the plan is malformed, of any, itself and later ones too."""
        there = anything if malformed else names[:position]
        return [random.choice(there) for _ in range(random.choice([1, 1, 2, 3])) if there and random.random() < chance]

    dense = random.choice([0.1, 0.4, 0.8])
    for position in range(length):
        name = str(position)
        when = next(iter(some(position, 0.3)), None)
        each = next(iter(some(position, 0.2)), None)
        step = Step(
            id=random.choice(names) if malformed and random.random() < 0.2 else names[position],
            tool="app/act",
            arguments={needed: f"${{{needed}}}" for needed in some(position, dense)},
            after=some(position, 0.2),
            when=f"${{!{when}}}" if when else None,
            for_each=f"${{{each}}}" if each else None,
            independent=random.random() < 0.3,
            purpose=name,
        )
        result.plan.append(Planned(step, random.random() < 0.5, random.choice(["c1", "c2"])))
        result.lasts[name] = random.choice([0, 0, 1, 2, 5])
        result.states[name] = _state(random, random.choice(SURE_TO_END) if random.random() < 0.5 else "succeeded")
        if random.random() < 0.15:
            result.prepared[name] = _state(random, random.choice(BEFORE_IT_RUNS))
        if random.random() < 0.3:
            result.false.add(name)
        if random.random() < 0.15:
            result.done.add(name)
    return result


def _state(random: Random, status: Status) -> StepState:
    broken = status in ("parked", "declined") or (status == "failed" and random.random() < 0.3)
    return StepState(status, output=1, unconnected=broken)


@pytest.mark.parametrize("portion", range(PORTIONS))
def test_no_plan_gets_the_better_of_the_scheduler(portion: int) -> None:
    loop = VirtualLoop()
    try:
        for seed in range(portion * PLANS // PORTIONS, (portion + 1) * PLANS // PORTIONS):
            one = drawn(Random(seed))
            work = Scripted(one.states, one.prepared, one.false, one.done, one.lasts)
            states, took = loop.took(carry_out(one.plan, work, nothing))
            told = f"seed {seed}: {[(p.step.id, p.writes, p.connection_id, p.step) for p in one.plan]} {work.log}"
            _check(one, work, states, took, told)
    finally:
        loop.close()


def _check(one: Drawn, work: Scripted, states: Mapping[str, StepState], took: float, told: str) -> None:
    assert states.keys() == {planned.step.id for planned in one.plan}, told
    at = {entry: number for number, entry in enumerate(work.log)}
    assert len(at) == len(work.log), f"nothing begins or ends twice, no condition is looked at twice: {told}"
    origin = min(work.begun.values(), default=0.0)
    for position, planned in enumerate(one.plan):
        name, ran = str(position), f"+{position}" in at
        in_order = [] if name in one.done else list(one.followed(position))
        if ran:
            _may_run(one, work, position, in_order, at, states, told)
            awaited = [str(other) for other, _ in one.needed(position)] + [str(other) for other in in_order]
            if all(other in work.ended for other in awaited):
                # It began the very moment in which the last of them ended: no barriers, no turn that nobody asked for.
                expected = max((work.ended[other] for other in awaited), default=None)
                if expected is not None:
                    assert work.begun[name] == expected, told
                else:
                    assert work.begun[name] == origin, told
        elif one.ids_are_unique:
            assert _why_not(one, states, position, in_order), f"{planned.step.id} could have run: {told}"
        if ran and one.ids_are_unique:
            assert states[planned.step.id] == one.states[name], told
    assert took == max(work.ended.values(), default=origin) - origin, told


def _may_run(
    one: Drawn,
    work: Scripted,
    position: int,
    in_order: list[int],
    at: Mapping[str, int],
    states: Mapping[str, StepState],
    told: str,
) -> None:
    begun, step = at[f"+{position}"], one.plan[position].step
    if step.when is not None:
        assert at[f"?{position}"] < begun, told
        assert str(position) not in one.false, f"its condition did not hold: {told}"
    for needed, for_data in one.needed(position):
        if f"+{needed}" in at:
            assert at[f"-{needed}"] < begun, f"{position} began before {needed} had ended: {told}"
        came_to = _came_to(one, work, needed, states)
        assert came_to == "succeeded" or (came_to == "skipped" and not for_data), f"{position} lacks {needed}: {told}"
        if for_data:
            assert work.outputs[str(position)][one.plan[needed].step.id] is not None, told
    for prior in in_order:
        if f"+{prior}" in at:
            assert at[f"-{prior}"] < begun, f"{position} overtook the write {prior}: {told}"
            elsewhere = one.states[str(prior)].unconnected
            elsewhere &= one.plan[prior].connection_id != one.plan[position].connection_id
            assert elsewhere or _came_to(one, work, prior, states) in ("succeeded", "rejected"), told


def _came_to(one: Drawn, work: Scripted, position: int, states: Mapping[str, StepState]) -> Status:
    name = str(position)
    if f"+{name}" in work.log:
        return one.states[name].status
    if name in work.outputs and name in one.prepared:
        return one.prepared[name].status
    # It did not get that far. Of two steps of one id, the states have the last.
    return states[one.plan[position].step.id].status if one.ids_are_unique else "skipped"


def _why_not(one: Drawn, states: Mapping[str, StepState], position: int, in_order: list[int]) -> bool:
    """Is there a reason for which a step did not run, that its state tells?"""
    name, step, state = str(position), one.plan[position].step, states[one.plan[position].step.id]
    needed = [(states[one.plan[other].step.id], for_data) for other, for_data in one.needed(position)]
    if state.status == "skipped":
        return (step.when is not None and name in one.false) or any(
            other.status == "skipped" and for_data for other, for_data in needed
        )
    if name in one.prepared and state == one.prepared[name]:
        return True
    lacking = [other for other, for_data in needed if other.status not in ("succeeded", "skipped")]
    held_up = [
        other
        for prior in in_order
        if (other := states[one.plan[prior].step.id]).status not in ("succeeded", "skipped", "rejected")
        and not (other.unconnected and one.plan[prior].connection_id != one.plan[position].connection_id)
    ]
    match state.status:
        case "waiting":
            return any(other.status in ("asking", "parked", "waiting") for other in [*lacking, *held_up])
        case "stopped":
            return any(other.status == "stopped" for other in [*lacking, *held_up])
        case "blocked":
            kinds = ("failed", "unknown", "rejected", "declined", "blocked")
            return any(other.status in kinds for other in [*lacking, *held_up])
        case _:
            return False


def test_what_is_drawn_has_everything_that_a_plan_may_have() -> None:
    """No property holds only because what it is about never comes."""
    seen: dict[str, int] = {}

    def count(what: str, *, there: Any) -> None:
        seen[what] = seen.get(what, 0) + bool(there)

    for seed in range(1000):
        one = drawn(Random(seed))
        for position, planned in enumerate(one.plan):
            step = planned.step
            count("needs", there=list(one.needed(position)))
            count("needs itself or a later one", there=step.needs & {p.step.id for p in one.plan[position:]})
            count("needs what there is not", there="elsewhere" in step.needs)
            count("is skipped", there=step.when and str(position) in one.false)
            count("is a write in order", there=planned.writes and list(one.followed(position)))
            count("is a read after a write", there=not planned.writes and list(one.followed(position)))
            count("is independent", there=planned.writes and step.independent)
        count("uses an id twice", there=not one.ids_are_unique)
    assert min(seen.values()) > 50, seen

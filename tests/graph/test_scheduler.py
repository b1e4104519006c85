"""What runs when: with steps that end when the test says so, and no clock at all."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nango_graph.execution.scheduler import Planned, StepState, carry_out
from nango_graph.planning.plan import Step
from scripted_work import Scripted, nothing, read, write
from virtual_time import VirtualLoop


async def settled() -> None:
    """Everything that can happen without anybody's help has happened."""
    for _ in range(30):
        await asyncio.sleep(0)


def statuses(states: dict[str, StepState]) -> dict[str, str]:
    return {step_id: state.status for step_id, state in states.items()}


async def test_a_step_starts_as_soon_as_its_needs_are_there_whatever_else_still_runs() -> None:
    work = Scripted(held=True)
    plan = [read("slow"), read("quick"), read("next", "quick"), read("last", "slow", "next")]
    running = asyncio.create_task(carry_out(plan, work, nothing))
    await settled()
    assert work.log == ["+slow", "+quick"]
    work.end("quick")
    await settled()
    assert work.log == ["+slow", "+quick", "-quick", "+next"], "there is no round that waits for slow"
    work.end("next")
    await settled()
    assert "+last" not in work.log
    work.end("slow")
    await settled()
    assert work.log[-1] == "+last"
    work.end("last")
    assert set(statuses(await running).values()) == {"succeeded"}


async def test_a_step_gets_the_outputs_it_needs_those_of_earlier_turns_too() -> None:
    work = Scripted()

    async def earlier(steps: Collection[str]) -> Mapping[str, Any]:
        return {step: 1 for step in steps if step == "old"}

    await carry_out([read("a"), read("b", "a", "old")], work, earlier)
    assert work.outputs["b"] == {"old": 1, "a": "output of a"}
    assert work.outputs["a"] == {}


async def test_writes_keep_the_order_of_the_plan_even_between_connections() -> None:
    work = Scripted(held=True)
    plan = [write("one", connection="c1"), write("two", connection="c2"), write("three", connection="c1")]
    running = asyncio.create_task(carry_out(plan, work, nothing))
    for step_id in ("one", "two", "three"):
        await settled()
        assert work.log[-1] == f"+{step_id}"
        work.end(step_id)
    await running
    assert work.log == ["+one", "-one", "+two", "-two", "+three", "-three"]


async def test_a_read_after_a_write_on_the_same_connection_waits_and_others_do_not() -> None:
    work = Scripted(held=True)
    plan = [read("before"), write("write"), read("after"), read("elsewhere", connection="c2")]
    running = asyncio.create_task(carry_out(plan, work, nothing))
    await settled()
    assert work.log == ["+before", "+write", "+elsewhere"]
    work.end("write")
    await settled()
    assert work.log[-1] == "+after"
    for step_id in ("before", "after", "elsewhere"):
        work.end(step_id)
    await running


async def test_an_independent_write_neither_waits_for_other_writes_nor_holds_them_up() -> None:
    work = Scripted(held=True)
    plan = [write("one"), write("free", independent=True), write("two"), read("look"), read("beside", connection="c2")]
    running = asyncio.create_task(carry_out(plan, work, nothing))
    await settled()
    assert work.log == ["+one", "+free", "+beside"]
    work.end("one")
    await settled()
    assert work.log[-2:] == ["-one", "+two"]
    work.end("two")
    await settled()
    assert work.log[-1] == "-two", "a read of the same connection waits for the independent one too"
    work.end("free")
    await settled()
    assert work.log[-1] == "+look"
    work.end("look")
    work.end("beside")
    await running


async def test_an_independent_write_that_failed_blocks_what_reads_after_it_and_no_other_write() -> None:
    work = Scripted({"free": StepState("failed")})
    states = statuses(await carry_out([write("free", independent=True), write("two"), read("look")], work, nothing))
    assert states == {"free": "failed", "two": "succeeded", "look": "blocked"}


async def test_what_comes_after_a_step_that_was_stopped_is_stopped_too() -> None:
    work = Scripted({"a": StepState("stopped"), "w": StepState("stopped")})
    plan = [read("a"), read("b", "a"), write("w"), write("x", connection="c2"), read("free", connection="c2")]
    states = statuses(await carry_out([*plan, read("c", "b")], work, nothing))
    assert states == {"a": "stopped", "b": "stopped", "w": "stopped", "x": "stopped", "free": "stopped", "c": "stopped"}


async def test_a_plan_that_goes_round_in_circles_ends() -> None:
    work = Scripted()
    states = await carry_out([read("a", "b"), read("b", "a"), read("c", "c")], work, nothing)
    assert set(states) == {"a", "b", "c"}


async def test_outputs_of_earlier_turns_are_looked_up_only_for_steps_that_are_not_in_the_plan() -> None:
    looked_up: list[set[str]] = []

    async def earlier(steps: Collection[str]) -> Mapping[str, Any]:
        looked_up.append(set(steps))
        return {"old": []}

    each = read("b", "a", for_each="${old}", after=["a"])
    await carry_out([read("a"), each, read("c", "item", "b")], Scripted(), earlier)
    assert looked_up == [{"old"}]


UNEVEN: dict[str, tuple[list[Planned], dict[str, float], float]] = {
    "chains of different length": (
        [read("a"), read("b", "a"), read("c", "b"), read("d"), read("e", "d"), read("f", "e"), read("g", "c", "f")],
        {"a": 0.3, "b": 0.1, "c": 0.4, "d": 0.1, "e": 0.1, "f": 0.5, "g": 0.1},
        0.9,
    ),
    "writes in order beside a long read": (
        [read("long"), write("w1"), write("w2", connection="c2"), write("w3", "long"), read("last", connection="c2")],
        {"long": 1.0, "w1": 0.2, "w2": 0.3, "w3": 0.25, "last": 0.5},
        1.25,
    ),
    "independent writes": (
        [*(write(f"w{number}", independent=True) for number in range(8)), read("after")],
        {**{f"w{number}": 0.1 * number for number in range(8)}, "after": 0.2},
        0.9,
    ),
    "a hundred steps, of which one chain is long": (
        [read("s0"), *(read(f"s{n}", f"s{n - 1}" if n % 10 else "s0") for n in range(1, 100))],
        {f"s{n}": 0.01 * (n % 7 + 1) for n in range(100)},
        0.47,
    ),
}


@pytest.mark.parametrize("name", UNEVEN)
def test_a_plan_takes_as_long_as_its_critical_path(name: str) -> None:
    plan, lasts, critical = UNEVEN[name]
    loop = VirtualLoop()
    work = Scripted(lasts=lasts)
    states, took = loop.took(carry_out(plan, work, nothing))
    loop.close()
    assert {state.status for state in states.values()} == {"succeeded"}
    assert took == pytest.approx(critical)


ASKING = StepState("asking", asks=["?"])


async def test_everything_that_must_be_asked_is_gathered_and_what_waits_for_it_waits() -> None:
    work = Scripted(prepared={"w1": ASKING, "w2": ASKING})
    plan = [
        write("w1"),
        write("w2"),
        read("needs", "w1", connection="c2"),
        read("same"),
        read("other", connection="c2"),
        write("w3"),
    ]
    states = statuses(await carry_out(plan, work, nothing))
    assert states == {
        "w1": "asking", "w2": "asking", "needs": "waiting", "same": "waiting", "other": "succeeded", "w3": "waiting",
    }  # fmt: skip
    assert work.log == ["+other", "-other"]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("failed", "did not succeed"),
        ("rejected", "was rejected"),
        ("unknown", "nobody knows"),
        ("blocked", "did not succeed"),
    ],
)
async def test_what_needs_a_step_that_did_not_succeed_is_blocked_and_says_by_which(status: Any, told: str) -> None:
    work = Scripted(prepared={"a": StepState(status)})
    states = await carry_out([read("a"), read("b", "a"), read("c", "b"), read("free")], work, nothing)
    assert statuses(states) == {"a": status, "b": "blocked", "c": "blocked", "free": "succeeded"}
    assert "a" in states["b"].error
    assert told in states["b"].error


@pytest.mark.parametrize(("status", "then"), [("rejected", "succeeded"), ("failed", "blocked"), ("unknown", "blocked")])
async def test_a_later_write_goes_on_after_a_refusal_but_not_after_a_failure(status: Any, then: str) -> None:
    work = Scripted({"one": StepState(status)})
    states = statuses(await carry_out([write("one"), write("two"), read("look")], work, nothing))
    assert states == {"one": status, "two": then, "look": then}


PARKED = StepState("parked", unconnected=True)
DECLINED = StepState("declined", error="Went on without app.", unconnected=True)


@pytest.mark.parametrize("found_out", ["before", "by the call"])
@pytest.mark.parametrize(("broken", "behind"), [(PARKED, "waiting"), (DECLINED, "blocked")])
async def test_a_connection_that_broke_holds_up_only_what_uses_it_or_needs_a_step_that_does(
    broken: StepState, behind: str, found_out: str
) -> None:
    work = Scripted(prepared={"w1": broken}) if found_out == "before" else Scripted({"w1": broken})
    plan = [
        write("w1"),
        write("other", connection="c2"),
        write("needs", "w1", connection="c2"),
        write("further", "needs", connection="c3"),
        write("ordered", connection="c2"),
        write("elsewhere", connection="c4"),
        read("look"),
    ]
    states = await carry_out(plan, work, nothing)
    assert statuses(states) == {
        "w1": broken.status, "other": "succeeded", "needs": behind, "further": behind, "ordered": behind,
        "elsewhere": "succeeded", "look": behind,
    }  # fmt: skip
    if broken is DECLINED:
        assert states["needs"].error == "It needs w1. Went on without app."


async def test_what_was_done_stays_done_when_an_earlier_write_fails_after_all() -> None:
    work = Scripted({"one": StepState("failed")}, done=("two",))
    plan = [write("one"), write("two", connection="c2"), write("three", connection="c2")]
    assert statuses(await carry_out(plan, work, nothing)) == {"one": "failed", "two": "succeeded", "three": "blocked"}


async def test_an_error_of_ours_is_not_swallowed() -> None:
    class Broken(Scripted):
        async def run(self, prepared: Step) -> StepState:
            raise RuntimeError("the disk is full")

    with pytest.raises(ExceptionGroup) as raised:
        await carry_out([read("a"), read("b")], Broken(), nothing)
    assert raised.group_contains(RuntimeError, match="the disk is full")


@st.composite
def plans(draw: st.DrawFn) -> list[Planned]:
    plan: list[Planned] = []
    for number in range(draw(st.integers(1, 9))):
        earlier = [planned.step.id for planned in plan]
        needs = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else []
        build = draw(st.sampled_from([read, write]))
        plan.append(build(f"s{number}", *needs, connection=draw(st.sampled_from(["c1", "c2"]))))
    return plan


@given(plans(), st.randoms(use_true_random=False), st.data())
@settings(max_examples=200, deadline=None)
def test_no_step_starts_before_its_needs_ended_and_all_that_can_run_does(
    plan: list[Planned], random: Any, data: Any
) -> None:
    failing = {planned.step.id for planned in plan if data.draw(st.integers(0, 6)) == 0}

    async def run() -> tuple[Scripted, dict[str, StepState]]:
        work = Scripted({step_id: StepState("failed") for step_id in failing}, held=True)
        running = asyncio.create_task(carry_out(plan, work, nothing))
        while not running.done():
            await settled()
            begun = [entry[1:] for entry in work.log if entry[0] == "+" and f"-{entry[1:]}" not in work.log]
            if not begun:
                break
            work.end(random.choice(begun))
        return work, await running

    work, states = asyncio.run(run())
    assert set(states) == {planned.step.id for planned in plan}
    for position, planned in enumerate(plan):
        awaited = set(planned.step.needs) | {
            earlier.step.id
            for earlier in plan[:position]
            if earlier.writes and (planned.writes or earlier.connection_id == planned.connection_id)
        }
        step_id = planned.step.id
        hindered = any(states[needed].status != "succeeded" for needed in awaited)
        assert states[step_id].status == ("blocked" if hindered else "failed" if step_id in failing else "succeeded")
        assert (f"+{step_id}" in work.log) == (not hindered)
        assert work.log.count(f"+{step_id}") <= 1
        if not hindered:
            begun = work.log.index(f"+{step_id}")
            assert all(work.log.index(f"-{needed}") < begun for needed in awaited)

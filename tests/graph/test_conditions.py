"""Steps with a condition: done only if it holds, and without holding up what does not hang on them."""

import asyncio
from typing import Any

import pytest

from nango_graph.execution.binding import condition_holds
from nango_graph.execution.scheduler import StepState, carry_out
from nango_graph.planning.references import ReferenceProblem
from scripted_work import Scripted, nothing, read, write
from virtual_time import VirtualLoop

OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE: dict[str, Any] = {"type": "approve"}
NEVER = "${length(s1.issues) > `1000`}"
ALWAYS = "${length(s1.issues) > `0`}"


def step(number: int, tool: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": f"s{number}", "tool": tool, "arguments": arguments, **more}


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps)}


LIST = step(1, "github/list-issues", OCTO)


def create(number: int, title: str, **more: Any) -> dict[str, Any]:
    return step(number, "github/create-issue", {**OCTO, "title": title}, **more)


def post(number: int, text: str, **more: Any) -> dict[str, Any]:
    return step(number, "slack/post-message", {"channel": "general", "text": text}, **more)


@pytest.mark.parametrize(
    ("value", "holds"),
    [(None, False), (False, False), ("", False), ([], False), ({}, False), (0, True), (0.0, True), ("no", True), ([0], True), (True, True)],
)  # fmt: skip
def test_a_condition_holds_as_jmespath_has_it(value: Any, holds: bool) -> None:
    assert condition_holds("${s1.value}", {"s1": {"value": value}}) is holds


def test_what_is_not_there_does_not_hold_and_a_step_that_is_not_there_is_no_condition() -> None:
    assert not condition_holds("${s1.nowhere.at_all}", {"s1": {}})
    with pytest.raises(ReferenceProblem, match="s2"):
        condition_holds("${s2.value}", {"s1": {}})


def statuses(states: dict[str, StepState]) -> dict[str, str]:
    return {step_id: state.status for step_id, state in states.items()}


async def test_a_step_whose_condition_does_not_hold_is_skipped_and_so_is_what_takes_data_from_it() -> None:
    work = Scripted(false={"create"})
    chain = [
        read("look"),
        write("create", when="${look}"),
        write("comment", "create"),
        read("both", "look", "comment", connection="c2"),
        write("other", "look"),
    ]
    states = await carry_out(chain, work, nothing)
    assert statuses(states) == {
        "look": "succeeded", "create": "skipped", "comment": "skipped", "both": "skipped", "other": "succeeded",
    }  # fmt: skip
    assert "create" in states["comment"].error
    assert "+other" in work.log, "a skipped write holds up nothing"


async def test_a_step_that_only_comes_after_one_that_was_skipped_runs() -> None:
    """Make the label if it is missing, then add it."""
    work = Scripted(false={"make"})
    plan = [read("labels"), write("make", when="${labels}"), write("add", after=["make"]), read("see", after=["add"])]
    assert set(statuses(await carry_out(plan, work, nothing)).values()) == {"succeeded", "skipped"}
    assert [entry for entry in work.log if entry[0] == "+"] == ["+labels", "+add", "+see"]


async def test_a_read_after_a_skipped_write_does_not_wait_for_what_that_would_have_needed() -> None:
    work = Scripted(false={"w"}, held=True)
    plan = [
        read("slow", connection="c2"),
        read("quick", connection="c2"),
        write("w", "slow", when="${quick}"),
        read("after"),
    ]
    running = asyncio.create_task(carry_out(plan, work, nothing))
    for _ in range(30):
        await asyncio.sleep(0)
    work.end("quick")
    for _ in range(30):
        await asyncio.sleep(0)
    assert work.log == ["+slow", "+quick", "-quick", "?w", "+after"], "w is skipped while slow still runs"
    work.end("slow")
    work.end("after")
    await running


@pytest.mark.parametrize(("status", "then"), [("failed", "blocked"), ("asking", "waiting"), ("stopped", "stopped")])
async def test_a_condition_on_what_did_not_come_is_not_looked_at(status: Any, then: str) -> None:
    work = Scripted({"look": StepState(status)})
    states = await carry_out([read("look"), write("w", when="${look}")], work, nothing)
    assert states["w"].status == then
    assert "?w" not in work.log


def test_what_is_not_needed_does_not_make_a_plan_longer() -> None:
    loop = VirtualLoop()
    work = Scripted(false={"w"}, lasts={"quick": 1, "slow": 50, "w": 100, "last": 1})
    plan = [read("quick"), read("slow"), write("w", when="${quick}"), read("last", after=["w"])]
    loop.took(carry_out(plan, work, nothing))
    assert work.ended["last"] == 2
    loop.close()


async def test_a_write_whose_condition_does_not_hold_is_neither_asked_for_nor_sent(agent) -> None:
    agent.model.script = [plan(LIST, create(2, "none", when=NEVER), create(3, "some", when=ALWAYS))]
    seen = await agent.say("create one if there are none, another if there are some")
    assert [request["args"]["title"] for request in seen.asks] == ["some"]
    seen = await agent.decide(APPROVE)
    assert seen.answer == "Done."
    assert await agent.written() == [("create-issue", {**OCTO, "title": "some"})]
    assert seen.values["steps"] == {"s1": "succeeded", "s2": "skipped", "s3": "succeeded"}
    assert len(agent.model.prompts) == 1, "that there was nothing to do is no failure"


async def test_that_a_step_was_skipped_is_told_once_with_its_condition(agent) -> None:
    agent.model.script = [plan(LIST, create(2, "none", when=NEVER), post(3, "hello"))]
    seen = await agent.say("do it")
    [told] = [part for part in seen.parts if part.get("type") == "step" and part["id"] == "s2"]
    assert told["status"] == "skipped"
    assert NEVER in told["error"]
    seen = await agent.decide(APPROVE)
    assert not [part for part in seen.parts if part.get("type") == "step" and part["id"] == "s2"]
    result = next(result for result in seen.values["results"] if result["step"] == "s2")
    assert (result["status"], NEVER in result["error"]) == ("skipped", True)


async def test_a_condition_on_an_output_of_an_earlier_turn(agent) -> None:
    agent.model.script = [plan(LIST), plan(post(2, "some", when=ALWAYS), post(3, "none", when=NEVER))]
    await agent.say("look")
    seen = await agent.say("post whether there are any")
    assert [request["args"]["text"] for request in seen.asks] == ["some"]


async def test_a_condition_that_can_not_be_worked_out_fails_the_step_in_words(agent) -> None:
    agent.model.script = [
        plan(LIST, post(2, "x", when="${abs(s1.issues[0].title) > `1`}")),
        {"kind": "answer", "text": "That can't be told."},
    ]
    assert (await agent.say("post if")).answer == "That can't be told."
    assert "Its condition can't be worked out: ${abs(s1.issues[0].title)" in agent.model.prompts[1]
    assert await agent.written() == []

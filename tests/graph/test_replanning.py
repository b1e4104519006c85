"""Planning again with the results in view: when it is done, when it is not, and how it ends."""

from typing import Any

import pytest

from nango_graph.execution.replanning import THE_SAME_AGAIN, reasons_to_plan_again
from nango_graph.execution.scheduler import StepState
from nango_graph.records import PlanRow

OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE: dict[str, Any] = {"type": "approve"}
REJECT: dict[str, Any] = {"type": "reject"}
NOBODY = "${s1.issues[?title=='no such title']}"


def step(number: int, tool: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": f"s{number}", "tool": tool, "arguments": arguments, **more}


def plan(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps), **more}


def missing(number: int, issue: int = 999, **more: Any) -> dict[str, Any]:
    return step(number, "github/get-issue", {**OCTO, "issue_number": issue}, **more)


def comment(number: int, issue: str, **more: Any) -> dict[str, Any]:
    return step(number, "github/add-issue-comment", {**OCTO, "issue_number": issue, "body": "ping"}, **more)


LIST = step(1, "github/list-issues", OCTO)
CREATE = step(1, "github/create-issue", {**OCTO, "title": "Crash on undo"})
ANSWER = {"kind": "answer", "text": "There is none."}


def told_in(prompt: str) -> str:
    """What the planner was told is the problem; "" where nothing."""
    return prompt.partition("<problem>\n")[2].partition("\n</problem>")[0]


# When it is planned again


async def test_a_plan_may_ask_for_another_one_once_its_results_are_in_view(agent) -> None:
    text = {"channel": "general", "text": "Autosave is broken when offline."}
    agent.model.script = [plan(LIST, plan_again=True), plan(step(2, "slack/post-message", text))]
    seen = await agent.say("sum up the issues in #general")
    assert "Autosave runs while offline" in agent.model.prompts[1]
    assert "its results are in view" in told_in(agent.model.prompts[1])
    assert seen.asks[0]["args"] == text
    assert (await agent.decide(APPROVE)).answer == "Done."
    assert [entry.action for entry in await agent.ledger()] == ["list-issues", "post-message"]


async def test_the_planner_may_answer_once_it_has_seen_the_results(agent) -> None:
    agent.model.script = [plan(LIST, plan_again=True), ANSWER]
    assert (await agent.say("sum up the issues")).answer == "There is none."


async def test_a_search_that_found_nothing_is_the_planners_to_answer(agent) -> None:
    agent.model.words = "Nobody asked for this."
    agent.model.script = [plan(LIST, comment(2, "${item.number}", for_each=NOBODY)), ANSWER]
    seen = await agent.say("ping them")
    assert seen.answer == "There is none.", "one call of the model, not two"
    assert "Step s2 did nothing" in told_in(agent.model.prompts[1])
    assert await agent.written() == []


async def test_a_reference_that_found_nothing_is_planned_around(agent) -> None:
    agent.model.script = [
        plan(LIST, comment(2, f"{NOBODY[:-1]} | [0].number}}")),
        plan(comment(3, "${s1.issues[0].number}")),
    ]
    seen = await agent.say("ping one")
    assert "Step s2 did nothing" in told_in(agent.model.prompts[1])
    assert [request["name"] for request in seen.asks] == ["github/add-issue-comment"]
    assert [entry.action for entry in await agent.ledger()] == ["list-issues"], "it was read once"


async def test_a_condition_that_did_not_hold_is_planned_around_where_other_steps_hang_on_it(agent) -> None:
    agent.model.script = [
        plan(LIST, missing(2, 1, when=f"${{length({NOBODY[2:-1]}) > `0`}}"), comment(3, "${s2.number}")),
        ANSWER,
    ]
    assert (await agent.say("ping it")).answer == "There is none."
    assert "The condition of step s2 did not hold, so s3 could not run" in told_in(agent.model.prompts[1])


async def test_a_condition_that_did_not_hold_and_that_nothing_hangs_on_just_ends(agent) -> None:
    agent.model.script = [
        plan(
            LIST,
            comment(2, "${s1.issues[0].number}", when=f"${{length({NOBODY[2:-1]}) > `0`}}"),
            missing(3, 2, after=["s2"]),
        )
    ]
    assert (await agent.say("ping it if there is one")).answer == "Done."
    assert len(agent.model.prompts) == 1


# When it is not


def row(*steps: dict[str, Any], **more: Any) -> PlanRow:
    return PlanRow("p", "turn", "t", 0, "open", list(steps), **more)


FAILED = StepState("failed", error="It broke.")


@pytest.mark.parametrize("status", ["unknown", "stopped", "asking", "parked", "waiting"])
def test_what_is_open_or_unknown_is_not_planned_around(status) -> None:
    both = row(missing(1), missing(2), plan_again=True)
    assert reasons_to_plan_again(both, {"s1": FAILED, "s2": StepState(status)}) == []
    assert reasons_to_plan_again(both, {"s1": FAILED, "s2": StepState("succeeded")}) != []


def test_a_refusal_by_the_user_is_no_reason_and_takes_none_from_a_failure() -> None:
    both = row(missing(1), missing(2), plan_again=True)
    refused = {"s2": StepState("rejected", error="Rejected by the user.")}
    assert reasons_to_plan_again(both, {"s1": StepState("succeeded"), **refused}) == []
    assert reasons_to_plan_again(both, {"s1": StepState("succeeded", output=[], found_nothing=True), **refused}) == []
    assert len(reasons_to_plan_again(both, {"s1": FAILED, **refused})) == 1


def test_a_step_that_may_be_left_out_itself_does_not_hang_on_the_other_one() -> None:
    skipped = {"s1": StepState("skipped"), "s2": StepState("skipped")}
    condition = "${s0.found}"
    assert (
        reasons_to_plan_again(row(missing(1, when=condition), comment(2, "${s1.number}", when=condition)), skipped)
        == []
    )
    assert reasons_to_plan_again(row(missing(1, when=condition), comment(2, "5", when="${s1.open}")), skipped) != []
    assert reasons_to_plan_again(row(missing(1, when=condition), comment(2, "5", after=["s1"])), skipped) == []


async def test_after_a_refusal_nothing_is_planned_even_where_the_plan_asked_for_it(agent) -> None:
    agent.model.script = [plan(CREATE, plan_again=True)]
    await agent.say("create it, and then more")
    assert (await agent.decide(REJECT)).answer == "Done."
    assert len(agent.model.prompts) == 1


# How it ends


async def test_the_same_plan_that_fails_in_the_same_way_ends_it(agent) -> None:
    agent.model.script = [plan(LIST, missing(2)), plan(missing(3)), plan(missing(4, purpose="once more"))]
    seen = await agent.say("look", max_replans=10)
    assert len(agent.model.prompts) == 3, "the second one left out what was done; the third one was the second again"
    assert seen.answer == f"Done.\n\n{THE_SAME_AGAIN}"


async def test_a_plan_is_the_same_whatever_its_steps_are_called(agent) -> None:
    def wrong(first: int) -> dict[str, Any]:
        number = f"${{s{first}.issues[0].title}}"
        return plan(
            step(first, "github/list-issues", OCTO),
            step(first + 1, "github/get-issue", {**OCTO, "issue_number": number}),
        )

    agent.model.script = [wrong(1), wrong(3), wrong(5)]
    seen = await agent.say("look", max_replans=10)
    assert len(agent.model.prompts) == 2
    assert THE_SAME_AGAIN in seen.answer


async def test_two_plans_that_take_turns_end_too(agent) -> None:
    agent.model.script = [plan(missing(n, 998 + n % 2)) for n in (1, 2, 3)]
    seen = await agent.say("look", max_replans=10)
    assert len(agent.model.prompts) == 3
    assert THE_SAME_AGAIN in seen.answer


async def test_the_same_plan_is_no_loop_where_it_comes_to_another_end(agent) -> None:
    agent.model.script = [
        plan(LIST, plan_again=True),
        plan({**CREATE, "id": "s2"}, plan_again=True),
        plan({**LIST, "id": "s3"}, plan_again=True),
        {"kind": "answer", "text": "It is the first one now."},
    ]
    await agent.say("look, create it, and look again")
    assert (await agent.decide(APPROVE)).answer == "It is the first one now."


async def test_plans_beyond_what_is_allowed_are_not_made_and_that_is_said(agent) -> None:
    agent.model.script = [plan(missing(n, 900 + n)) for n in (1, 2, 3, 4)]
    seen = await agent.say("look", max_replans=2)
    assert len(agent.model.prompts) == 3
    assert "planned again as often as one request may be (2 times)" in seen.answer
    assert "raise max_replans" in seen.answer
    assert seen.answer.startswith("Done.\n\n"), "the model still answers"


async def test_none_is_allowed_where_the_context_says_so(agent) -> None:
    agent.model.script = [plan(LIST, plan_again=True)]
    assert "max_replans" in (await agent.say("look", max_replans=0)).answer
    assert len(agent.model.prompts) == 1


async def test_an_edited_state_gets_no_further_plan(agent) -> None:
    agent.model.script = [plan(CREATE)]
    seen = await agent.say("create it", max_replans=0)
    turn = {**seen.values["turn"], "planned": 5}
    turn["settings"] = {**turn["settings"], "max_replans": 10}
    await agent.edit_state({"turn": turn, "plan_id": None, "asked": None}, after="discover_tools")
    seen = await agent.wake()
    assert "planned again as often as one request may be (0 times)" in seen.answer
    assert len(agent.model.prompts) == 1
    assert await agent.written() == []


async def test_a_plan_that_was_saved_before_a_crash_is_found_and_not_counted_twice(agent) -> None:
    agent.model.script = [plan(CREATE)]
    seen = await agent.say("create it", max_replans=0)
    # As it was when the plan was committed and the process died before its checkpoint.
    turn = {**seen.values["turn"], "planned": 0}
    await agent.edit_state({"turn": turn, "plan_id": None, "asked": None}, after="discover_tools")
    seen = await agent.wake()
    assert [request["name"] for request in seen.asks] == ["github/create-issue"]
    assert (await agent.decide(APPROVE)).answer == "Done."
    assert len(agent.model.prompts) == 1
    assert len(await agent.written()) == 1


# What no tool can do


async def test_what_no_tool_can_do_is_said_with_what_is_near(agent) -> None:
    near = "I can't close a repository, but I can list or close its issues."
    agent.model.script = [{"kind": "answer", "text": near}]
    assert (await agent.say("archive the repository octo/widgets")).answer == near
    assert await agent.ledger() == []


async def test_after_a_tool_that_is_not_there_the_planner_sees_what_is_near_and_may_answer(agent) -> None:
    agent.model.script = [plan(step(1, "github/close-issues-of-repository", OCTO)), ANSWER]
    assert (await agent.say("close them")).answer == "There is none."
    told = told_in(agent.model.prompts[1])
    assert "there is no tool 'github/close-issues-of-repository'" in told
    assert "Near that name are: github/" in told


async def test_what_no_tool_can_do_is_said_after_a_failure_too_and_what_was_done_stays_done(agent) -> None:
    agent.model.script = [
        plan(LIST, missing(2)),
        {"kind": "answer", "text": "There is no issue 999; 5 others are open."},
    ]
    assert (await agent.say("look at 999")).answer == "There is no issue 999; 5 others are open."
    assert [entry.action for entry in await agent.ledger()].count("list-issues") == 1

"""Equal writes of the plans of one turn: one that was done stands for one other, and no more. Rejections that come later."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.types import Command
from starlette.responses import JSONResponse

from nango_graph import Context, NotAsked, Records
from nango_graph.digests import action_digest
from nango_graph.identity import Requester
from nango_graph.records import Call, CallKey, CallState, Decision, NotAllowed, TurnRow
from nango_graph.records.calls import REPLAYED

NOW = 1_000_000.0
ADA = Requester("ada")
TOOL, CONNECTION, ARGUMENTS = "github/create-issue", "c1", {"title": "Crash"}
DIGEST = action_digest(TOOL, CONNECTION, ARGUMENTS)
OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE: dict[str, Any] = {"type": "approve"}
REJECT: dict[str, Any] = {"type": "reject", "message": "no"}


@pytest.fixture
async def records(records_url: str | Path) -> AsyncIterator[Records]:
    opened = await Records.open(records_url)
    await opened.turns.begin(TurnRow("turn", ADA, "thread", ""), message_id="m", now=NOW)
    for ordinal, plan_id in enumerate(("first", "second", "third")):
        await opened.plans.save(
            plan_id=plan_id,
            tenant=ADA.tenant,
            thread_id="thread",
            turn_id="turn",
            ordinal=ordinal,
            steps=[{"id": "s1", "tool": TOOL}],
            seen=(),
            now=NOW,
        )
    yield opened
    await opened.close()


@pytest.fixture
async def workers(records: Records, records_url: str | Path) -> AsyncIterator[list[Records]]:
    others = [await Records.open(records_url) for _ in range(2)]
    yield [records, *others]
    for other in others:
        await other.close()


def key(plan_id: str, step: int | str, item: str = "") -> CallKey:
    return CallKey(plan_id, f"s{step}", item)


def call(at: CallKey, **more: Any) -> Call:
    return Call(at, TOOL, CONNECTION, "write", DIGEST, ARGUMENTS, "claimed", "worker", NOW + 60, **more)


async def decide(records: Records, *keys: CallKey, verdict: Any = "approved") -> None:
    made = [Decision(at, verdict, DIGEST, ARGUMENTS, asked_id="q", actor="ada", message=verdict) for at in keys]
    await records.decisions.record(made, tenant=ADA.tenant, thread_id="thread", now=NOW)


async def claim(records: Records, at: CallKey) -> Call | None:
    return await records.claims.claim(call(at), tenant=ADA.tenant, thread_id="thread", now=NOW)


async def replayed(records: Records, at: CallKey, *, most: int = 9, **more: Any) -> Call | None:
    return await records.claims.replayed(call(at, **more), tenant=ADA.tenant, thread_id="thread", most=most)


async def send(records: Records, at: CallKey, *, now: float = NOW, state: CallState = "succeeded", **end: Any) -> None:
    await decide(records, at)
    assert await records.claims.claim(call(at), tenant=ADA.tenant, thread_id="thread", now=now) is None
    await records.claims.finish(at, state=state, **{"output": str(at), "error": None, "now": now + 1, **end})


async def states(records: Records) -> Counter[tuple[str, str | None]]:
    return Counter((one.state, one.cause) for one in await records.calls.of_thread("thread", ADA.tenant))


async def test_one_that_was_done_stands_for_one_and_keeps_its_own_row(records: Records) -> None:
    await send(records, key("first", 1), output=None, artifact="kept")
    found = await replayed(records, key("second", 2), position=3)
    assert found is not None
    assert found == await records.calls.get(key("second", 2))
    assert (found.state, found.cause, found.artifact, found.arguments) == ("succeeded", REPLAYED, "kept", ARGUMENTS)
    assert found.position == 3
    assert await replayed(records, key("second", 3)) is None, "used up"
    assert await replayed(records, key("second", 2)) == found, "found by its key"


async def test_each_that_was_done_stands_for_another_one(records: Records) -> None:
    for number in (1, 2):
        await send(records, key("first", number), now=NOW + number)
    found = [await replayed(records, key("second", number)) for number in (4, 3, 5)]
    assert [one and one.output for one in found] == [str(key("first", 1)), str(key("first", 2)), None]


async def test_what_stands_for_another_stands_for_nothing_in_a_third_plan(records: Records) -> None:
    await send(records, key("first", 1))
    assert await replayed(records, key("second", 2)) is not None
    assert await replayed(records, key("third", 3)) is not None, "the one that was sent"
    assert await replayed(records, key("third", 4)) is None
    # What the second plan sent itself is one more.
    await send(records, key("second", 5), now=NOW + 5)
    found = await replayed(records, key("third", 4))
    assert found is not None
    assert found.output == str(key("second", 5))
    assert await replayed(records, key("third", 6)) is None


@pytest.mark.parametrize("state", ["claimed", "unknown"])
async def test_nothing_stands_for_another_before_it_is_known_what_became_of_it(
    records: Records, state: CallState
) -> None:
    await send(records, key("first", 1))
    await decide(records, key("first", 2), key("second", 3))
    assert await claim(records, key("first", 2)) is None
    if state == "unknown":
        await records.claims.finish(key("first", 2), state=state, output=None, error="cut off", now=NOW)
    assert await replayed(records, key("second", 3)) is None
    found = await claim(records, key("second", 3))
    assert found is not None
    assert (found.key, found.state) == (key("first", 2), state)
    assert await records.calls.get(key("second", 3)) is None


async def test_nothing_stands_for_another_of_a_plan_that_was_closed_or_of_somebody_else(records: Records) -> None:
    await send(records, key("first", 1))
    eves = await records.claims.replayed(call(key("second", 2)), tenant="user:eve", thread_id="thread", most=9)
    assert eves is None
    await records.plans.close_turn("turn")
    assert await replayed(records, key("second", 2)) is None
    assert await records.calls.get(key("second", 2)) is None


async def test_what_a_person_approved_is_sent_whatever_was_done_before(records: Records) -> None:
    await send(records, key("first", 1))
    keys = [key("second", number) for number in (2, 3)]
    await decide(records, *keys)
    assert [await claim(records, one) for one in keys] == [None, None]
    assert await states(records) == {("succeeded", None): 1, ("claimed", None): 2}


async def test_no_more_stand_for_what_is_done_than_were_planned_anew(records: Records) -> None:
    for number in (1, 2):
        await send(records, key("first", number), now=NOW + number)
    assert await replayed(records, key("second", 3), most=1) is not None
    assert await replayed(records, key("second", 4), most=1) is None


async def test_of_many_at_once_in_several_workers_exactly_one_has_what_was_done(workers: list[Records]) -> None:
    await send(workers[0], key("first", 1))
    keys = [key("second", number) for number in range(2, 11)]
    found = await asyncio.gather(*(replayed(workers[at % 3], one) for at, one in enumerate(keys)))
    assert sum(one is not None for one in found) == 1
    assert await states(workers[0]) == {("succeeded", None): 1, ("succeeded", REPLAYED): 1}


async def test_one_call_in_two_workers_uses_up_one(workers: list[Records]) -> None:
    for number in (1, 2):
        await send(workers[0], key("first", number), now=NOW + number)
    found = await asyncio.gather(*(replayed(one, key("second", 3)) for one in workers))
    assert len({one.output for one in found if one is not None}) == 1
    assert None not in found
    assert await replayed(workers[1], key("second", 4)) is not None, "one was left"


async def test_what_was_not_sent_is_not_told_as_sent(records: Records) -> None:
    await send(records, key("first", 1))
    await replayed(records, key("second", 2))
    assert [one.key for one in await records.claims.sent_before(DIGEST, ADA.tenant, "thread")] == [key("first", 1)]


async def test_a_later_rejection_takes_an_approval_back_until_the_call_is_made(records: Records) -> None:
    made, open_ = key("first", 1), key("first", 2)
    await decide(records, made, open_)
    assert await claim(records, made) is None
    await decide(records, made, open_, verdict="rejected")
    decisions = await records.decisions.of_plan("first", ADA.tenant)
    assert (decisions[made].verdict, decisions[open_].verdict) == ("approved", "rejected")
    assert decisions[open_].message == "rejected"
    with pytest.raises(NotAllowed, match="no approval covers"):
        await claim(records, open_)
    await decide(records, open_)
    assert (await records.decisions.of_plan("first", ADA.tenant))[open_].verdict == "rejected", "for good"


async def test_a_rejection_by_another_tenant_takes_nothing_back(records: Records) -> None:
    await decide(records, key("first", 1))
    made = [Decision(key("first", 1), "rejected", DIGEST, ARGUMENTS, asked_id="q", actor="eve")]
    await records.decisions.record(made, tenant="user:eve", thread_id="thread", now=NOW)
    assert (await records.decisions.of_plan("first", ADA.tenant))[key("first", 1)].verdict == "approved"


async def test_of_a_claim_and_a_rejection_at_once_one_wins(workers: list[Records]) -> None:
    keys = [key("first", number) for number in range(20)]
    await decide(workers[0], *keys)

    async def claimed(at: CallKey) -> bool:
        try:
            return await claim(workers[1], at) is None
        except NotAllowed:
            return False

    sent, _ = await asyncio.gather(
        asyncio.gather(*(claimed(at) for at in keys)),
        asyncio.gather(*(decide(workers[2], at, verdict="rejected") for at in reversed(keys))),
    )
    decisions = await workers[0].decisions.of_plan("first", ADA.tenant)
    assert [decisions[at].verdict == "approved" for at in keys] == list(sent)


def post(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"s{number}",
        "tool": "slack/post-message",
        "arguments": {"channel": "general", "text": "ping"},
        **more,
    }


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps)}


MISSING = {"id": "s2", "tool": "github/get-issue", "arguments": {**OCTO, "issue_number": 99999}}
LIST = {"id": "s1", "tool": "github/list-issues", "arguments": OCTO}


async def test_three_times_are_three_times_when_one_was_done_before_the_plan_was_made_anew(agent: Any) -> None:
    agent.model.script = [plan(post(1), MISSING), plan(post(3), post(4), post(5))]
    await agent.say("ping three times, and look")
    seen = await agent.decide(APPROVE)
    assert len(seen.asks) == 2, "one is done"
    for request in seen.asks:
        assert "Exactly this was done before in this conversation" in request["description"]
    assert "more than once" in seen.asks[1]["description"]
    seen = await agent.decide(APPROVE, APPROVE)
    assert len(await agent.written()) == 3
    assert {seen.values["steps"][step] for step in ("s3", "s4", "s5")} == {"succeeded"}


async def test_what_was_left_is_asked_for_if_the_new_plan_has_nothing_else(agent: Any) -> None:
    """Of three, one was done: the new plan has the other two, not what was done once more."""
    agent.model.script = [plan(post(1), MISSING, post(3, after=["s2"]), post(4, after=["s2"])), plan(post(5), post(6))]
    await agent.say("ping three times, and look in between")
    seen = await agent.decide(APPROVE)
    assert len(seen.asks) == 2
    assert "Exactly this was done before in this conversation" in seen.asks[0]["description"]
    await agent.decide(APPROVE, APPROVE)
    assert len(await agent.written()) == 3


def topic(number: int, text: str) -> dict[str, Any]:
    return {"id": f"s{number}", "tool": "slack/set-channel-topic", "arguments": {"channel": "general", "topic": text}}


async def test_what_was_undone_in_between_is_asked_for_again(agent: Any) -> None:
    first = plan(topic(1, "freeze"), {**MISSING, "after": ["s1"]})
    agent.model.script = [first, plan(topic(3, "open"), topic(4, "freeze"))]
    await agent.say("freeze, look, open, freeze")
    seen = await agent.decide(APPROVE)
    assert [request["args"]["topic"] for request in seen.asks] == ["open", "freeze"]
    await agent.decide(APPROVE, APPROVE)
    assert [sent["topic"] for _, sent in await agent.written()] == ["freeze", "open", "freeze"]


async def test_what_is_planned_with_the_results_in_view_is_wanted_once_more(agent: Any) -> None:
    agent.model.script = [{**plan(post(1)), "plan_again": True}, plan(post(2))]
    await agent.say("ping, see, and ping once more")
    seen = await agent.decide(APPROVE)
    assert "Exactly this was done before in this conversation" in seen.asks[0]["description"]
    await agent.decide(APPROVE)
    assert len(await agent.written()) == 2


async def test_who_refuses_the_others_has_what_was_done_and_no_more(agent: Any) -> None:
    agent.model.script = [plan(post(1), MISSING), plan(post(3), post(4))]
    await agent.say("ping twice, and look")
    await agent.decide(APPROVE)
    seen = await agent.decide(REJECT)
    assert len(await agent.written()) == 1
    assert (seen.values["steps"]["s3"], seen.values["steps"]["s4"]) == ("succeeded", "rejected")


async def test_independent_items_that_are_equal_are_done_as_often_as_there_are(agent: Any, sandbox: Any) -> None:
    def each(number: int) -> dict[str, Any]:
        return post(number, for_each="${s1.issues}", independent=True)

    agent.model.script = [plan(LIST, post(3), {**MISSING, "id": "s4"}), plan(each(5))]
    await agent.say("ping for each issue")
    seen = await agent.decide(APPROVE)
    [request] = seen.asks
    count = len(request["args"]["items"])
    seen = await agent.decide(APPROVE)
    assert len(await agent.written()) == count + 1, "and the one that was done stands for one of them"
    items = await agent.services.records.calls.of_steps(["s5"], "t", ADA.tenant)
    assert sorted(one.position for one in items) == list(range(count + 1))
    # What refers to the step sees all of its items.
    agent.model.script = [
        plan(
            {
                "id": "s6",
                "tool": "slack/post-message",
                "arguments": {"channel": "general", "text": "${length(s5)} of them"},
            }
        )
    ]
    seen = await agent.say("and say how many")
    assert seen.asks[0]["args"]["text"] == f"{count + 1} of them"


async def test_an_unknown_outcome_is_settled_once_and_stands_for_one(agent: Any, proxy: Any, start: Any) -> None:
    async def second_is_lost(request: Any, forward: Any) -> Any:
        body = await request.body()
        if request.url.path == "/action/trigger" and b"post-message" in body and not lost:
            lost.append(await forward())
            return JSONResponse({"error": {"code": "script_internal_error", "message": "boom"}}, 500)
        return await forward()

    lost: list[Any] = []
    proxy.handle = second_is_lost
    async with start(nango={"base_url": proxy.url}) as behind:
        behind.model.integrations = ["github", "slack"]
        behind.model.script = [plan(post(1), {**MISSING, "after": ["s1"]}), plan(post(3), post(4))]
        await behind.say("ping twice, and look")
        seen = await behind.decide(APPROVE)
        shown = seen.asks[0]
        happened = {"name": shown["name"], "args": {**shown["args"], "answer": "happened"}}
        seen = await behind.decide({"type": "edit", "edited_action": happened})
        assert len(seen.asks) == 1, "one of the two is done"
        await behind.decide(APPROVE)
        assert len(await behind.written()) == 2


async def test_what_was_sent_again_because_it_had_not_happened_is_done_all_the_same(
    agent: Any, proxy: Any, start: Any
) -> None:
    async def first_is_lost(request: Any, forward: Any) -> Any:
        if request.url.path == "/action/trigger" and b"post-message" in await request.body() and not lost:
            lost.append(request)
            return JSONResponse({"error": {"code": "script_internal_error", "message": "boom"}}, 500)
        return await forward()

    lost: list[Any] = []
    proxy.handle = first_is_lost
    async with start(nango={"base_url": proxy.url}) as behind:
        behind.model.integrations = ["github", "slack"]
        behind.model.script = [plan(post(1), {**MISSING, "after": ["s1"]}), plan(post(3))]
        await behind.say("ping, and look")
        shown = (await behind.decide(APPROVE)).asks[0]
        again = {"name": shown["name"], "args": {**shown["args"], "answer": "not_happened_retry"}}
        seen = await behind.decide({"type": "edit", "edited_action": again})
        assert seen.answer == "Done.", "the new plan only repeats it"
        assert len(await behind.written()) == 1
        assert seen.values["steps"]["s3"] == "succeeded"


async def test_what_is_rejected_at_the_question_gone_back_to_is_not_sent(agent: Any, proxy: Any, start: Any) -> None:
    async def lost_once(request: Any, forward: Any) -> Any:
        if request.url.path == "/action/trigger" and b"create-issue" in await request.body():
            await forward()
            return JSONResponse({"error": {"code": "script_internal_error", "message": "boom"}}, 500)
        return await forward()

    proxy.handle = lost_once
    config: Any = {"configurable": {"thread_id": "t"}}
    issue = {"id": "s1", "tool": "github/create-issue", "arguments": {**OCTO, "title": "Crash"}}
    async with start(nango={"base_url": proxy.url}) as behind:
        behind.model.integrations = ["github", "slack"]
        behind.model.script = [plan(issue, post(2))]
        await behind.say("file it and post")
        question = (await behind.graph.aget_state(config)).config
        await behind.decide(APPROVE, APPROVE)
        # There LangGraph would give the first answer again, whatever this one says.
        refusal: Any = Command(resume={"decisions": [REJECT, REJECT]})
        with pytest.raises(NotAsked, match="answered before"):
            await behind.graph.ainvoke(refusal, question, context=Context(user_id="ada"))
        # Gone on with from there, it asks anew.
        await behind.graph.ainvoke(None, question, context=Context(user_id="ada"))
        shown = (await behind.decide(REJECT, REJECT)).asks[0]
        assert shown["name"] == "resolve_unknown_outcome", "what was sent is not taken back"
        happened = {"name": shown["name"], "args": {**shown["args"], "answer": "happened"}}
        seen = await behind.decide({"type": "edit", "edited_action": happened})
        assert [action for action, _ in await behind.written()] == ["create-issue"]
        assert seen.values["steps"] == {"s1": "succeeded", "s2": "rejected"}

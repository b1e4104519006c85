"""Another answer to a question that was answered before, by going back to it: what was approved last is sent, or nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl
from langgraph.types import Command
from sqlalchemy import update

from nango_graph import Context, Records
from nango_graph.digests import action_digest
from nango_graph.identity import Requester
from nango_graph.records import AUTHORIZATION, Call, CallKey, CallState, Decision, NotAllowed, TurnRow
from nango_graph.records.tables import decisions

NOW = 1_000_000.0
ADA = Requester("ada")
TOOL, CONNECTION = "github/create-issue", "c1"
KEY = CallKey("plan", "s1")
FIRST, EDITED = {"title": "Crash"}, {"title": "Crash on undo"}
OCTO = {"owner": "octo", "repo": "widgets"}
T: Any = {"configurable": {"thread_id": "t"}}
APPROVE: dict[str, Any] = {"type": "approve"}
REJECT: dict[str, Any] = {"type": "reject", "message": "not after all"}


@pytest.fixture
async def records(records_url: str | Path) -> AsyncIterator[Records]:
    opened = await Records.open(records_url)
    await opened.turns.begin(TurnRow("turn", ADA, "thread", ""), message_id="m", now=NOW)
    steps = [{"id": "s1", "tool": TOOL}]
    more: dict[str, Any] = {"steps": steps, "seen": (), "now": NOW}
    await opened.plans.save(plan_id="plan", tenant=ADA.tenant, thread_id="thread", turn_id="turn", ordinal=0, **more)
    yield opened
    await opened.close()


async def decide(
    records: Records, verdict: Any, arguments: Any, *, tenant: str = ADA.tenant, key: CallKey = KEY
) -> tuple[str, Any]:
    """What stands after it."""
    digest = action_digest(TOOL, CONNECTION, arguments)
    made = Decision(key, verdict, digest, arguments, asked_id="q", actor="ada", message=str(verdict))
    await records.decisions.record([made], tenant=tenant, thread_id="thread", now=NOW)
    stands = (await records.decisions.of_plan("plan", ADA.tenant))[key]
    return stands.verdict, stands.arguments


async def claim(records: Records, arguments: Any, *, key: CallKey = KEY) -> Call | None:
    digest = action_digest(TOOL, CONNECTION, arguments)
    made = Call(key, TOOL, CONNECTION, "write", digest, arguments, "claimed", "worker", NOW + 60)
    return await records.claims.claim(made, tenant=ADA.tenant, thread_id="thread", now=NOW)


async def ended(records: Records, state: CallState, *, broke: bool) -> None:
    await decide(records, "approved", FIRST)
    assert await claim(records, FIRST) is None
    await records.claims.finish(KEY, state=state, output=None, error="no", now=NOW)
    if broke:
        await records.claims.broke(KEY)


@pytest.mark.parametrize("state", ["not_sent", "rejected"])
async def test_what_never_ran_because_its_connection_broke_can_be_rejected(records: Records, state: CallState) -> None:
    await ended(records, state, broke=True)
    assert await decide(records, "rejected", FIRST) == ("rejected", FIRST)
    with pytest.raises(NotAllowed, match="no approval covers"):
        await claim(records, FIRST)
    assert await decide(records, "approved", FIRST) == ("rejected", FIRST), "for good"


async def test_a_rejection_takes_back_what_was_approved_for_a_later_attempt(records: Records) -> None:
    again = replace(KEY, attempt=2)
    await decide(records, "approved", FIRST)
    await decide(records, "approved", FIRST, key=again)
    await decide(records, "rejected", FIRST)
    standing = await records.decisions.of_plan("plan", ADA.tenant)
    assert {key: one.verdict for key, one in standing.items()} == {KEY: "rejected", again: "rejected"}
    with pytest.raises(NotAllowed, match="no approval covers"):
        await claim(records, FIRST, key=again)


async def test_an_edit_takes_back_what_was_approved_for_a_later_attempt(records: Records) -> None:
    again = replace(KEY, attempt=2)
    await decide(records, "approved", FIRST)
    await decide(records, "approved", FIRST, key=again)
    await decide(records, "approved", EDITED)
    standing = await records.decisions.of_plan("plan", ADA.tenant)
    assert {key: one.arguments for key, one in standing.items()} == {KEY: EDITED}
    with pytest.raises(NotAllowed, match="no approval covers"):
        await claim(records, FIRST, key=again)
    assert await claim(records, EDITED) is None


async def test_the_same_approval_once_more_leaves_a_later_attempt_as_it_is(records: Records) -> None:
    again = replace(KEY, attempt=2)
    await ended(records, "unknown", broke=False)
    await decide(records, "approved", FIRST, key=again)
    await decide(records, "approved", FIRST)
    assert (await records.decisions.of_plan("plan", ADA.tenant)).keys() == {KEY, again}


async def test_after_a_later_attempt_was_sent_nothing_is_taken_back(records: Records) -> None:
    again = replace(KEY, attempt=2)
    await ended(records, "unknown", broke=False)
    await decide(records, "approved", FIRST, key=again)
    await records.claims.settle(KEY, state="failed", error="no", now=NOW)
    assert await claim(records, FIRST, key=again) is None
    for verdict, arguments in (("rejected", FIRST), ("approved", EDITED)):
        await decide(records, verdict, arguments)
        standing = await records.decisions.of_plan("plan", ADA.tenant)
        assert {key: one.verdict for key, one in standing.items()} == {KEY: "approved", again: "approved"}


@pytest.mark.parametrize("first", ["approved", "rejected"])
async def test_that_it_happened_may_be_said_after_that_it_did_not(records: Records, first: str) -> None:
    """As long as it was not sent again."""
    again = replace(KEY, attempt=2)
    await ended(records, "unknown", broke=False)
    await decide(records, first, FIRST, key=again)
    await records.claims.settle(KEY, state="failed", error="ada says that it did not happen.", now=NOW)
    await decide(records, "rejected", FIRST, key=again)
    await records.claims.settle(KEY, state="succeeded", error="ada says that it happened.", now=NOW)
    found = await records.calls.get(KEY)
    assert found is not None
    assert (found.state, found.error) == ("succeeded", "ada says that it happened.")
    assert await claim(records, FIRST, key=again) == found, "and is not sent"


async def test_what_was_sent_again_since_stays_as_it_was_said(records: Records) -> None:
    again = replace(KEY, attempt=2)
    await ended(records, "unknown", broke=False)
    await decide(records, "approved", FIRST, key=again)
    await records.claims.settle(KEY, state="failed", error="no", now=NOW)
    assert await claim(records, FIRST, key=again) is None
    await records.claims.settle(KEY, state="succeeded", error="ada says that it happened.", now=NOW)
    found = await records.calls.get(KEY)
    assert found is not None
    assert found.state == "failed"


async def test_what_failed_by_itself_is_not_made_a_success_by_words(records: Records) -> None:
    await ended(records, "failed", broke=False)
    await records.claims.settle(KEY, state="succeeded", error="ada says that it happened.", now=NOW)
    found = await records.calls.get(KEY)
    assert found is not None
    assert found.state == "failed"


@pytest.mark.parametrize("state", ["not_sent", "rejected"])
async def test_what_never_ran_because_its_connection_broke_can_be_edited(records: Records, state: CallState) -> None:
    await ended(records, state, broke=True)
    assert await decide(records, "approved", EDITED) == ("approved", EDITED)
    with pytest.raises(NotAllowed, match="no approval covers"):
        await claim(records, FIRST)
    assert await claim(records, EDITED) is None
    found = await records.calls.get(KEY)
    assert found is not None
    assert (found.state, found.cause, found.arguments) == ("claimed", None, EDITED)


@pytest.mark.parametrize(
    ("state", "broke"),
    [
        ("claimed", False),
        ("succeeded", False),
        ("unknown", False),
        ("failed", False),
        ("failed", True),
        ("not_sent", False),
        ("rejected", False),
    ],
)
@pytest.mark.parametrize("later", [("rejected", FIRST), ("approved", EDITED)])
async def test_nothing_is_changed_about_what_was_sent_or_is_not_sent_again(
    records: Records, state: CallState, broke: bool, later: tuple[Any, Any]
) -> None:
    await ended(records, state, broke=broke)
    assert await decide(records, *later) == ("approved", FIRST)


async def test_what_was_approved_last_is_what_may_be_sent(records: Records) -> None:
    for arguments in (FIRST, EDITED, FIRST, EDITED):
        assert await decide(records, "approved", arguments) == ("approved", arguments)
    with pytest.raises(NotAllowed, match="no approval covers"):
        await claim(records, FIRST)
    assert await claim(records, EDITED) is None


async def test_the_same_approval_once_more_changes_nothing(records: Records) -> None:
    await decide(records, "approved", FIRST)
    again = Decision(
        KEY, "approved", action_digest(TOOL, CONNECTION, FIRST), FIRST, asked_id="q2", actor="eve", message="mine"
    )
    await records.decisions.record([again], tenant=ADA.tenant, thread_id="thread", now=NOW)
    stands = (await records.decisions.of_plan("plan", ADA.tenant))[KEY]
    assert (stands.asked_id, stands.actor) == ("q", "ada")


async def test_another_tenant_edits_nothing(records: Records) -> None:
    await decide(records, "approved", FIRST)
    assert await decide(records, "approved", EDITED, tenant="user:eve") == ("approved", FIRST)


async def test_of_a_claim_and_an_edit_at_once_exactly_what_stands_is_sent(
    records: Records, records_url: str | Path
) -> None:
    other = await Records.open(records_url)
    try:
        await decide(records, "approved", FIRST)

        async def claimed() -> bool:
            try:
                return await claim(other, FIRST) is None
            except NotAllowed:
                return False

        sent, (_, stands) = await asyncio.gather(claimed(), decide(records, "approved", EDITED))
        assert stands == (FIRST if sent else EDITED)
    finally:
        await other.close()


@pytest.fixture
async def parked(start: Any, sandbox: Any, proxy: Any) -> Any:
    """Ada's agent, whose approved write Nango refused because its connection was gone; it is back by now."""

    async def gone(request: Any, forward: Any) -> Any:
        if request.url.path == "/action/trigger" and json.loads(await request.body())["action_name"] == "create-issue":
            proxy.handle = lambda _, forward: forward()
            await agent.services.nango.connections.delete("ada-github", "github")
        return await forward()

    await sandbox.connect("github", {"end_user_id": "ada"}, "ada-github")
    async with start(nango={"base_url": proxy.url}) as agent:
        agent.model.integrations = ["github"]
        step = {"id": "s1", "tool": "github/create-issue", "arguments": {**OCTO, **FIRST}}
        agent.model.script = [{"kind": "plan", "steps": [step]}]
        await agent.say("file it")
        agent.question = (await agent.graph.aget_state(T)).config
        proxy.handle = gone
        seen = await agent.decide(APPROVE)
        assert seen.values["steps"] == {"s1": "parked"}
        [row] = await agent.services.records.calls.of_thread("t", ADA.tenant)
        assert row.cause == AUTHORIZATION
        await sandbox.connect("github", {"end_user_id": "ada"}, "ada-github")
        await agent.graph.ainvoke(None, agent.question, context=Context(user_id="ada"))
        yield agent


def edit(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "edit", "edited_action": {"name": "github/create-issue", "args": arguments}}


def notices(seen: Any) -> str:
    return " ".join(part["text"] for part in seen.parts if part["type"] == "notice")


async def test_what_is_rejected_after_its_connection_broke_is_not_sent_when_that_is_back(parked: Any) -> None:
    seen = await parked.decide(REJECT)
    assert seen.values["steps"] == {"s1": "rejected"}
    assert "not after all" in seen.values["results"][-1]["error"]
    assert await parked.written() == []
    await parked.graph.ainvoke(None, parked.question, context=Context(user_id="ada"))
    seen = await parked.decide(APPROVE)
    assert "An earlier answer stands, so this is not sent" in notices(seen)
    assert await parked.written() == []


async def test_what_is_edited_after_its_connection_broke_is_sent_as_it_was_edited(parked: Any) -> None:
    seen = await parked.decide(edit({**OCTO, **EDITED}))
    assert seen.values["steps"] == {"s1": "succeeded"}
    assert await parked.written() == [("create-issue", {**OCTO, **EDITED})]
    assert notices(seen) == ""
    await parked.graph.ainvoke(None, parked.question, context=Context(user_id="ada"))
    for answer in (REJECT, edit({**OCTO, "title": "Else"})):
        await parked.graph.ainvoke(None, parked.question, context=Context(user_id="ada"))
        seen = await parked.decide(answer)
        assert "s1: An earlier answer stands: it was approved, and sent" in notices(seen)
        assert seen.values["steps"] == {"s1": "succeeded"}
    assert len(await parked.written()) == 1


async def decided(agent: Any, answer: dict[str, Any]) -> None:
    """The answer is taken, and the run is stopped before anything is sent."""
    control = RunControl()

    async def run() -> None:
        said: Any = Command(resume={"decisions": [answer]})
        who = Context(user_id="ada")
        async for part in agent.graph.astream(said, T, context=who, stream_mode="updates", control=control):
            if "decide" in part:
                control.request_drain("stopped")

    with pytest.raises(GraphDrained):
        await run()


@pytest.mark.parametrize("last", ["a rejection", "an edit"])
async def test_the_last_answer_counts_also_where_it_was_asked_twice_before(start: Any, sandbox: Any, last: str) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start() as agent:
        agent.model.integrations = ["github"]
        step = {"id": "s1", "tool": "github/create-issue", "arguments": {**OCTO, **FIRST}}
        agent.model.script = [{"kind": "plan", "steps": [step]}]
        await agent.say("file it")
        first = (await agent.graph.aget_state(T)).config
        await decided(agent, APPROVE)
        of_another_tool = update(decisions).values(fingerprint="another")
        await agent.services.records._database.execute(of_another_tool)
        assert "not as it was then" in str((await agent.wake()).asks)
        await decided(agent, APPROVE)
        await agent.graph.ainvoke(None, first, context=Context(user_id="ada"))
        await agent.decide(REJECT if last == "a rejection" else edit({**OCTO, **EDITED}))
        written = [] if last == "a rejection" else [("create-issue", {**OCTO, **EDITED})]
        assert await agent.written() == written

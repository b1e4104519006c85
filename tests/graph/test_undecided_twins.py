"""Equal writes that nobody decided on, while one of another plan of the turn is under way: it stands for one, the others are asked for."""

from typing import Any

import pytest

from nango_graph.digests import action_digest
from nango_graph.records import Call, CallKey, CallState, Decision

APPROVE: dict[str, Any] = {"type": "approve"}
PING = {"channel": "general", "text": "ping"}
TENANT = "user:ada"


def post(number: int) -> dict[str, Any]:
    return {"id": f"s{number}", "tool": "slack/post-message", "arguments": PING}


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps)}


async def claim_of_the_first_plan(agent: Any, seen: Any) -> CallKey:
    """As another run of the thread would have made it."""
    records, key = agent.services.records, CallKey(seen.values["plan_id"], "s1")
    connection = seen.values["connections"]["slack"]["connection_id"]
    digest = action_digest("slack/post-message", connection, PING)
    made = Decision(key, "approved", digest, PING, asked_id="q", actor="ada")
    await records.decisions.record([made], tenant=TENANT, thread_id="t", now=agent.clock.now())
    claim = Call(
        key, "slack/post-message", connection, "write", digest, PING, "claimed", "other", agent.clock.now() + 60
    )
    assert await records.claims.claim(claim, tenant=TENANT, thread_id="t", now=agent.clock.now()) is None
    return key


async def planned_anew(agent: Any, *steps: dict[str, Any], first_ends: CallState, error: str | None = None) -> Any:
    """The same turn with another plan, whose writes find that of the first one claimed; it ends while they wait."""
    agent.model.script = [plan(post(1)), plan(*steps)]
    seen = await agent.say("ping")
    first = await claim_of_the_first_plan(agent, seen)
    sleep = agent.clock.sleep

    async def ends(seconds: float) -> None:
        output = {"ts": "1"} if first_ends == "succeeded" else None
        await agent.services.records.claims.finish(
            first, state=first_ends, output=output, error=error, now=agent.clock.now()
        )
        await sleep(seconds)

    await agent.edit_state({"plan_id": None, "asked": None}, after="discover_tools")
    agent.clock.sleep = ends
    return await agent.wake()


async def test_one_is_done_by_it_and_the_other_one_is_asked_for(agent: Any) -> None:
    seen = await planned_anew(agent, post(3), post(4), first_ends="succeeded")
    [request] = seen.asks
    assert request["name"] == "slack/post-message"
    assert "Exactly this was done before" in request["description"]
    assert await agent.written() == []
    seen = await agent.decide(APPROVE)
    assert (seen.values["steps"]["s3"], seen.values["steps"]["s4"]) == ("succeeded", "succeeded")
    assert len(await agent.written()) == 1


async def test_items_wait_for_it_too_and_what_comes_after_one_that_is_asked_for_waits(agent: Any) -> None:
    numbers = {"id": "s3", "tool": "github/list-issues", "arguments": {"owner": "octo", "repo": "widgets"}}
    each = {**post(4), "for_each": "${s3.issues[:3]}"}
    seen = await planned_anew(agent, numbers, each, first_ends="succeeded")
    for left in (2, 1):
        [request] = seen.asks
        assert len(request["args"]["items"]) <= left
        seen = await agent.decide(APPROVE)
        if seen.question is None:
            break
    assert seen.values["steps"]["s4"] == "succeeded"
    assert len(await agent.written()) == 2, "three were wanted, one was done"


@pytest.mark.parametrize(
    ("state", "said"),
    [("not_sent", ""), ("rejected", ""), ("failed", "Exactly this was sent before")],
)
async def test_all_are_asked_for_where_it_did_not_succeed(agent: Any, state: CallState, said: str) -> None:
    seen = await planned_anew(agent, post(3), first_ends=state, error="no")
    [request] = seen.asks
    assert said in request["description"]
    assert await agent.written() == []
    assert (await agent.decide(APPROVE)).values["steps"]["s3"] == "succeeded"
    assert len(await agent.written()) == 1

"""Whoever owns a thread can edit its state. What the records and Nango say counts all the same."""

import copy
from typing import Any

from nango_graph.digests import action_digest

OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE: dict[str, Any] = {"type": "approve"}


def plan(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "plan", "steps": [{"id": "s1", "tool": tool, "arguments": arguments}]}


async def test_a_connection_of_somebody_else_put_into_the_state_is_not_used(agent, sandbox) -> None:
    theirs = await sandbox.connect("github", {"end_user_id": "bob"})
    post = {"id": "s1", "tool": "slack/post-message", "arguments": {"channel": "general", "text": "hi"}}
    look = {"id": "s2", "tool": "github/list-issues", "arguments": OCTO, "after": ["s1"]}
    agent.model.script = [{"kind": "plan", "steps": [post, look]}]
    seen = await agent.say("post, then look")
    connections = copy.deepcopy(seen.values["connections"])
    connections["github"]["connection_id"] = theirs
    await agent.edit_state({"connections": connections}, after="execute")
    await agent.wake()
    seen = await agent.decide(APPROVE)
    assert [entry.action for entry in await agent.ledger()] == ["post-message"]
    assert seen.asks[0]["name"] == "choose_account", "her own one is offered in its place"
    assert (await agent.decide(APPROVE)).answer == "Done."
    assert {entry.end_user_id for entry in await agent.ledger()} == {"ada"}


async def test_an_approval_of_another_tool_than_the_plan_has_sends_nothing(agent) -> None:
    agent.model.script = [
        plan("github/add-issue-comment", {**OCTO, "issue_number": 7, "body": "hi"}),
        {"kind": "answer", "text": "Not approved."},
    ]
    seen = await agent.say("comment")
    asked = copy.deepcopy(seen.values["asked"])
    # A harmless name over the same arguments: first only what is shown, then with a digest that fits it.
    asked["payload"]["action_requests"][0]["name"] = "github/get-issue"
    await agent.edit_state({"asked": asked}, after="execute")
    await agent.wake()
    seen = await agent.decide(APPROVE)
    assert "not what would be sent" in seen.question["problem"]

    asked = copy.deepcopy(seen.values["asked"])
    item = asked["items"][0]
    item["tool"] = "github/get-issue"
    item["units"][0]["digest"] = action_digest(
        item["tool"], item["connection_id"], {**OCTO, "issue_number": 7, "body": "hi"}
    )
    await agent.edit_state({"asked": asked}, after="execute")
    await agent.wake()
    await agent.decide(APPROVE)
    assert await agent.written() == []

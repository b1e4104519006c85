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


async def test_what_was_edited_into_an_open_question_is_not_covered_by_its_answer(agent) -> None:
    """Whoever decides may have seen the question before it was edited."""
    agent.model.script = [plan("slack/post-message", {"channel": "general", "text": "harmless"})]
    seen = await agent.say("post")
    asked = copy.deepcopy(seen.values["asked"])
    forged = {"channel": "general", "text": "forged"}
    asked["payload"]["action_requests"][0] |= {"args": forged, "arguments": forged}
    item = asked["items"][0]
    item["units"][0]["digest"] = action_digest(item["tool"], item["connection_id"], forged)
    await agent.edit_state({"asked": asked}, after="execute")
    seen = await agent.decide(APPROVE)
    assert seen.asks[0]["args"] == {"channel": "general", "text": "harmless"}
    assert await agent.written() == []
    assert (await agent.decide(APPROVE)).answer == "Done."
    assert [sent["text"] for _, sent in await agent.written()] == ["harmless"]


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
    assert seen.asks[0]["name"] == "github/add-issue-comment", "it is asked as the plan has it, once more"

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

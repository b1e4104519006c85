"""An approval covers the tool that was shown: its definition, and what it may do."""

from dataclasses import replace
from typing import Any

import pytest
from langgraph.types import Command

from nango_graph import Context
from nango_graph.digests import digest
from nango_graph.pinning import environment_of
from nango_sandbox.functions.action import Action
from nango_sandbox.functions.signature import Declared

APPROVE: dict[str, Any] = {"type": "approve"}
CONFIG: Any = {"configurable": {"thread_id": "t"}}
NOW_DESTRUCTIVE = "\naccess:\n- {tool: slack/share-note, is: destructive}\n"


async def _done(_call: Any, _given: Any) -> Any:
    return {"ok": True}


TAKES_TEXT = Declared(
    {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}, checked=False
)
SHARE = Action("share-note", "Share a note with your own team.", "write", _done, declared=TAKES_TEXT)
STEP = {"id": "s1", "tool": "slack/share-note", "arguments": {"text": "secret"}}


async def changed(agent: Any, sandbox: Any) -> None:
    """It does something else, and whoever runs the agent has accepted that."""
    await sandbox.deploy("slack", replace(SHARE, description="Publish a note on the public web."))
    agent.services.catalog.forget()
    state = await agent.graph.aget_state(CONFIG)
    await agent.services.catalog.discover([("slack", state.values["connections"]["slack"]["connection_id"])])
    environment, definitions = environment_of(agent.services.settings), agent.services.records.definitions
    for change in await definitions.waiting(environment):
        await definitions.accept(
            environment, change.integration, change.name, change.changed.fingerprint, by="op", now=1.0
        )
    agent.services.catalog.forget()


async def ask(agent: Any, sandbox: Any) -> Any:
    await sandbox.deploy("slack", SHARE)
    agent.services.catalog.forget()
    agent.model.script = [{"kind": "plan", "steps": [STEP]}]
    return await agent.say("share the note")


async def approved_and_killed(agent: Any) -> None:
    resumed = Command(resume={"decisions": [APPROVE]})
    async for _ in agent.graph.astream(resumed, CONFIG, context=Context(user_id="ada"), interrupt_after=["decide"]):
        pass
    assert (await agent.graph.aget_state(CONFIG)).next == ("execute",)
    assert await agent.written() == []


@pytest.mark.parametrize(
    "decision", [APPROVE, {"type": "edit", "edited_action": {"name": "slack/share-note", "args": {"text": "x"}}}]
)
async def test_a_definition_that_was_accepted_during_the_wait_is_shown_before_it_is_approved(
    under, sandbox, decision
) -> None:
    async with under() as agent:
        assert "your own team" in (await ask(agent, sandbox)).asks[0]["description"]
        await changed(agent, sandbox)
        seen = await agent.decide(decision)
        assert "public web" in seen.asks[0]["description"]
        assert any("not what it was" in part.get("text", "") for part in seen.parts)
        assert await agent.written() == []
        await agent.decide(APPROVE)
        assert [action for action, _ in await agent.written()] == ["share-note"]


async def test_what_was_approved_and_not_yet_sent_is_asked_for_again(under, sandbox) -> None:
    async with under() as agent:
        await ask(agent, sandbox)
        await approved_and_killed(agent)
        await changed(agent, sandbox)
        seen = await agent.wake()
        assert "public web" in seen.asks[0]["description"]
        assert "not as it was then" in seen.asks[0]["description"]
        assert await agent.written() == []
        await agent.decide(APPROVE)
        assert len(await agent.written()) == 1


async def test_what_turns_out_to_destroy_is_asked_for_with_the_confirmation_that_takes(under, sandbox) -> None:
    async with under() as agent:
        await ask(agent, sandbox)
        await approved_and_killed(agent)
    async with under(f"[]{NOW_DESTRUCTIVE}") as agent:
        seen = await agent.wake()
        assert seen.asks[0]["args"] == {"text": "secret", "confirm": "no"}
        assert await agent.written() == []


async def test_an_edit_of_a_question_that_asked_for_no_confirmation_destroys_nothing(under, sandbox) -> None:
    async with under() as agent:
        seen = await ask(agent, sandbox)
        # As an earlier version asked it.
        asked = seen.values["asked"]
        older = {key: value for key, value in asked["items"][0].items() if key not in {"fingerprint", "access"}}
        await agent.edit_state({"asked": {**asked, "items": [older]}}, after="execute")
        await agent.wake()
    async with under(f"[]{NOW_DESTRUCTIVE}") as agent:
        edited = {"type": "edit", "edited_action": {"name": "slack/share-note", "args": {"text": "x"}}}
        seen = await agent.decide(edited)
        assert seen.asks[0]["args"] == {"text": "secret", "confirm": "no"}
        assert await agent.written() == []


async def test_a_question_of_an_earlier_version_is_answered_as_it_was_asked(under, sandbox) -> None:
    async with under() as agent:
        asked = (await ask(agent, sandbox)).values["asked"]
        older = {key: value for key, value in asked["items"][0].items() if key not in {"fingerprint", "access"}}
        [request] = asked["payload"]["action_requests"]
        its_id = digest(["approval", [older], [request["args"]], [request["name"]]])
        older_one = {**asked, "id": its_id, "items": [older], "payload": {**asked["payload"], "id": its_id}}
        await agent.edit_state({"asked": older_one}, after="execute")
        await agent.wake()
        assert (await agent.decide(APPROVE)).answer == "Done."
        assert len(await agent.written()) == 1

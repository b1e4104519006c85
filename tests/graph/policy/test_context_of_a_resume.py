"""What a run's context denies or asks for counts in whatever run it comes, and stays with the turn."""

from typing import Any

from langgraph.types import Command

APPROVE: dict[str, Any] = {"type": "approve"}
POST = {"id": "s1", "tool": "slack/post-message", "arguments": {"channel": "general", "text": "hi"}}
CHAT_IS_OPEN = "\n- {name: chat is open, effect: allow, tool: slack/post-message}\n"


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps)}


async def test_what_the_run_of_an_approval_denies_is_not_sent(under) -> None:
    async with under() as agent:
        agent.model.script = [plan(POST), {"kind": "answer", "text": "No."}]
        await agent.say("post hi")
        approval = Command(resume={"decisions": [APPROVE]})
        seen = await agent.run(approval, thread="t", user="ada", deny=["slack/*"])
        assert "slack/post-message" in seen.answer
        assert "this run" in seen.answer
        assert await agent.written() == []


async def test_what_a_wake_up_denies_holds_for_the_runs_after_it(under) -> None:
    async with under() as agent:
        agent.model.script = [plan(POST), {"kind": "answer", "text": "No."}]
        await agent.say("post hi")
        assert (await agent.run(None, thread="t", user="ada", deny=["slack/*"])).question
        assert "slack/post-message" in (await agent.decide(APPROVE)).answer
        assert await agent.written() == []


async def test_what_a_wake_up_denies_or_asks_for_is_added_to_what_the_turn_had(under) -> None:
    async with under(CHAT_IS_OPEN) as agent:
        agent.model.script = [
            plan({"id": "s1", "tool": "slack/list-channels", "arguments": {}}, {**POST, "id": "s2", "after": ["s1"]})
        ]
        seen = await agent.say("list, then post", ask=["slack/list-channels"])
        assert [one["name"] for one in seen.asks] == ["slack/list-channels"]
        await agent.run(None, thread="t", user="ada", ask=["slack/post-message"])
        seen = await agent.decide(APPROVE)
        assert [one["name"] for one in seen.asks] == ["slack/post-message"], "no longer allowed by the rule alone"
        turn = await agent.services.records.turns.last_of("t")
        assert turn.settings["ask"] == ["slack/list-channels", "slack/post-message"]
        # A new message is a new turn, under the context of its own run.
        agent.model.script = [plan({**POST, "id": "s3"})]
        assert (await agent.say("post")).answer == "Done."


async def test_a_run_without_a_context_has_that_of_the_turn(under) -> None:
    async with under(CHAT_IS_OPEN) as agent:
        agent.model.script = [plan(POST)]
        seen = await agent.say("post", ask=["slack/*"])
        assert len(seen.asks) == 1
        assert len((await agent.wake()).asks) == 1
        turn = await agent.services.records.turns.last_of("t")
        assert (turn.settings["deny"], turn.settings["ask"]) == ([], ["slack/*"])


async def test_a_stranger_changes_nothing_of_a_turn(under) -> None:
    async with under() as agent:
        agent.model.script = [plan(POST)]
        await agent.say("post")
        turns = agent.services.records.turns
        turn = await turns.last_of("t")
        # Whatever lets somebody else run it: a graph around this one has its own admission.
        agent.graph.builder.admit = None
        await agent.run(Command(resume={"decisions": [APPROVE]}), thread="t", user="eve", deny=["*/*"])
        assert await turns.last_of("t") == turn
        assert await agent.written() == []

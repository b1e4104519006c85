"""A write that a rule allows goes without a question, and through the same ledger as any other."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from starlette.requests import Request

from nango_graph import Records
from nango_graph.context import Context
from nango_graph.digests import action_digest
from nango_graph.identity import Requester, actor_of
from nango_graph.records import Call, CallKey, Decision, NotAllowed, TurnRow

OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE: dict[str, Any] = {"type": "approve"}
CREATE = {"id": "s1", "tool": "github/create-issue", "arguments": {**OCTO, "title": "Crash on undo"}}
DELETE = {"id": "s1", "tool": "github/delete-label", "arguments": {**OCTO, "name": "bug"}}
TRUSTED = """
- name: trusted robot
  effect: allow
  integration: github
  because: the sandbox repository is for that
"""


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps)}


async def test_it_is_sent_once_and_the_records_say_which_rule_let_it_pass(under) -> None:
    async with under(TRUSTED) as agent:
        agent.model.script = [plan(CREATE)]
        assert (await agent.say("create it")).answer == "Done."
        assert [action for action, _ in await agent.written()] == ["create-issue"]
        (plan_row,) = await agent.services.records.plans.of_thread("t")
        ((key, decision),) = (await agent.services.records.decisions.of_plan(plan_row.id, "user:ada")).items()
        assert key.step == "s1"
        assert (decision.verdict, decision.actor) == ("approved", "policy:trusted robot")
        assert "policy.yaml:" in decision.message
        assert decision.is_by_rule


async def test_the_operators_word_goes_for_what_destroys_too(under) -> None:
    async with under(TRUSTED) as agent:
        agent.model.script = [plan(DELETE)]
        assert (await agent.say("delete the label")).answer == "Done."
        assert [action for action, _ in await agent.written()] == ["delete-label"]


async def test_what_no_rule_allows_is_still_asked_for(under) -> None:
    async with under(TRUSTED) as agent:
        post = {"id": "s2", "tool": "slack/post-message", "arguments": {"channel": "general", "text": "hi"}}
        agent.model.script = [plan(CREATE, post)]
        seen = await agent.say("create and post")
        assert [request["name"] for request in seen.asks] == ["slack/post-message"]
        assert [action for action, _ in await agent.written()] == ["create-issue"]


async def test_the_same_write_of_a_new_plan_in_the_turn_is_not_sent_twice(under) -> None:
    async with under(TRUSTED) as agent:
        fails = {"id": "s2", "tool": "github/get-issue", "arguments": {**OCTO, "issue_number": 999}}
        agent.model.script = [plan(CREATE, fails), plan({**CREATE, "id": "s3"})]
        await agent.say("create it, and look")
        assert [action for action, _ in await agent.written()] == ["create-issue"]


async def test_a_write_without_durable_records_is_refused_whatever_a_rule_allows(under) -> None:
    async with under(TRUSTED) as agent:
        agent.services.records.writes_allowed = False
        agent.model.script = [plan(CREATE), {"kind": "answer", "text": "No."}]
        await agent.say("create it")
        assert await agent.written() == []


PROCESS = """
import asyncio, json, sys
from pathlib import Path
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from nango_graph import AgentSettings, Context, build_graph, open_services

async def main(folder):
    settings = AgentSettings.from_environ(json.loads(sys.argv[2]))
    async with AsyncSqliteSaver.from_conn_string(str(folder / "threads.db")) as saver, open_services(settings) as services:
        graph = build_graph(services).compile(checkpointer=saver)
        config = {"configurable": {"thread_id": "t"}}
        await graph.ainvoke(None, config, context=Context(user_id="ada"))

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_a_process_killed_while_it_was_sent_does_not_send_it_again(under, proxy, tmp_path) -> None:
    happened, over = asyncio.Event(), asyncio.Event()

    async def hold(request: Request, forward: Any) -> Any:
        answer = await forward()
        if b"create-issue" in await request.body():
            happened.set()
            await over.wait()
        return answer

    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver:
        # A thread that has a plan and a question; the rule comes while it waits.
        async with under(saver=saver) as agent:
            agent.model.script = [plan(CREATE)]
            seen = await agent.say("create it")
            await agent.edit_state({"asked": None, "answered": None}, after="plan")
        async with under(TRUSTED, saver=saver) as agent:
            proxy.handle = hold
            environment = {
                "NANGO_API_KEY": agent.sandbox.api_key.get_secret_value(),
                "NANGO_BASE_URL": proxy.url,
                "OPENAI_API_KEY": "never used: the process does not live that long",
                "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
                "NANGO_AGENT_DATA_DIR": str(tmp_path),
                "NANGO_AGENT_POLICY": str(tmp_path / "policy.yaml"),
            }
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", PROCESS, str(tmp_path), json.dumps(environment), env={**os.environ}
            )
            try:
                async with asyncio.timeout(60):
                    await happened.wait()
                process.send_signal(signal.SIGKILL)
            finally:
                await process.wait()
                over.set()
            agent.clock.time += 3600
            seen = await agent.wake()
            assert [request["name"] for request in seen.asks] == ["resolve_unknown_outcome"]
            edited = {"name": "resolve_unknown_outcome", "args": {**seen.asks[0]["args"], "answer": "happened"}}
            assert (await agent.decide({"type": "edit", "edited_action": edited})).answer == "Done."
            assert [action for action, _ in await agent.written()] == ["create-issue"]


async def died_having_recorded(agent: Any, seen: Any, verdict: Any, *, by: str, asked_id: str = "") -> None:
    """The process recorded a decision on the write that is asked for, and nothing went on from there."""
    item = seen.values["asked"]["items"][0]
    key, digest = CallKey(item["plan_id"], "s1"), item["units"][0]["digest"]
    decision = Decision(key, verdict, digest, CREATE["arguments"], asked_id=asked_id, actor=by)
    await agent.services.records.decisions.record([decision], tenant="user:ada", thread_id="t", now=0.0)
    await agent.edit_state({"asked": None, "answered": None}, after="plan")


async def test_a_rule_that_is_gone_when_its_write_would_be_sent_lets_nothing_pass(under) -> None:
    """The process recorded that the rule allows it, and died before it claimed."""
    async with under() as agent:
        agent.model.script = [plan(CREATE)]
        seen = await agent.say("create it")
        await died_having_recorded(agent, seen, "approved", by="policy:trusted robot")
        seen = await agent.wake()
        assert "does not hold any more" in seen.asks[0]["description"]
        assert await agent.written() == []
        assert (await agent.decide(APPROVE)).answer == "Done."
        assert len(await agent.written()) == 1


async def test_a_rule_that_still_allows_after_a_crash_needs_no_question(under) -> None:
    async with under() as agent:
        agent.model.script = [plan(CREATE)]
        await agent.say("create it")
        await agent.edit_state({"asked": None, "answered": None}, after="plan")
    async with under(TRUSTED) as agent:
        assert (await agent.wake()).answer == "Done."
        assert len(await agent.written()) == 1


async def test_what_a_human_rejected_stays_rejected_when_a_rule_allows_it_later(under) -> None:
    async with under() as agent:
        agent.model.script = [plan(CREATE)]
        seen = await agent.say("create it")
        await died_having_recorded(agent, seen, "rejected", by="ada", asked_id="q")
    async with under(TRUSTED) as agent:
        await agent.wake()
        assert await agent.written() == []


@pytest.mark.parametrize("name", ["policy:trusted robot", "policy:"])
def test_nobody_passes_for_a_rule_by_being_called_like_one(name) -> None:
    runtime: Any = SimpleNamespace(server_info=None, context=Context(user_id="ada", actor=name))
    assert not Decision(CallKey("p", "s1"), "approved", "", None, "q", actor_of(runtime, "")).is_by_rule


# The claim itself

KEY, ARGUMENTS = CallKey("plan", "s1"), {"title": "Crash"}
DIGEST = action_digest("github/create-issue", "c1", ARGUMENTS)
CLAIM = Call(KEY, "github/create-issue", "c1", "write", DIGEST, ARGUMENTS, "claimed", "worker", 2_000.0)
BY_RULE = Decision(KEY, "approved", DIGEST, ARGUMENTS, asked_id="", actor="policy:trusted robot")


@pytest.fixture
async def records(records_url: str | Path) -> AsyncIterator[Records]:
    opened = await Records.open(records_url)
    await opened.turns.begin(TurnRow("turn", Requester("ada"), "t", ""), message_id="m", now=0.0)
    await opened.plans.save(
        plan_id="plan", tenant="user:ada", thread_id="t", turn_id="turn", ordinal=0, steps=[], seen=(), now=0.0
    )
    yield opened
    await opened.close()


async def claim(records: Records, by_rule: Decision | None, call: Call = CLAIM) -> Call | None:
    return await records.claims.claim(call, tenant="user:ada", thread_id="t", now=1_000.0, by_rule=by_rule)


async def test_a_claim_records_the_rule_that_covers_it_and_only_one_wins(records) -> None:
    answers = await asyncio.gather(*(claim(records, BY_RULE) for _ in range(8)))
    assert answers.count(None) == 1
    assert (await records.decisions.of_plan("plan", "user:ada"))[KEY].actor == "policy:trusted robot"


async def test_a_recorded_rule_covers_no_claim_by_itself(records) -> None:
    await records.decisions.record([BY_RULE], tenant="user:ada", thread_id="t", now=0.0)
    with pytest.raises(NotAllowed, match="does not hold any more"):
        await claim(records, None)
    assert await records.calls.get(KEY) is None


async def test_a_rule_covers_nothing_that_a_human_rejected_or_that_is_another_action(records) -> None:
    with pytest.raises(NotAllowed):
        await claim(records, BY_RULE, replace(CLAIM, digest="another"))
    assert await records.decisions.of_plan("plan", "user:ada") == {}, "a claim that failed leaves nothing"
    rejected = replace(BY_RULE, verdict="rejected", actor="ada")
    await records.decisions.record([rejected], tenant="user:ada", thread_id="t", now=0.0)
    with pytest.raises(NotAllowed):
        await claim(records, BY_RULE)


async def test_a_rule_does_not_open_a_plan_that_was_closed(records) -> None:
    await records.plans.close_turn("turn")
    with pytest.raises(NotAllowed, match="closed"):
        await claim(records, BY_RULE)

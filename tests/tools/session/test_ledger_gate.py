"""Writes of other agents: under the policy, asked for where it says so, and sent once, whatever happens to the run."""

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import Any

import pytest
from langchain_core.messages import ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command

import nango_tools
from nango_graph import LedgerGate, Records
from nango_sandbox.faults import Dropped
from nango_tools import Catalog, NangoClient, NangoSettings, Policy
from nango_tools.policy import Effect
from nango_tools.policy.globs import ToolGlob
from nango_tools.policy.rule import Rule

OCTO = {"owner": "octo", "repo": "widgets"}
ISSUE = {**OCTO, "title": "It squeaks"}
OTHER = {**OCTO, "title": "It rattles"}
CREATE, COMMENT, DELETE = "github__create-issue", "github__add-issue-comment", "slack__delete-message"
APPROVE = {"decisions": [{"type": "approve"}]}
REJECT = {"decisions": [{"type": "reject", "message": "not now"}]}


def policy(effect: Effect, *ids: str) -> Policy:
    return Policy([Rule(f"{effect} those", effect, tools=tuple(ToolGlob.of_id(one) for one in ids))])


ALLOWS = policy(Effect.ALLOW, "github/*")


class Runs:
    """An agent of Alice's on a thread. `says` is what each tool call was answered with."""

    def __init__(self, session: Any, agent: Any, thread: str) -> None:
        self.session, self.agent, self.config = session, agent, {"configurable": {"thread_id": thread}}

    async def start(self) -> Any:
        return await self.go_on({"messages": [("user", "do it")]})

    async def go_on(self, given: Any) -> Any:
        await self.agent.ainvoke(given, self.config)
        return await self.asks()

    async def asks(self) -> list[Any]:
        return [interrupt.value for interrupt in (await self.agent.aget_state(self.config)).interrupts]

    async def answer(self, decided: Any) -> Any:
        return await self.go_on(Command(resume=decided))

    async def says(self) -> list[ToolMessage]:
        messages = (await self.agent.aget_state(self.config)).values["messages"]
        return [message for message in messages if isinstance(message, ToolMessage)]


@pytest.fixture
def opened(sandbox, nango, records, model, agent_of):
    @asynccontextmanager
    async def opened(script, *, rules=None, thread="t", user="alice", saver=None, kept=None, make=agent_of, **gate):
        for integration in ("github", "slack"):
            listed = [one async for one in nango.connections.list(integration_ids=[integration])]
            if not any(one.tags.get("end_user_id") == user for one in listed):
                await sandbox.connect(integration, {"end_user_id": user})
        model.script = script
        async with nango_tools.session(
            user,
            integrations=["github", "slack"],
            nango=nango,
            policy=rules,
            writes=LedgerGate(kept or records, **gate),
            whole=100,
        ) as session:
            yield Runs(session, make(model, session.tools, saver or InMemorySaver()), thread)

    return opened


async def test_a_write_pauses_shows_what_would_be_sent_and_is_sent_once_approved(opened, written) -> None:
    async with opened([[(CREATE, ISSUE)]]) as alice:
        [question] = await alice.start()
        [request] = question["action_requests"]
        assert (request["name"], request["args"]) == ("github/create-issue", ISSUE)
        assert "alice" in request["description"]
        assert question["review_configs"] == [
            {"action_name": "github/create-issue", "allowed_decisions": ["approve", "edit", "reject"]}
        ]
        assert await written() == []
        assert await alice.answer(APPROVE) == []
        assert await written() == [("create-issue", ISSUE)]
        assert '"title":"It squeaks"' in (await alice.says())[0].text


async def test_a_rejected_write_is_not_sent_and_the_model_hears_why(opened, written) -> None:
    async with opened([[(CREATE, ISSUE)]]) as alice:
        await alice.start()
        await alice.answer(REJECT)
        [said] = await alice.says()
        assert said.status == "error"
        assert "The user decided against it: not now" in said.text
        assert await written() == []


async def test_an_edited_write_is_sent_as_edited_and_an_edit_that_does_not_fit_is_asked_again(opened, written) -> None:
    async with opened([[(CREATE, ISSUE)]]) as alice:
        await alice.start()
        edited = {"type": "edit", "edited_action": {"name": "github/create-issue", "args": {**ISSUE, "titel": "x"}}}
        [question] = await alice.answer({"decisions": [edited]})
        assert "titel" in question["problem"]
        edited["edited_action"]["args"] = OTHER
        assert await alice.answer({"decisions": [edited]}) == []
        assert await written() == [("create-issue", OTHER)]


@pytest.mark.parametrize("words", ["yes", "approve", True, {"approve": True}, {"decisions": []}, [APPROVE] * 2])
async def test_text_is_no_approval(opened, written, words) -> None:
    async with opened([[(CREATE, ISSUE)]]) as alice:
        await alice.start()
        [question] = await alice.answer(words)
        assert question["problem"]
        assert await written() == []


async def test_an_edit_can_not_get_past_a_denial(opened, written, tmp_path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        "version: 1\nrules:\n  - name: hands off gears\n    effect: deny\n    tool: [github/*]\n    arguments: \"repo == 'gears'\"\n"
    )
    async with opened([[(CREATE, ISSUE)]], rules=Policy.load(path)) as alice:
        await alice.start()
        args = {**ISSUE, "repo": "gears"}
        edit = {"type": "edit", "edited_action": {"name": "github/create-issue", "args": args}}
        [question] = await alice.answer({"decisions": [edit]})
        assert "hands off gears" in question["problem"]
        assert await written() == []


async def test_a_destructive_write_takes_more_than_an_approval(opened, written, nango) -> None:
    async with opened([[("slack__post-message", {"channel": "general", "text": "hi"})]]) as alice:
        destructive = [tool.id for tool in alice.session.offered.values() if tool.access == "destructive"]
        assert destructive
        await alice.start()
        await alice.answer(APPROVE)
        posted = json.loads((await alice.says())[0].text.split("\n")[1])
    target = {"channel": "general", "ts": posted["message"]["ts"] if "message" in posted else posted["ts"]}
    async with opened([[(DELETE, target)]], thread="u") as alice:
        [question] = await alice.start()
        assert question["action_requests"][0]["args"] == {**target, "confirm": "no"}
        [question] = await alice.answer(APPROVE)
        edit = {"type": "edit", "edited_action": {"name": "slack/delete-message", "args": {**target, "confirm": "no"}}}
        [question] = await alice.answer({"decisions": [edit]})
        assert "set confirm to yes" in question["problem"]
        assert [action for action, _ in await written()] == ["post-message"]
        edit["edited_action"]["args"]["confirm"] = "yes"
        assert await alice.answer({"decisions": [edit]}) == []
        assert [action for action, _ in await written()] == ["post-message", "delete-message"]


async def test_what_the_policy_allows_is_not_asked_for_but_noted_as_its_decision(opened, written, records) -> None:
    async with opened([[(CREATE, ISSUE)]], rules=ALLOWS) as alice:
        assert await alice.start() == []
        assert await written() == [("create-issue", ISSUE)]
    [call] = await records.calls.of_thread("tools:t", "user:alice")
    [decision] = (await records.decisions.of_plan(call.key.plan_id, "user:alice")).values()
    assert (decision.actor, decision.verdict, call.state) == ("policy:allow those", "approved", "succeeded")


async def test_who_decided_is_noted(opened, records) -> None:
    async with opened([[(CREATE, ISSUE)]], actor="boss@example.com") as alice:
        await alice.start()
        await alice.answer(APPROVE)
    [call] = await records.calls.of_thread("tools:t", "user:alice")
    [decision] = (await records.decisions.of_plan(call.key.plan_id, "user:alice")).values()
    assert decision.actor == "boss@example.com"


async def test_a_denied_tool_is_no_tool(opened) -> None:
    async with opened([], rules=policy(Effect.DENY, "github/*")) as alice:
        assert not [tool for tool in alice.session.tools if tool.name.startswith("github")]


async def test_a_read_that_the_policy_asks_about_is_asked_for(opened, sandbox) -> None:
    async with opened([[("github__list-issues", OCTO)]], rules=policy(Effect.ASK, "github/list-issues")) as alice:
        [question] = await alice.start()
        assert question["action_requests"][0]["name"] == "github/list-issues"
        assert await sandbox.ledger() == []
        await alice.answer(APPROVE)
        assert [entry.action for entry in await sandbox.ledger()] == ["list-issues"]


async def test_without_a_thread_nothing_is_written(opened, written) -> None:
    async with opened([[(CREATE, ISSUE)]], rules=ALLOWS) as alice:
        [create] = [tool for tool in alice.session.tools if tool.name == CREATE]
        call = {"type": "tool_call", "id": "1", "name": CREATE, "args": ISSUE}
        assert "checkpointer" in (await create.ainvoke(call)).text
        assert "checkpointer" in await create.ainvoke(ISSUE, {"configurable": {"thread_id": "t"}}), "no tool call's id"
        assert await written() == []


async def test_outside_of_a_graph_a_write_runs_if_it_is_allowed_and_is_refused_if_it_must_be_asked_for(
    opened, written
) -> None:
    call = {"type": "tool_call", "id": "1", "name": CREATE, "args": ISSUE}
    config: Any = {"configurable": {"thread_id": "t"}}
    async with opened([]) as alice:
        [create] = [tool for tool in alice.session.tools if tool.name == CREATE]
        assert "nobody can be asked here" in (await create.ainvoke(call, config)).text
        assert await written() == []
    async with opened([], rules=ALLOWS) as alice:
        [create] = [tool for tool in alice.session.tools if tool.name == CREATE]
        first, second = await create.ainvoke(call, config), await create.ainvoke(call, config)
        assert first.text == second.text
        assert await written() == [("create-issue", ISSUE)]


async def test_a_person_can_be_asked_in_another_way(opened, written) -> None:
    shown = []

    async def approve(question: dict[str, Any]) -> Any:
        shown.append(question["action_requests"][0]["args"])
        return APPROVE

    async with opened([[(CREATE, ISSUE), (CREATE, OTHER)]], approve=approve) as alice:
        assert await alice.start() == []
        assert sorted(shown, key=str) == sorted([ISSUE, OTHER], key=str)
        assert len(await written()) == 2


async def test_an_asker_that_never_answers_properly_ends(opened, written) -> None:
    async def approve(_: Any) -> Any:
        return "yes"

    async with opened([[(CREATE, ISSUE)]], approve=approve) as alice:
        await alice.start()
        assert "Nobody gave an answer" in (await alice.says())[0].text
        assert await written() == []


async def test_records_in_memory_write_nothing(opened, written) -> None:
    kept = await Records.in_memory()
    async with opened([[(CREATE, ISSUE)]], rules=ALLOWS, kept=kept) as alice:
        await alice.start()
        assert "switched off" in (await alice.says())[0].text
    await kept.close()
    assert await written() == []


async def test_two_calls_of_one_node_run_are_asked_for_one_after_the_other(opened, written, model) -> None:
    """They share the order of answers: a second question in the same run could be given the first one's answer."""
    async with opened([[(CREATE, ISSUE), (CREATE, OTHER)]]) as alice:
        [question] = await alice.start()
        first = question["action_requests"][0]["args"]
        other = OTHER if first == ISSUE else ISSUE
        model.script = [[(CREATE, other)]]
        [question] = await alice.answer(APPROVE)
        assert question["action_requests"][0]["args"] == other, "which the model called again, as it was told to"
        assert "Call this tool again now" in "".join(message.text for message in await alice.says())
        assert await written() == [("create-issue", first)], "the answer counts for what was shown, and nothing else"
        assert await alice.answer(REJECT) == []
        assert await written() == [("create-issue", first)]


async def test_two_calls_that_are_tasks_of_their_own_are_asked_for_at_once_and_answered_apart(
    opened, written, react_agent_of
) -> None:
    async with opened([[(CREATE, ISSUE), (CREATE, OTHER)]], make=react_agent_of) as alice:
        await alice.start()
        pending = (await alice.agent.aget_state(alice.config)).interrupts
        by_title = {one.value["action_requests"][0]["args"]["title"]: one.id for one in pending}
        [left] = await alice.answer({by_title["It rattles"]: APPROVE})
        assert await written() == [("create-issue", OTHER)]
        assert left["action_requests"][0]["args"] == ISSUE
        assert await alice.answer({by_title["It squeaks"]: APPROVE}) == []
        assert await written() == [("create-issue", OTHER), ("create-issue", ISSUE)], "each once"


async def test_a_write_beside_one_that_pauses_is_not_repeated_when_the_node_runs_again(opened, written) -> None:
    rules = Policy([Rule("comments", Effect.ALLOW, tools=(ToolGlob.of_id("github/add-issue-comment"),))])
    comment = {**OCTO, "issue_number": 7, "body": "me too"}
    async with opened([[(COMMENT, comment), (CREATE, ISSUE)]], rules=rules) as alice:
        await alice.start()
        await alice.answer({"decisions": ["nonsense"]})
        await alice.answer(APPROVE)
        assert sorted(action for action, _ in await written()) == ["add-issue-comment", "create-issue"]


async def test_the_same_call_id_with_other_arguments_is_another_write(opened, written) -> None:
    config: Any = {"configurable": {"thread_id": "t"}}
    async with opened([], rules=ALLOWS) as alice:
        [create] = [tool for tool in alice.session.tools if tool.name == CREATE]
        for arguments in (ISSUE, OTHER):
            await create.ainvoke({"type": "tool_call", "id": "call_0", "name": CREATE, "args": arguments}, config)
    assert await written() == [("create-issue", ISSUE), ("create-issue", OTHER)]


async def test_another_user_on_the_same_thread_does_not_get_what_the_first_one_did(
    records, nango, sandbox, written
) -> None:
    await sandbox.connect("github", {"organization_id": "acme"})
    for user in ("alice", "bob"):
        async with nango_tools.session(
            user,
            integrations=["github"],
            organization_id="acme",
            nango=nango,
            policy=ALLOWS,
            writes=LedgerGate(records),
        ) as session:
            await session.run("github/create-issue", ISSUE, call_id="1", thread_id="t")
    assert len(await written()) == 2, "on the account that they share"


async def test_a_write_whose_answer_was_lost_is_not_sent_again_unless_somebody_says_so(
    opened, written, sandbox
) -> None:
    with sandbox.faults.add(Dropped(when="after", action="create-issue")):
        async with opened([[(CREATE, ISSUE)], [(CREATE, ISSUE)]], rules=ALLOWS) as alice:
            [question] = await alice.start()
            assert "look in the account" in question["action_requests"][0]["description"]
            assert len(await written()) == 1
            await alice.answer(REJECT)
            assert len(await written()) == 1
            lost, rejected = await alice.says()
            assert "may have run" in lost.text
            assert "decided against" in rejected.text


async def create_and_be_cancelled(alice: Any, reached: asyncio.Event) -> None:
    run = asyncio.create_task(alice.run("github/create-issue", ISSUE, call_id="1", thread_id="t"))
    await reached.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


async def test_a_run_that_is_cancelled_while_it_writes_leaves_the_outcome_open_and_nothing_is_sent_again(
    records, sandbox, proxy, written
) -> None:
    happened = asyncio.Event()

    async def hold(request: Any, forward: Any) -> Any:
        answer = await forward()
        if request.url.path == "/action/trigger":
            happened.set()
            await asyncio.Event().wait()
        return answer

    proxy.handle = hold
    await sandbox.connect("github", {"end_user_id": "alice"})
    async with (
        NangoClient(NangoSettings(api_key=sandbox.api_key, base_url=proxy.url)) as nango,
        nango_tools.session(
            "alice", integrations=["github"], nango=nango, policy=ALLOWS, writes=LedgerGate(records)
        ) as alice,
    ):
        await create_and_be_cancelled(alice, happened)
        with pytest.raises(nango_tools.Refused, match="nobody knows"):
            await alice.run("github/create-issue", ISSUE, call_id="1", thread_id="t")
    assert len(await written()) == 1


async def test_a_write_that_was_stopped_before_it_left_is_told_as_what_it_is(records, sandbox, nango) -> None:
    """Before a write leaves the catalogue is asked whether the tool is as it was."""
    asked, reached = 0, asyncio.Event()

    class Slow(Catalog):
        async def discover(self, connections):
            nonlocal asked
            asked += 1
            if asked == 3:  # of opening, calling and sending
                reached.set()
                await asyncio.Event().wait()
            return await super().discover(connections)

    await sandbox.connect("github", {"end_user_id": "alice"})
    async with nango_tools.session(
        "alice", integrations=["github"], nango=nango, catalog=Slow(nango), policy=ALLOWS, writes=LedgerGate(records)
    ) as alice:
        await create_and_be_cancelled(alice, reached)
        with pytest.raises(nango_tools.Refused, match="was not sent: The run was stopped before it left"):
            await alice.run("github/create-issue", ISSUE, call_id="1", thread_id="t")
        assert await alice.run("github/create-issue", ISSUE, call_id="2", thread_id="t")
    assert [ran.action for ran in await sandbox.ledger()] == ["create-issue"]


async def test_a_policy_that_has_changed_since_is_what_counts(opened, written, records) -> None:
    """The process that decided is gone before it sent; the one that goes on has other rules."""
    saver = InMemorySaver()
    claim = records.claims.claim

    async def gone(*_: Any, **__: Any) -> Any:
        raise ConnectionAbortedError

    records.claims.claim = gone
    async with opened([[(CREATE, ISSUE)]], rules=ALLOWS, saver=saver) as alice:
        with pytest.raises(ConnectionAbortedError):
            await alice.start()
    records.claims.claim = claim
    async with opened([], rules=Policy(), saver=saver) as alice:
        assert len(await alice.go_on(None)) == 1, "now it asks"
    assert await written() == []


async def test_who_was_asked_is_heard_even_if_the_rules_would_not_ask_any_more(opened, written) -> None:
    saver = InMemorySaver()
    async with opened([[(CREATE, ISSUE)]], saver=saver) as alice:
        assert len(await alice.start()) == 1
    async with opened([], rules=ALLOWS, saver=saver) as alice:
        assert await alice.answer(REJECT) == []
        assert "decided against" in (await alice.says())[0].text
    assert await written() == []


async def test_an_approval_is_not_taken_for_a_call_that_was_put_in_the_place_of_the_one_shown(
    opened, written, model
) -> None:
    """Who owns a thread can edit its messages."""
    async with opened([[(CREATE, ISSUE)]]) as alice:
        await alice.start()
        shown = (await alice.agent.aget_state(alice.config)).values["messages"][-1]
        other = shown.model_copy(update={"tool_calls": [{**shown.tool_calls[0], "args": OTHER}]})
        await alice.agent.aupdate_state(alice.config, {"messages": [other]}, as_node="model")
        model.script = [[(CREATE, OTHER)]]
        [question] = await alice.answer(APPROVE)
        assert "was for another question" in (await alice.says())[0].text
        assert question["action_requests"][0]["args"] == OTHER, "now it is shown"
        assert await written() == []
        assert await alice.answer(APPROVE) == []
        assert await written() == [("create-issue", OTHER)]


async def test_an_approval_is_not_taken_for_a_call_that_was_shown_in_another_run(opened, written) -> None:
    async with opened([[(CREATE, OTHER)], [(CREATE, ISSUE)]]) as alice:
        await alice.start()
        first = (await alice.agent.aget_state(alice.config)).values["messages"][-1]
        await alice.start()
        shown = (await alice.agent.aget_state(alice.config)).values["messages"][-1]
        other = shown.model_copy(update={"tool_calls": first.tool_calls})
        await alice.agent.aupdate_state(alice.config, {"messages": [other]}, as_node="model")
        await alice.answer(APPROVE)
        assert await written() == []


async def test_an_answer_that_names_another_question_is_asked_again(opened, written) -> None:
    async with opened([[(CREATE, ISSUE)], [(CREATE, OTHER)]]) as alice:
        [first] = await alice.start()
        [second] = await alice.start()
        [again] = await alice.answer({**APPROVE, "id": first["id"]})
        assert (again["id"], await written()) == (second["id"], [])
        assert await alice.answer({**APPROVE, "id": again["id"]}) == []
        assert await written() == [("create-issue", OTHER)]


async def test_the_same_call_in_a_later_run_is_answered_as_what_it_is(opened, written) -> None:
    async with opened([[(CREATE, ISSUE)]], rules=ALLOWS) as alice:
        await alice.start()
        [call] = [one for one in (await alice.agent.aget_state(alice.config)).values["messages"] if one.type == "ai"][
            :1
        ]
        later = call.model_copy(update={"id": "later"})
        await alice.agent.aupdate_state(alice.config, {"messages": [later]}, as_node="model")
        await alice.go_on(None)
        first, second = await alice.says()
        assert "made earlier" not in first.text
        assert second.text.startswith(first.text)
        assert "made earlier in this conversation. Nothing was sent again" in second.text
    assert await written() == [("create-issue", ISSUE)]


@pytest.mark.parametrize("more", [0, 100], ids=["to search", "from search"])
async def test_an_approved_call_is_sent_whichever_way_tools_are_offered_by_then(
    sandbox, nango, records, model, written, more
) -> None:
    await sandbox.connect("github", {"end_user_id": "alice"})
    name, arguments = (CREATE, ISSUE) if not more else ("run_tool", {"tool": "github/create-issue", "arguments": ISSUE})
    model.script, saver = [[(name, arguments)]], InMemorySaver()
    for whole in (100 - more, more):
        async with nango_tools.session(
            "alice", integrations=["github"], nango=nango, writes=LedgerGate(records), whole=whole
        ) as session:
            graph = StateGraph(MessagesState)
            graph.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
            graph.add_node("tools", ToolNode(session.tools, awrap_tool_call=session.by_name))
            graph.add_edge(START, "model")
            graph.add_conditional_edges("model", tools_condition)
            graph.add_edge("tools", "model")
            given: Any = Command(resume=APPROVE) if whole == more else {"messages": [("user", "do it")]}
            config: Any = {"configurable": {"thread_id": "t"}}
            await graph.compile(checkpointer=saver).ainvoke(given, config)
    assert await written() == [("create-issue", ISSUE)]


PROCESS = """
import asyncio, json, sys
from pathlib import Path
from typing import Annotated, Any, TypedDict
from langchain_core.messages import AIMessage
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command
import nango_tools
from nango_graph import LedgerGate, Records
from nango_tools import NangoClient, NangoSettings

class State(TypedDict):
    messages: Annotated[list[Any], add_messages]

async def main(folder, told):
    records = await Records.open(folder / "records.db")
    settings = NangoSettings(api_key=told["key"], base_url=told["url"])
    async with (
        AsyncSqliteSaver.from_conn_string(str(folder / "threads.db")) as saver,
        NangoClient(settings) as nango,
        nango_tools.session("alice", integrations=["github"], nango=nango, writes=LedgerGate(records), whole=100) as alice,
    ):
        async def think(state):
            raise SystemExit("the process lives longer than it should")
        graph = StateGraph(State)
        graph.add_node("model", think)
        graph.add_node("tools", ToolNode(alice.tools))
        graph.add_edge(START, "model")
        graph.add_conditional_edges("model", tools_condition)
        graph.add_edge("tools", "model")
        config = {"configurable": {"thread_id": "t"}}
        await graph.compile(checkpointer=saver).ainvoke(Command(resume=told["answer"]), config)

asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
"""


async def test_a_process_killed_between_the_write_and_its_answer_does_not_write_twice(
    opened, written, sandbox, proxy, tmp_path
) -> None:
    from agents import MovableClock

    happened, over = asyncio.Event(), asyncio.Event()

    async def hold(request: Any, forward: Any) -> Any:
        answer = await forward()
        if request.url.path == "/action/trigger":
            happened.set()
            await over.wait()
        return answer

    proxy.handle = hold
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver:
        async with opened([[(CREATE, ISSUE)]], saver=saver) as alice:
            assert len(await alice.start()) == 1
        told = {"key": sandbox.api_key.get_secret_value(), "url": proxy.url, "answer": APPROVE}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", PROCESS, str(tmp_path), json.dumps(told)),
            env={"PATH": os.environ["PATH"], "LANGSMITH_TRACING": "false"},
        )
        ended, sent = asyncio.create_task(process.wait()), asyncio.create_task(happened.wait())
        await asyncio.wait([ended, sent], return_when=asyncio.FIRST_COMPLETED, timeout=60)
        assert sent.done(), "the process ended before it sent the write"
        process.send_signal(signal.SIGKILL)
        assert await ended == -signal.SIGKILL
        over.set()
        assert await written() == [("create-issue", ISSUE)]
        clock = MovableClock()
        started = clock.now()
        async with opened([], saver=saver, clock=clock) as alice:
            assert await alice.go_on(None) == []
            assert "nobody knows whether it took effect" in (await alice.says())[0].text
            assert clock.now() - started > 100, "it waited until nobody can be waiting for the answer any more"
            await alice.go_on(None)
        assert await written() == [("create-issue", ISSUE)]

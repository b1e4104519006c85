"""A connection breaks while a plan is carried out: its steps wait for it, the others don't, and nothing happens twice."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from starlette.responses import JSONResponse

from nango_graph.cli.autopilot import authorize
from nango_graph.connections.finding import find_connections
from nango_graph.execution.standing import Standings
from nango_graph.identity import Requester
from nango_graph.records import Call, CallKey, Decision
from nango_graph.waiting.looking import look_at_waits
from nango_tools import ReauthorizationRequired
from warm_commands import Command

OCTO = {"owner": "octo", "repo": "widgets"}
ADA = {"end_user_id": "ada"}
APPROVE: dict[str, Any] = {"type": "approve"}
REJECT: dict[str, Any] = {"type": "reject"}


def step(number: int, tool: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": f"s{number}", "tool": tool, "arguments": arguments, **more}


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps)}


LIST = step(1, "github/list-issues", OCTO)
GET = step(2, "github/get-issue", {**OCTO, "issue_number": "${s1.issues[0].number}"})
COMMENT_ALL = step(
    2,
    "github/add-issue-comment",
    {**OCTO, "issue_number": "${item.number}", "body": "ping"},
    for_each="${s1.issues}",
)
CREATE = step(1, "github/create-issue", {**OCTO, "title": "Crash on undo"})


def post(number: int, text: str = "hello", **more: Any) -> dict[str, Any]:
    return step(number, "slack/post-message", {"channel": "general", "text": text}, **more)


class Breaking:
    """Does `happening` right before the call of `action` that comes after `passed` others of it, once (or each time)."""

    def __init__(self, action: str, happening: Any, *, passed: int = 0, always: bool = False) -> None:
        self.action, self.happening, self.passed, self.always = action, happening, passed, always
        self.calls: list[str] = []
        self.one_at_a_time = asyncio.Lock()

    async def __call__(self, request: Any, forward: Any) -> Any:
        if request.url.path != "/action/trigger":
            return await forward()
        async with self.one_at_a_time:
            name = json.loads(await request.body())["action_name"]
            self.calls.append(name)
            if name == self.action:
                self.passed -= 1
                if self.passed == -1 or (self.passed < 0 and self.always):
                    await self.happening()
            return await forward()


class Ada:
    """Ada's GitHub and Slack accounts, and what happens to them."""

    def __init__(self, sandbox: Any) -> None:
        self.sandbox = sandbox
        self.ids: dict[str, str] = {}

    async def connect(self) -> None:
        for integration in ("github", "slack"):
            self.ids[integration] = await self.sandbox.connect(integration, ADA)

    async def dies(self, integration: str = "github") -> None:
        """Its user removes the app at the provider; Nango learns of it at the next use."""
        await self.sandbox.revoke(self.ids[integration], integration)
        await self.sandbox.expire(self.ids[integration], integration)

    async def is_seen_to_be_dead(self, agent: Any, integration: str = "github") -> None:
        await self.dies(integration)
        with pytest.raises(ReauthorizationRequired):
            await agent.services.nango.connections.get(self.ids[integration], integration)

    async def is_deleted(self, agent: Any, integration: str = "github") -> None:
        await agent.services.nango.connections.delete(self.ids[integration], integration)


@pytest.fixture
async def ada(sandbox) -> Ada:
    accounts = Ada(sandbox)
    await accounts.connect()
    return accounts


@pytest.fixture
async def opened(start, ada, proxy):
    """An agent whose every request goes through the proxy."""
    async with start(nango={"base_url": proxy.url}) as agent:
        agent.model.integrations = ["github", "slack"]
        yield agent


async def reconnect(agent: Any, seen: Any) -> Any:
    """Opens the link that is shown, as its user does, and wakes the thread."""
    [asked] = seen.asks
    assert asked["name"] == "connect_account"
    await authorize(asked["args"]["connect_link"])
    assert await look_at_waits(agent.services, "t")
    return await agent.wake()


def statuses(seen: Any) -> dict[str, str]:
    steps: dict[str, str] = seen.values["steps"]
    return steps


async def actions(agent: Any, status: str = "succeeded") -> list[str]:
    return [entry.action for entry in await agent.ledger() if entry.status == status]


async def test_a_read_whose_connection_broke_waits_for_it_while_the_others_go_on(opened, ada, proxy) -> None:
    breaking = proxy.handle = Breaking("get-issue", ada.dies)
    opened.model.script = [plan(LIST, GET, post(3), post(4, "${s2.title}"))]
    seen = await opened.say("look, and post")
    assert [request["args"]["text"] for request in seen.asks] == ["hello"], "what does not need it is asked first"
    assert statuses(seen) == {"s1": "succeeded", "s2": "parked", "s3": "asking", "s4": "waiting"}
    assert {"type": "step", "id": "s2", "tool": "github/get-issue", "status": "parked"}.items() <= next(
        part for part in seen.parts if part.get("status") == "parked"
    ).items()

    seen = await opened.decide(APPROVE)
    assert statuses(seen) == {"s1": "succeeded", "s2": "parked", "s3": "succeeded", "s4": "waiting"}
    assert "again" in seen.values["messages"][-1].text, "GitHub has to be authorized again"
    assert breaking.calls == ["list-issues", "get-issue", "post-message"], (
        "nothing is tried on what is known to be broken"
    )

    seen = await reconnect(opened, seen)
    assert [request["args"]["text"] for request in seen.asks] == ["Autosave runs while offline"]
    assert (await opened.decide(APPROVE)).answer == "Done."
    assert await actions(opened) == ["list-issues", "post-message", "get-issue", "post-message"], "each once"
    [github] = (await find_connections(opened.services, Requester("ada"), ["github"]))["github"].usable
    assert github.connection_id == ada.ids["github"], "the same connection was mended"
    assert len(opened.model.prompts) == 1, "nothing was planned anew"


async def test_a_write_parked_before_it_was_sent_is_sent_under_its_approval_once_the_account_is_back(
    opened, ada
) -> None:
    opened.model.script = [plan(CREATE)]
    await opened.say("create it")
    await ada.is_seen_to_be_dead(opened)
    seen = await opened.decide(APPROVE)
    assert statuses(seen) == {"s1": "parked"}
    assert await opened.ledger() == []
    assert any(part.get("status") == "parked" for part in seen.parts), "it is told though nothing was sent"
    assert (await reconnect(opened, seen)).answer == "Done."
    assert await opened.written() == [("create-issue", CREATE["arguments"])]


async def test_a_write_that_failed_for_want_of_authorization_is_asked_again_and_only_then_sent(
    opened, ada, proxy
) -> None:
    proxy.handle = Breaking("create-issue", ada.dies)
    opened.model.script = [plan(CREATE)]
    await opened.say("create it")
    seen = await opened.decide(APPROVE)
    assert statuses(seen) == {"s1": "parked"}
    assert await actions(opened, "failed") == ["create-issue"]
    seen = await reconnect(opened, seen)
    assert [request["name"] for request in seen.asks] == ["github/create-issue"]
    assert "may have taken effect" in seen.asks[0]["description"]
    assert await actions(opened) == [], "not unasked"
    seen = await opened.decide(APPROVE)
    assert seen.answer == "Done."
    assert await opened.written() == [("create-issue", CREATE["arguments"])]


async def test_a_write_that_failed_and_is_not_to_be_sent_again_ends_as_rejected(opened, ada, proxy) -> None:
    proxy.handle = Breaking("create-issue", ada.dies)
    opened.model.script = [plan(CREATE, post(2))]
    await opened.say("create it, and post")
    seen = await opened.decide(APPROVE, APPROVE)
    seen = await reconnect(opened, seen)
    seen = await opened.decide(REJECT)
    assert seen.answer == "Done."
    assert statuses(seen) == {"s1": "rejected", "s2": "succeeded"}
    assert await actions(opened) == ["post-message"]


async def test_a_write_to_an_account_that_was_deleted_is_asked_again_for_the_new_one(opened, ada, sandbox) -> None:
    opened.model.script = [plan(CREATE)]
    before = (await opened.say("create it")).asks[0]
    await ada.is_deleted(opened)
    seen = await opened.decide(APPROVE)
    assert statuses(seen) == {"s1": "parked"}
    seen = await reconnect(opened, seen)
    assert seen.asks[0]["args"] == before["args"]
    assert "another account" in seen.asks[0]["description"]
    assert await opened.ledger() == [], "what was approved was for the account that is gone"
    assert (await opened.decide(APPROVE)).answer == "Done."
    [entry] = await opened.ledger()
    assert entry.connection_id != ada.ids["github"]


async def test_a_deletion_that_a_write_runs_into_counts_as_never_run_and_is_asked_for_the_new_account(
    opened, ada, proxy
) -> None:
    async def deleted() -> None:
        proxy.handle = Breaking("none", None)
        await ada.is_deleted(opened)

    proxy.handle = Breaking("create-issue", deleted)
    opened.model.script = [plan(CREATE)]
    await opened.say("create it")
    seen = await opened.decide(APPROVE)
    seen = await reconnect(opened, seen)
    assert "may have taken effect" not in seen.asks[0]["description"], "Nango refused it before it ran"
    assert (await opened.decide(APPROVE)).answer == "Done."
    assert await opened.written() == [("create-issue", CREATE["arguments"])]


async def test_a_write_that_never_ran_goes_out_under_its_approval_when_the_same_connection_is_back(
    opened, ada, proxy, sandbox
) -> None:
    async def deleted() -> None:
        proxy.handle = Breaking("none", None)
        await ada.is_deleted(opened)

    proxy.handle = Breaking("create-issue", deleted)
    opened.model.script = [plan(CREATE)]
    await opened.say("create it")
    seen = await opened.decide(APPROVE)
    assert seen.asks[0]["name"] == "connect_account"
    await sandbox.connect("github", ADA, ada.ids["github"])
    assert (await opened.decide(APPROVE)).answer == "Done."
    assert await opened.written() == [("create-issue", CREATE["arguments"])]


async def test_of_many_writes_only_the_rest_is_sent_and_the_one_that_failed_is_asked(opened, ada, proxy) -> None:
    breaking = proxy.handle = Breaking("add-issue-comment", ada.dies, passed=2)
    opened.model.script = [plan(LIST, COMMENT_ALL)]
    seen = await opened.say("ping all")
    items = seen.asks[0]["args"]["items"]
    assert len(items) > 3
    seen = await opened.decide(APPROVE)
    assert breaking.calls.count("add-issue-comment") == 3, "after the one that failed no other is tried"
    assert statuses(seen)["s2"] == "parked"
    seen = await reconnect(opened, seen)
    assert seen.asks[0]["args"]["items"] == [items[2]]
    assert (await opened.decide(APPROVE)).answer == "Done."
    assert [sent for _, sent in await opened.written()] == items, "each once"


async def test_of_many_reads_those_that_were_made_are_not_made_again(opened, ada, proxy) -> None:
    breaking = proxy.handle = Breaking("get-issue", ada.dies, passed=2)
    each = step(2, "github/get-issue", {**OCTO, "issue_number": "${item.number}"}, for_each="${s1.issues}")
    opened.model.script = [plan(LIST, each)]
    seen = await opened.say("look at all")
    assert statuses(seen)["s2"] == "parked"
    assert (await actions(opened)).count("get-issue") == 2
    assert (await reconnect(opened, seen)).answer == "Done."
    numbers = [json.dumps(entry.input) for entry in await opened.ledger() if entry.status == "succeeded"]
    assert len(numbers) == len(set(numbers)), "each once"
    assert breaking.calls.count("get-issue") > len(numbers) - 1, "some were tried in vain"


@pytest.mark.parametrize("ending", ["declined", "deadline"])
async def test_going_on_without_the_account_keeps_what_was_done_and_is_planned_again(
    opened, ada, proxy, ending
) -> None:
    proxy.handle = Breaking("add-issue-comment", ada.dies, passed=2)
    opened.model.script = [
        plan(LIST, COMMENT_ALL, post(3), post(4, "${s2[0].id}")),
        {"kind": "answer", "text": "Two of them are done."},
    ]
    await opened.say("ping all, and post")
    seen = await opened.decide(APPROVE, APPROVE)
    assert statuses(seen) == {"s1": "succeeded", "s2": "parked", "s3": "succeeded", "s4": "waiting"}
    if ending == "declined":
        seen = await opened.decide(REJECT)
    else:
        opened.clock.time += 31 * 24 * 3600
        seen = await opened.wake()
    assert seen.answer == "Two of them are done."
    assert statuses(seen) == {"s1": "succeeded", "s2": "declined", "s3": "succeeded", "s4": "blocked"}
    told = opened.model.prompts[1]
    assert "Went on without github: " + ("nobody authorized it" if ending == "deadline" else "the user") in told
    assert "2 of its calls had succeeded before" in told
    assert (await actions(opened)).count("add-issue-comment") == 2
    assert (await actions(opened)).count("post-message") == 1


async def test_a_call_that_fails_though_nango_lists_the_connection_as_working_fails(opened, ada, proxy) -> None:
    calls = 0

    async def refusing(request: Any, forward: Any) -> Any:
        nonlocal calls
        if request.url.path != "/action/trigger":
            return await forward()
        calls += 1
        refusal = {"code": "invalid_credentials", "message": "no"}
        error = {"code": "script_http_error", "payload": {"error": refusal}, "upstream": {"status": 424, "body": {}}}
        return JSONResponse({"error": error}, 424)

    proxy.handle = refusing
    opened.model.script = [plan(LIST, CREATE | {"id": "s2"}), {"kind": "answer", "text": "It does not work."}]
    seen = await opened.say("look, and create")
    assert "s1 failed" not in opened.model.prompts[0]
    seen = await opened.decide(APPROVE) if seen.question else seen
    assert seen.answer == "It does not work."
    assert statuses(seen)["s1"] == "failed"
    assert "credentials of the connection no longer work" in opened.model.prompts[1]
    assert calls <= 2


async def test_a_connection_that_breaks_again_and_again_is_not_waited_for_for_ever(opened, ada, proxy) -> None:
    proxy.handle = Breaking("list-issues", ada.dies, always=True)
    opened.model.script = [plan(LIST), {"kind": "answer", "text": "It keeps breaking."}]
    seen = await opened.say("list them")
    seen = await reconnect(opened, seen)
    seen = await reconnect(opened, seen)
    assert seen.answer == "It keeps breaking."
    assert "broke again" in opened.model.prompts[1]


async def test_an_account_that_came_instead_before_anybody_was_asked_is_chosen_and_then_approved_anew(
    opened, ada, sandbox
) -> None:
    opened.model.script = [plan(CREATE)]
    await opened.say("create it")
    await ada.is_deleted(opened)
    await sandbox.connect("github", ADA)
    seen = await opened.decide(APPROVE)
    assert seen.asks[0]["name"] == "choose_account"
    seen = await opened.decide(APPROVE)
    assert "another account" in seen.asks[0]["description"]
    assert (await opened.decide(APPROVE)).answer == "Done."
    assert len(await opened.written()) == 1


async def test_two_connections_that_break_are_asked_for_together(opened, ada, proxy) -> None:
    async def both() -> None:
        await ada.dies("github")
        await ada.dies("slack")

    proxy.handle = Breaking("list-issues", both)
    opened.model.script = [plan(LIST, step(2, "slack/list-channels", {}))]
    seen = await opened.say("look at both")
    assert sorted(request["args"]["integration"] for request in seen.asks) == ["github", "slack"]
    for request in seen.asks:
        await authorize(request["args"]["connect_link"])
    assert (await opened.decide(APPROVE, APPROVE)).answer == "Done."
    assert sorted(await actions(opened)) == ["list-channels", "list-issues"]


async def test_a_connection_deleted_long_after_the_tools_were_listed_parks_all_the_same(opened, ada) -> None:
    opened.model.script = [plan(CREATE)]
    await opened.say("create it")
    opened.services.catalog.forget()
    await ada.is_deleted(opened)
    seen = await opened.decide(APPROVE)
    assert statuses(seen) == {"s1": "parked"}
    assert seen.asks[0]["name"] == "connect_account"


async def test_what_went_on_meanwhile_stays_done_when_the_parked_write_fails_in_the_end(opened, ada, proxy) -> None:
    opened.model.script = [
        plan(step(1, "github/add-issue-comment", {**OCTO, "issue_number": 999, "body": "hi"}), post(2)),
        {"kind": "answer", "text": "There is no such issue."},
    ]
    await opened.say("comment, and post")
    proxy.handle = Breaking("add-issue-comment", ada.dies)
    seen = await opened.decide(APPROVE, APPROVE)
    seen = await reconnect(opened, seen)
    seen = await opened.decide(APPROVE)
    assert seen.answer == "There is no such issue."
    assert statuses(seen) == {"s1": "failed", "s2": "succeeded"}
    assert await actions(opened) == ["post-message"]


async def test_a_new_message_while_steps_are_parked_sends_nothing_of_the_old_plan(opened, ada) -> None:
    opened.model.script = [plan(CREATE), {"kind": "answer", "text": "Then not."}]
    await opened.say("create it")
    await ada.is_seen_to_be_dead(opened)
    seen = await opened.decide(APPROVE)
    opened.model.integrations = []
    assert (await opened.say("never mind")).answer == "Then not."
    await authorize(seen.asks[0]["args"]["connect_link"])
    await opened.wake()
    assert await opened.written() == []


@pytest.mark.parametrize(
    "edit",
    [
        {"parked": {}},
        {"parked": {}, "asked": None},
        {"connections": {}, "asked": None},
        {"declined": [], "integrations": [], "asked": None, "parked": {"github": "x"}},
    ],
)
@pytest.mark.parametrize("after", ["execute", "discover_tools", "resolve_connections"])
async def test_edits_of_the_state_send_nothing_unasked_and_nothing_twice(opened, ada, proxy, edit, after) -> None:
    proxy.handle = Breaking("create-issue", ada.dies)
    opened.model.script = [plan(CREATE, post(2)), *[{"kind": "answer", "text": "That is all."}] * 3]
    await opened.say("create it, and post")
    seen = await opened.decide(APPROVE, APPROVE)
    await authorize(seen.asks[0]["args"]["connect_link"])
    await opened.edit_state(edit, after=after)
    await opened.wake()
    assert await actions(opened) == ["post-message"], "the one that failed is not sent again unasked"


async def test_an_edited_attempt_does_not_send_a_write_again_that_succeeded(opened, ada) -> None:
    opened.model.script = [plan(CREATE, post(2))]
    seen = await opened.say("create it, and post")
    state = seen.values["asked"]
    # First the real question, so that s1 succeeds; then the same with its attempt raised, put back into the state.
    await opened.decide(APPROVE, REJECT)
    [first] = await opened.written()
    raised = json.loads(json.dumps(state))
    raised["items"][0]["units"][0]["attempt"] = 2
    await opened.edit_state({"asked": raised}, after="execute")
    await opened.wake()
    await opened.decide(APPROVE, REJECT)
    assert await opened.written() == [first]


def test_an_attempt_that_succeeded_after_all_is_the_one_that_counts_whatever_was_decided_since() -> None:
    key, again = CallKey("plan", "s1"), CallKey("plan", "s1", attempt=2)
    decisions = {one: Decision(one, "approved", "digest", {}, asked_id="q", actor="ada") for one in (key, again)}
    late = Call(key, "app/act", "c1", "write", "digest", {}, "succeeded", "worker", 0.0, output="done")
    standing = Standings(decisions, [late]).of(key)
    assert (standing.key, standing.call, standing.is_settled) == (key, late, True)
    assert Standings(decisions, []).of(key).key == again


PROCESS = """
import asyncio, json, sys
from pathlib import Path
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Command
from nango_graph import AgentSettings, Context, build_graph, open_services

async def main(folder, answer):
    settings = AgentSettings.from_environ(json.loads(sys.argv[3]))
    async with AsyncSqliteSaver.from_conn_string(str(folder / "threads.db")) as saver, open_services(settings) as services:
        graph = build_graph(services).compile(checkpointer=saver)
        config = {"configurable": {"thread_id": "t"}}
        await graph.ainvoke(Command(resume=answer) if answer else None, config, context=Context(user_id="ada"))

asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
"""


class Held:
    """Lets credentials die before the write, and holds the answer to the `number`-th request for the list after that."""

    def __init__(self, ada: Ada, number: int) -> None:
        self.ada, self.left = ada, number
        self.broken, self.reached, self.over = False, asyncio.Event(), asyncio.Event()

    async def __call__(self, request: Any, forward: Any) -> Any:
        if request.url.path == "/action/trigger" and not self.broken:
            await self.ada.dies()
            self.broken = True
        elif self.broken and request.method == "GET" and request.url.path == "/connections":
            self.left -= 1
            if self.left == 0:
                self.reached.set()
                await self.over.wait()
        return await forward()


@pytest.mark.parametrize("number", [1, 2])
async def test_a_process_killed_while_it_parks_a_write_that_failed_sends_nothing_unasked(
    start, sandbox, ada, proxy, tmp_path: Path, number: int
) -> None:
    """Killed between the failure and what Nango's list says of it (1), or before the connection is asked for (2)."""
    async with (
        AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver,
        start(records=tmp_path / "records.db", saver=saver) as agent,
    ):
        agent.model.integrations, agent.model.script = ["github", "slack"], [plan(CREATE)]
        await agent.say("create it")
        held = proxy.handle = Held(ada, number)
        environment = {
            "NANGO_API_KEY": sandbox.api_key.get_secret_value(),
            "NANGO_BASE_URL": proxy.url,
            "OPENAI_API_KEY": "never used",
            "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
            "NANGO_AGENT_DATA_DIR": str(tmp_path),
        }
        answer = {"decisions": [APPROVE]}
        process = await Command.start(
            str(tmp_path),
            json.dumps(answer),
            json.dumps(environment),
            program=PROCESS,
            folder=tmp_path,
            environ={"LANGSMITH_TRACING": "false"},
        )
        async with asyncio.timeout(60):
            await held.reached.wait()
        await process.kill()
        assert await process.wait() == -signal.SIGKILL
        held.over.set()

        agent.model.script = [plan(CREATE | {"id": "s2"})]
        seen = await agent.wake()
        while seen.question is not None and seen.asks[0]["name"] == "connect_account":
            seen = await reconnect(agent, seen)
        assert [request["name"] for request in seen.asks] == ["github/create-issue"], "it is asked again"
        assert await agent.written() == []
        assert (await agent.decide(APPROVE)).answer == "Done."
        assert len(await agent.written()) == 1


async def test_nothing_more_is_asked_of_nango_when_nothing_breaks(opened, proxy) -> None:
    lists = 0

    async def counting(request: Any, forward: Any) -> Any:
        nonlocal lists
        lists += request.method == "GET" and request.url.path == "/connections"
        return await forward()

    proxy.handle = counting
    opened.model.script = [plan(LIST, GET)]
    assert (await opened.say("look")).answer == "Done."
    assert lists == 1, "to find the connections; a moment later that still holds"


async def test_another_account_that_was_there_is_not_used_unasked_for_one_that_is_gone(
    start, ada, sandbox, proxy
) -> None:
    async with start(nango={"base_url": proxy.url}) as agent:
        agent.model.integrations = ["github", "slack"]
        agent.model.script = [plan(LIST, GET)]

        async def replaced() -> None:
            await ada.is_deleted(agent)
            ada.ids["github"] = await sandbox.connect("github", ADA)

        proxy.handle = Breaking("get-issue", replaced)
        seen = await agent.say("do it")
        assert [request["name"] for request in seen.asks] == ["choose_account"]
        assert await actions(agent) == ["list-issues"], "nothing was read in the other account"
        assert (await agent.decide(APPROVE)).answer == "Done."
        assert (await agent.ledger())[-1].connection_id == ada.ids["github"]

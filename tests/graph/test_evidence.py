"""What is shown beside the question what became of a write: gathered in passing, never the answer."""

import asyncio
import contextlib
import json
from typing import Any

import pytest
from langgraph.types import Command
from starlette.responses import Response

from nango_graph import Context
from nango_graph.execution.looking_back import lookup_for, told_by
from nango_graph.records import Call, CallKey
from nango_tools import Access, Tool

OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE: dict[str, Any] = {"type": "approve"}
CREATE = {"id": "s1", "tool": "github/create-issue", "arguments": {**OCTO, "title": "Crash on undo"}}
POST = {"id": "s1", "tool": "slack/post-message", "arguments": {"channel": "general", "text": "hello"}}
T: Any = {"configurable": {"thread_id": "t"}}


class Lost:
    """The write happens, or does not, and its answer never comes; what else is asked goes through `then`."""

    def __init__(self, *, happens: bool) -> None:
        self.happens = happens
        self.gone, self.over = asyncio.Event(), asyncio.Event()
        self.reads = 0
        self.then: Any = lambda _, forward: forward()

    async def __call__(self, request: Any, forward: Any) -> Any:
        body = await request.body()
        if request.url.path == "/action/trigger" and (b"create-issue" in body or b"post-message" in body):
            answer = await forward() if self.happens else None
            self.gone.set()
            await self.over.wait()
            return answer or Response(status_code=502)
        self.reads += request.url.path == "/action/trigger"
        return await self.then(request, forward)


@pytest.fixture
def lost(start: Any, sandbox: Any, proxy: Any) -> Any:
    """An agent that was cancelled while it waited for the answer to a write."""

    @contextlib.asynccontextmanager
    async def opened(step: dict[str, Any], *, happens: bool = True, **nango: Any) -> Any:
        for integration in ("github", "slack"):
            await sandbox.connect(integration, {"end_user_id": "ada"})
        async with start(nango={"base_url": proxy.url, **nango}) as agent:
            agent.model.integrations = ["github", "slack"]
            agent.model.script = [{"kind": "plan", "steps": [step]}]
            await agent.say("do it")
            agent.lost = proxy.handle = Lost(happens=happens)
            answer = Command(resume={"decisions": [APPROVE]})
            run = asyncio.create_task(agent.graph.ainvoke(answer, T, context=Context(user_id="ada")))
            await agent.lost.gone.wait()
            run.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await run
            agent.lost.over.set()
            agent.lost.reads = 0
            yield agent

    return opened


@pytest.mark.parametrize("woken", [True, False])
async def test_a_read_that_shows_the_entry_stands_beside_the_question(lost: Any, woken: bool) -> None:
    async with lost(CREATE) as agent:
        seen = await agent.wake() if woken else await agent.say("and now?")
        [request] = seen.asks
        told = request["description"]
        assert "github/list-issues" in told
        assert "shows what has the same title Crash on undo" in told
        assert "may have been there before" in told
        assert "may still be running, until" in told
        assert "Crash on undo" in seen.values["messages"][-1].text
        assert "list-issues" in seen.values["messages"][-1].text, "for interfaces that show nothing but the chat"
        assert agent.lost.reads == 1


async def test_that_nothing_is_found_is_said_to_be_no_proof(lost: Any) -> None:
    async with lost(CREATE, happens=False) as agent:
        agent.clock.time += 901
        told = (await agent.wake()).asks[0]["description"]
        assert "no entry with title Crash on undo" in told
        assert "no proof" in told
        assert "can't be running any more" in told


async def test_without_a_fitting_read_only_the_time_is_told(lost: Any) -> None:
    async with lost(POST) as agent:
        told = (await agent.wake()).asks[0]["description"]
        assert "may still be running" in told
        assert "asked just now" not in told
        assert agent.lost.reads == 0


@pytest.mark.parametrize("status", [400, 424, 500])
async def test_a_read_that_fails_fails_nothing(lost: Any, status: int) -> None:
    async with lost(CREATE) as agent:

        async def then(request: Any, forward: Any) -> Any:
            if request.url.path == "/action/trigger":
                return Response(json.dumps({"error": {"code": "x", "message": "no"}}), status)
            return await forward()

        agent.lost.then = then
        seen = await agent.wake()
        assert [request["name"] for request in seen.asks] == ["resolve_unknown_outcome"]
        assert "asked just now" not in seen.asks[0]["description"]


async def test_a_rule_that_asks_about_the_read_keeps_it_from_being_made(lost: Any) -> None:
    async with lost(CREATE) as agent:
        config = Context(user_id="ada", ask=["github/list-issues"])
        await agent.graph.ainvoke(None, T, context=config)
        question = (await agent.graph.aget_state(T)).interrupts[0].value
        assert "asked just now" not in question["action_requests"][0]["description"]
        assert agent.lost.reads == 0


def logs(operations: list[dict[str, Any]]) -> Any:
    async def then(request: Any, forward: Any) -> Any:
        if request.url.path != "/management":
            return await forward()
        name = json.loads(await request.body())["params"]["name"]
        found: dict[str, Any] = {"operations": operations, "pagination": {"total": 1, "cursor": None}}
        if name == "logs_get_operation":
            found = {"operation": {}, "messages": [{"message": "Ran <b>to the end"}], "pagination": {}}
        result = {"content": [], "structuredContent": found}
        return Response(json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}), media_type="application/json")

    return then


async def test_nangos_logs_are_shown_where_they_can_be_read_and_only_of_this_account(
    lost: Any, sandbox: Any, proxy: Any
) -> None:
    async with lost(CREATE, management_mcp_url=f"{proxy.url}/management") as agent:
        [connection] = [
            one.connection_id async for one in agent.services.nango.connections.list(integration_ids=["github"])
        ]
        mine = {"id": "a" * 20, "state": "success", "syncConfigName": "create-issue", "connectionName": connection}
        others = {**mine, "connectionName": "somebody else's", "state": "failed"}
        agent.lost.then = logs([mine, others, {"id": 7}, "odd"])  # type: ignore[list-item]
        told = (await agent.wake()).asks[0]["description"]
        assert "Nango's logs have 1 of its runs" in told
        assert "success" in told
        assert "failed" not in told
        assert "&lt;b&gt;" in told


async def test_logs_that_are_switched_off_are_left_out_quietly(lost: Any, sandbox: Any) -> None:
    async with lost(CREATE, management_mcp_url=f"{sandbox.base_url}/mcp/management") as agent:
        told = (await agent.wake()).asks[0]["description"]
        assert "logs" not in told
        assert "list-issues" in told


def tool(name: str, *required: str, access: Access = Access.READ) -> Tool:
    schema = {"type": "object", "properties": {one: {"type": "string"} for one in required}, "required": list(required)}
    return Tool(
        integration="crm", name=name, description="", input_schema=schema, output_schema=None, scopes=(),
        access=access, reason="", fingerprint="f", source="scripts",
    )  # fmt: skip


def sent(action: str, /, **arguments: Any) -> Call:
    return Call(CallKey("p", "s1"), f"crm/{action}", "c", "write", "d", arguments, "unknown", "w", 0.0)


@pytest.mark.parametrize(
    ("write", "tools", "chosen"),
    [
        ("create-contact", ["list-contacts"], "list-contacts"),
        ("createContact", ["list_contacts"], "list_contacts"),
        ("create-contact", ["list-companies", "search-deals"], None),
        ("create-contact-note", ["list-contacts"], None),
        ("update-contact", ["list-contacts", "get-contact:id"], "get-contact"),
        ("create-contact", ["get-contact:number"], None),
    ],
)
def test_the_read_of_the_same_object_that_fits_best_is_taken(write: str, tools: list[str], chosen: str | None) -> None:
    there = [tool(name.partition(":")[0], *filter(None, [name.partition(":")[2]])) for name in tools]
    found = lookup_for(sent(write, id="7", email="a@b.c"), there)
    assert (found.tool.name if found else None) == chosen


def test_nothing_but_a_read_is_ever_taken() -> None:
    for access in (Access.WRITE, Access.DESTRUCTIVE):
        assert lookup_for(sent("create-contact"), [tool("list-contacts", access=access)]) is None


def test_what_is_shown_is_escaped_and_bounded() -> None:
    write = sent("create-contact", name="Bob [x](http://evil) \u202e")
    lookup = lookup_for(write, [tool("list-contacts")])
    assert lookup is not None
    entry = {"name": "Bob [x](http://evil) \u202e", "about": "x" * 100_000}
    told = told_by(lookup, {"contacts": [entry] * 1000}, write)
    assert len(told) < 3000
    assert "http://" not in told
    assert "\u202e" not in told
    assert "(and 997 more)" in told


def test_an_output_without_end_is_looked_at_in_part() -> None:
    deep: Any = []
    for _ in range(200_000):
        deep = [deep]
    write = sent("create-contact", name="Bob")
    lookup = lookup_for(write, [tool("list-contacts")])
    assert lookup is not None
    assert "no proof" in told_by(lookup, deep, write)

"""Actions run by the way that the key may use, and never by both."""

import json
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from nango_sandbox import Sandbox
from nango_sandbox.faults import Dropped
from nango_tools import (
    Catalog,
    InsufficientScopeError,
    NangoClient,
    NangoError,
    NangoSettings,
    Outcome,
    UpstreamError,
)

WHERE = {"connection_id": "c", "integration_id": "github"}
FORBIDDEN = JSONResponse({"error": {"code": "forbidden", "message": "Insufficient scope. Required: x"}}, 403)
REST, MCP = "/action/trigger", "/mcp"
ISSUE = {"owner": "octo", "repo": "widgets", "title": "once"}


def answering(fake: Any, **by_path: Response | None) -> None:
    """rest, mcp: what is answered there; None is a success."""

    def answer(seen: Any) -> Response:
        said = by_path.get("rest" if seen.path == REST else "mcp")
        if said is not None:
            return said
        if seen.path == REST:
            return JSONResponse({"ran": "rest"})
        result = {"content": [{"type": "text", "text": json.dumps({"ran": "mcp"})}]}
        text = f"data: {json.dumps({'jsonrpc': '2.0', 'id': seen.body['id'], 'result': result})}\n\n"
        return Response(text, media_type="text/event-stream")

    fake.answer = answer


async def run(nango: NangoClient, given: Any = None) -> Any:
    return await nango.runner.trigger(**WHERE, action="create-issue", input=given, writes=True)


async def test_the_way_that_works_is_remembered(fake: Any, nango: NangoClient) -> None:
    answering(fake, rest=FORBIDDEN)
    assert nango.runner.path is None
    for _ in range(2):
        assert await run(nango, {"a": 1}) == {"ran": "mcp"}
    assert nango.runner.path == "mcp"
    assert [seen.path for seen in fake.seen] == [REST, MCP, MCP]
    assert fake.seen[-1].body["params"] == {"name": "create-issue", "arguments": {"a": 1}}


async def test_a_key_whose_scopes_change_is_followed(fake: Any, nango: NangoClient) -> None:
    answering(fake, rest=FORBIDDEN)
    await run(nango)
    answering(fake, mcp=FORBIDDEN)
    assert await run(nango) == {"ran": "rest"}
    assert nango.runner.path == "rest"


async def test_a_key_that_may_use_neither_is_told_what_it_lacks(fake: Any, nango: NangoClient) -> None:
    answering(fake, rest=FORBIDDEN, mcp=FORBIDDEN)
    with pytest.raises(InsufficientScopeError) as caught:
        await run(nango, {})
    assert caught.value.outcome is Outcome.REJECTED
    assert nango.runner.path is None
    assert [seen.path for seen in fake.seen] == [REST, MCP]


@pytest.mark.parametrize("given", [["a"], "a", 7])
async def test_what_is_no_object_never_goes_over_the_mcp(fake: Any, nango: NangoClient, given: Any) -> None:
    answering(fake, rest=FORBIDDEN)
    await run(nango, {})
    with pytest.raises(InsufficientScopeError):
        await run(nango, given)
    assert [seen.path for seen in fake.seen] == [REST, MCP, REST]
    answering(fake)
    assert await run(nango, given) == {"ran": "rest"}
    assert fake.seen[-1].body["input"] == given


@pytest.mark.parametrize(
    "refusal",
    [
        JSONResponse({"error": {"code": "script_http_error", "upstream": {"status_code": 403}}}, 424),
        JSONResponse({"error": {"code": "action_script_runtime_error"}}, 500),
        JSONResponse({"error": {"code": "forbidden"}}, 500),
        JSONResponse({"error": {"code": "resource_capped"}}, 403),
        Response(b"blocked", 403),
        Response(b"", 502),
    ],
)
async def test_no_other_failure_is_tried_a_second_way(fake: Any, nango: NangoClient, refusal: Response) -> None:
    answering(fake, rest=refusal)
    with pytest.raises(NangoError):
        await run(nango, {})
    assert [seen.path for seen in fake.seen] == [REST]


@pytest.fixture
async def sandbox() -> Any:
    async with Sandbox() as running:
        yield running


async def test_a_key_for_the_mcp_alone_discovers_and_runs_and_what_fails_is_told_as_by_rest(sandbox: Sandbox) -> None:
    connection = await sandbox.connect("github", {"end_user_id": "ada"})
    key = await sandbox.create_api_key("only mcp", ["environment:mcp"])
    where = {"connection_id": connection, "integration_id": "github"}
    async with NangoClient(NangoSettings(api_key=key, base_url=sandbox.base_url)) as nango:
        catalog = Catalog(nango)
        [tools] = (await catalog.discover([("github", connection)])).values()
        assert {tool.source for tool in tools} == {"mcp"}
        assert "create-issue" in {tool.name for tool in tools}
        made = await nango.runner.trigger(**where, action="create-issue", input=ISSUE, writes=True)
        assert made["title"] == "once"
        with pytest.raises(UpstreamError) as caught:
            await nango.runner.trigger(
                **where, action="get-repository", input={"owner": "octo", "repo": "none"}, writes=False
            )
        assert (caught.value.outcome, caught.value.upstream_status) == (Outcome.FAILED, 404)
    assert [(entry.action, entry.via) for entry in await sandbox.ledger()] == [
        ("create-issue", "mcp"),
        ("get-repository", "mcp"),
    ]


async def test_a_write_over_the_mcp_whose_answer_is_lost_ran_once_and_is_unknown(sandbox: Sandbox) -> None:
    connection = await sandbox.connect("github", {"end_user_id": "ada"})
    key = await sandbox.create_api_key("only mcp", ["environment:mcp"])
    where = {"connection_id": connection, "integration_id": "github"}
    async with NangoClient(NangoSettings(api_key=key, base_url=sandbox.base_url)) as nango:
        # From here on the MCP is tried first.
        repository = {"owner": "octo", "repo": "widgets"}
        await nango.runner.trigger(**where, action="get-repository", input=repository, writes=False)
        with sandbox.faults.add(Dropped(when="after", action="create-issue")), pytest.raises(NangoError) as caught:
            await nango.runner.trigger(**where, action="create-issue", input=ISSUE, writes=True)
        assert caught.value.outcome is Outcome.UNKNOWN
    assert [entry.action for entry in await sandbox.ledger()] == ["get-repository", "create-issue"]

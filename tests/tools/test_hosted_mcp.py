"""The hosted MCP: one POST lists a page, one POST calls; and a session of the official client over our pool."""

import json
from typing import Any

import pytest
from langchain_mcp_adapters.tools import load_mcp_tools
from starlette.responses import JSONResponse, Response

from nango_tools import (
    InsufficientScopeError,
    InvalidKeyError,
    MalformedResponse,
    NangoClient,
    NangoError,
    NotNango,
    Outcome,
    UnknownConnection,
)

WHERE = {"connection_id": "gh-alice", "integration_id": "github"}


def sse(*messages: Any) -> Response:
    text = "".join(f"event: message\ndata: {json.dumps(message)}\n\n" for message in messages)
    return Response(text, media_type="text/event-stream")


def tool(name: str) -> dict[str, Any]:
    return {"name": name, "description": name, "inputSchema": {"type": "object", "properties": {"x": {}}}}


def mcp_server(pages: dict[str | None, dict[str, Any]]) -> Any:
    """Answers as the real one does [mcp-initialize, mcp-tools-list], with the given page for each cursor."""

    def answer(seen: Any) -> Response:
        method, request_id = seen.body["method"], seen.body.get("id")
        if request_id is None:
            return Response(status_code=202)
        if method == "initialize":
            result: Any = {
                "protocolVersion": seen.body["params"]["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "Nango Connection Tools MCP server", "version": "1.0.0"},
            }
        else:
            result = pages[(seen.body.get("params") or {}).get("cursor")]
        return sse({"result": result, "jsonrpc": "2.0", "id": request_id})

    return answer


async def test_all_pages_of_tools_are_listed_with_the_connections_headers(fake: Any, nango: NangoClient) -> None:
    pages = {None: {"tools": [tool("a")], "nextCursor": "2"}, "2": {"tools": [tool("b")]}}
    fake.answer = mcp_server(pages)
    assert [t.name for t in await nango.mcp.list_tools(**WHERE)] == ["a", "b"]
    assert [seen.body["method"] for seen in fake.seen] == ["tools/list", "tools/list"]
    for seen in fake.seen:
        assert (seen.method, seen.path) == ("POST", "/mcp")
        assert (seen.headers["connection-id"], seen.headers["provider-config-key"]) == ("gh-alice", "github")
        assert seen.headers["accept"] == "application/json, text/event-stream"
        assert seen.headers["authorization"].startswith("Bearer ")


async def test_a_list_without_end_is_given_up(fake: Any, nango: NangoClient) -> None:
    page = {"tools": [tool("a")], "nextCursor": "again"}
    fake.answer = mcp_server({None: page, "again": page})
    with pytest.raises(MalformedResponse, match="did not end"):
        await nango.mcp.list_tools(**WHERE)


async def test_the_session_serves_langchains_adapters(fake: Any, nango: NangoClient) -> None:
    fake.answer = mcp_server({None: {"tools": [tool("list-issues")]}})
    async with nango.mcp.session(**WHERE) as session:
        [found] = await load_mcp_tools(session)
    assert found.name == "list-issues"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "unknown_account", InvalidKeyError),
        (403, "forbidden", InsufficientScopeError),
        (400, "unknown_connection", UnknownConnection),
    ],
)
@pytest.mark.parametrize("on_page", [0, 1])
async def test_a_refusal_on_any_page_of_a_listing_is_its_own_error(
    fake: Any, nango: NangoClient, status: int, code: str, kind: type[NangoError], on_page: int
) -> None:
    working = mcp_server({None: {"tools": [], "nextCursor": "2"}, "2": {"tools": []}})

    def answer(seen: Any) -> Response:
        if len(fake.seen) > on_page:
            return JSONResponse({"error": {"code": code, "message": "no"}}, status)
        return working(seen)

    fake.answer = answer
    with pytest.raises(kind) as caught:
        await nango.mcp.list_tools(**WHERE)
    assert "on connection 'gh-alice'" in str(caught.value)


@pytest.mark.parametrize("from_request", [0, 1, 2])
async def test_a_refusal_at_any_step_of_a_session_is_its_own_error(
    fake: Any, nango: NangoClient, from_request: int
) -> None:
    working = mcp_server({None: {"tools": []}})

    def answer(seen: Any) -> Response:
        if len(fake.seen) > from_request:
            return JSONResponse({"error": {"code": "unknown_connection", "message": "no"}}, 400)
        return working(seen)

    fake.answer = answer
    with pytest.raises(UnknownConnection):
        async with nango.mcp.session(**WHERE) as session:
            await load_mcp_tools(session)


@pytest.mark.parametrize(
    "result",
    [{}, {"tools": None}, {"tools": [{"name": 7}]}, {"tools": [], "nextCursor": 7}],
)
async def test_a_listing_of_another_shape_is_a_malformed_response(fake: Any, nango: NangoClient, result: Any) -> None:
    fake.answer = mcp_server({None: result})
    with pytest.raises(MalformedResponse):
        await nango.mcp.list_tools(**WHERE)


async def test_an_error_of_the_caller_inside_a_session_stays_the_callers(fake: Any, nango: NangoClient) -> None:
    fake.answer = mcp_server({None: {"tools": []}})
    with pytest.raises(ExceptionGroup) as caught:
        async with nango.mcp.session(**WHERE):
            raise KeyError("mine")
    assert caught.group_contains(KeyError)


def text_result(text: str, **more: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text}]} | more}


async def test_a_tool_call_is_one_post(fake: Any, nango: NangoClient) -> None:
    fake.answers(sse(text_result('{\n  "id": 7\n}')))
    assert await nango.mcp.call_tool(**WHERE, tool="get-issue", arguments={"n": 7}, writes=True) == {"id": 7}
    [seen] = fake.seen
    assert seen.body["params"] == {"name": "get-issue", "arguments": {"n": 7}}
    assert seen.headers["accept"] == "application/json, text/event-stream"


@pytest.mark.parametrize("output", [None, "just a string", [1, 2], 3, {"a": "line\nbreak\u2028 data: x"}])
async def test_whatever_json_a_tool_returns_is_its_output(fake: Any, nango: NangoClient, output: Any) -> None:
    fake.answers(sse(text_result(json.dumps(output, ensure_ascii=False, indent=2))))
    assert await nango.mcp.call_tool(**WHERE, tool="t", writes=False) == output


async def test_the_answer_is_found_among_comments_and_notifications_and_as_plain_json(
    fake: Any, nango: NangoClient
) -> None:
    stream = sse(
        {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}},
        {"jsonrpc": "2.0", "id": 2, "result": {"content": [{"type": "text", "text": "2"}]}},
        text_result("1"),
    )
    for answer in (Response(b": hello\n\nid: 5\ndata:\n\n" + stream.body, media_type="text/event-stream"),
                   JSONResponse(text_result("1"))):  # fmt: skip
        fake.answers(answer)
        assert await nango.mcp.call_tool(**WHERE, tool="t", writes=True) == 1


@pytest.mark.parametrize(
    "answer",
    [
        sse(),
        sse({"jsonrpc": "2.0", "id": 2, "result": {}}),
        sse({"jsonrpc": "2.0", "id": 1}),
        sse(["odd"]),
        sse(text_result("not JSON")),
        sse({"jsonrpc": "2.0", "id": 1, "result": {"content": []}}),
        sse({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "1"}] * 2}}),
        sse({"jsonrpc": "2.0", "id": 1, "result": {"content": "odd"}}),
        Response(b"data: {\n\n", media_type="text/event-stream"),
        Response(b"event: message\ndata: {}", media_type="text/event-stream"),
        Response(b"<html>", media_type="text/html"),
        Response(b"", media_type="application/json"),
        Response(b"", 202),
    ],
)
async def test_an_answer_that_cannot_be_read_leaves_a_write_unknown(
    fake: Any, nango: NangoClient, answer: Response
) -> None:
    fake.answers(answer)
    with pytest.raises((MalformedResponse, NotNango)) as caught:
        await nango.mcp.call_tool(**WHERE, tool="t", writes=True)
    assert caught.value.outcome is Outcome.UNKNOWN
    assert len(fake.seen) == 1


async def test_an_error_result_would_be_understood_too(fake: Any, nango: NangoClient) -> None:
    said = {"message": "x", "type": "action_script_runtime_error", "status": 500, "payload": {"message": "quota"}}
    fake.answers(sse(text_result(json.dumps(said), isError=True)))
    with pytest.raises(NangoError, match="quota") as caught:
        await nango.mcp.call_tool(**WHERE, tool="t", writes=True)
    assert caught.value.outcome is Outcome.FAILED

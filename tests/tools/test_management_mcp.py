"""The Management MCP: another host, annotated tools, errors as results in prose [mcp-management]."""

import json
import pathlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse, Response

from nango_tools import (
    InsufficientScopeError,
    InvalidInput,
    InvalidKeyError,
    MalformedResponse,
    ManagementToolFailed,
    NangoClient,
    NangoError,
    NotFound,
    Outcome,
    RateLimited,
    ReauthorizationRequired,
    SettingsError,
    UnknownConnection,
    UnknownIntegration,
)

SHARED = pathlib.Path(__file__).parents[3] / "shared" / "nango-wire" / "mcp-management.json"
REJECTED, UNKNOWN = Outcome.REJECTED, Outcome.UNKNOWN


def sse(result: Any) -> Response:
    message = {"jsonrpc": "2.0", "id": 1, "result": result}
    return Response(f"event: message\ndata: {json.dumps(message)}\n\n", media_type="text/event-stream")


def failed(said: str) -> Response:
    return sse({"content": [{"type": "text", "text": said}], "isError": True})


@pytest.fixture
async def managed(fake: Any) -> AsyncIterator[NangoClient]:
    """Its base URL is nobody's: whatever arrives came by the other URL."""
    changes = {"base_url": "http://127.0.0.1:9", "management_mcp_url": f"{fake.url}/mcp"}
    async with fake.client(**changes) as client:
        yield client


async def test_a_tool_call_is_one_post_with_the_key_and_no_connection(fake: Any, managed: NangoClient) -> None:
    fake.answers(sse({"content": [{"type": "text", "text": "{}"}], "structuredContent": {"data": [1]}}))
    assert await managed.management.call_tool("integrations_list", {"limit": 1}, writes=False) == {"data": [1]}
    [seen] = fake.seen
    assert (seen.method, seen.path) == ("POST", "/mcp")
    assert seen.body["params"] == {"name": "integrations_list", "arguments": {"limit": 1}}
    assert seen.headers["accept"] == "application/json, text/event-stream"
    assert seen.headers["authorization"].startswith("Bearer ")
    assert "connection-id" not in seen.headers


async def test_credentials_in_arguments_stay_wrapped_until_they_are_sent(fake: Any, managed: NangoClient) -> None:
    fake.answers(sse({"content": [], "structuredContent": {}}))
    given = {"credentials": {"client_secret": SecretStr("s-1")}}
    await managed.management.call_tool("integrations_create", given, writes=True)
    assert fake.seen[0].body["params"]["arguments"] == {"credentials": {"client_secret": "s-1"}}


async def test_tools_are_listed_with_annotations_over_all_pages(fake: Any, managed: NangoClient) -> None:
    def answer(seen: Any) -> Response:
        name, more = ("b", {}) if seen.body["params"].get("cursor") == "2" else ("a", {"nextCursor": "2"})
        tool = {
            "name": name,
            "inputSchema": {"type": "object"},
            "outputSchema": {"type": "object"},
            "annotations": {"readOnlyHint": name == "a", "somethingNew": 1},
        }
        return sse({"tools": [tool]} | more)

    fake.answer = answer
    tools = await managed.management.list_tools()
    assert [tool.name for tool in tools] == ["a", "b"]
    assert [tool.annotations.readOnlyHint for tool in tools if tool.annotations] == [True, False]


async def test_a_listing_without_end_is_given_up(fake: Any, managed: NangoClient) -> None:
    fake.answers(sse({"tools": [], "nextCursor": "again"}))
    with pytest.raises(MalformedResponse, match="did not end"):
        await managed.management.list_tools()


WORDS: list[tuple[str, type[NangoError], Outcome]] = [
    (
        "MCP error -32602: Input validation error: Invalid arguments for tool x: Too small at limit",
        InvalidInput,
        REJECTED,
    ),
    ("MCP error -32602: Tool nope not found", NotFound, REJECTED),
    ("MCP error -32602: Tool connections_list disabled", InsufficientScopeError, REJECTED),
    ('Integration "nope" does not exist', UnknownIntegration, REJECTED),
    ("Integrations do not exist: nope", UnknownIntegration, REJECTED),
    ("Failed to find connection", UnknownConnection, REJECTED),
    ("Failed to get connection", UnknownConnection, REJECTED),
    (
        "The external API returned an error when trying to refresh the access token. Please try again later.",
        ReauthorizationRequired,
        REJECTED,
    ),
    ("A recent refresh attempt failed. Backing off before retrying.", ReauthorizationRequired, REJECTED),
    ("Nango logs are disabled", ManagementToolFailed, UNKNOWN),
    ("", ManagementToolFailed, UNKNOWN),
    ("something new", ManagementToolFailed, UNKNOWN),
]


@pytest.mark.parametrize(("said", "kind", "outcome"), WORDS)
async def test_what_a_tool_says_becomes_the_error_that_the_api_raises(
    fake: Any, managed: NangoClient, said: str, kind: type[NangoError], outcome: Outcome
) -> None:
    fake.answers(failed(said))
    with pytest.raises(NangoError) as caught:
        await managed.management.call_tool("t", writes=True)
    assert (type(caught.value), caught.value.outcome) == (kind, outcome)
    assert str(caught.value).startswith("management tool 't': ")
    assert len(fake.seen) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (JSONResponse({"error": {"code": "missing_auth_header", "message": "no"}}, 401), InvalidKeyError),
        (JSONResponse({"error": {"code": "too_many_request"}}, 429), RateLimited),
        (sse({"content": [{"type": "text", "text": "{}"}]}), MalformedResponse),
        (sse({"content": [], "structuredContent": [1]}), MalformedResponse),
        (sse({"content": "odd"}), MalformedResponse),
    ],
)
async def test_other_failures_are_those_of_any_call(
    fake: Any, managed: NangoClient, answer: Response, kind: type[NangoError]
) -> None:
    fake.answers(answer)
    with pytest.raises(kind):
        await managed.management.call_tool("t", writes=True)


@pytest.mark.parametrize(("writes", "sent"), [(False, 3), (True, 1)])
async def test_only_a_reading_tool_is_called_again(fake: Any, managed: NangoClient, writes: bool, sent: int) -> None:
    fake.answers(Response(status_code=503))
    with pytest.raises(NangoError):
        await managed.management.call_tool("t", writes=writes)
    assert len(fake.seen) == sent


async def test_without_its_url_nothing_is_sent_and_the_setting_is_named(fake: Any, nango: NangoClient) -> None:
    with pytest.raises(SettingsError, match="NANGO_MANAGEMENT_MCP_URL"):
        await nango.management.list_tools()
    assert fake.seen == []


async def test_a_name_under_localhost_is_this_machine_and_is_told_to_the_server(fake: Any) -> None:
    """The recorded server chooses the Management MCP by the Host header, and few resolvers know mcp.localhost."""
    fake.answers(sse({"tools": []}))
    url = fake.url.replace("127.0.0.1", "mcp.localhost")
    async with fake.client(management_mcp_url=f"{url}/mcp") as client:
        assert await client.management.list_tools() == []
    assert fake.seen[0].headers["host"] == url.removeprefix("http://")


if SHARED.is_file():

    def recorded() -> list[Any]:
        """Without those whose stream was cut off when it was written down."""
        found = []
        for exchange in json.loads(SHARED.read_text())["exchanges"]:
            request, response = exchange.get("request"), exchange.get("response")
            if request and response and (request.get("body") or {}).get("method") in ("tools/call", "tools/list"):
                whole = response["status"] != 200 or response.get("sse_messages")
                found += [pytest.param(request["body"], response, id=exchange["name"])] if whole else []
        return found

    def test_there_are_recordings() -> None:
        assert len(recorded()) > 15

    @pytest.mark.parametrize(("body", "response"), recorded())
    async def test_every_recorded_answer_is_understood(
        fake: Any, managed: NangoClient, body: Any, response: Any
    ) -> None:
        if response["status"] != 200:
            fake.answers(JSONResponse(response["body"], response["status"]))
            with pytest.raises(NangoError):
                await managed.management.list_tools()
            return
        result = response["sse_messages"][0]["result"]
        fake.answers(sse(result))
        if body["method"] == "tools/list":
            tools = await managed.management.list_tools()
            assert [tool.name for tool in tools] == [tool["name"] for tool in result["tools"]]
            assert all(tool.annotations for tool in tools)
        elif result.get("isError"):
            with pytest.raises(NangoError) as caught:
                await managed.management.call_tool("t", writes=True)
            logs_are_off = result["content"][0]["text"] == "Nango logs are disabled"
            assert (type(caught.value) is ManagementToolFailed) is logs_are_off
        else:
            assert await managed.management.call_tool("t", writes=True) == result["structuredContent"]

"""An outcome is about what the caller wanted done, not about the one request that failed."""

import asyncio
import contextlib
from typing import Any

import httpx
import pytest
from langchain_mcp_adapters.tools import load_mcp_tools
from starlette.responses import JSONResponse, Response

from nango_sandbox import Sandbox
from nango_sandbox.faults import Dropped
from nango_tools import (
    ActionRuntimeError,
    AsyncAction,
    InvalidInput,
    NangoClient,
    NangoError,
    NangoSettings,
    NetworkFailure,
    Outcome,
    RateLimited,
    WaitExpired,
)

WHERE = {"connection_id": "c", "integration_id": "github"}
STARTED = AsyncAction("a-1", "/action/a-1", "c", "github", "create-issue", writes=True)


async def test_a_tool_called_through_a_session_is_sent_once_whatever_becomes_of_the_answer() -> None:
    async with Sandbox() as sandbox:
        connection = await sandbox.connect("github", {"end_user_id": "alice"})
        settings = NangoSettings(base_url=sandbox.base_url, api_key=sandbox.api_key)
        async with NangoClient(settings) as nango:

            async def create() -> None:
                async with nango.mcp.session(connection_id=connection, integration_id="github") as session:
                    tools = {tool.name: tool for tool in await load_mcp_tools(session)}
                    await tools["create-issue"].ainvoke({"owner": "octo", "repo": "widgets", "title": "once"})

            with sandbox.faults.add(Dropped(when="after", action="create-issue")), pytest.raises(NangoError) as caught:
                await create()
        assert caught.value.outcome is Outcome.UNKNOWN
        assert [entry.action for entry in await sandbox.ledger()] == ["create-issue"]


@pytest.mark.parametrize(
    "refusal",
    [
        JSONResponse({"error": {"code": "unknown_account", "message": "Authentication failed."}}, 401),
        JSONResponse({"error": {"code": "forbidden", "message": "Insufficient scope."}}, 403),
        JSONResponse({"error": {"code": "too_many_request"}}, 429),
        Response("<html>", 404, media_type="text/html"),
    ],
)
async def test_a_refused_question_for_a_result_says_nothing_about_the_action(
    fake: Any, nango: NangoClient, refusal: Response
) -> None:
    fake.answers(refusal)
    for started in (STARTED, "a-1"):
        with pytest.raises(NangoError) as caught:
            await nango.actions.result(started)
        assert caught.value.outcome is Outcome.UNKNOWN
        assert "did not run" not in str(caught.value)


async def test_a_question_for_a_result_that_cannot_be_asked_says_nothing_about_the_action(fake: Any) -> None:
    async with fake.client(base_url="http://127.0.0.1:9") as nango:
        with pytest.raises(NetworkFailure) as caught:
            await nango.actions.result(STARTED)
    assert caught.value.outcome is Outcome.UNKNOWN
    with pytest.raises(NangoError) as closed:
        await nango.actions.result(STARTED)
    assert closed.value.outcome is Outcome.UNKNOWN


async def test_what_an_asynchronous_action_failed_with_is_told_as_of_the_action(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"error": {"code": "action_script_runtime_error", "payload": {"message": "no"}}}, 500))
    with pytest.raises(ActionRuntimeError, match="action 'create-issue' of integration 'github'") as caught:
        await nango.actions.result(STARTED)
    assert caught.value.outcome is Outcome.FAILED
    assert caught.value.call is not None
    assert caught.value.call.writes


@pytest.mark.parametrize("status", [400, 408, 409, 500, 502, 503])
@pytest.mark.parametrize(
    "code",
    ["too_many_request", "unknown_connection", "disabled_resource", "unknown_provider_config", "invalid_credentials"],
)
async def test_a_status_that_contradicts_its_code_is_no_refusal_and_nothing_is_repeated(
    fake: Any, nango: NangoClient, status: int, code: str
) -> None:
    fake.answers(JSONResponse({"error": {"code": code}}, status, {"Retry-After": "0"}))
    with pytest.raises(NangoError) as caught:
        await nango.actions.trigger(**WHERE, action="a", writes=True)
    assert not isinstance(caught.value, RateLimited)
    assert caught.value.outcome is (Outcome.REJECTED if status == 400 else Outcome.UNKNOWN)
    await nango.proxy.post("/x", **WHERE, json={}) if status != 400 else None
    assert len(fake.seen) == (2 if status != 400 else 1)


@pytest.mark.parametrize("charset", ["utf-16", "zlib", "hex", "base64", "rot13", "idna", "undefined", "nonsense"])
async def test_the_other_side_chooses_no_codec(fake: Any, nango: NangoClient, charset: str) -> None:
    for status, kind in ((200, "application/json"), (400, "application/json"), (200, "text/event-stream")):
        fake.answers(Response(b'{"error": {}}', status, {"Content-Type": f"{kind}; charset={charset}"}))
        for call in (
            nango.actions.trigger(**WHERE, action="a", writes=True),
            nango.mcp.call_tool(**WHERE, tool="a", writes=True),
        ):
            with contextlib.suppress(NangoError):
                await call
    fake.answers(Response("é".encode(), 201, {"Content-Type": f"text/csv; charset={charset}"}))
    answer = await nango.proxy.post("/x", **WHERE, json={})
    assert (answer.status, answer.content) == (201, "é".encode())
    assert isinstance(answer.text, str)


async def test_a_lookup_that_fails_leaves_the_action_not_sent(fake: Any, nango: NangoClient) -> None:
    for status in (500, 503, 401):
        fake.answers(JSONResponse({"error": {"code": "server_error"}}, status))
        with pytest.raises(NangoError) as caught:
            await nango.end_user({"end_user_id": "alice"}).execute("github", "create-issue", {}, writes=True)
        assert caught.value.outcome is Outcome.NOT_SENT


class Hanging:
    """A server that takes requests and never answers."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.set()
        await reader.read()


async def test_a_wait_that_is_called_off_ends_while_nango_is_silent(raw_server: Any) -> None:
    hanging = Hanging()
    silent = await raw_server(hanging)
    called_off = asyncio.Event()
    async with silent.client() as nango:
        alice = nango.end_user({"end_user_id": "alice"})
        waiting = asyncio.create_task(alice.wait_for_connection("github", timeout=3600, cancelled=called_off))
        await hanging.asked.wait()
        called_off.set()
        with pytest.raises(WaitExpired, match="called off"):
            await asyncio.wait_for(waiting, 5)


async def test_a_deadline_is_kept_while_nango_is_silent(raw_server: Any) -> None:
    silent = await raw_server(Hanging())
    async with silent.client() as nango:
        alice = nango.end_user({"end_user_id": "alice"})
        with pytest.raises(WaitExpired, match="0 seconds have passed"):
            await asyncio.wait_for(alice.wait_for_connection("github", timeout=0), 5)


async def test_a_time_that_is_none_is_refused(nango: NangoClient) -> None:
    alice = nango.end_user({"end_user_id": "alice"})
    for timeout in (float("nan"), -1.0):
        with pytest.raises(InvalidInput):
            await alice.wait_for_connection("github", timeout=timeout)
        with pytest.raises(InvalidInput):
            await nango.actions.wait("a-1", timeout=timeout)


async def test_rest_and_mcp_take_a_web_page_for_the_same_mistake(fake: Any, nango: NangoClient) -> None:
    fake.answers(Response("<html>", 200, media_type="text/html"))
    kinds = []
    for call in (
        nango.actions.trigger(**WHERE, action="a", writes=True),
        nango.mcp.call_tool(**WHERE, tool="a", writes=True),
    ):
        with pytest.raises(NangoError) as caught:
            await call
        kinds.append(type(caught.value))
    assert kinds[0] is kinds[1]


async def test_an_event_that_is_no_message_hides_no_answer(fake: Any, nango: NangoClient) -> None:
    answer = '{"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "7"}]}}'
    fake.answers(Response(f"event: ping\ndata: now\n\ndata: {answer}\n\n", media_type="text/event-stream"))
    assert await nango.mcp.call_tool(**WHERE, tool="a", writes=True) == 7


class Broken(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise BrokenPipeError("gone")


async def test_what_a_transport_of_the_callers_lets_through_is_a_network_failure(fake: Any) -> None:
    async with NangoClient(fake.settings(), Broken()) as nango:
        with pytest.raises(NetworkFailure, match="BrokenPipeError: gone") as caught:
            await nango.actions.trigger(**WHERE, action="a", writes=True)
    assert caught.value.outcome is Outcome.UNKNOWN

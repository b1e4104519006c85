"""What travels: headers, time-outs, dropped connections, and when a request is sent again."""

import asyncio
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from nango_tools import (
    InvalidInput,
    MalformedResponse,
    NangoClient,
    NetworkFailure,
    Outcome,
    TimedOut,
)

KEY = "5f0c1a52-8a39-4c55-9d2f-6d1a2b7c9e01"
WHERE = {"connection_id": "c", "integration_id": "github"}


async def test_an_action_is_addressed_by_headers_and_sent_as_it_is(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"ok": True}))
    given = {"title": "Zoë ❤", "n": 1.5, "none": None}
    assert await nango.actions.trigger(**WHERE, action="create-issue", input=given, writes=True) == {"ok": True}
    [seen] = fake.seen
    assert (seen.method, seen.path, seen.query) == ("POST", "/action/trigger", [])
    assert seen.body == {"action_name": "create-issue", "input": given}
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert (seen.headers["connection-id"], seen.headers["provider-config-key"]) == ("c", "github")
    assert seen.headers["content-type"] == "application/json"


@pytest.mark.parametrize("output", [None, "just a string", [1, 2, 3], 0, False, {}, {"a": None}])
async def test_whatever_json_an_action_returns_is_its_output(fake: Any, nango: NangoClient, output: Any) -> None:
    fake.answers(JSONResponse(output))
    assert await nango.actions.trigger(**WHERE, action="a", writes=False) == output
    assert fake.seen[0].body == {"action_name": "a"}


@pytest.mark.parametrize("given", [{"x": float("nan")}, {"x": object()}, {"x": "\ud800"}])
async def test_input_that_is_no_json_is_not_sent(fake: Any, nango: NangoClient, given: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        await nango.actions.trigger(**WHERE, action="a", input=given, writes=True)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert fake.seen == []


@pytest.mark.parametrize("body", ["", "{", "<html>", "\xff"])
async def test_a_write_whose_success_cannot_be_read_has_an_unknown_outcome(
    fake: Any, nango: NangoClient, body: str
) -> None:
    fake.answers(Response(body.encode("latin-1"), media_type="application/json"))
    with pytest.raises(MalformedResponse) as caught:
        await nango.actions.trigger(**WHERE, action="a", writes=True)
    assert caught.value.outcome is Outcome.UNKNOWN
    assert len(fake.seen) == 1


async def _drop(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _garbage(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SMTP ready\r\n\r\n")
    await writer.drain()


async def _cut_off(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()


async def _bad_gzip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n"
    writer.write(head + b"nope")
    await writer.drain()


@pytest.mark.parametrize("behaviour", [_drop, _reset, _garbage, _cut_off, _bad_gzip])
async def test_a_connection_that_breaks_after_sending_leaves_a_write_unknown(raw_server: Any, behaviour: Any) -> None:
    server = await raw_server(behaviour)
    async with server.client() as nango:
        for attempt in (
            lambda: nango.actions.trigger(**WHERE, action="a", writes=True),
            lambda: nango.mcp.call_tool(**WHERE, tool="a", writes=True),
        ):
            with pytest.raises((NetworkFailure, MalformedResponse)) as caught:
                await attempt()
            assert caught.value.outcome is Outcome.UNKNOWN
    assert (len(server.seen), server.pauses) == (2, [])


async def test_a_listing_over_mcp_that_breaks_is_an_error_and_does_not_hang(raw_server: Any) -> None:
    for behaviour in (_drop, _reset, _garbage, _cut_off, _bad_gzip):
        server = await raw_server(behaviour)
        async with server.client() as nango:
            with pytest.raises((NetworkFailure, MalformedResponse)):
                await nango.mcp.list_tools(**WHERE)


async def test_nobody_listening_means_that_nothing_was_sent(raw_server: Any) -> None:
    server = await raw_server(_drop)
    server.url = "http://127.0.0.1:9"
    async with server.client() as nango:
        with pytest.raises(NetworkFailure) as caught:
            await nango.actions.trigger(**WHERE, action="a", writes=True)
        assert caught.value.outcome is Outcome.NOT_SENT
        with pytest.raises(NetworkFailure):
            await nango.integrations.list()
        assert len(server.pauses) == 4, "neither left, so both were tried three times"


async def test_silence_is_a_time_out_and_a_write_has_longer(raw_server: Any) -> None:
    over = asyncio.Event()

    async def silent(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await over.wait()

    server = await raw_server(silent)
    async with server.client(read_timeout=0.05, write_timeout=600) as nango:
        with pytest.raises(TimedOut) as read:
            await nango.integrations.list()
        assert (read.value.outcome, len(server.seen)) == (Outcome.UNKNOWN, 1)
        with pytest.raises(TimedOut):
            await nango.actions.trigger(**WHERE, action="list", writes=False)
        with pytest.raises(TimedOut):
            await nango.connect_sessions.create(tags={"a": "b"}, allowed_integrations=["github"])
    async with server.client(read_timeout=600, write_timeout=0.05) as nango:
        with pytest.raises(TimedOut, match="15 minutes") as write:
            await nango.actions.trigger(**WHERE, action="a", writes=True)
        assert write.value.outcome is Outcome.UNKNOWN
    assert server.pauses == []
    over.set()


async def test_a_body_that_trickles_does_not_hold_the_client_for_ever(raw_server: Any) -> None:
    gone = asyncio.Event()

    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        while not gone.is_set():
            writer.write(b": still here\n")
            await asyncio.wait([asyncio.ensure_future(gone.wait())], timeout=0.01)

    server = await raw_server(trickle)
    async with server.client(write_timeout=0.1) as nango:
        with pytest.raises(TimedOut) as caught:
            await nango.mcp.call_tool(**WHERE, tool="a", writes=True)
        assert caught.value.outcome is Outcome.UNKNOWN
    gone.set()


async def test_the_environment_cannot_redirect_the_key(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    fake.answers(JSONResponse({"data": []}))
    async with fake.client() as nango:
        assert await nango.integrations.list() == []


async def test_many_calls_share_one_client(fake: Any, nango: NangoClient) -> None:
    fake.answer = lambda seen: JSONResponse(seen.body["input"])
    found = await asyncio.gather(
        *(nango.actions.trigger(**WHERE, action="echo", input=n, writes=False) for n in range(50))
    )
    assert found == list(range(50))

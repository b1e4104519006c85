"""The sandbox without a socket behaves like the one behind HTTP, and hides nothing that goes wrong in it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from nango_sandbox import Action, Call, InProcessSandbox, Integration
from nango_sandbox.serving.in_process import transport_to


@asynccontextmanager
async def client(sandbox: InProcessSandbox) -> AsyncIterator[httpx.AsyncClient]:
    key = {"Authorization": f"Bearer {sandbox.api_key.get_secret_value()}"}
    async with httpx.AsyncClient(transport=sandbox.transport, base_url=sandbox.base_url, headers=key) as http:
        yield http


async def test_many_clients_use_one_sandbox_at_once_and_after_another() -> None:
    async with InProcessSandbox() as sandbox:
        async with client(sandbox) as one, client(sandbox) as other:
            answers = await asyncio.gather(*[each.get("/integrations") for each in (one, other) * 10])
        assert {each.status_code for each in answers} == {200}
        async with client(sandbox) as later:
            assert (await later.get("/connect?session_token=no")).status_code == 401
            assert (await later.head("/")).content == b""


async def test_before_and_after_it_says_that_it_is_not_running() -> None:
    sandbox = InProcessSandbox()
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.transport
    async with sandbox:
        assert await sandbox.ledger() == []
    with pytest.raises(RuntimeError, match="not running"):
        await sandbox.ledger()


async def test_a_stream_arrives_while_it_is_still_sent() -> None:
    go_on = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"first"
        await go_on.wait()
        yield b"second"

    async with (
        transport_to(StreamingResponse(chunks())) as transport,
        httpx.AsyncClient(transport=transport) as http,
        http.stream("GET", "http://localhost/") as answer,
    ):
        arriving = answer.aiter_bytes()
        assert await anext(arriving) == b"first"
        go_on.set()
        assert await anext(arriving) == b"second"


async def test_who_stops_listening_is_seen_to_be_gone() -> None:
    gone = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "http.request"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        if (await receive())["type"] == "http.disconnect":
            gone.set()

    async with transport_to(app) as transport, httpx.AsyncClient(transport=transport) as http:
        async with http.stream("GET", "http://localhost/"):
            assert not gone.is_set()
        await asyncio.wait_for(gone.wait(), 5)


async def test_an_app_that_crashes_is_heard(recwarn: pytest.WarningsRecorder) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    async with transport_to(app) as transport, httpx.AsyncClient(transport=transport) as http:
        with pytest.raises(ZeroDivisionError):
            await http.get("http://localhost/")
    assert not recwarn.list


async def test_an_action_that_cannot_be_declared_is_heard_in_the_test() -> None:
    async def broken(call: Call, given: "Nowhere") -> Any:  # type: ignore[name-defined] # noqa: F821
        return None

    action = Action("broken", "Its input has no type.", "read", broken)
    mine = Integration("mine", "mine", "Mine", actions=(action,))
    async with InProcessSandbox(integrations=[mine]) as sandbox, client(sandbox) as http:
        with pytest.raises(NameError, match="Nowhere"):
            await http.get("/scripts/config")

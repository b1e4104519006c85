"""Calls that are given up, that run beside each other, and that wait for each other (NANGO.md 11 and 12)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from wire_cases import CONNECTIONS, on
from wire_functions import integrations
from wire_player import messages
from wire_upstream import Upstream

from nango_sandbox import Sandbox

GITHUB = on("gh-alice", "github")
PATIENCE = 10


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for what another thread brings about."""
    async with asyncio.timeout(PATIENCE):
        while True:
            now = condition()
            if now if isinstance(now, bool) else await now:
                return
            await asyncio.sleep(0.005)


class Server:
    def __init__(self, sandbox: Sandbox, http: httpx.AsyncClient, upstream: Upstream) -> None:
        self.sandbox = sandbox
        self.http = http
        self.upstream = upstream

    async def trigger(self, action: str, given: Any, **headers: str) -> httpx.Response:
        sent = {**GITHUB, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.http.post("/action/trigger", json={"action_name": action, "input": given}, headers=sent)

    async def call(self, tool: str, arguments: Any, number: int = 1) -> httpx.Response:
        params = {"name": tool, "arguments": arguments}
        return await self.rpc({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})

    async def rpc(self, message: Any) -> httpx.Response:
        accept = {"accept": "application/json, text/event-stream"}
        return await self.http.post("/mcp", json=message, headers={**GITHUB, **accept})

    async def sleepers(self, number: int) -> None:
        """Until so many functions wait for the sandbox's clock."""
        await until(lambda: len(self.sandbox.clock._sleepers) >= number)

    async def counted(self, key: str) -> None:
        await until(lambda: self.upstream.counts[key] > 0)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    upstream = Upstream()
    async with Sandbox(integrations=integrations(upstream, second=True)) as sandbox:
        key = {"authorization": f"Bearer {sandbox.api_key.get_secret_value()}"}
        async with httpx.AsyncClient(base_url=sandbox.base_url, headers=key, trust_env=False, timeout=PATIENCE) as http:
            assert (await http.post("/connections", json=CONNECTIONS[0])).status_code == 201
            await until(lambda: _rests(http))
            yield Server(sandbox, http, upstream)


async def _rests(http: httpx.AsyncClient) -> bool:
    """Whether the sync that starts with the connection is done."""
    query = {"provider_config_key": "github", "syncs": "issues", "connection_id": "gh-alice"}
    found = (await http.get("/sync/status", params=query)).json()["syncs"]
    return [each["status"] for each in found] == ["SUCCESS"]


@pytest.mark.parametrize("way", ["rest", "mcp"])
async def test_a_call_that_its_client_gave_up_runs_to_its_end(server: Server, way: str) -> None:
    before = len(server.sandbox.clock._sleepers)
    given = {"key": "given up", "ms": 2000}
    sent = server.trigger("slow-count", given) if way == "rest" else server.call("slow-count", given)
    call = asyncio.create_task(sent)
    await server.sleepers(before + 1)
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await call
    assert server.upstream.counts["given up"] == 0
    server.sandbox.clock.advance(2)
    await server.counted("given up")
    assert server.upstream.counts["given up"] == 1


async def test_a_call_that_its_client_cancelled_runs_to_its_end_and_is_answered(server: Server) -> None:
    before = len(server.sandbox.clock._sleepers)
    call = asyncio.create_task(server.call("slow-count", {"key": "cancelled", "ms": 2000}, number=77))
    await server.sleepers(before + 1)
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 77, "reason": "x"}}
    assert (await server.rpc(cancelled)).status_code == 202
    server.sandbox.clock.advance(2)
    [answer] = messages((await call).text)
    assert answer == {
        "jsonrpc": "2.0",
        "id": 77,
        "result": {"content": [{"type": "text", "text": '{\n  "count": 1\n}'}]},
    }


async def test_calls_run_beside_each_other(server: Server) -> None:
    before = len(server.sandbox.clock._sleepers)
    calls = [asyncio.create_task(server.call("sleep", {"ms": 2000})) for _ in range(6)]
    await server.sleepers(before + 6)
    server.sandbox.clock.advance(2)
    async with asyncio.timeout(PATIENCE):
        assert [answer.status_code for answer in await asyncio.gather(*calls)] == [200] * 6


async def test_actions_in_the_background_wait_for_each_other(server: Server) -> None:
    before = len(server.sandbox.clock._sleepers)
    first = (await server.trigger("sleep", {"ms": 2000}, x_async="true")).json()["statusUrl"]
    second = (await server.trigger("sleep", {"ms": 2000}, x_async="true")).json()["statusUrl"]
    await server.sleepers(before + 1)
    server.sandbox.clock.advance(2)
    await _found(server, first)
    assert (await server.http.get(second)).status_code == 404
    await server.sleepers(before + 1)
    server.sandbox.clock.advance(2)
    await _found(server, second)


async def _found(server: Server, path: str) -> None:
    async def found() -> bool:
        return (await server.http.get(path)).status_code == 200

    await until(found)

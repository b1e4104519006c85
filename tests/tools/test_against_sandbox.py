"""The client and the sandbox share no code: what they agree on is what both took from the real server."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from langchain_mcp_adapters.tools import load_mcp_tools

from nango_sandbox import Sandbox
from nango_tools import (
    Access,
    ActionNotFound,
    AuthWebhook,
    Catalog,
    InvalidKeyError,
    NangoClient,
    NangoError,
    NangoSettings,
    Outcome,
    ReauthorizationRequired,
    UnknownConnection,
    UpstreamError,
    webhooks,
)

ALICE = {"end_user_id": "alice"}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as running:
        yield running


@pytest.fixture
async def nango(sandbox: Sandbox) -> AsyncIterator[NangoClient]:
    async with NangoClient(NangoSettings(api_key=sandbox.api_key, base_url=sandbox.base_url)) as client:
        yield client


async def test_a_connection_is_found_by_its_tags_and_nobody_elses(sandbox: Sandbox, nango: NangoClient) -> None:
    mine = await sandbox.connect("github", ALICE)
    await sandbox.connect("github", {"end_user_id": "bob"})
    found = [c async for c in nango.connections.list(tags=ALICE, integration_ids=["github"])]
    assert [(c.connection_id, c.integration_id, c.tags) for c in found] == [(mine, "github", ALICE)]
    assert not found[0].needs_reauthorization
    one = await nango.connections.get(mine, "github")
    assert one.tags == ALICE
    with pytest.raises(UnknownConnection):
        await nango.connections.get("nobody", "github")


async def test_many_connections_come_in_pages(sandbox: Sandbox, nango: NangoClient) -> None:
    made = {await sandbox.connect("slack", ALICE) for _ in range(5)}
    found = [c.connection_id async for c in nango.connections.list(limit=2)]
    assert (len(found), set(found)) == (5, made)


async def test_a_user_connects_through_a_session_and_the_webhook_can_be_trusted(
    sandbox: Sandbox, nango: NangoClient
) -> None:
    arrived: asyncio.Queue[tuple[bytes, dict[str, str]]] = asyncio.Queue()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        length = next(int(value) for name, value in headers.items() if name.lower() == "content-length")
        body = await reader.readexactly(length)
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        arrived.put_nowait((body, headers))

    receiver = await asyncio.start_server(receive, "127.0.0.1", 0)
    sandbox.set_webhook_url(f"http://127.0.0.1:{receiver.sockets[0].getsockname()[1]}/nango")
    session = await nango.connect_sessions.create(tags=ALICE, allowed_integrations=["github"])
    async with httpx.AsyncClient(trust_env=False) as browser:
        page = await browser.get(session.connect_link)
        assert page.status_code == 200
        form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        assert form is not None
        fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page.text))
        buttons = dict(re.findall(r'<button[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page.text)[:1])
        done = await browser.post(str(httpx.URL(session.connect_link).join(form[1])), data=fields | buttons)
        assert done.status_code == 200, done.text
    body, headers = await asyncio.wait_for(arrived.get(), 10)
    receiver.close()
    await receiver.wait_closed()
    webhooks.verify(sandbox.webhook_signing_key, body, headers)
    delivery = webhooks.parse(body)
    assert isinstance(delivery, AuthWebhook)
    assert (delivery.operation, delivery.success, delivery.tags) == ("creation", True, ALICE)
    found = [c.connection_id async for c in nango.connections.list(tags=ALICE)]
    assert found == [delivery.connection_id]


async def test_tools_are_discovered_and_judged_as_the_sandbox_declares_them(
    sandbox: Sandbox, nango: NangoClient
) -> None:
    catalog = Catalog(nango)
    summaries = await catalog.integrations()
    assert {"github", "hubspot", "slack"} <= {summary.key for summary in summaries}
    connections = [(s.key, await sandbox.connect(s.key, ALICE)) for s in summaries if s.tools]
    tools = {tool.id: tool for found in (await catalog.discover(connections)).values() for tool in found}
    assert len(tools) >= 30
    assert {tool.source for tool in tools.values()} <= {"both", "scripts"}
    for tool in tools.values():
        assert "$ref" not in str(tool.input_schema)
        if tool.name.startswith(("list", "get", "search", "lookup")):
            assert tool.access is Access.READ, tool.id
        if tool.name.startswith("delete"):
            assert tool.access is Access.DESTRUCTIVE, tool.id
        if tool.name.startswith(("create", "update", "post", "add", "set")):
            assert tool.access is Access.WRITE, tool.id


async def test_both_paths_do_the_same_and_the_ledger_agrees(sandbox: Sandbox, nango: NangoClient) -> None:
    where = {"connection_id": await sandbox.connect("github", ALICE), "integration_id": "github"}
    repository = {"owner": "octo", "repo": "widgets"}
    made = await nango.actions.trigger(
        **where, action="create-issue", input=repository | {"title": "By the client"}, writes=True
    )
    assert isinstance(made, dict)
    asked = repository | {"issue_number": made["number"]}
    over_rest = await nango.actions.trigger(**where, action="get-issue", input=asked, writes=False)
    over_mcp = await nango.mcp.call_tool(**where, tool="get-issue", arguments=asked, writes=False)
    assert over_rest == over_mcp
    assert isinstance(over_rest, dict)
    assert over_rest["title"] == "By the client"
    ledger = sorted(await sandbox.ledger(), key=lambda entry: entry.id)
    assert [(entry.action, entry.via) for entry in ledger] == [
        ("create-issue", "rest"),
        ("get-issue", "rest"),
        ("get-issue", "mcp"),
    ]


async def test_both_paths_fail_in_the_same_way(sandbox: Sandbox, nango: NangoClient) -> None:
    where = {"connection_id": await sandbox.connect("github", ALICE), "integration_id": "github"}

    async def failures(name: str, given: Any, **at: Any) -> tuple[NangoError, NangoError]:
        place = where | at
        with pytest.raises(NangoError) as rest:
            await nango.actions.trigger(**place, action=name, input=given, writes=True)
        with pytest.raises(NangoError) as mcp:
            await nango.mcp.call_tool(**place, tool=name, arguments=given, writes=True)
        assert (type(rest.value), rest.value.outcome) == (type(mcp.value), mcp.value.outcome)
        return rest.value, mcp.value

    missing, _ = await failures("no-such-action", {})
    assert (type(missing), missing.outcome) == (ActionNotFound, Outcome.REJECTED)
    unknown, _ = await failures("get-issue", {}, connection_id="nobody")
    assert type(unknown) is UnknownConnection
    for error in await failures("get-repository", {"owner": "octo", "repo": "none"}):
        assert (type(error), error.outcome, error.upstream_status) == (UpstreamError, Outcome.FAILED, 404)


async def test_a_connection_whose_user_removed_the_app_is_noticed_before_anything_is_sent(
    sandbox: Sandbox, nango: NangoClient
) -> None:
    connection = await sandbox.connect("github", ALICE)
    await sandbox.revoke(connection, "github")
    await sandbox.expire(connection, "github")
    with pytest.raises(ReauthorizationRequired) as refreshing:
        await nango.connections.get(connection, "github")
    assert refreshing.value.outcome is Outcome.REJECTED
    alice = nango.end_user(ALICE)
    with pytest.raises(ReauthorizationRequired) as caught:
        await alice.execute("github", "create-issue", {"title": "x"}, writes=True)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert await sandbox.ledger() == []
    session = await alice.reconnect("github", connection)
    assert (await nango.connect_sessions.get(session.token)).is_reconnecting


async def test_a_wrong_key_is_refused(sandbox: Sandbox) -> None:
    wrong = NangoSettings(api_key="5f0c1a52-8a39-4c55-9d2f-6d1a2b7c9e01", base_url=sandbox.base_url)
    async with NangoClient(wrong) as nango:
        with pytest.raises(InvalidKeyError):
            await nango.integrations.list()
        with pytest.raises(InvalidKeyError):
            await nango.mcp.list_tools(connection_id="c", integration_id="github")


async def test_langchains_adapters_can_use_a_session(sandbox: Sandbox, nango: NangoClient) -> None:
    connection = await sandbox.connect("github", ALICE)
    async with nango.mcp.session(connection_id=connection, integration_id="github") as session:
        names = {tool.name for tool in await load_mcp_tools(session)}
    assert "create-issue" in names

"""The hosted MCP: as the official client and LangChain's adapters see it, and on the raw wire."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from langchain_mcp_adapters.tools import load_mcp_tools
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import TextContent
from typing_extensions import TypedDict

from nango_sandbox import Sandbox
from nango_sandbox.functions.action import Action, Call, Integration

BOTH = "application/json, text/event-stream"


async def headers_of(sandbox: Sandbox, integration: str = "github") -> dict[str, str]:
    return {
        "Authorization": f"Bearer {sandbox.api_key.get_secret_value()}",
        "connection-id": await sandbox.connect(integration, {"end_user_id": "alice"}),
        "provider-config-key": integration,
    }


@asynccontextmanager
async def official_client(sandbox: Sandbox, integration: str) -> AsyncIterator[ClientSession]:
    async with (
        httpx.AsyncClient(headers=await headers_of(sandbox, integration), trust_env=False) as http,
        streamable_http_client(f"{sandbox.base_url}/mcp", http_client=http) as (read, write, session_id),
        ClientSession(read, write) as session,
    ):
        greeting = await session.initialize()
        assert greeting.protocolVersion == "2025-11-25"
        assert session_id() is None
        yield session


async def test_the_official_client_lists_and_calls(sandbox: Sandbox) -> None:
    async with official_client(sandbox, "slack") as session:
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert len(tools) == 12
        assert all(tool.annotations is None and tool.outputSchema is None for tool in tools.values())
        assert tools["post-message"].inputSchema["required"] == ["channel", "text"]
        assert "additionalProperties" not in tools["post-message"].inputSchema
        result = await session.call_tool("post-message", {"channel": "#general", "text": "hello"})
        assert (result.isError, result.structuredContent, len(result.content)) == (False, None, 1)
    (block,) = result.content
    assert isinstance(block, TextContent)
    (entry,) = await sandbox.ledger()
    assert (entry.via, entry.action, entry.end_user_id) == ("mcp", "post-message", "alice")
    assert entry.output == json.loads(block.text)
    assert block.text.startswith('{\n  "ok": true')


async def test_every_failure_is_a_json_rpc_error_with_json_inside(sandbox: Sandbox) -> None:
    async with official_client(sandbox, "slack") as session:
        with pytest.raises(McpError) as upstream:
            await session.call_tool("post-message", {"channel": "#nowhere", "text": "x"})
        with pytest.raises(McpError) as checked:
            await session.call_tool("post-message", {"channel": "general"})
        with pytest.raises(McpError) as unknown:
            await session.call_tool("create-issue", {})
    assert {each.value.error.code for each in (upstream, checked, unknown)} == {-32603}
    found = json.loads(upstream.value.error.message)
    assert (found["type"], found["status"]) == ("script_http_error", 424)
    assert found["additional_properties"]["upstream_response"]["status"] == 404
    assert found["payload"] == found["additional_properties"]["upstream_response"]["body"]
    assert json.loads(checked.value.error.message) == {
        "message": "The action script failed with a runtime error",
        "type": "action_script_runtime_error",
        "status": 500,
        "payload": {"message": "Invalid input provided"},
    }
    assert unknown.value.error.message == "Action create-issue not found"


async def test_langchains_adapter_loads_and_runs_the_tools(sandbox: Sandbox) -> None:
    async with official_client(sandbox, "github") as session:
        tools = {tool.name: tool for tool in await load_mcp_tools(session)}
        assert len(tools) == 11
        answer = await tools["list-issues"].ainvoke({"owner": "octo", "repo": "gadgets"})
    assert len(json.loads(answer[0]["text"])["issues"]) == 5


async def post(
    sandbox: Sandbox, body: Any, *, drop: str = "", integration: str = "github", **more: str
) -> httpx.Response:
    headers = {"Accept": BOTH, "Content-Type": "application/json", **await headers_of(sandbox, integration)}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    headers.pop(drop, None)
    content = body if isinstance(body, str) else json.dumps(body)
    async with httpx.AsyncClient(trust_env=False) as http:
        return await http.post(f"{sandbox.base_url}/mcp", content=content, headers=headers)


def messages(answer: httpx.Response) -> list[Any]:
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [event.splitlines() for event in answer.text.strip().split("\n\n")]
    assert all(event[0] == "event: message" for event in events)
    return [json.loads(event[1].removeprefix("data: ")) for event in events]


PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


async def test_the_transport_refuses_as_a_real_server_does(sandbox: Sandbox) -> None:
    for body, change, status, code in (
        (PING, {"Accept": "application/json"}, 406, -32000),
        (PING, {"Accept": "*/*"}, 406, -32000),
        (PING, {"Content_Type": "text/plain"}, 415, "invalid_content_type"),
        (PING, {"mcp_protocol_version": "1999-01-01"}, 400, -32000),
        ({"hello": 1}, {}, 400, -32700),
        ([PING, 3], {}, 400, -32700),
        ({**PING, "jsonrpc": "1.0"}, {}, 400, -32700),
        ({**PING, "params": [1]}, {}, 400, -32700),
        ('{"jsonrpc":', {}, 400, "invalid_json"),
        (PING, {"drop": "connection-id"}, 400, "invalid_headers"),
        (PING, {"drop": "provider-config-key"}, 400, "invalid_headers"),
        (PING, {"connection_id": "a<b>"}, 400, "invalid_headers"),
        (PING, {"connection_id": "nobody"}, 400, "unknown_connection"),
        (PING, {"provider_config_key": "slack"}, 400, "unknown_connection"),
    ):
        answer = await post(sandbox, body, **change)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), (body, change)


async def test_every_protocol_version_is_echoed_and_an_unknown_one_is_answered_with_the_newest(
    sandbox: Sandbox,
) -> None:
    hello = {"capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    for asked, answered in (("2024-10-07", "2024-10-07"), ("2025-06-18", "2025-06-18"), ("2099-01-01", "2025-11-25")):
        call = {"jsonrpc": "2.0", "id": "x", "method": "initialize", "params": {**hello, "protocolVersion": asked}}
        (message,) = messages(await post(sandbox, call))
        assert (message["id"], message["result"]["protocolVersion"]) == ("x", answered)


async def test_a_batch_is_answered_in_order_and_a_notification_not_at_all(sandbox: Sandbox) -> None:
    notification = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    answers = messages(await post(sandbox, [PING, notification, {**PING, "id": 2, "method": "prompts/list"}]))
    assert [each["id"] for each in answers] == [1, 2]
    assert answers[1]["error"] == {"code": -32601, "message": "Method not found"}
    alone = await post(sandbox, notification)
    assert (alone.status_code, alone.text) == (202, "")


async def test_a_call_sent_as_a_notification_does_not_run(sandbox: Sandbox) -> None:
    call = {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "list-labels", "arguments": {}}}
    assert (await post(sandbox, call)).status_code == 202
    assert await sandbox.ledger() == []


async def test_wrong_parameters_of_a_call_are_a_finding_in_the_error(sandbox: Sandbox) -> None:
    for params, path in (
        ({"name": "list-labels", "arguments": ["a"]}, ["params", "arguments"]),
        ({"arguments": {}}, ["params", "name"]),
    ):
        (message,) = messages(await post(sandbox, {**PING, "method": "tools/call", "params": params}))
        assert message["error"]["code"] == -32603
        assert json.loads(message["error"]["message"])[0]["path"] == path
    task = {"name": "list-labels", "arguments": {}, "task": {"ttl": 1}}
    (message,) = messages(await post(sandbox, {**PING, "method": "tools/call", "params": task}))
    assert "does not support task creation" in message["error"]["message"]
    assert await sandbox.ledger() == []


async def test_an_action_whose_input_is_no_object_is_hidden_but_can_be_called() -> None:
    class Nested(TypedDict):
        name: str

    class Reference(TypedDict):
        nested: Nested

    async def listed(_: Call, wanted: list[str]) -> int:
        return len(wanted)

    async def shown(_: Call, wanted: Reference) -> None:
        assert wanted["nested"]["name"]

    actions = (Action("listed", "Takes a list.", "read", listed), Action("shown", "Takes nesting.", "read", shown))
    async with Sandbox(integrations=[Integration("app", "app", "App", actions=actions)]) as sandbox:
        (message,) = messages(await post(sandbox, {**PING, "method": "tools/list"}, integration="app"))
        (tool,) = message["result"]["tools"]
        assert tool == {
            "name": "shown",
            "inputSchema": {
                "type": "object",
                "properties": {"nested": {"$ref": "#/definitions/Nested"}},
                "required": ["nested"],
            },
            "description": "Takes nesting.",
        }
        call = {**PING, "method": "tools/call", "params": {"name": "shown", "arguments": {"nested": {"name": "x"}}}}
        (message,) = messages(await post(sandbox, call, integration="app"))
        assert message["result"] == {"content": [{"type": "text", "text": "null"}]}
        async with httpx.AsyncClient(base_url=sandbox.base_url, headers=await headers_of(sandbox, "app")) as http:
            answer = await http.post("/action/trigger", json={"action_name": "listed", "input": ["a", "b"]})
            assert answer.json() == 2


async def test_other_methods_of_the_path(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    got = await http.get("/mcp")
    assert (got.status_code, got.json()["error"]) == (405, {"code": -32000, "message": "Method not allowed."})
    deleted = await http.delete("/mcp")
    assert (deleted.status_code, deleted.headers["content-type"]) == (404, "text/html; charset=utf-8")

"""The TypeScript MCP SDK's client against both MCP servers of the sandbox."""

import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from nango_sandbox import Sandbox

pytestmark = pytest.mark.system

ALICE = {"end_user_id": "alice"}
WIDGETS = {"owner": "octo", "repo": "widgets"}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as running:
        await running.connect("github", ALICE, "gh-alice")
        yield running


@pytest.fixture
def connect(sandbox, open_mcp):
    """A client that is connected to the hosted MCP; headers can be put over the right ones."""

    def connected(**other: str):
        headers = {
            "authorization": f"Bearer {sandbox.api_key.get_secret_value()}",
            "connection-id": "gh-alice",
            "provider-config-key": "github",
        }
        return open_mcp(url=f"{sandbox.base_url}/mcp", headers={**headers, **other})

    return connected


@pytest.fixture
def manage(sandbox, open_mcp):
    """A client that is connected to the Management MCP: the same server, under another name."""

    def connected(key: str | None = None):
        url = f"http://mcp.localhost:{urlsplit(sandbox.base_url).port}/mcp"
        return open_mcp(url=url, headers={"authorization": f"Bearer {key or sandbox.api_key.get_secret_value()}"})

    return connected


# Hosted MCP: one connection's actions


def test_the_server_introduces_itself(connect):
    client = connect()
    assert client("getServerVersion") == {"name": "Nango Connection Tools MCP server", "version": "1.0.0"}
    assert client("getServerCapabilities") == {"tools": {}}
    assert client("ping") == {}


def test_tools_are_listed_with_schemas_and_nothing_that_tells_reads_from_writes(connect):
    tools = {each["name"]: each for each in connect()("listTools")["tools"]}
    assert tools["create-issue"]["inputSchema"]["required"] == ["owner", "repo", "title"]
    assert {frozenset(each) for each in tools.values()} == {frozenset({"name", "description", "inputSchema"})}


async def test_a_read_and_a_write_reach_the_app(sandbox, connect):
    client = connect()
    made = client("callTool", {"name": "create-issue", "arguments": {**WIDGETS, "title": "From TypeScript"}})
    number = json.loads(made["content"][0]["text"])["number"]
    read = client("callTool", {"name": "get-issue", "arguments": {**WIDGETS, "issue_number": number}})
    assert json.loads(read["content"][0]["text"])["title"] == "From TypeScript"
    assert [(entry.action, entry.via) for entry in await sandbox.ledger()] == [
        ("create-issue", "mcp"),
        ("get-issue", "mcp"),
    ]


@pytest.mark.parametrize(
    ("name", "arguments", "kind"),
    [
        ("get-issue", {**WIDGETS, "issue_number": 9999}, "script_http_error"),
        ("get-issue", {"owner": "octo"}, "action_script_runtime_error"),
    ],
    ids=["missing upstream", "invalid input"],
)
def test_a_tool_that_fails_is_an_error_of_the_protocol(connect, javascript_error, name, arguments, kind):
    with pytest.raises(javascript_error) as caught:
        connect()("callTool", {"name": name, "arguments": arguments})
    assert (caught.value.name, caught.value.code) == ("McpError", -32603)
    assert json.loads(caught.value.message.removeprefix("MCP error -32603: "))["type"] == kind


def test_an_unknown_tool_is_told_in_plain_words(connect, javascript_error):
    with pytest.raises(javascript_error) as caught:
        connect()("callTool", {"name": "nope", "arguments": {}})
    assert (caught.value.code, caught.value.message) == (-32603, "MCP error -32603: Action nope not found")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"authorization": "Bearer 00000000-0000-4000-8000-000000000000"}, 401, "unknown_account"),
        ({"connection-id": "nobody"}, 400, "unknown_connection"),
        ({"provider-config-key": "slack"}, 400, "unknown_connection"),
    ],
    ids=["wrong key", "unknown connection", "connection of another integration"],
)
def test_a_client_that_may_not_in_is_told_so_by_http(connect, javascript_error, headers, status, code):
    with pytest.raises(javascript_error) as caught:
        connect(**headers)
    assert caught.value.code == status
    assert code in caught.value.message


# Management MCP


def test_the_management_server_introduces_itself(manage):
    client = manage()
    assert client("getServerVersion") == {"name": "Nango Management MCP server", "version": "1.0.0"}
    assert client("getServerCapabilities") == {"tools": {"listChanged": True}}


def test_management_tools_tell_reads_from_writes_and_declare_what_they_give(manage):
    tools = {each["name"]: each for each in manage()("listTools")["tools"]}
    assert len(tools) == 11
    assert tools["connections_list"]["annotations"]["readOnlyHint"] is True
    assert tools["integrations_delete"]["annotations"]["destructiveHint"] is True
    assert all(each["outputSchema"]["type"] == "object" for each in tools.values())


def test_management_results_are_structured_and_pass_the_clients_check(manage):
    client = manage()
    client("listTools")  # from here on the client holds results against the declared schemas
    listed = client("callTool", {"name": "connections_list", "arguments": {"tags": ALICE}})
    [connection] = listed["structuredContent"]["connections"]
    assert connection["connection_id"] == "gh-alice"
    assert json.loads(listed["content"][0]["text"]) == listed["structuredContent"]
    made = client(
        "callTool",
        {
            "name": "integrations_create",
            "arguments": {"provider": "unauthenticated", "integration_id": "made", "credential_source": "own"},
        },
    )
    assert made["structuredContent"]["data"]["unique_key"] == "made"
    gone = client("callTool", {"name": "integrations_delete", "arguments": {"integration_id": "made"}})
    assert gone["structuredContent"] == {"success": True}


def test_a_connect_session_is_made_by_a_tool(sandbox, manage):
    session = manage()("callTool", {"name": "connect_session_create", "arguments": {"tags": ALICE}})
    assert session["structuredContent"]["connect_link"].startswith(sandbox.base_url)


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("integrations_get", {"integration_id": "nope"}, 'Integration "nope" does not exist'),
        ("connections_get", {"connection_id": "none", "integration_id": "github"}, "Failed to find connection"),
        ("nope", {}, "MCP error -32602: Tool nope not found"),
    ],
)
def test_a_management_tool_that_fails_gives_a_result_that_says_so(manage, name, arguments, text):
    result = manage()("callTool", {"name": name, "arguments": arguments})
    assert result["isError"] is True
    assert result["content"] == [{"type": "text", "text": text}]


async def test_a_key_sees_the_management_tools_of_its_scopes_only(sandbox, manage):
    key = await sandbox.create_api_key("reader", ["environment:connections:read"])
    client = manage(key.get_secret_value())
    assert [each["name"] for each in client("listTools")["tools"]] == ["connections_get"]
    hidden = client("callTool", {"name": "connections_list", "arguments": {}})
    assert hidden["content"][0]["text"] == "MCP error -32602: Tool connections_list disabled"

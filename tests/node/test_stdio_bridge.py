"""The how-to for desktop MCP clients, followed to the letter: its configuration, with a stdio client."""

import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import ClientSession, McpError, StdioServerParameters
from mcp.client.stdio import stdio_client

from nango_sandbox import Sandbox

pytestmark = pytest.mark.system

HERE = Path(__file__).parent
HOW_TO = HERE.parent.parent / "docs" / "how-to" / "desktop-mcp-client.md"
WIDGETS = {"owner": "octo", "repo": "widgets"}
SIGN_IN_METADATA = re.compile(r"GET /(mcp/)?\.well-known/(oauth-|openid-)\S+")


def described() -> dict[str, Any]:
    """The one server entry of the how-to's configuration file."""
    block = re.search(r"```json\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    assert block is not None
    [entry] = json.loads(block[1])["mcpServers"].values()
    return entry


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as running:
        await running.connect("github", {"end_user_id": "alice"}, "gh-alice")
        yield running


@pytest.fixture
async def key(sandbox: Sandbox) -> str:
    """As the how-to wants it: for MCP alone."""
    return (await sandbox.create_api_key("desktop", ["environment:mcp"])).get_secret_value()


class Bridge:
    """`start(NAME=value)` runs the bridge as a desktop client does, and gives a session through it."""

    def __init__(self, sandbox: Sandbox, key: str, folder: Path) -> None:
        self.traffic = folder / "traffic"
        self.log = folder / "log"
        self.home = folder / "home"
        self.home.mkdir()
        self._base_url = sandbox.base_url
        self._values = {
            "NANGO_AUTHORIZATION": f"Bearer {key}",
            "NANGO_CONNECTION_ID": "gh-alice",
            "NANGO_INTEGRATION_ID": "github",
        }

    @asynccontextmanager
    async def start(self, *, without: str | None = None, **other: str) -> AsyncIterator[ClientSession]:
        entry = described()
        assert entry["env"].keys() == self._values.keys()
        watching = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "NODE_OPTIONS": f"--require {HERE / 'traffic.cjs'}",
            "TRAFFIC": str(self.traffic),
            "npm_config_offline": "true",  # npx takes the bridge that is installed here
            "npm_config_update_notifier": "false",
        }
        values = {**self._values, **other, **watching}
        server = StdioServerParameters(
            command=entry["command"],
            args=[each.replace("https://api.nango.dev", self._base_url) for each in entry["args"]],
            env={name: value for name, value in values.items() if name != without},
            cwd=HERE,
        )
        with self.log.open("w") as log:
            async with stdio_client(server, log) as streams, ClientSession(*streams) as session:
                yield session

    def requests(self) -> set[str]:
        """What was asked of the sandbox, after a check that nobody else was asked."""
        lines = self.traffic.read_text().splitlines()
        assert {line for line in lines if line.startswith("connect ")} == {
            f"connect {self._base_url.removeprefix('http://')}"
        }
        asked = [line.split() for line in lines if not line.startswith(("connect ", "run "))]
        assert all(url.startswith(self._base_url) for _, url in asked)
        return {f"{method} {url.removeprefix(self._base_url)}" for method, url in asked}


@pytest.fixture
def bridge(node: str, sandbox: Sandbox, key: str, tmp_path: Path) -> Bridge:
    return Bridge(sandbox, key, tmp_path)


async def test_a_desktop_client_reads_and_writes_through_the_bridge(sandbox, bridge):
    async with bridge.start() as session:
        await session.initialize()
        tools = {tool.name for tool in (await session.list_tools()).tools}
        made = await session.call_tool("create-issue", {**WIDGETS, "title": "From the desktop"})
        number = json.loads(made.content[0].text)["number"]
        read = await session.call_tool("get-issue", {**WIDGETS, "issue_number": number})
    assert {"list-issues", "create-issue"} <= tools
    assert json.loads(read.content[0].text)["title"] == "From the desktop"
    assert [(entry.action, entry.connection_id) for entry in await sandbox.ledger()] == [
        ("create-issue", "gh-alice"),
        ("get-issue", "gh-alice"),
    ]


async def test_a_call_that_is_repeated_writes_again(sandbox, bridge):
    async with bridge.start() as session:
        await session.initialize()
        for _ in range(2):
            await session.call_tool("create-issue", {**WIDGETS, "title": "Twice"})
    assert [entry.action for entry in await sandbox.ledger()] == ["create-issue", "create-issue"]


async def test_an_error_of_a_tool_comes_through_as_it_is(bridge):
    async with bridge.start() as session:
        await session.initialize()
        with pytest.raises(McpError) as caught:
            await session.call_tool("get-issue", {**WIDGETS, "issue_number": 9999})
    assert caught.value.error.code == -32603
    assert json.loads(caught.value.error.message)["type"] == "script_http_error"


async def test_a_tool_that_is_ignored_is_neither_listed_nor_called(sandbox, bridge):
    async with bridge.start() as session:
        await session.initialize()
        tools = {tool.name for tool in (await session.list_tools()).tools}
        with pytest.raises(McpError):
            await session.call_tool("delete-label", {**WIDGETS, "name": "bug"})
    assert not any(name.startswith("delete-") for name in tools)
    assert await sandbox.ledger() == []


async def test_the_bridge_talks_to_nango_alone_and_signs_in_nowhere(bridge):
    async with bridge.start() as session:
        await session.initialize()
        await session.list_tools()
    asked = bridge.requests()
    assert {"POST /mcp", "GET /mcp"} <= asked
    assert all(SIGN_IN_METADATA.fullmatch(each) for each in asked - {"POST /mcp", "GET /mcp"})


async def test_the_key_is_in_no_argument_no_log_and_no_file(bridge, key):
    async with bridge.start() as session:
        await session.initialize()
        await session.list_tools()
    ran = [line for line in bridge.traffic.read_text().splitlines() if line.startswith("run ")]
    assert any("${NANGO_AUTHORIZATION}" in line for line in ran)
    written = [bridge.traffic, bridge.log, *(file for file in bridge.home.rglob("*") if file.is_file())]
    assert [file for file in written if key in file.read_text(errors="replace")] == []


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"NANGO_AUTHORIZATION": "Bearer 00000000-0000-4000-8000-000000000000"}, "RegistrationRejectedError"),
        ({"NANGO_CONNECTION_ID": "nobody"}, "unknown_connection"),
        ({"NANGO_INTEGRATION_ID": "slack"}, "unknown_connection"),
    ],
    ids=["wrong key", "unknown connection", "connection of another integration"],
)
async def test_what_does_not_work_is_in_the_log_as_the_how_to_says(bridge, other, told):
    async with bridge.start(**other) as session:
        with pytest.raises(McpError):
            await session.initialize()
    assert told in bridge.log.read_text()
    assert f"`{told}`" in HOW_TO.read_text()


async def test_a_key_for_something_else_is_in_the_log_as_the_how_to_says(sandbox, bridge):
    other = await sandbox.create_api_key("other", ["environment:connections:read"])
    async with bridge.start(NANGO_AUTHORIZATION=f"Bearer {other.get_secret_value()}") as session:
        with pytest.raises(McpError):
            await session.initialize()
    assert "Insufficient scope" in bridge.log.read_text()


async def test_a_value_that_is_missing_is_in_the_log_as_the_how_to_says(bridge):
    async with bridge.start(without="NANGO_CONNECTION_ID") as session:
        with pytest.raises(McpError):
            await session.initialize()
    assert "Environment variable 'NANGO_CONNECTION_ID' not found" in bridge.log.read_text()


async def test_the_key_of_the_how_to_opens_nothing_else(sandbox, key):
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=sandbox.base_url, headers=headers, trust_env=False) as http:
        of_alice = {"connection-id": "gh-alice", "provider-config-key": "github"}
        answers = [
            await http.get("/connections"),
            await http.get("/connections/gh-alice", params={"provider_config_key": "github"}),
            await http.post("/action/trigger", json={"action_name": "list-repositories"}, headers=of_alice),
            await http.get("/proxy/user", headers=of_alice),
        ]
    assert [each.status_code for each in answers] == [403] * 4

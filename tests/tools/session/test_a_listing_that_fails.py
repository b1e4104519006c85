"""One integration that can't be listed just now takes nothing from the others."""

from typing import Any

import pytest

import nango_tools
from nango_sandbox import Sandbox
from nango_sandbox.faults import Status
from nango_tools import NangoClient, NangoSettings, NangoUnavailable


def down(integration: str | None) -> Status:
    body: Any = {"error": {"code": "server_error", "message": "down"}}
    return Status(status=500, body=body, path="/mcp", integration=integration, times=None)


async def test_the_declarations_do_while_one_mcp_is_down(sandbox: Sandbox, nango: NangoClient) -> None:
    for integration in ("github", "slack"):
        await sandbox.connect(integration, {"end_user_id": "alice"})
    sandbox.faults.add(down("slack"))
    async with nango_tools.session("alice", integrations=["github", "slack"], nango=nango) as alice:
        assert {tool.partition("/")[0] for tool in alice.offered} == {"github", "slack"}
        assert alice.missing == {}


async def test_what_nothing_lists_is_missing_and_a_session_without_any_is_not_opened(sandbox: Sandbox) -> None:
    for integration in ("github", "slack"):
        await sandbox.connect(integration, {"end_user_id": "alice"})
    key = await sandbox.create_api_key("mcp", ["environment:mcp", "environment:connections:list"])
    sandbox.faults.add(down("slack"))
    async with NangoClient(NangoSettings(api_key=key, base_url=sandbox.base_url)) as nango:
        async with nango_tools.session("alice", integrations=["github", "slack"], nango=nango) as alice:
            assert {tool.partition("/")[0] for tool in alice.offered} == {"github"}
            assert isinstance(alice.missing["slack"], NangoUnavailable)
        sandbox.faults.add(down("github"))
        with pytest.raises(NangoUnavailable):
            async with nango_tools.session("alice", integrations=["github", "slack"], nango=nango):
                pass

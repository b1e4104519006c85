"""Checked by mypy --strict and never run: what a program that uses the client writes must type-check."""

from datetime import UTC, datetime
from typing import assert_type

from pydantic import JsonValue, Secret, SecretStr

from nango_tools import (
    ApiKeyCredentials,
    AsyncAction,
    Connection,
    ConnectionSummary,
    ConnectionWithCredentials,
    ConnectSession,
    Function,
    IntegrationDetails,
    NangoClient,
    NangoSettings,
    Provider,
    ProxyResponse,
    Record,
    SyncStatus,
    UpstreamError,
)


async def use() -> None:
    settings = NangoSettings(api_key=SecretStr("key"))
    async with NangoClient(settings) as nango:
        async for summary in nango.connections.list(tags={"end_user_id": "a"}, integration_ids=["i"], limit=10):
            assert_type(summary, ConnectionSummary)
        assert_type(await nango.connections.get("c", "i"), Connection)
        full = await nango.connections.get_with_credentials("c", "i")
        assert_type(full, ConnectionWithCredentials)
        assert_type(full.credentials, Secret[dict[str, JsonValue]])
        await nango.connections.import_connection("i", ApiKeyCredentials(api_key=SecretStr("k")), tags={})
        await nango.connections.import_connection("i", {"type": "NONE"}, tags={}, end_user={"id": "a"})
        await nango.connections.set_metadata(["c", "d"], "i", {"a": [1, None]})
        session = await nango.connect_sessions.create(
            tags={}, allowed_integrations=["i"], integrations_config_defaults={"i": {"user_scopes": "a"}}
        )
        assert_type(session, ConnectSession)
        assert_type(await nango.integrations.get("i", include=["credentials"]), IntegrationDetails)
        assert_type([f async for f in nango.integrations.functions("i", type="sync")], list[Function])
        assert_type(await nango.providers.list("git"), list[Provider])
        output = await nango.actions.trigger(connection_id="c", integration_id="i", action="a", writes=False)
        assert_type(output, JsonValue)
        started = await nango.actions.trigger_async(
            connection_id="c", integration_id="i", action="a", input={"x": 1}, writes=True
        )
        assert_type(started, AsyncAction)
        assert_type(await nango.actions.wait(started, timeout=5), JsonValue)
        assert_type(await nango.syncs.status("i", ["a"]), list[SyncStatus])
        records = nango.records.list(
            connection_id="c", integration_id="i", model="M", modified_after=datetime.now(UTC), filter=["added"]
        )
        assert_type([record async for record in records], list[Record])
        try:
            answer = await nango.proxy.post("a/b", connection_id="c", integration_id="i", json={"a": [1]})
            assert_type(answer, ProxyResponse)
            answer.raise_for_status()
        except UpstreamError as error:
            assert_type(error.upstream_status, int | None)
        arguments = {"channel": "x"}  # a dict[str, str], which is no dict[str, JsonValue]
        await nango.actions.trigger(connection_id="c", integration_id="i", action="a", input=arguments, writes=True)
        await nango.actions.trigger_async(
            connection_id="c", integration_id="i", action="a", input=arguments, writes=True
        )
        await nango.mcp.call_tool(connection_id="c", integration_id="i", tool="a", arguments=arguments, writes=True)
        await nango.management.call_tool("connections_list", arguments, writes=False)
        await nango.proxy.request("PUT", "a", connection_id="c", integration_id="i", json=arguments)
        await nango.proxy.put("a", connection_id="c", integration_id="i", json=arguments)
        await nango.proxy.get("a", connection_id="c", integration_id="i", params={"a": 1.5, "b": [1, 2], "c": True})
        await nango.connections.set_metadata("c", "i", arguments)
        await nango.connections.update_metadata("c", "i", arguments)
        await nango.connections.import_connection(
            "i", {"type": "NONE"}, tags=arguments, metadata=arguments, connection_config=arguments
        )
        user = nango.end_user({"end_user_id": "a"})
        await user.execute("i", "a", arguments, writes=True)
        assert_type(await user.execute("i", "a", {"x": 1}, writes=True), JsonValue)
        assert_type(await user.wait_for_connection("i", timeout=60), ConnectionSummary)

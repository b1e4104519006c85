"""The proxy, on any Nango that may reach an echo; and the Management MCP."""

from typing import Any

import pytest

from nango_tools import InvalidInput, NangoClient, Outcome, UnknownConnection, UnknownIntegration, UpstreamError


@pytest.fixture
async def where(nango: NangoClient, make_integration: Any, server: Any, unique: str) -> Any:
    if server.upstream is None:
        pytest.skip("NANGO_LIVE_UPSTREAM names no host for the proxy")
    integration = await make_integration("private-api-bearer")
    connection_id = f"contract-proxy-{unique}"
    credentials = {"type": "API_KEY", "apiKey": f"dummy-{unique}"}
    await nango.connections.import_connection(integration, credentials, tags={}, connection_id=connection_id)
    yield {
        "integration_id": integration,
        "connection_id": connection_id,
        "base_url_override": server.upstream,
    }
    await nango.connections.delete(connection_id, integration)


async def test_a_request_reaches_the_provider_with_the_connections_credentials(
    nango: NangoClient, where: Any, unique: str
) -> None:
    proxy = nango.proxy
    for method, send in {
        "GET": proxy.get,
        "POST": proxy.post,
        "PUT": proxy.put,
        "PATCH": proxy.patch,
        "DELETE": proxy.delete,
    }.items():
        answer = await send("/things/1", **where, params={"a": "1", "b": ["2", "3"]}, headers={"X-Custom": "v"})
        assert answer.status == 200
        seen: Any = answer.json()
        assert (seen["method"], seen["path"].partition("?")[0]) == (method, "/things/1")
        assert seen["headers"]["authorization"] == f"Bearer dummy-{unique}"
        assert seen["headers"]["x-custom"] == "v"
        assert unique not in seen["headers"].get("connection-id", "")


async def test_a_body_arrives_as_json(nango: NangoClient, where: Any) -> None:
    answer = await nango.proxy.post("things", **where, json={"x": 1})
    seen: Any = answer.json()
    assert seen["body"] == '{"x":1}' or seen["body"] == '{"x": 1}'
    assert seen["headers"]["content-type"].startswith("application/json")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500])
async def test_the_providers_errors_are_handed_on(nango: NangoClient, where: Any, server: Any, status: int) -> None:
    if server.sandbox is None:
        pytest.skip("what a live upstream answers is not ours to say")
    answer = await nango.proxy.post(f"/status/{status}", **where)
    assert (answer.status, answer.json()) == (status, {"message": "as you wish"})
    with pytest.raises(UpstreamError) as caught:
        answer.raise_for_status()
    assert caught.value.outcome is (Outcome.FAILED if status < 500 else Outcome.UNKNOWN)


async def test_nangos_own_refusals_are_raised(nango: NangoClient, where: Any) -> None:
    with pytest.raises(UnknownConnection):
        await nango.proxy.get("x", **(where | {"connection_id": "nobody"}))
    with pytest.raises(UnknownIntegration):
        await nango.proxy.get("x", **(where | {"integration_id": "no-such-integration"}))
    with pytest.raises(InvalidInput, match="not allowed"):
        await nango.proxy.get("x", **(where | {"base_url_override": "http://127.0.0.1:9"}))


async def test_the_management_mcp_lists_and_calls_its_tools(nango: NangoClient, server: Any) -> None:
    if server.settings.management_mcp_url is None:
        pytest.skip("settings know no Management MCP of this server")
    tools = {tool.name: tool for tool in await nango.management.list_tools()}
    assert len(tools) >= 10
    reading = {name for name, tool in tools.items() if tool.annotations and tool.annotations.readOnlyHint}
    assert reading
    assert "integrations_list" in reading
    listed = await nango.management.call_tool("integrations_list", {}, writes=False)
    assert listed

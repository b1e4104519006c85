"""The Management MCP: as the official client sees it, and on the raw wire."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from nango_sandbox import Integration, Options, Sandbox
from nango_sandbox.apps import all_apps

TOOLS = [
    "connect_session_create",
    "integrations_list",
    "integrations_get",
    "integrations_create",
    "integrations_update",
    "integrations_delete",
    "connections_list",
    "connections_get",
    "proxy_request",
    "logs_list_operations",
    "logs_get_operation",
]
OAUTH = {"type": "OAUTH2", "client_id": "an-id", "client_secret": "a-secret"}


def host_of(sandbox: Sandbox) -> str:
    return f"mcp.localhost:{httpx.URL(sandbox.base_url).port}"


@asynccontextmanager
async def official_client(sandbox: Sandbox, *scopes: str) -> AsyncIterator[ClientSession]:
    key = sandbox.api_key
    if scopes:
        key = await sandbox.create_api_key("limited", [f"environment:{each}" for each in scopes])
    headers = {"Authorization": f"Bearer {key.get_secret_value()}", "Host": host_of(sandbox)}
    async with (
        httpx.AsyncClient(headers=headers, trust_env=False) as http,
        streamable_http_client(f"{sandbox.base_url}/mcp", http_client=http) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        greeting = await session.initialize()
        assert greeting.serverInfo.name == "Nango Management MCP server"
        yield session


async def call(session: ClientSession, name: str, **arguments: Any) -> dict[str, Any]:
    """The structured output, which the official client has checked against the tool's output schema."""
    result = await session.call_tool(name, arguments)
    assert not result.isError, result.content
    assert result.structuredContent is not None
    assert json.loads(told(result)) == result.structuredContent
    return result.structuredContent


async def refused(session: ClientSession, name: str, **arguments: Any) -> str:
    result = await session.call_tool(name, arguments)
    assert result.isError
    return told(result)


def told(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


async def test_it_is_at_an_address_that_every_resolver_knows(sandbox: Sandbox) -> None:
    assert sandbox.management_mcp_url == f"{sandbox.base_url}/management/mcp"
    headers = {"Authorization": f"Bearer {sandbox.api_key.get_secret_value()}"}
    async with (
        httpx.AsyncClient(headers=headers, trust_env=False) as http,
        streamable_http_client(sandbox.management_mcp_url, http_client=http) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        assert (await session.initialize()).serverInfo.name == "Nango Management MCP server"
        assert [each.name for each in (await session.list_tools()).tools] == TOOLS
        assert (await http.get(sandbox.management_mcp_url)).status_code == 405


async def test_it_tells_what_its_tools_do(sandbox: Sandbox) -> None:
    async with official_client(sandbox) as session:
        tools = {each.name: each for each in (await session.list_tools()).tools}
    assert list(tools) == TOOLS
    for tool in tools.values():
        Draft202012Validator.check_schema(tool.inputSchema)
        assert tool.outputSchema is not None
        Draft202012Validator.check_schema(tool.outputSchema)
        assert tool.inputSchema["additionalProperties"] is False
        assert tool.annotations is not None
    reads = [name for name, tool in tools.items() if tool.annotations and tool.annotations.readOnlyHint]
    destroys = [name for name, tool in tools.items() if tool.annotations and tool.annotations.destructiveHint]
    assert reads == [
        "integrations_list",
        "integrations_get",
        "connections_list",
        "logs_list_operations",
        "logs_get_operation",
    ]
    assert destroys == ["integrations_delete", "proxy_request"]


@pytest.mark.parametrize(
    ("scope", "shown"),
    [
        ("mcp", []),
        ("connections:read", ["connections_get"]),
        ("connections:read_credentials", ["connections_get"]),
        ("connections:list_credentials", ["connections_list"]),
        ("connect_sessions:write", ["connect_session_create"]),
        ("integrations:list", ["integrations_list"]),
        ("integrations:read", ["integrations_get"]),
        ("integrations:create", ["integrations_create"]),
        ("integrations:*", [each for each in TOOLS if each.startswith("integrations")]),
        ("proxy", ["proxy_request"]),
        ("logs:read", ["logs_list_operations", "logs_get_operation"]),
    ],
)
async def test_tools_outside_the_scopes_of_a_key_are_hidden_and_refused(
    sandbox: Sandbox, scope: str, shown: list[str]
) -> None:
    async with official_client(sandbox, scope) as session:
        assert [each.name for each in (await session.list_tools()).tools] == shown
        hidden = next(each for each in TOOLS if each not in shown)
        assert await refused(session, hidden) == f"MCP error -32602: Tool {hidden} disabled"


async def test_integrations_are_those_of_the_rest_api(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    own = {"provider": "gitlab", "integration_id": "gl", "credential_source": "own", "credentials": OAUTH}
    async with official_client(sandbox) as session:
        made = await call(session, "integrations_create", **own)
        assert (await http.get("/integrations/gl")).json() == made
        listed = await call(session, "integrations_list")
        assert (await http.get("/integrations")).json() == listed
        full = await call(session, "integrations_get", integration_id="gl", include=["credentials", "webhook"])
        assert full["data"]["credentials"]["client_secret"] == "a-secret"
        renamed = await call(session, "integrations_update", integration_id="gl", new_integration_id="gl2")
        assert renamed["data"]["unique_key"] == "gl2"
        assert await call(session, "integrations_delete", integration_id="gl2") == {"success": True}
        assert (await http.get("/integrations/gl2")).status_code == 404


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("integrations_get", {"integration_id": "nope"}, 'Integration "nope" does not exist'),
        ("integrations_delete", {"integration_id": "nope"}, 'Integration "nope" does not exist'),
        ("integrations_update", {"integration_id": "nope"}, 'Integration "nope" does not exist'),
        (
            "integrations_update",
            {"integration_id": "slack", "new_integration_id": "github"},
            "Integration ID already exists",
        ),
        (
            "integrations_create",
            {"provider": "nope", "integration_id": "x", "credential_source": "own"},
            "Invalid provider",
        ),
        (
            "integrations_create",
            {"provider": "gitlab", "integration_id": "x", "credential_source": "own"},
            "Credentials are required for this provider",
        ),
        (
            "integrations_create",
            {"provider": "github-pat", "integration_id": "x", "credential_source": "nango"},
            "Nango-provided credentials are only available for OAuth providers that require a developer app",
        ),
        ("connections_get", {"connection_id": "none", "integration_id": "github"}, "Failed to find connection"),
        (
            "connect_session_create",
            {"tags": {"end_user_id": "x"}, "allowed_integrations": ["github", "nope", "nix"]},
            "Integrations do not exist: nope, nix",
        ),
        (
            "proxy_request",
            {"method": "GET", "path": "/user", "integration_id": "github", "connection_id": "none"},
            "Failed to get connection",
        ),
        ("logs_list_operations", {}, "Nango logs are disabled"),
        ("nope", {}, "MCP error -32602: Tool nope not found"),
    ],
)
async def test_a_failure_is_a_result_that_says_so(
    sandbox: Sandbox, name: str, arguments: dict[str, Any], message: str
) -> None:
    async with official_client(sandbox) as session:
        assert await refused(session, name, **arguments) == message


@pytest.mark.parametrize(
    ("name", "arguments", "findings"),
    [
        (
            "integrations_get",
            {"id": "github"},
            'Invalid input: expected string, received undefined at integration_id\nUnrecognized key: "id"',
        ),
        ("connections_list", {"limit": 0}, "Too small: expected number to be >=1 at limit"),
        ("connections_list", {"limit": 10_001}, "Too big: expected number to be <=10000 at limit"),
        ("connect_session_create", {}, "At least one of end_user or tags must be provided"),
        (
            "connect_session_create",
            {"tags": {"a": "b"}, "webhook_url_override": "http://127.0.0.1/x"},
            "This webhook URL is not allowed.",
        ),
        (
            "integrations_create",
            {"provider": "gitlab", "integration_id": "x", "credential_source": "own", "credentials": {"type": "NONE"}},
            "invalid credentials object at credentials.type",
        ),
        (
            "integrations_create",
            {"provider": "gitlab", "integration_id": "x", "credential_source": "nango", "credentials": OAUTH},
            "credentials is only allowed when credential_source is own at credentials",
        ),
    ],
)
async def test_arguments_are_checked_before_anything_happens(
    sandbox: Sandbox, name: str, arguments: dict[str, Any], findings: str
) -> None:
    async with official_client(sandbox) as session:
        message = await refused(session, name, **arguments)
    assert message == f"MCP error -32602: Input validation error: Invalid arguments for tool {name}: {findings}"
    assert len(sandbox.services.integrations) == 6


async def test_connections_are_found_by_tags_and_paged(sandbox: Sandbox) -> None:
    ids = [await sandbox.connect("github", {"end_user_id": each}) for each in ("alice", "bob", "alice")]
    async with official_client(sandbox) as session:
        alices = await call(session, "connections_list", tags={"end_user_id": "alice"})
        second = await call(session, "connections_list", limit=1, page=1)
        none = await call(session, "connections_list", integration_id="slack")
    assert [each["connection_id"] for each in alices["connections"]] == [ids[2], ids[0]]
    assert [each["connection_id"] for each in second["connections"]] == [ids[1]]
    assert none == {"connections": []}


async def test_credentials_of_a_connection_need_their_scope(sandbox: Sandbox) -> None:
    key = {"connection_id": await sandbox.connect("github", {"end_user_id": "alice"}), "integration_id": "github"}
    async with official_client(sandbox) as session:
        full = await call(session, "connections_get", **key)
    async with official_client(sandbox, "connections:read") as session:
        plain = await call(session, "connections_get", **key)
        message = await refused(session, "connections_get", **key, force_refresh=True)
    assert full["credentials"]["access_token"]
    assert full["created_at"].endswith("Z")
    assert "credentials" not in plain
    assert "read_credentials scope" in message


async def test_a_session_that_it_makes_connects_an_end_user(sandbox: Sandbox) -> None:
    async with official_client(sandbox) as session, httpx.AsyncClient(trust_env=False) as browser:
        made = await call(
            session, "connect_session_create", tags={"end_user_id": "alice"}, allowed_integrations=["no-auth"]
        )
        assert (await browser.get(made["connect_link"])).status_code == 200
        done = await browser.post(
            f"{sandbox.base_url}/auth/unauthenticated/no-auth", params={"connect_session_token": made["token"]}
        )
        assert done.status_code == 200
        (found,) = (await call(session, "connections_list"))["connections"]
    assert found["tags"] == {"end_user_id": "alice"}


async def echo(request: Request, body: bytes) -> Response:
    return JSONResponse(
        {
            "method": request.method,
            "path": request.url.path,
            "query": request.url.query,
            "headers": dict(request.headers),
            "body": json.loads(body) if body else None,
            "large": 2**60,
        },
        status_code=418,
    )


async def upstream(scope: Any, receive: Any, send: Any) -> None:
    request = Request(scope, receive)
    await (await echo(request, await request.body()))(scope, receive, send)


async def test_the_proxy_passes_requests_and_answers_through() -> None:
    plain = Integration("api", "private-api-bearer", "An API", "API_KEY")
    options = Options(upstreams={"http://upstream.test": upstream})
    async with Sandbox(integrations=(*all_apps(), plain), options=options) as sandbox:
        imported = {
            "provider_config_key": "api",
            "connection_id": "a",
            "credentials": {"type": "API_KEY", "apiKey": "the-key"},
        }
        headers = {"Authorization": f"Bearer {sandbox.api_key.get_secret_value()}"}
        async with httpx.AsyncClient(base_url=sandbox.base_url, headers=headers, trust_env=False) as http:
            assert (await http.post("/connections", json=imported)).status_code == 201
        async with official_client(sandbox) as session:
            answer = await call(
                session,
                "proxy_request",
                method="POST",
                path="/a b/c?x=1",
                integration_id="api",
                connection_id="a",
                base_url_override="http://upstream.test",
                query_params={"y": ["2", 3]},
                headers={"X-More": "yes"},
                body={"título": [1, None]},
            )
    assert answer["status"] == 418
    seen = answer["body"]
    assert (seen["method"], seen["path"], seen["query"]) == ("POST", "/a b/c", "x=1&y=2&y=3")
    assert seen["body"] == {"título": [1, None]}
    assert (seen["headers"]["authorization"], seen["headers"]["x-more"]) == ("Bearer the-key", "yes")
    assert seen["large"] == str(2**60)


async def test_the_host_serves_nothing_else(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    host = {"Host": host_of(sandbox)}
    for method, path in (("GET", "/connections"), ("GET", "/"), ("POST", "/mcp/x"), ("DELETE", "/mcp")):
        answer = await http.request(method, path, headers=host)
        assert (answer.status_code, answer.json()) == (404, {"error": {"code": "not_found", "message": "Not found"}})
    get = await http.get("/mcp", headers=host)
    assert (get.status_code, get.json()["error"]["message"]) == (405, "Method not allowed.")
    async with httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False) as nobody:
        assert (await nobody.post("/mcp", headers=host, json={})).status_code == 401
    other = await http.get("/mcp", headers={"Host": "mcp.example.com"})
    assert other.status_code == 400

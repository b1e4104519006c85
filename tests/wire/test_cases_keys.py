"""Scopes of API keys, and the Management MCP, which shows a key only what it may use (NANGO.md 6, 21 and 26)."""

from collections.abc import Callable
from typing import Any

from wire_cases import ANY, Case, error, on, unauthorized
from wire_upstream import ADDRESS

MCP, READ, EXECUTE = ("environment:mcp",), ("environment:connections:read",), ("environment:actions:execute",)
ONE = "GET /connections/gh-alice?provider_config_key=github"
BOTH = {"accept": "application/json, text/event-stream"}
GITHUB = {**on("gh-alice", "github"), **BOTH}
HOST = {"host": "mcp.localhost", **BOTH}
TIME = "<time Z>"
WHO = {"connectionId": "gh-alice", "providerConfigKey": "github", "metadata": {"owner": "octo"}, "at": "<milliseconds>"}
ALICE = {
    "id": "<number>",
    "connection_id": "gh-alice",
    "provider_config_key": "github",
    "provider": "github",
    "errors": [],
    "end_user": None,
    "tags": {"team": "Blue", "end_user_id": "alice"},
    "metadata": {"owner": "octo"},
}
FULL = {**ALICE, "connection_config": {}, "webhook_url_override": None}
TOKEN = {"type": "OAUTH2", "access_token": "token-of-alice"}
TOOLS = (
    "connect_session_create", "integrations_list", "integrations_get", "integrations_create", "integrations_update",
    "integrations_delete", "connections_list", "connections_get", "proxy_request", "logs_list_operations", "logs_get_operation",
)  # fmt: skip


def forbidden(required: str) -> dict[str, Any]:
    return error("forbidden", f"Insufficient scope. Required{required}")


def rpc(name: str, method: str, answer: Any, *, key: Any = None, **params: Any) -> Case:
    """A request to the Management MCP, which is told by its host."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method, **({"params": params} if params else {})}
    return Case(name, "POST /mcp", 200, answer, message, HOST, key)


def result(value: Any) -> list[Any]:
    return [{"result": value, "jsonrpc": "2.0", "id": 1}]


def call(name: str, tool: str, answer: Any, scopes: tuple[str, ...] | None = None, /, **arguments: Any) -> Case:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
    return Case(name, "POST /mcp", 200, answer, message, HOST, scopes)


def structured(value: Any) -> list[Any]:
    """The same twice: as text, and as structured content."""
    return result(
        {"content": [{"type": "text", "text": {"json": value, "indented": True}}], "structuredContent": value}
    )


def is_error(message: str) -> list[Any]:
    return result({"content": [{"type": "text", "text": message}], "isError": True})


def bad_arguments(tool: str, what: str) -> list[Any]:
    return is_error(f"MCP error -32602: Input validation error: Invalid arguments for tool {tool}: {what}")


def proxied(name: str, path: str, status: int, body: Any, **headers: Any) -> Case:
    told = {"date": "<date>", "content-type": "application/json", **headers}
    return call(
        name,
        "proxy_request",
        structured({"status": status, "headers": told, "body": body}),
        method="GET",
        path=path,
        integration_id="private-api-bearer",
        connection_id="pab-alice",
        base_url_override=ADDRESS,
    )


GITHUB_APP = {
    "unique_key": "github",
    "provider": "github",
    "display_name": "GitHub",
    "logo": "<address>images/template-logos/github.svg",
    "forward_webhooks": True,
    "created_at": TIME,
    "updated_at": TIME,
}
MADE = {
    **GITHUB_APP,
    "unique_key": "made",
    "provider": "unauthenticated",
    "display_name": "Unauthenticated",
    "logo": "<address>images/template-logos/unauthenticated.svg",
}
LIMITED = {
    "x-ratelimit-limit": "60",
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": "<epoch>",
    "x-request-id": "req-1",
}

TABLE = (
    Case("a key for MCP lists tools", "POST /mcp", 200, [{"result": {"tools": "<objects>"}, "jsonrpc": "2.0", "id": 1}], {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, GITHUB, MCP),
    Case("a key for MCP runs actions there", "POST /mcp", 200, [{"result": {"content": [{"type": "text", "text": {"json": WHO, "indented": True}}]}, "jsonrpc": "2.0", "id": 1}], {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}, GITHUB, MCP),
    Case("a key for MCP runs no action over REST", "POST /action/trigger", 403, forbidden(": environment:actions:execute"), {"action_name": "whoami"}, GITHUB, MCP),
    Case("a key for actions runs them over REST", "POST /action/trigger", 200, WHO, {"action_name": "whoami"}, GITHUB, EXECUTE),
    Case("a key for actions uses no MCP", "POST /mcp", 403, forbidden(": environment:mcp"), {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, GITHUB, EXECUTE),
    Case("a key for all runs actions", "POST /action/trigger", 200, WHO, {"action_name": "whoami"}, GITHUB, ("environment:*",)),
    Case("a key for a whole subject", ONE, 200, {**FULL, "created_at": ANY, "updated_at": ANY, "last_fetched_at": ANY, "credentials": ANY}, key=("environment:connections:*",)),
    Case("a key to read connections sees no credentials", ONE, 200, {**FULL, "created_at": ANY, "updated_at": ANY, "last_fetched_at": ANY, "credentials": {}}, key=READ),
    Case("a key to read credentials sees them", ONE, 200, {**FULL, "created_at": ANY, "updated_at": ANY, "last_fetched_at": ANY, "credentials": {**TOKEN, "raw": TOKEN}}, key=(*READ, "environment:connections:read_credentials")),
    Case("a key to read connections may not refresh", f"{ONE}&force_refresh=true", 403, error("forbidden", "Credential and refresh options require the environment:connections:read_credentials scope"), key=READ),
    Case("a key to read one connection lists none", "GET /connections", 403, forbidden(" one of: environment:connections:list or environment:connections:list_credentials"), key=READ),
    Case("a key to list connections lists them", "GET /connections?connectionId=gh-alice", 200, {"connections": [{**ALICE, "created": ANY}]}, key=("environment:connections:list",)),
    Case("a key to read integrations sees no credentials", "GET /integrations/github?include=credentials", 200, {"data": GITHUB_APP}, key=("environment:integrations:read",)),
    Case("a key for sessions makes them", "POST /connect/sessions", 201, sends={"tags": {}}, key=("environment:connect_sessions:write",)),
    rpc("initialize", "initialize", result({"protocolVersion": "2025-06-18", "capabilities": {"tools": {"listChanged": True}}, "serverInfo": {"name": "Nango Management MCP server", "version": "1.0.0"}}), protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "t", "version": "1"}),
    Case("a notification", "POST /mcp", 202, "", {"jsonrpc": "2.0", "method": "notifications/initialized"}, HOST),
    rpc("all tools", "tools/list", result({"tools": "<objects>"})),
    rpc("a key for the hosted MCP sees no tools", "tools/list", result({"tools": []}), key=MCP),
    rpc("a key to read connections sees one tool", "tools/list", result({"tools": "<objects>"}), key=READ),
    rpc("a key for sessions sees one tool", "tools/list", result({"tools": "<objects>"}), key=("environment:connect_sessions:write",)),
    Case("GET is not allowed", "GET /mcp", 405, {"jsonrpc": "2.0", "error": {"code": -32000, "message": "Method not allowed."}, "id": None}, headers=HOST),
    Case("the API is not on this host", "GET /connections", 404, error("not_found", "Not found"), headers=HOST),
    Case("no key", "POST /mcp", 401, unauthorized("missing_auth_header", "The request is missing the Authorization header."), {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, HOST, ""),
    call("integrations", "integrations_list", structured({"data": "<objects>"})),
    call("an integration", "integrations_get", structured({"data": GITHUB_APP}), integration_id="github"),
    call("an integration that does not exist", "integrations_get", is_error('Integration "nope" does not exist'), integration_id="nope"),
    call("an argument is missing, another not known", "integrations_get", bad_arguments("integrations_get", 'Invalid input: expected string, received undefined at integration_id\nUnrecognized key: "key"'), key="github"),
    call("connections by tag", "connections_list", structured({"connections": "<objects>"}), tags={"end_user_id": "alice"}),
    call("a limit of nothing", "connections_list", bad_arguments("connections_list", "Too small: expected number to be >=1 at limit"), limit=0),
    call("a connection", "connections_get", structured({**FULL, "created_at": TIME, "updated_at": TIME, "last_fetched_at": TIME, "credentials": {**TOKEN, "raw": TOKEN}}), connection_id="gh-alice", integration_id="github"),
    call("a connection that does not exist", "connections_get", is_error("Failed to find connection"), connection_id="nope", integration_id="github"),
    call("a connection whose refresh fails", "connections_get", is_error("The external API returned an error when trying to refresh the access token. Please try again later."), connection_id="hs-alice", integration_id="hubspot"),
    call("a session", "connect_session_create", structured({"token": "<session token>", "connect_link": "<address>?session_token=<session token>", "expires_at": TIME}), tags={"end_user_id": "alice"}),
    call("a session for nobody", "connect_session_create", bad_arguments("connect_session_create", "At least one of end_user or tags must be provided")),
    call("a session for integrations that do not exist", "connect_session_create", is_error("Integrations do not exist: nope"), tags={"a": "b"}, allowed_integrations=["github", "nope"]),
    proxied("a request through the proxy", "/user", 200, {"login": "dummy"}),
    proxied("the upstream's error is no error of the tool", "/status/404", 404, {"message": "upstream says 404", "documentation_url": "x"}, **LIMITED),
    proxied("all of the upstream's headers come", "/status/429", 429, {"message": "upstream says 429", "documentation_url": "x"}, **LIMITED, **{"retry-after": "7"}),
    call("a request for a connection that does not exist", "proxy_request", is_error("Failed to get connection"), method="GET", path="/user", integration_id="private-api-bearer", connection_id="nope"),
    call("logs are not kept", "logs_list_operations", is_error("Nango logs are disabled")),
    call("an unknown tool", "nope", is_error("MCP error -32602: Tool nope not found")),
    call("a tool beyond the key's scopes", "connections_list", is_error("MCP error -32602: Tool connections_list disabled"), MCP),
    call("a new integration", "integrations_create", structured({"data": MADE}), provider="unauthenticated", integration_id="made", credential_source="own"),
    call("its end", "integrations_delete", structured({"success": True}), integration_id="made"),
    call("it can end once", "integrations_delete", is_error('Integration "made" does not exist'), integration_id="made"),
)  # fmt: skip


def test_keys_and_management_answer_as_a_real_server(case: Case, told: Callable[[Case], list[str]]) -> None:
    assert not told(case)


def _tools(bodies: Callable[[str], Any], name: str) -> dict[str, Any]:
    return {tool["name"]: tool for tool in bodies(name)[0]["result"]["tools"]}


def test_management_has_eleven_tools_with_annotations_and_output_schemas(bodies: Callable[[str], Any]) -> None:
    tools = _tools(bodies, "all tools")
    assert tuple(tools) == TOOLS
    for tool in tools.values():
        assert set(tool) == {"name", "description", "inputSchema", "outputSchema", "annotations", "execution"}
        assert tool["inputSchema"]["type"] == tool["outputSchema"]["type"] == "object"
        assert tool["execution"] == {"taskSupport": "forbidden"}


def test_management_says_what_reads_and_what_destroys(bodies: Callable[[str], Any]) -> None:
    annotations = {name: tool["annotations"] for name, tool in _tools(bodies, "all tools").items()}
    reading = {name for name, each in annotations.items() if each["readOnlyHint"]}
    assert reading == {"integrations_list", "integrations_get", "connections_list", "logs_list_operations", "logs_get_operation"}  # fmt: skip
    assert {name for name, each in annotations.items() if each.get("destructiveHint")} == {
        "integrations_delete",
        "proxy_request",
    }


def test_a_key_sees_only_the_tools_of_its_scopes(bodies: Callable[[str], Any]) -> None:
    assert list(_tools(bodies, "a key to read connections sees one tool")) == ["connections_get"]
    assert list(_tools(bodies, "a key for sessions sees one tool")) == ["connect_session_create"]

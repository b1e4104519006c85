"""The hosted MCP: one connection's actions as tools, every failure as -32603 (NANGO.md 1 to 7)."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from wire_cases import ANY, Case, error, invalid, missing, on, unauthorized
from wire_upstream import NOBODY_LISTENS, Upstream

SERVER = {"second": True, "without": "delete-issue"}
BOTH = {"accept": "application/json, text/event-stream"}
GITHUB = {**on("gh-alice", "github"), **BOTH}
NOT_ACCEPTABLE = {
    "jsonrpc": "2.0",
    "error": {
        "code": -32000,
        "message": "Not Acceptable: Client must accept both application/json and text/event-stream",
    },
    "id": None,
}
NOT_ALLOWED = {"jsonrpc": "2.0", "error": {"code": -32000, "message": "Method not allowed."}, "id": None}
NO_CONNECTION = error(
    "unknown_connection", "Provided connection-id and provider-config-key do not match a valid connection"
)
VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07")
STREAM = {"content-type": "text/event-stream"}


def rpc(
    name: str,
    method: str,
    answer: Any,
    *,
    headers: Mapping[str, str] = GITHUB,
    status: int = 200,
    key: Any = None,
    **params: Any,
) -> Case:
    message = {"jsonrpc": "2.0", "id": 5, "method": method, **({"params": params} if params else {})}
    return Case(name, "POST /mcp", status, answer, message, headers, key=key)


def result(value: Any) -> list[Any]:
    return [{"result": value, "jsonrpc": "2.0", "id": 5}]


def refused(message: Any, code: int = -32603) -> list[Any]:
    return [{"jsonrpc": "2.0", "id": 5, "error": {"code": code, "message": message}}]


def call(
    name: str, tool: str, answer: Any, arguments: Any = None, headers: Mapping[str, str] = GITHUB, **more: Any
) -> Case:
    params = {"name": tool, **({} if arguments is None else {"arguments": arguments}), **more}
    message = {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params}
    return Case(name, "POST /mcp", 200, answer, message, headers)


def output(value: Any) -> list[Any]:
    """The output as indented JSON in one block of text, and nothing else."""
    text = {"json": value, "indented": bool(value)} if isinstance(value, dict | list) else json.dumps(value)
    return result({"content": [{"type": "text", "text": text}]})


def failure(code: str, status: int, message: str, payload: Any, /, **more: Any) -> list[Any]:
    """The real error stands as JSON in the message."""
    told = {"message": message, "type": code, "status": status, "payload": payload, **more}
    return refused({"json": told, "indented": False})


def runtime_error(**payload: Any) -> list[Any]:
    return failure("action_script_runtime_error", 500, "The action script failed with a runtime error", payload)


def upstream_says(status: int) -> list[Any]:
    body = {"message": f"upstream says {status}", "documentation_url": "x"}
    headers = {
        "content-type": "application/json",
        "x-ratelimit-limit": "60",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "<epoch>",
    }
    upstream = {"upstream_response": {"status": status, "headers": headers, "body": body}}
    return failure(
        "script_http_error", 424, "An error occurred during an HTTP call", body, additional_properties=upstream
    )


def thrown(code: str, text: str, message: str, /, **more: str) -> list[Any]:
    payload = {**more, "message": message, "name": "Error", "stacktrace": [f"Error: {message}", "<stack frame>"]}
    return failure(code, 500, text, payload)


def initialized(version: str) -> list[Any]:
    return result(
        {
            "protocolVersion": version,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "Nango Connection Tools MCP server", "version": "1.0.0"},
        }
    )


def initialize(name: str, asked: str, answered: str) -> Case:
    return rpc(
        name,
        "initialize",
        initialized(answered),
        protocolVersion=asked,
        capabilities={},
        clientInfo={"name": "t", "version": "1"},
    )


TABLE = (
    *(initialize(f"initialize speaks {version}", version, version) for version in VERSIONS),
    initialize("initialize with a version of the future", "2100-01-01", VERSIONS[0]),
    Case("a notification has no answer", "POST /mcp", 202, "", {"jsonrpc": "2.0", "method": "notifications/initialized"}, GITHUB),
    rpc("ping", "ping", result({})),
    rpc("a session id is ignored", "ping", result({}), headers={**GITHUB, "mcp-session-id": "mine"}),
    rpc("a version header that is supported", "ping", result({}), headers={**GITHUB, "mcp-protocol-version": "2024-11-05"}),
    rpc("a version header that is not", "ping", {"jsonrpc": "2.0", "error": {"code": -32000, "message": f"Bad Request: Unsupported protocol version: 1.0 (supported versions: {', '.join(VERSIONS)})"}, "id": None}, headers={**GITHUB, "mcp-protocol-version": "1.0"}, status=400),
    *(rpc(f"{method} is not found", method, refused("Method not found", -32601)) for method in ("resources/list", "prompts/list", "resources/templates/list", "completion/complete", "x")),
    *(rpc(f"accepting {accept} only", "ping", NOT_ACCEPTABLE, headers={**GITHUB, "accept": accept}, status=406) for accept in ("application/json", "text/event-stream", "*/*")),
    Case("a batch is answered one by one", "POST /mcp", 200, [{"result": {}, "jsonrpc": "2.0", "id": "a"}, {"result": {}, "jsonrpc": "2.0", "id": 2}], [{"jsonrpc": "2.0", "id": "a", "method": "ping"}, {"jsonrpc": "2.0", "id": 2, "method": "ping"}], GITHUB),
    Case("no JSON-RPC", "POST /mcp", 400, {"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error: Invalid JSON-RPC message"}, "id": None}, {"method": "ping"}, GITHUB),
    Case("JSON that is cut off", "POST /mcp", 400, error("invalid_json", "Unexpected end of JSON input"), '{"jsonrpc": "2.0"', GITHUB),
    Case("no JSON at all", "POST /mcp", 415, error("invalid_content_type", "Content-Type header must be application/json"), "ping", {**GITHUB, "content-type": "text/plain"}),
    Case("GET is not allowed", "GET /mcp", 405, NOT_ALLOWED, headers=GITHUB),
    Case("GET without headers is not allowed either", "GET /mcp", 405, NOT_ALLOWED),
    Case("DELETE does not exist", "DELETE /mcp", 404, "<HTML page, omitted>", headers=GITHUB),
    rpc("no connection id", "tools/list", invalid("headers", missing("connection-id")), headers={**BOTH, "provider-config-key": "github"}, status=400),
    rpc("no integration", "tools/list", invalid("headers", missing("provider-config-key")), headers={**BOTH, "connection-id": "gh-alice"}, status=400),
    rpc("neither", "tools/list", invalid("headers", missing("connection-id"), missing("provider-config-key")), headers=BOTH, status=400),
    rpc("a malformed connection id", "tools/list", invalid("headers", ("invalid_format", ANY, "connection-id")), headers={**BOTH, **on("a<b", "github")}, status=400),
    rpc("an unknown connection", "tools/list", NO_CONNECTION, headers={**BOTH, **on("nope", "github")}, status=400),
    rpc("a connection of another integration", "tools/list", NO_CONNECTION, headers={**BOTH, **on("pab-alice", "github")}, status=400),
    rpc("an unknown integration", "tools/list", NO_CONNECTION, headers={**BOTH, **on("gh-alice", "nope")}, status=400),
    rpc("no key", "tools/list", unauthorized("missing_auth_header", "The request is missing the Authorization header."), status=401, key=""),
    rpc("a key of another form", "tools/list", unauthorized("invalid_secret_key_format", "The provided secret key is not a UUID v4."), status=401, key="x"),
    rpc("a key of nobody", "tools/list", unauthorized("unknown_account", "The provided authorization header does not match any account."), status=401, key="11111111-2222-4333-8444-555555555555"),
    rpc("the tools of hubspot", "tools/list", result({"tools": [
        {"name": "list-contacts", "inputSchema": {"type": "object", "properties": {"limit": {"type": "number"}}}, "description": "Same name as a github action"},
        {"name": "call-provider", "inputSchema": {"type": "object"}, "description": "Calls the provider with the connection credentials"},
        {"name": "dup", "inputSchema": {"type": "object"}, "description": "An action with the name of a sync"},
    ]}), headers={**BOTH, **on("hs-alice", "hubspot")}),
    rpc("the tools of an integration with one action", "tools/list", result({"tools": [{"name": "echo", "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}, "description": "Echoes its input"}]}), headers={**BOTH, **on("na-alice", "no-auth")}),
    rpc("the tools of github: no array for input, none disabled", "tools/list", result({"tools": "<objects>"})),
    rpc("no tools", "tools/list", result({"tools": []}), headers={**BOTH, **on("pab-alice", "private-api-bearer")}),
    rpc("tools are not paginated", "tools/list", result({"tools": "<objects>"}), cursor="2"),
    call("an object", "get-issue", output({"id": 9, "title": "Issue 9", "state": "open"}), {"owner": "a", "repo": "b", "number": 9}),
    call("no arguments", "whoami", output({"connectionId": "gh-alice", "providerConfigKey": "github", "metadata": {"owner": "octo"}, "at": "<milliseconds>"})),
    call("null", "returns-nothing", output(None), {}),
    call("a string", "returns-string", output("just a string"), {}),
    call("an array", "returns-array", output([1, 2, 3]), {}),
    call("a required argument is missing", "create-issue", output({"id": 42, "state": "open"}), {}),
    call("an argument that is not known", "get-issue", output({"id": 1, "title": "Issue 1", "state": "open"}), {"number": 1, "x": 1}),
    call("the function refuses its arguments", "validate-input", runtime_error(message="Invalid input provided"), {"number": "1"}),
    call("an ActionError", "fail-action-error", runtime_error(code="quota", details={"field": "x"}, message="no"), {"message": "no"}),
    call("a thrown error", "fail-throw", thrown("script_internal_error", "An internal error occurred during the script execution", "oh"), {"message": "oh"}),
    call("a network error", "fail-network", thrown("script_network_error", "A network error occurred during an HTTP call", f"connect ECONNREFUSED {NOBODY_LISTENS}", code="ECONNREFUSED")),
    *(call(f"the upstream answers {status}", "fail-upstream", upstream_says(status), {"status": status}) for status in (400, 401, 403, 404, 422, 429, 500, 503)),
    call("an unknown tool", "nope", refused("Action nope not found"), {}),
    call("no name", "", refused("Action  not found"), {}),
    call("the name of a sync", "issues", refused("Action issues not found"), {}),
    call("a tool of another integration", "echo", refused("Action echo not found"), {"text": "x"}),
    call("a disabled tool", "delete-issue", failure("action_script_failure", 500, "The action script failed with an error: {}", {"error": "Action is disabled: <uuid>"}), {"number": 1}),
    call("an action that is not listed can be called", "array-input", output({}), {"a": 1}),
    call("arguments that are an array", "array-input", refused({"json": [{"expected": "record", "code": "invalid_type", "path": ["params", "arguments"], "message": "Invalid input: expected record, received array"}], "indented": True}), ["a"]),
    call("a task is not supported", "whoami", refused("Server does not support task creation (required for tools/call)"), {}, task={"ttl": 1000}),
    call("a progress token is ignored", "returns-array", output([1, 2, 3]), {}, _meta={"progressToken": 1}),
    call("a failing tool is not retried", "counted", runtime_error(count=1, message="failed after side effect"), {"key": "mcp", "fail": True}),
    Case("a call without an id is not made", "POST /mcp", 202, "", {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "counted", "arguments": {"key": "notified"}}}, GITHUB),
    call("credentials that cannot be refreshed do not matter to a tool that takes none", "list-contacts", output({"who": "hubspot"}), {}, {**BOTH, **on("hs-alice", "hubspot")}),
)  # fmt: skip


def message(name: str, status: int, answer: Any, sends: Any, headers: Mapping[str, str] = GITHUB) -> Case:
    return Case(name, "POST /mcp", status, answer, sends, headers)


def refusal(code: int, text: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": {"code": code, "message": text}, "id": None}


def misfit(*found: tuple[str, str, str]) -> list[Any]:
    """What was expected, what was received, and the dotted path."""
    issues = [
        {"expected": expected, "code": "invalid_type", "path": path.split("."), "message": f"Invalid input: expected {expected}, received {received}"}
        for expected, received, path in found
    ]  # fmt: skip
    return refused({"json": issues, "indented": True})


NO_RPC = refusal(-32700, "Parse error: Invalid JSON-RPC message")
ID = {"jsonrpc": "2.0", "id": 5}
PING = {**ID, "method": "ping"}
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
CHECKED = (
    Case("no content type", "POST /mcp", 415, refusal(-32000, "Unsupported Media Type: Content-Type must be application/json"), headers=GITHUB),
    message("no message at all", 202, "", []),
    message("a greeting beside something else", 400, refusal(-32600, "Invalid Request: Only one initialization request is allowed"), [{**ID, "method": "initialize", "params": HELLO}, PING]),
    message("more than a hundred messages", 400, refusal(-32600, "Invalid Request: Batch must not exceed 100 messages"), [PING] * 101),
    *(message(f"a member that is not known {where}", 400, NO_RPC, {**each, "extra": 1}) for where, each in (("in a request", PING), ("in a notification", {"jsonrpc": "2.0", "method": "notifications/x"}), ("in a response", {**ID, "result": {}}))),
    *(message(f"a response whose {part} is {value}", 400, NO_RPC, {**ID, part: value}) for part, value in (("result", 5), ("error", 5), ("error", {"code": 1.5, "message": "x"}))),
    *(message(f"a response with {part}", 202, "", {**ID, part: value}) for part, value in (("result", {}), ("error", {"code": 1, "message": "x"}))),
    *(message(f"parameters that are {value}", 400, NO_RPC, {**PING, "params": value}) for value in (None, [], {"_meta": 5}, {"_meta": {"progressToken": 1.5}}, {"_meta": {"io.modelcontextprotocol/related-task": 5}})),
    *(message(f"the id {value}", 400, NO_RPC, {**PING, "id": value}) for value in (None, True, 1.5, 1e20)),
    message("an id that is a whole number", 200, result({}), {**PING, "id": 5.0}),
    rpc("a cursor that is a number", "tools/list", misfit(("string", "number", "params.cursor")), cursor=5),
    message("arguments that are null", 200, misfit(("record", "null", "params.arguments")), {**ID, "method": "tools/call", "params": {"name": "counted", "arguments": None}}),
    rpc("a call without parameters", "tools/call", misfit(("object", "undefined", "params"))),
    message("a call of nothing", 200, misfit(("string", "undefined", "params.name")), {**ID, "method": "tools/call", "params": {}}),
    message("a call that is wrong twice", 200, misfit(("string", "number", "params.name"), ("record", "number", "params.arguments")), {**ID, "method": "tools/call", "params": {"name": 5, "arguments": 5}}),
    message("a task that is none", 200, misfit(("object", "number", "params.task")), {**ID, "method": "tools/call", "params": {"name": "whoami", "task": 5}}),
    message("a greeting without parameters", 200, misfit(("object", "undefined", "params")), {**ID, "method": "initialize"}),
    rpc("a greeting of nobody", "initialize", misfit(("object", "undefined", "params.capabilities"), ("object", "undefined", "params.clientInfo")), protocolVersion="2025-06-18"),
    message("a greeting by somebody without a name", 200, misfit(("object", "number", "params.capabilities"), ("string", "undefined", "params.clientInfo.name")), {**ID, "method": "initialize", "params": {**HELLO, "capabilities": 5, "clientInfo": {"version": "1"}}}),
    rpc("a greeting with a version header of the future", "initialize", initialized("2025-06-18"), headers={**GITHUB, "mcp-protocol-version": "2100-01-01"}, **HELLO),
    Case("GET with a key for something else", "GET /mcp", 403, error("forbidden", "Insufficient scope. Required: environment:mcp"), key=("environment:proxy",)),
)  # fmt: skip
TABLE += CHECKED


def test_mcp_answers_as_a_real_server(case: Case, told: Callable[[Case], list[str]]) -> None:
    assert not told(case)


def test_a_tool_has_a_name_a_schema_and_a_description_and_nothing_else(bodies: Callable[[str], Any]) -> None:
    tools = bodies("the tools of github: no array for input, none disabled")[0]["result"]["tools"]
    named = {tool["name"]: tool for tool in tools}
    assert {"array-input", "delete-issue"}.isdisjoint(named)
    assert {"list-issues", "nested-input", "no-endpoint", "slow-count"} <= set(named)
    assert {key for tool in tools for key in tool} == {"name", "inputSchema", "description"}
    assert {key for tool in tools for key in tool["inputSchema"]} == {"type", "properties", "required"}
    assert named["fail-network"]["inputSchema"] == {"type": "object"}


def test_tools_ran_as_often_as_the_answers_say(told: Callable[[Case], list[str]], upstream: Upstream) -> None:
    assert upstream.counts == {"mcp": 1}

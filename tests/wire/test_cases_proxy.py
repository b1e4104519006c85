"""The proxy, and connections that need to be authorized again (NANGO.md 18 and 25)."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from wire_cases import Case, error, invalid, missing, on, unauthorized
from wire_upstream import ADDRESS, NOBODY_LISTENS

SERVER = {"second": True}
TO = {"base-url-override": ADDRESS}
PAB = {**on("pab-alice", "private-api-bearer"), **TO}
HUBSPOT = on("hs-alice", "hubspot")
NOT_ALLOWED = error("base_url_override_not_allowed", "This outbound URL is not allowed by server configuration.")
REFUSED = "The external API returned an error when trying to refresh the access token. Please try again later."
BACKING_OFF = "A recent refresh attempt failed. Backing off before retrying."
TIME = "<time +00:00>"
NEEDED = {"type": "auth", "log_id": "<log id>"}
LISTED = {
    "id": "<number>",
    "connection_id": "hs-alice",
    "provider_config_key": "hubspot",
    "provider": "hubspot",
    "errors": [NEEDED],
    "end_user": None,
    "tags": {"end_user_id": "alice"},
    "metadata": {},
}
FULL = {
    **LISTED,
    "connection_config": {},
    "webhook_url_override": None,
    "created_at": TIME,
    "updated_at": TIME,
    "last_fetched_at": TIME,
    "credentials": {},
}
BROKEN = error("invalid_credentials", BACKING_OFF, payload={"connection": FULL})
CALL = {"action_name": "call-provider"}
UPSTREAM = {"status": 424, "headers": "<any>", "body": BROKEN}
FRESH = {"type": "OAUTH2", "access_token": "new"}


def echo(
    method: str, path: str, body: str = "", authorization: str | None = "Bearer key-of-alice", **headers: str
) -> dict[str, Any]:
    """What arrived at the upstream."""
    sent = {
        "accept": "application/json, text/plain, */*",
        "host": "10.99.0.1:4010",
        **({"authorization": authorization} if authorization else {}),
        **headers,
    }
    return {
        "method": method,
        "path": path,
        "headers": sent,
        "body": {"json": json.loads(body), "indented": False} if body else "",
    }


def proxy(name: str, request: str, status: int, body: Any, *, headers: Mapping[str, str] = PAB, **more: Any) -> Case:
    method, path = request.split(" ")
    return Case(name, f"{method} /proxy{path}", status, body, headers=headers, **more)


def says(status: int) -> dict[str, str]:
    return {"message": f"upstream says {status}", "documentation_url": "x"}


JSON = {"content-type": "application/json"}

TABLE = (
    proxy("GET with a query", "GET /a/b?c=1&d=2&d=3", 200, echo("GET", "/a/b?c=1&d=2&d=3")),
    *(proxy(f"{method} with a body", f"{method} /a", 200, echo(method, "/a", '{"y":[1,null]}', **JSON), sends={"y": [1, None]}) for method in ("POST", "PUT", "PATCH")),
    proxy("DELETE", "DELETE /a", 200, echo("DELETE", "/a")),
    proxy("HEAD has no body", "HEAD /a", 200, ""),
    proxy("no path", "GET ", 200, echo("GET", "/")),
    proxy("headers of the caller's own are not passed on", "GET /a", 200, echo("GET", "/a"), headers={**PAB, "x-mine": "1"}),
    proxy("headers with the prefix are passed on without it", "GET /a", 200, echo("GET", "/a", **{"x-mine": "1"}), headers={**PAB, "nango-proxy-x-mine": "1"}),
    proxy("a form becomes JSON", "POST /a", 200, echo("POST", "/a", '{"b":"c"}', **JSON), headers={**PAB, "content-type": "application/x-www-form-urlencoded"}, sends="b=c"),
    *(proxy(f"the upstream's {status} is passed on", f"GET /status/{status}", status, says(status)) for status in (400, 401, 403, 404, 409, 422, 500, 503)),
    proxy("the upstream's 429 keeps its Retry-After", "GET /status/429", 429, says(429), answered_headers={"retry-after": "7"}),
    proxy("retries do not change the last answer", "GET /status/500", 500, says(500), headers={**PAB, "retries": "1"}),
    proxy("retries that are no number", "GET /a", 400, invalid("headers", ("invalid_type", "Invalid input: expected number, received NaN", "retries")), headers={**PAB, "retries": "some"}),
    proxy("nobody listens upstream", "POST /a", 500, {"message": f"connect ECONNREFUSED {NOBODY_LISTENS}", "code": "ECONNREFUSED", "method": "post"}, headers={**PAB, "base-url-override": f"http://{NOBODY_LISTENS}"}, sends={}),
    proxy("this machine is not reached", "GET /a", 400, NOT_ALLOWED, headers={**PAB, "base-url-override": "http://localhost:4010"}),
    proxy("a provider without an address is not reached", "GET /a", 400, NOT_ALLOWED, headers=on("pab-alice", "private-api-bearer")),
    proxy("no connection id", "GET /a", 400, invalid("headers", missing("connection-id")), headers={**TO, "provider-config-key": "github"}),
    proxy("no integration", "GET /a", 400, invalid("headers", missing("provider-config-key")), headers={**TO, "connection-id": "gh-alice"}),
    proxy("an unknown connection", "GET /a", 400, error("server_error", "Failed to get connection"), headers={**TO, **on("nope", "github")}),
    proxy("an unknown integration", "GET /a", 404, error("unknown_provider_config", "Provider config not found for the given provider config key. Please make sure the provider config exists in the Nango dashboard."), headers={**TO, **on("gh-alice", "nope")}),
    proxy("no key", "GET /a", 401, unauthorized("missing_auth_header", "The request is missing the Authorization header."), key=""),
    proxy("a key of nobody", "GET /a", 401, unauthorized("unknown_account", "The provided authorization header does not match any account."), key="11111111-2222-4333-8444-555555555555"),
    proxy("without credentials, no authorization", "GET /a", 200, echo("GET", "/a", authorization=None), headers={**TO, **on("na-alice", "no-auth")}),
    proxy("basic credentials", "GET /a", 200, echo("GET", "/a", authorization=f"Basic {base64.b64encode(b'bob:pw').decode()}"), headers={**TO, **on("basic-bob", "private-api-basic")}),
    proxy("an OAuth token", "GET /a", 200, echo("GET", "/a", authorization="Bearer token-of-alice"), headers={**TO, **on("gh-alice", "github")}),
    proxy("a token that cannot be refreshed", "GET /a", 400, error("server_error", f"Failed to get connection credentials: '{REFUSED}'"), headers={**TO, **HUBSPOT}),
    Case("then the connection needs to be authorized again", "GET /connections?connectionId=hs-alice", 200, {"connections": [{**LISTED, "created": TIME}]}),
    Case("for a while no refresh is tried", "GET /connections/hs-alice?provider_config_key=hubspot", 424, BROKEN),
    Case("unless it is forced", "GET /connections/hs-alice?provider_config_key=hubspot&force_refresh=true", 400, error("invalid_credentials", REFUSED, payload={"connection": FULL})),
    proxy("the proxy does not try either", "GET /a", 424, error("connection_refresh_backoff", BACKING_OFF), headers={**TO, **HUBSPOT}),
    Case("an action that uses the credentials fails upstream", "POST /action/trigger", 424, {"error": {"payload": BROKEN, "code": "script_http_error", "upstream": UPSTREAM}}, CALL, HUBSPOT),
    Case("a tool that uses them fails with the same", "POST /mcp", 200, [{"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": {"json": {"message": "An error occurred during an HTTP call", "type": "script_http_error", "status": 424, "payload": BROKEN, "additional_properties": {"upstream_response": UPSTREAM}}, "indented": False}}}], {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "call-provider", "arguments": {}}}, {**HUBSPOT, "accept": "application/json, text/event-stream"}),
    Case("an action that does not use them works", "POST /action/trigger", 200, {"who": "hubspot"}, {"action_name": "list-contacts"}, HUBSPOT),
    Case("new credentials clear the error", "POST /connections", 201, sends={"provider_config_key": "hubspot", "connection_id": "hs-alice", "credentials": FRESH, "tags": {"end_user_id": "alice"}}),
    Case("the connection is whole", "GET /connections/hs-alice?provider_config_key=hubspot", 200, {**FULL, "errors": [], "credentials": {**FRESH, "raw": FRESH}}),
    Case("its action works again", "POST /action/trigger", 200, sends=CALL, headers=HUBSPOT),
    proxy("and the proxy too", "GET /a", 200, echo("GET", "/a", authorization="Bearer new"), headers={**TO, **HUBSPOT}),
)  # fmt: skip


EITHER = ("invalid_value", 'Invalid option: expected one of "true"|"false"')


def refused(name: str, headers: dict[str, str], *findings: tuple[str, str, str]) -> Case:
    return proxy(name, "GET /a", 400, invalid("headers", *findings), headers={**PAB, **headers})


TABLE += (
    *(refused(f"{name} maybe", {name: "maybe"}, (*EITHER, name)) for name in ("decompress", "nango-is-sync", "nango-is-dry-run", "forward-headers-on-redirect")),
    refused("statuses that are none", {"retry-on": "a"}, ("invalid_format", "Invalid string: must match pattern /^\\d+(,\\d+)*$/", "retry-on")),
    refused("an address that is none", {"base-url-override": "nonsense"}, ("invalid_union", "Invalid input", "base-url-override")),
    refused("all of it at once", {"decompress": "", "retries": "x"}, (*EITHER, "decompress"), ("invalid_type", "Invalid input: expected number, received NaN", "retries")),
    *(proxy(f"retries {text}", "GET /a", 200, echo("GET", "/a"), headers={**PAB, "retries": text}) for text in ("", "1e0", "1.5", "-1")),
)  # fmt: skip


def test_the_proxy_answers_as_a_real_server(case: Case, told: Callable[[Case], list[str]]) -> None:
    assert not told(case)

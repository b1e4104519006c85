"""Connect sessions, and what an end user's browser does with their tokens (NANGO.md 17 and 20)."""

from collections.abc import Callable
from typing import Any

from wire_cases import Case, error, invalid, missing, unauthorized, unknown

MADE = {
    "data": {
        "token": "<session token>",
        "connect_link": "<address>?session_token=<session token>",
        "expires_at": "<time Z>",
    }
}
ALICE = {"tags": {"end_user_id": "alice"}}
RE = {"connection_id": "pab-alice", "integration_id": "private-api-bearer"}
UNKNOWN_TOKEN = f"nango_connect_session_{'a' * 64}"
NOBODYS = unauthorized(
    "unknown_connect_session_token", "The provided connect session token does not match any account."
)
NO_KEY = unauthorized("invalid_secret_key_format", "The provided secret key is not a UUID v4.")
SETTINGS = {
    "showWatermark": True,
    "defaultTheme": "system",
    "theme": {"light": {"primary": "#00B2E3"}, "dark": {"primary": "#00B2E3"}},
}
DONE = {"connectionId": "<uuid>", "providerConfigKey": "no-auth"}
INTEGRATION = {"logo": "<any>", "forward_webhooks": True, "created_at": "<time Z>", "updated_at": "<time Z>"}


def integration(key: str, provider: str, name: str) -> dict[str, Any]:
    return {"unique_key": key, "provider": provider, "display_name": name, **INTEGRATION}


def create(name: str, status: int, body: Any, sends: Any, **more: Any) -> Case:
    return Case(name, "POST /connect/sessions", status, body, sends, **more)


def reconnect(name: str, status: int, body: Any, sends: Any, **more: Any) -> Case:
    return Case(name, "POST /connect/sessions/reconnect", status, body, sends, **more)


def complete(name: str, integration: str, status: int, body: Any, *, token: str = "{token}", **more: Any) -> Case:
    """What the browser sends for an integration without credentials."""
    return Case(
        name, f"POST /auth/unauthenticated/{integration}?connect_session_token={token}", status, body, key="", **more
    )


def enter(
    name: str,
    kind: str,
    integration: str,
    status: int,
    body: Any,
    sends: Any,
    *,
    token: str = "{token}",
    query: str = "",
    **more: Any,
) -> Case:
    path = f"/api-auth/{kind}/{integration}?connect_session_token={token}{query}"
    return Case(name, f"POST {path}", status, body, sends, key="", **more)


TABLE = (
    create("a session for tags", 201, MADE, {**ALICE, "allowed_integrations": ["private-api-bearer", "no-auth"]}, keeps={"token": "data.token"}),
    create("a session for the deprecated end user", 201, MADE, {"end_user": {"id": "eve", "email": "eve@example.com"}, "organization": {"id": "acme"}}, keeps={"eve": "data.token"}),
    create("tags may be empty", 201, MADE, {"tags": {}}),
    create("no allowed integration means all", 201, MADE, {**ALICE, "allowed_integrations": []}),
    create("a webhook address of the session's own", 201, MADE, {**ALICE, "webhook_url_override": "https://example.com/hook"}),
    create("defaults for an integration", 201, MADE, {**ALICE, "integrations_config_defaults": {"github": {"user_scopes": "repo"}}}),
    create("a session for nobody", 400, invalid("body", missing("end_user", "object")), {}),
    create("an integration that does not exist", 400, invalid("body", ("custom", "Integration does not exist", "allowed_integrations.0")), {**ALICE, "allowed_integrations": ["nope"]}),
    create("a field that is not known", 400, invalid("body", unknown("user")), {**ALICE, "user": "x"}),
    create("tags with a bad key and an empty value", 400, invalid("body", ("invalid_key", "Invalid key in record", "tags.a b"), ("too_small", "Too small: expected string to have >=1 characters", "tags.c")), {"tags": {"a b": "x", "c": ""}}),
    create("ten tags", 201, MADE, {"tags": {f"k{n}": "v" for n in range(10)}}),
    create("eleven tags", 400, invalid("body", ("custom", "Tags cannot contain more than 10 keys", "tags")), {"tags": {f"k{n}": "v" for n in range(11)}}),
    create("a tag's longest value", 201, MADE, {"tags": {"a": "x" * 255}}),
    create("a webhook address on this machine", 400, invalid("body", ("custom", "This webhook URL is not allowed.", "webhook_url_override")), {**ALICE, "webhook_url_override": "http://127.0.0.1/x"}),
    create("a webhook address that is none", 400, invalid("body", ("invalid_union", "Invalid input", "webhook_url_override")), {**ALICE, "webhook_url_override": "x"}),
    Case("a query is refused", "POST /connect/sessions?x=1", 400, invalid("query_params", unknown("x")), ALICE),
    create("a session with a session's token", 401, NO_KEY, ALICE, key="{token}"),
    Case("the session itself", "GET /connect/session", 200, {"data": {"endUser": None, "connectUISettings": SETTINGS, "allowed_integrations": ["private-api-bearer", "no-auth"], "websocketsPath": "/"}}, key="{token}"),
    Case("the session shows the deprecated end user", "GET /connect/session", 200, {"data": {"endUser": {"id": "eve", "display_name": None}, "connectUISettings": SETTINGS, "websocketsPath": "/"}}, key="{eve}"),
    Case("the session with an API key", "GET /connect/session", 401, unauthorized("invalid_connect_session_token_format", "The provided connect session token is not following correct format: nango_connect_session_RANDOM)")),
    Case("the session of an unknown token", "GET /connect/session", 401, NOBODYS, key=UNKNOWN_TOKEN),
    Case("the integrations that the session allows", "GET /integrations", 200, {"data": [integration("private-api-bearer", "private-api-bearer", "Private API (Bearer Auth)"), integration("no-auth", "unauthenticated", "Unauthenticated")]}, key="{token}"),
    Case("a provider with a session's token", "GET /providers/unauthenticated", 200, key="{token}"),
    Case("connections are not for a session's token", "GET /connections", 401, NO_KEY, key="{token}"),
    Case("one integration is not for a session's token", "GET /integrations/no-auth", 401, NO_KEY, key="{token}"),
    complete("an end user connects without credentials", "no-auth", 200, DONE, keeps={"first": "connectionId"}),
    Case("the new connection has the session's tags", "GET /connections/{first}?provider_config_key=no-auth", 200, {"id": "<number>", "connection_id": "<uuid>", "provider_config_key": "no-auth", "provider": "unauthenticated", "errors": [], "end_user": None, "tags": {"end_user_id": "alice"}, "metadata": {}, "connection_config": {}, "webhook_url_override": None, "created_at": "<time +00:00>", "updated_at": "<time +00:00>", "last_fetched_at": "<any>", "credentials": {}}),
    enter("the same token serves again, for another integration", "api-key", "private-api-bearer", 200, {**DONE, "providerConfigKey": "private-api-bearer"}, {"apiKey": "k1"}),
    create("a session for one integration", 201, MADE, {**ALICE, "allowed_integrations": ["private-api-bearer"]}, keeps={"narrow": "data.token"}),
    complete("an integration that the session does not allow", "no-auth", 400, error("integration_not_allowed"), token="{narrow}"),
    enter("an empty API key", "api-key", "private-api-bearer", 400, invalid("body", ("too_small", "Too small: expected string to have >=1 characters", "apiKey")), {"apiKey": ""}, token="{narrow}"),
    enter("no API key", "api-key", "private-api-bearer", 400, invalid("body", missing("apiKey")), {}, token="{narrow}"),
    enter("the end user may not choose the connection id", "api-key", "private-api-bearer", 400, invalid("query_params", ("custom", "connection_id is forbidden when using session token", "connection_id")), {"apiKey": "k"}, token="{narrow}", query="&connection_id=mine"),
    enter("basic credentials", "basic", "private-api-basic", 200, {**DONE, "providerConfigKey": "private-api-basic"}, {"username": "u", "password": "p"}, token="{eve}"),
    enter("an API key that its provider refuses", "api-key", "github-pat", 400, error("connection_test_failed", "The given credentials were found to be invalid. Please check the credentials and try again."), {"apiKey": f"ghp_{'x' * 36}"}, token="{eve}"),
    complete("an unknown token", "no-auth", 401, NOBODYS, token=UNKNOWN_TOKEN),
    complete("the deprecated end user's connection", "no-auth", 200, DONE, token="{eve}"),
    Case("it is found by the end user's id", "GET /connections?endUserId=eve&integrationId=no-auth", 200, {"connections": [{"id": "<number>", "connection_id": "<uuid>", "provider_config_key": "no-auth", "provider": "unauthenticated", "errors": [], "end_user": {"id": "eve", "display_name": None, "email": "eve@example.com", "tags": None, "organization": "<any>"}, "tags": {"end_user_id": "eve", "organization_id": "acme", "end_user_email": "eve@example.com"}, "metadata": {}, "created": "<time +00:00>"}]}),
    create("an end user beside a tag that says another", 201, MADE, {"end_user": {"id": "one"}, "tags": {"end_user_id": "two"}, "allowed_integrations": ["no-auth"]}, keeps={"both": "data.token"}),
    complete("their connection", "no-auth", 200, DONE, token="{both}", keeps={"of both": "connectionId"}),
    Case("the tag wins among the tags", "GET /connections?tags[end_user_id]=two&endUserId=one", 200, {"connections": ["<any>"]}),
    Case("and the end user's id is not a tag", "GET /connections?tags[end_user_id]=one", 200, {"connections": []}),
    reconnect("a session to reconnect", 201, MADE, RE, keeps={"re": "data.token"}),
    Case("a session to reconnect says so", "GET /connect/session", 200, {"data": {"endUser": None, "connectUISettings": SETTINGS, "allowed_integrations": ["private-api-bearer"], "isReconnecting": True, "websocketsPath": "/"}}, key="{re}"),
    enter("reconnecting keeps the connection id", "api-key", "private-api-bearer", 200, {"connectionId": "pab-alice", "providerConfigKey": "private-api-bearer"}, {"apiKey": "k2"}, token="{re}"),
    Case("reconnecting without tags lost the tags", "GET /connections?connectionId=pab-alice", 200, {"connections": [{"id": "<number>", "connection_id": "pab-alice", "provider_config_key": "private-api-bearer", "provider": "private-api-bearer", "errors": [], "end_user": None, "tags": {}, "metadata": {}, "created": "<time +00:00>"}]}),
    reconnect("a session to reconnect with tags", 201, MADE, {**RE, "tags": {"End_User_Id": "alice"}}, keeps={"again": "data.token"}),
    enter("reconnecting with them", "api-key", "private-api-bearer", 200, {"connectionId": "pab-alice", "providerConfigKey": "private-api-bearer"}, {"apiKey": "k3"}, token="{again}"),
    Case("reconnecting with tags sets them", "GET /connections?tags[end_user_id]=alice&connectionId=pab-alice", 200, {"connections": ["<any>"]}),
    reconnect("reconnecting nothing", 400, error("invalid_body", "ConnectionID or IntegrationId does not exists"), {**RE, "connection_id": "nope"}),
    reconnect("reconnecting may not choose integrations", 400, invalid("body", unknown("allowed_integrations")), {**RE, "allowed_integrations": []}),
    reconnect("reconnecting needs the integration", 400, invalid("body", missing("integration_id")), {"connection_id": "pab-alice"}),
    Case("the start of OAuth goes to the authorize page", "GET /oauth/connect/github?connect_session_token={eve}", 302, key="", answered_headers={"location": "<text>"}),
    Case("the start of OAuth with an unknown token", f"GET /oauth/connect/github?connect_session_token={UNKNOWN_TOKEN}", 401, NOBODYS, key=""),
    Case("the provider's error comes back as a page", "GET /oauth/callback?error=access_denied&state=00000000-0000-4000-8000-000000000000", 400, "<HTML page, omitted>", key=""),
    Case("a session is ended", "DELETE /connect/session", 204, "", key="{re}"),
    Case("an ended session is unknown", "GET /connect/session", 401, NOBODYS, key="{re}"),
    complete("an ended session connects nothing", "no-auth", 401, NOBODYS, token="{re}"),
)  # fmt: skip


def test_sessions_answer_as_a_real_server(case: Case, told: Callable[[Case], list[str]]) -> None:
    assert not told(case)

"""Connect sessions, and what an end user's browser does with their tokens (NANGO.md 17 and 20)."""

from collections.abc import Callable
from typing import Any

from wire_cases import ANY, Case, error, invalid, missing, unauthorized, unknown

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
    Case("the session shows the deprecated end user", "GET /connect/session", 200, {"data": {"endUser": {"id": "eve", "display_name": None, "email": "eve@example.com", "tags": None, "organization": {"id": "acme", "display_name": None}}, "connectUISettings": SETTINGS, "websocketsPath": "/"}}, key="{eve}"),
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


BAD_EMAIL = ("invalid_format", "Invalid email address", "end_user.email")
NOWHERE = "public_key=00000000-0000-4000-8000-000000000000"
BAD_KEY = ("invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9~:.@ _-]+$/")
LONG = ("too_big", "Too big: expected string to have <=255 characters")
NO_INTEGRATION = ("custom", "Integration does not exist")


def body_refused(name: str, sends: Any, *findings: tuple[str, str, str]) -> Case:
    return create(name, 400, invalid("body", *findings), {**ALICE, **sends})


CHECKED = (
    body_refused("a tag that is to be an email", {"tags": {"End_User_Email": "nope"}}, ("custom", 'Tag "end_user_email" must be a valid email', "tags")),
    body_refused("tags that differ in case alone", {"tags": {"A": "x", "a": "y"}}, ("custom", 'Duplicate tag key after case normalization: "a"', "tags")),
    body_refused("an email that is none", {"end_user": {"id": "e", "email": "nope.nope"}}, BAD_EMAIL),
    body_refused("an email that is empty", {"end_user": {"id": "e", "email": ""}}, BAD_EMAIL, ("too_small", "Too small: expected string to have >=5 characters", "end_user.email")),
    body_refused("a long name", {"end_user": {"id": "e", "display_name": "x" * 256}}, (*LONG, "end_user.display_name")),
    body_refused("a long name of an organization", {"organization": {"id": "o", "display_name": "x" * 256}}, (*LONG, "organization.display_name")),
    body_refused("overrides for nothing", {"overrides": {"nope": {}}}, (*NO_INTEGRATION, "overrides.nope")),
    body_refused("webhooks to Nango itself", {"webhook_url_override": "https://api.nango.dev/x"}, ("custom", "This webhook URL is not allowed.", "webhook_url_override")),
    body_refused("a webhook address that is a number", {"webhook_url_override": 5}, ("invalid_union", "Invalid input", "webhook_url_override")),
    body_refused("scopes that are a number", {"integrations_config_defaults": {"github": {"connection_config": {"oauth_scopes_override": 1}}}}, ("invalid_type", "Invalid input: expected string, received number", "integrations_config_defaults.github.connection_config.oauth_scopes_override")),
    body_refused("an integration that cannot be", {"allowed_integrations": ["bad!key"]}, (*BAD_KEY, "allowed_integrations.0")),
    reconnect("a connection that cannot be", 400, invalid("body", ("invalid_format", ANY, "connection_id")), {**RE, "connection_id": "c!1"}),
    create("an empty webhook address", 201, MADE, {**ALICE, "webhook_url_override": ""}),
    create("an organization without an id, and an empty tag", 201, MADE, {"end_user": {"id": "e", "tags": {"a": ""}}, "organization": {"id": ""}}),
    create("all that a session can hold", 201, MADE, {**ALICE, "overrides": {"github": {"docs_connect": "https://example.com", "more": 1}}, "integrations_config_defaults": {"github": {"user_scopes": "a", "authorization_params": {"p": "q"}, "connection_config": {"x": "y"}}}}, keeps={"full": "data.token"}),
    Case("and what it shows of that", "GET /connect/session", 200, {"data": {"endUser": None, "connectUISettings": SETTINGS, "integrations_config_defaults": {"github": {"authorization_params": {"p": "q"}, "connection_config": {"x": "y"}}}, "overrides": {"github": {"docs_connect": "<text>"}}, "websocketsPath": "/"}}, key="{full}"),
    Case("the session takes no query", "GET /connect/session?x=1", 400, invalid("query_params", unknown("x")), key="{full}"),
    complete("connecting an unknown integration", "nope", 404, error("unknown_provider_config"), token="{full}"),
    complete("connecting in another way", "github", 400, error("invalid_auth_mode"), token="{full}"),
    complete("a body where there is none", "no-auth", 400, invalid("body", unknown("a")), token="{full}", sends={"a": 1}),
    complete("more in the query", "no-auth", 200, DONE, token="{full}&x=1&params[webhook_url]=https%3A%2F%2Fexample.com&params[y]=z", keeps={"made": "connectionId"}),
    Case("no webhook address gets into the configuration", "GET /connections/{made}?provider_config_key=no-auth", 200, {"id": "<number>", "connection_id": "<uuid>", "provider_config_key": "no-auth", "provider": "unauthenticated", "errors": [], "end_user": None, "tags": {"end_user_id": "alice"}, "metadata": {}, "connection_config": {"y": "z"}, "webhook_url_override": None, "created_at": ANY, "updated_at": ANY, "last_fetched_at": ANY, "credentials": {}}),
    enter("the body is looked at before the query", "api-key", "nope", 400, invalid("body", missing("apiKey")), {}, token="{full}", query="&connection_id=mine"),
    complete("no token", "no-auth", 401, unauthorized("missing_public_key", "The request is missing a valid public key parameter."), token=""),
    Case("a public key that is none", "POST /auth/unauthenticated/no-auth?public_key=x", 401, unauthorized("invalid_public_key", "The provided public key is not a UUID v4."), key=""),
    Case("a public key of nobody", f"POST /auth/unauthenticated/no-auth?{NOWHERE}", 401, key=""),
    Case("OAuth without a token", "GET /oauth/connect/github", 401, unauthorized("missing_public_key", "The request is missing a valid public key parameter."), key=""),
    reconnect("a session for what will be gone", 201, MADE, RE, keeps={"late": "data.token"}),
    Case("the connection goes", "DELETE /connections/pab-alice?provider_config_key=private-api-bearer", 200),
    enter("renewing what is gone", "api-key", "private-api-bearer", 400, error("invalid_connection"), {"apiKey": "k"}, token="{late}"),
)  # fmt: skip
TABLE += CHECKED


def test_sessions_answer_as_a_real_server(case: Case, told: Callable[[Case], list[str]]) -> None:
    assert not told(case)

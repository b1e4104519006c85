"""Connections: list with every filter, get, import, tags, metadata, delete (NANGO.md 16 to 19)."""

from collections.abc import Callable

from wire_cases import Case, error, invalid, missing, unauthorized, unknown

ONE = "/connections/gh-alice?provider_config_key=github"
NOT_FOUND = error("not_found", "Failed to find connection")
TIME = "<time +00:00>"
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
FULL = {
    "connection_config": {},
    "webhook_url_override": None,
    "created_at": TIME,
    "updated_at": TIME,
    "last_fetched_at": TIME,
}
OAUTH = {"type": "OAUTH2", "access_token": "token-of-alice"}
BOB = {"id": "bob", "display_name": None, "email": "bob@example.com", "tags": None, "organization": None}
NAMES = ["connection_id"]
CONNECTION_ID = r"""Invalid string: must match pattern /^[a-zA-Z0-9,.;:=+~[\]|@${}"'\\/_ -]+$/"""
IMPORTED = {"provider_config_key": "github", "connection_id": "long"}


def listed(*connections: str) -> dict[str, object]:
    return {"connections": [_row(each) for each in connections]}


def _row(connection: str) -> dict[str, object]:
    return {
        "id": "<number>",
        "connection_id": connection,
        "provider_config_key": "<text>",
        "provider": "<text>",
        "errors": "<any>",
        "end_user": "<any>",
        "tags": "<any>",
        "metadata": "<any>",
        "created": TIME,
    }


def imported(**changed: object) -> dict[str, object]:
    zulu = dict.fromkeys(("created_at", "updated_at"), "<time Z>")
    return {**ALICE, **FULL, **zulu, "last_fetched_at": None, "metadata": {}, "credentials": {}, **changed}


NEW = {"provider_config_key": "no-auth", "connection_id": "made", "credentials": {"type": "NONE"}}
MADE = imported(connection_id="made", provider_config_key="no-auth", provider="unauthenticated", tags={})
PAB = {"provider_config_key": "private-api-bearer", "connection_id": "x"}

TABLE = (
    Case("all connections, the newest first", "GET /connections", 200, listed("na-alice", "basic-bob", "pab-alice", "hs-alice", "gh-bob", "gh-alice")),
    Case("a listed connection has no credentials", "GET /connections?connectionId=gh-alice", 200, {"connections": [{**ALICE, "created": TIME}]}),
    Case("a connection id that nobody has", "GET /connections?connectionId=gh", 200, listed()),
    Case("search finds a part of the connection id", "GET /connections?search=bob", 200, listed("basic-bob", "gh-bob")),
    Case("endUserId does not look at tags", "GET /connections?endUserId=alice", 200, listed()),
    Case("endUserId finds the deprecated end user", "GET /connections?endUserId=bob", 200, listed("gh-bob")),
    Case("endUserOrganizationId does not look at tags", "GET /connections?endUserOrganizationId=acme", 200, listed()),
    Case("one integration", "GET /connections?integrationId=github", 200, listed("gh-bob", "gh-alice")),
    Case("several integrations, with commas", "GET /connections?integrationId=github,hubspot", 200, listed("hs-alice", "gh-bob", "gh-alice")),
    Case("an integration that does not exist", "GET /connections?integrationId=nope", 200, listed()),
    Case("one tag", "GET /connections?tags[end_user_id]=alice", 200, listed("na-alice", "pab-alice", "hs-alice", "gh-alice")),
    Case("two tags must both fit", "GET /connections?tags[end_user_id]=alice&tags[env]=test", 200, listed("na-alice", "pab-alice")),
    Case("the case of a tag's key does not matter", "GET /connections?tags[END_USER_ID]=bob", 200, listed("basic-bob", "gh-bob")),
    Case("the case of a tag's value matters", "GET /connections?tags[end_user_id]=Bob", 200, listed()),
    Case("brackets may be percent-encoded", "GET /connections?tags%5Bend_user_id%5D=bob", 200, listed("basic-bob", "gh-bob")),
    Case("tags and integration together", "GET /connections?tags[end_user_id]=alice&integrationId=github", 200, listed("gh-alice")),
    Case("tags in one value", "GET /connections?tags=end_user_id", 400, invalid("query_params", ("invalid_type", "Invalid input: expected record, received string", "tags"))),
    Case("the first page", "GET /connections?limit=4&page=0", 200, listed("na-alice", "basic-bob", "pab-alice", "hs-alice")),
    Case("the last page", "GET /connections?limit=4&page=1", 200, listed("gh-bob", "gh-alice")),
    Case("a page beyond the end", "GET /connections?limit=4&page=2", 200, listed()),
    Case("the greatest limit", "GET /connections?limit=2000", 200),
    Case("a limit of nothing", "GET /connections?limit=0", 400, invalid("query_params", ("too_small", "Too small: expected number to be >=1", "limit"))),
    Case("a limit too great", "GET /connections?limit=2001", 400, invalid("query_params", ("too_big", "Too big: expected number to be <=2000", "limit"))),
    Case("a page before the first", "GET /connections?page=-1", 400, invalid("query_params", ("too_small", "Too small: expected number to be >=0", "page"))),
    Case("a parameter that is not known", "GET /connections?tag=x", 400, invalid("query_params", unknown("tag"))),
    Case("two parameters that are not known", "GET /connections?a=1&b=2", 400, invalid("query_params", unknown("a", "b"))),
    Case("no key", "GET /connections", 401, unauthorized("missing_auth_header", "The request is missing the Authorization header."), key=""),
    Case("a key of another form", "GET /connections", 401, unauthorized("invalid_secret_key_format", "The provided secret key is not a UUID v4."), key="secret"),
    Case("a key of nobody", "GET /connections", 401, unauthorized("unknown_account", "The provided authorization header does not match any account."), key="11111111-2222-4333-8444-555555555555"),
    Case("a connection with its credentials", f"GET {ONE}", 200, {**ALICE, **FULL, "credentials": {**OAUTH, "raw": OAUTH}}),
    Case("an API key comes as it was sent", "GET /connections/pab-alice?provider_config_key=private-api-bearer", 200, {**ALICE, **FULL, "connection_id": "pab-alice", "provider_config_key": "private-api-bearer", "provider": "private-api-bearer", "tags": {"env": "test", "end_user_id": "alice"}, "metadata": {}, "credentials": {"type": "API_KEY", "apiKey": "key-of-alice"}}),
    Case("basic credentials come as they were sent", "GET /connections/basic-bob?provider_config_key=private-api-basic", 200, {**ALICE, **FULL, "connection_id": "basic-bob", "provider_config_key": "private-api-basic", "provider": "private-api-basic", "tags": {"end_user_id": "bob"}, "metadata": {}, "credentials": {"type": "BASIC", "username": "bob", "password": "pw"}}),
    Case("no credentials are an empty object", "GET /connections/na-alice?provider_config_key=no-auth", 200, {**ALICE, **FULL, "connection_id": "na-alice", "provider_config_key": "no-auth", "provider": "unauthenticated", "tags": {"env": "test", "end_user_id": "alice"}, "metadata": {}, "credentials": {}}),
    Case("the deprecated end user comes with its tags", "GET /connections/gh-bob?provider_config_key=github", 200, {**ALICE, **FULL, "connection_id": "gh-bob", "end_user": BOB, "tags": {"end_user_id": "bob", "end_user_email": "bob@example.com"}, "metadata": {}, "credentials": {**OAUTH, "raw": OAUTH}}),
    Case("a refresh that is not needed", f"GET {ONE}&refresh_token=true", 200),
    Case("a forced refresh without a refresh token", f"GET {ONE}&force_refresh=true", 200),
    Case("a switch with a word for yes", f"GET {ONE}&force_refresh=enabled", 200),
    Case("a switch with another word", f"GET {ONE}&refresh_token=perhaps", 400, invalid("query_params", ("invalid_value", 'Invalid option: expected one of "true"|"1"|"yes"|"on"|"y"|"enabled"|"false"|"0"|"no"|"off"|"n"|"disabled"', "refresh_token"))),
    Case("a get without the integration", "GET /connections/gh-alice", 400, invalid("query_params", missing("provider_config_key"))),
    Case("a get of nothing", "GET /connections/nope?provider_config_key=github", 404, NOT_FOUND),
    Case("a get at an integration that does not exist", "GET /connections/gh-alice?provider_config_key=nope", 400, error("unknown_provider_config", "Provider does not exists")),
    Case("a connection of another integration is not found", "GET /connections/hs-alice?provider_config_key=github", 404, NOT_FOUND),
    Case("an import", "POST /connections", 201, MADE, sends=NEW),
    Case("an import over it changes its tags", "POST /connections", 201, {**MADE, "tags": {"a": "1"}}, sends={**NEW, "tags": {"A": "1"}}),
    Case("an import over it without tags loses them", "POST /connections", 201, MADE, sends=NEW),
    Case("an import without a connection id gets one", "POST /connections", 201, {**MADE, "connection_id": "<uuid>"}, sends={key: NEW[key] for key in ("provider_config_key", "credentials")}),
    Case("an imported API key", "POST /connections", 201, {**MADE, "connection_id": "x", "provider_config_key": "private-api-bearer", "provider": "private-api-bearer", "last_fetched_at": "<time Z>", "credentials": {"type": "API_KEY", "apiKey": "k"}}, sends={**PAB, "credentials": {"type": "API_KEY", "apiKey": "k"}}),
    Case("an imported API key in snake case", "POST /connections", 400, invalid("body", missing("credentials.apiKey"), unknown("api_key", path="credentials")), sends={**PAB, "credentials": {"type": "API_KEY", "api_key": "k"}}),
    Case("credentials of another kind than the provider's", "POST /connections", 400, error("invalid_body", "Provider OAUTH2 does not support BASIC auth"), sends={**NEW, "provider_config_key": "github", "credentials": {"type": "BASIC", "username": "u", "password": "p"}}),
    Case("an import at an integration that does not exist", "POST /connections", 404, error("not_found", "Integration does not exist"), sends={**NEW, "provider_config_key": "nope"}),
    Case("an import of nothing", "POST /connections", 400, invalid("body", missing("provider_config_key"), missing("credentials", "object")), sends={}),
    Case("an import with a bad tag", "POST /connections", 400, invalid("body", ("invalid_key", "Invalid key in record", "tags.1st"), ("invalid_type", "Invalid input: expected string, received boolean", "tags.b")), sends={**NEW, "tags": {"1st": "x", "b": True}}),
    Case("an import that is cut off", "POST /connections", 400, error("invalid_json", "Unexpected end of JSON input"), sends='{"provider_config_key": '),
    Case("an import as a form", "POST /connections", 415, error("invalid_content_type", "Content-Type header must be application/json"), sends="a=b", headers={"content-type": "application/x-www-form-urlencoded"}),
    Case("tags are replaced, not merged", f"PATCH {ONE}", 200, {"success": True}, sends={"tags": {"Plan": "pro"}}),
    Case("the replaced tags", "GET /connections?connectionId=gh-alice", 200, {"connections": [{**ALICE, "tags": {"plan": "pro"}, "created": TIME}]}),
    Case("the tags of before find nothing", "GET /connections?tags[team]=Blue", 200, listed()),
    Case("a patch of nothing", f"PATCH {ONE}", 200, {"success": True}, sends={}),
    Case("a patch of the end user changes the tags too", "PATCH /connections/gh-bob?provider_config_key=github", 200, {"success": True}, sends={"end_user": {"id": "rob"}}),
    Case("the patched end user", "GET /connections?endUserId=rob", 200, {"connections": [{**ALICE, "connection_id": "gh-bob", "end_user": {**BOB, "id": "rob", "email": None}, "tags": {"end_user_id": "rob"}, "metadata": {}, "created": TIME}]}),
    Case("a patch of something that is not known", f"PATCH {ONE}", 400, invalid("body", unknown("metadata")), sends={"metadata": {}}),
    Case("a patch of nothing's tags", "PATCH /connections/nope?provider_config_key=github", 404, NOT_FOUND, sends={"tags": {}}),
    Case("a webhook address on this machine", f"PATCH {ONE}", 400, invalid("body", ("custom", "This webhook URL is not allowed.", "webhook_url_override")), sends={"webhook_url_override": "http://localhost/hook"}),
    Case("a webhook address that is none", f"PATCH {ONE}", 400, invalid("body", ("invalid_union", "Invalid input", "webhook_url_override")), sends={"webhook_url_override": "hook"}),
    Case("metadata that replaces", "POST /connections/metadata", 201, {"connection_id": "gh-alice", "provider_config_key": "github", "metadata": {"a": {"b": 1}}}, sends={"connection_id": "gh-alice", "provider_config_key": "github", "metadata": {"a": {"b": 1}}}),
    Case("metadata that is merged, at its first level only", "PATCH /connections/metadata", 200, {"connection_id": "gh-alice", "provider_config_key": "github", "metadata": {"c": None}}, sends={"connection_id": "gh-alice", "provider_config_key": "github", "metadata": {"c": None}}),
    Case("the merged metadata", f"GET {ONE}", 200, {**ALICE, **FULL, "tags": {"plan": "pro"}, "metadata": {"a": {"b": 1}, "c": None}, "credentials": {**OAUTH, "raw": OAUTH}}),
    Case("metadata of several connections", "POST /connections/metadata", 201, {"connection_id": ["gh-alice", "gh-bob"], "provider_config_key": "github", "metadata": {}}, sends={"connection_id": ["gh-alice", "gh-bob"], "provider_config_key": "github", "metadata": {}}),
    Case("metadata of nothing", "POST /connections/metadata", 404, error("unknown_connection", "Connection with connection id nope and provider config key github not found. Please make sure the connection exists in the Nango dashboard"), sends={"connection_id": "nope", "provider_config_key": "github", "metadata": {}}),
    Case("metadata without the integration", "PATCH /connections/metadata", 400, invalid("body", missing("provider_config_key")), sends={"connection_id": "gh-alice", "metadata": {}}),
    Case("a deletion", "DELETE /connections/made?provider_config_key=no-auth", 200, {"success": True}),
    Case("a deletion of nothing is another error than a get", "DELETE /connections/made?provider_config_key=no-auth", 400, error("unknown_connection")),
    Case("what was deleted is gone", "GET /connections/made?provider_config_key=no-auth", 404, NOT_FOUND),
    Case("a deletion without the integration", "DELETE /connections/gh-alice", 400, invalid("query_params", missing("provider_config_key"))),
    *(
        Case(f"{method} with a connection id of no form", f"{method} /connections/c!1?provider_config_key=github", 400, invalid("uri_params", ("invalid_format", CONNECTION_ID, "connectionId")), sends={} if method == "PATCH" else None)
        for method in ("GET", "PATCH", "DELETE")
    ),
    Case("a deletion looks at the path before the query", "DELETE /connections/c!1", 400, invalid("uri_params", ("invalid_format", CONNECTION_ID, "connectionId"))),
    Case("a connection id that is too long", f"GET /connections/{'x' * 256}?provider_config_key=github", 400, invalid("uri_params", ("too_big", "Too big: expected string to have <=255 characters", "connectionId"))),
    Case("an integration of no form", "GET /connections/gh-alice?provider_config_key=g!t", 400, invalid("query_params", ("invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9~:.@ _-]+$/", "provider_config_key"))),
    Case("a line break after the integration", "GET /connections/gh-alice?provider_config_key=github%0A", 400, invalid("query_params", ("invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9~:.@ _-]+$/", "provider_config_key"))),
    Case("a patch at an integration that does not exist", "PATCH /connections/gh-alice?provider_config_key=nope", 400, error("unknown_provider_config", "Provider does not exists"), sends={}),
    *(Case(f"a list with an empty {name}", f"GET /connections?{name}=", 400, invalid("query_params", ("too_small", "Too small: expected string to have >=1 characters", name))) for name in ("connectionId", "search", "integrationId")),
    Case("a search that is too long", f"GET /connections?search={'x' * 256}", 400, invalid("query_params", ("too_big", "Too big: expected string to have <=255 characters", "search"))),
    Case("a limit of no text", "GET /connections?limit=", 400, invalid("query_params", ("too_small", "Too small: expected number to be >=1", "limit"))),
    Case("a limit with an exponent", "GET /connections?limit=1e2", 200),
    Case("a limit that is no number", "GET /connections?limit=abc", 400, invalid("query_params", ("invalid_type", "Invalid input: expected number, received NaN", "limit"))),
    Case("a limit that comes twice", "GET /connections?limit=1&limit=2", 400, invalid("query_params", ("invalid_type", "Invalid input: expected number, received NaN", "limit"))),
    Case("a text that comes twice", "GET /connections?connectionId=a&connectionId=b", 400, invalid("query_params", ("invalid_type", "Invalid input: expected string, received array", "connectionId"))),
    Case("integrations with blanks after the commas", "GET /connections?integrationId=nope,%20hubspot", 200, listed("hs-alice")),
    Case("a tag that comes twice", "GET /connections?tags[a]=x&tags[a]=y", 400, invalid("query_params", ("invalid_type", "Invalid input: expected string, received array", "tags.a"))),
    Case("a tag in a tag", "GET /connections?tags[a][b]=x", 400, invalid("query_params", ("invalid_type", "Invalid input: expected string, received object", "tags.a"))),
    Case("a tag that no connection could have", "GET /connections?tags[a%20b]=x", 400, invalid("query_params", ("invalid_key", "Invalid key in record", "tags.a b"))),
    Case("a tag in two cases", "GET /connections?tags[A]=x&tags[a]=y", 400, invalid("query_params", ("custom", 'Duplicate tag key after case normalization: "a"', "tags"))),
    Case("more tags than there may be", "GET /connections?" + "&".join(f"tags[k{i}]=x" for i in range(11)), 400, invalid("query_params", ("custom", "Tags cannot contain more than 10 keys", "tags"))),
    Case("an import with a query", "POST /connections?x=1", 400, invalid("query_params", unknown("x")), sends=NEW),
    Case("metadata with a query", "POST /connections/metadata?x=1", 400, invalid("query_params", unknown("x")), sends={}),
    Case("metadata of no connection id", "POST /connections/metadata", 400, invalid("body", ("invalid_format", CONNECTION_ID, "connection_id"), ("invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9~:.@ _-]+$/", "provider_config_key")), sends={"connection_id": "", "provider_config_key": "", "metadata": {}}),
    Case("metadata of several, one of nothing", "POST /connections/metadata", 404, error("unknown_connection", "Connection with connection id nope and provider config key github not found. Please make sure the connection exists in the Nango dashboard. No actions were taken on any of the connections as a result of this failure."), sends={"connection_id": ["gh-alice", "nope"], "provider_config_key": "github", "metadata": {}}),
    Case("metadata that is too deep", "POST /connections/metadata", 400, error("invalid_json", "<text>"), sends='{"metadata": ' + '{"a": ' * 200 + "1" + "}" * 201),
    Case("a long token, an app of its own and a date as mail writes it", "POST /connections", 201, sends={**IMPORTED, "credentials": {"type": "OAUTH2", "access_token": "x" * 4096, "config_override": {"client_id": "c"}, "expires_at": "Sat, 01 Jan 2050 10:00:00 GMT"}}),
    Case("an end in milliseconds", "POST /connections", 201, sends={**IMPORTED, "credentials": {"type": "OAUTH2", "access_token": "x", "expires_at": 2524644000000}}),
    *(
        Case(f"an end that is {end!r}", "POST /connections", 400, invalid("body", ("invalid_type", "Invalid input: expected date, received Date", "credentials.expires_at")), sends={**IMPORTED, "credentials": {"type": "OAUTH2", "access_token": "x", "expires_at": end}})
        for end in ("soon", 1e300, [], {})
    ),
    Case("a token that is too long", "POST /connections", 400, invalid("body", ("too_big", "Too big: expected string to have <=4096 characters", "credentials.access_token")), sends={**IMPORTED, "credentials": {"type": "OAUTH2", "access_token": "x" * 4097}}),
    Case("a refresh token of no text", "POST /connections", 400, invalid("body", ("too_small", "Too small: expected string to have >=1 characters", "credentials.refresh_token")), sends={**IMPORTED, "credentials": {"type": "OAUTH2", "access_token": "x", "refresh_token": ""}}),
    Case("credentials of a kind that the provider does not take", "POST /connections", 400, error("invalid_body", "Provider OAUTH2 does not support OAUTH1 auth"), sends={**IMPORTED, "credentials": {"type": "OAUTH1", "oauth_token": "a", "oauth_token_secret": "b"}}),
    *(
        Case(f"credentials of no known kind, {kind}", "POST /connections", 400, invalid("body", ("invalid_union", "Invalid input", "credentials.type")), sends={**IMPORTED, "credentials": kind})
        for kind in ({}, {"type": "JWT"}, {"type": []})
    ),
    Case("a path that does not exist is a page", "GET /connection", 404, "<HTML page, omitted>"),
)  # fmt: skip


def test_connections_answer_as_a_real_server(case: Case, told: Callable[[Case], list[str]]) -> None:
    assert not told(case)

"""Integrations, providers, and what is deployed on them (NANGO.md 14 and 15)."""

from collections.abc import Callable
from typing import Any

from wire_cases import ANY, Case, error, invalid, missing, unauthorized, unknown

SERVER = {"second": True, "without": "delete-issue"}
APP = {"type": "OAUTH2", "client_id": "id", "client_secret": "secret"}
SEEDED = {
    "type": "OAUTH2",
    "client_id": "dummy-client-id",
    "client_secret": "dummy-client-secret",
    "scopes": "repo,user",
    "webhook_secret": None,
}
GONE = error("not_found", 'Integration "nope" does not exist')
TEXT, OK = {"type": "string"}, {"type": "boolean"}


def integration(key: str, provider: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "unique_key": key,
        "provider": provider,
        "display_name": name,
        "logo": f"<address>images/template-logos/{provider}.svg",
        "forward_webhooks": True,
        "created_at": "<time Z>",
        "updated_at": "<time Z>",
        **more,
    }


GITHUB = integration("github", "github", "GitHub")
PAT = integration("github-pat", "github-pat", "Github (Personal Access Token)")
HUBSPOT = integration("hubspot", "hubspot", "HubSpot")
BASIC = integration("private-api-basic", "private-api-basic", "Private API (Basic Auth)")
BEARER = integration("private-api-bearer", "private-api-bearer", "Private API (Bearer Auth)")
SALESFORCE = integration("salesforce", "salesforce", "Salesforce")
SLACK = integration("slack", "slack", "Slack")
NO_AUTH = integration("no-auth", "unauthenticated", "Unauthenticated")
MADE = integration("made", "hubspot", "HubSpot")


def record(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        **({"required": list(required)} if required else {}),
        "additionalProperties": False,
    }


def function(name: str, integration: str, description: str, takes: Any, returns: Any, **more: Any) -> dict[str, Any]:
    key, word = integration.replace("-", "_"), name.replace("-", "").replace("_", "")
    given, returned = f"ActionInput_{key}_{word}", f"ActionOutput_{key}_{word}"
    return {
        "name": name,
        "description": description,
        "scopes": [],
        "type": "action",
        "input": given,
        "returns": [returned],
        "json_schema": {"definitions": {given: takes, returned: returns}},
        "id": "<number>",
        "enabled": True,
        "last_deployed": "<time Z>",
        "source": "repo",
        **more,
    }


def synchronization(
    name: str, integration: str, description: str, model: str, runs: str, *, starts: bool
) -> dict[str, Any]:
    given, schema = (
        f"SyncMetadata_{integration}_{name.replace('-', '')}",
        record(("id", "title", "n"), id=TEXT, title=TEXT, n={"type": "number"}),
    )
    return {
        "name": name,
        "description": description,
        "scopes": [],
        "type": "sync",
        "input": given,
        "returns": [model],
        "json_schema": {"definitions": {model: schema, given: {"type": "null"}}},
        "runs": runs,
        "auto_start": starts,
        "track_deletes": False,
        "id": "<number>",
        "enabled": True,
        "last_deployed": "<time Z>",
        "source": "repo",
    }


DUP = function("dup", "hubspot", "An action with the name of a sync", {"type": "null"}, record(("ok",), ok=OK))
DUP_SYNC = synchronization("dup", "hubspot", "A sync with the name of an action", "DupModel", "every day", starts=False)
ISSUES = synchronization("issues", "github", "Syncs issues", "GithubIssue", "every hour", starts=True)
FAILING = synchronization("failing-sync", "github", "A sync that fails", "FailModel", "every day", starts=False)
ECHO = function("echo", "no-auth", "Echoes its input", record(("text",), text=TEXT), record(("text",), text=TEXT))
DISABLED = function(
    "delete-issue",
    "github",
    "Delete an issue",
    record(("number",), number={"type": "number"}),
    record(("deleted",), deleted=OK),
    enabled=False,
)
BIG = function("big-output", "github", "Returns n bytes", record(("n",), n={"type": "number"}), record(("s",), s=TEXT))
COUNTED = function(
    "counted",
    "github",
    "Counts how often it ran upstream, then fails",
    record(("key",), key=TEXT, fail=OK),
    record(("count",), count={"type": "number"}),
)


def deployed(one: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    """The same function in GET /scripts/config."""
    models = [{"name": name, "fields": []} for name in one["json_schema"]["definitions"]]
    return {
        **one,
        "attributes": {},
        "version": "1.0.0",
        "endpoints": [{"method": method, "path": path, "group": "Issues"}],
        "webhookSubscriptions": [],
        "sdk_version": "<version>",
        "models": models,
        "features": [],
    }


def page(*functions: Any, total: int, number: int = 0, limit: int = 20) -> dict[str, Any]:
    return {"data": list(functions), "pagination": {"total": total, "page": number, "limit": limit}}


def create(name: str, status: int, body: Any, /, **sends: Any) -> Case:
    return Case(name, "POST /integrations", status, body, sends)


def get(name: str, path: str, status: int, body: Any, **more: Any) -> Case:
    return Case(name, f"GET /integrations{path}", status, body, **more)


def patch(name: str, key: str, status: int, body: Any, /, **sends: Any) -> Case:
    return Case(name, f"PATCH /integrations/{key}", status, body, sends)


TABLE = (
    get("all integrations, by provider", "", 200, {"data": [GITHUB, PAT, HUBSPOT, BASIC, BEARER, SALESFORCE, SLACK, NO_AUTH]}),
    get("one", "/github", 200, {"data": GITHUB}),
    get("one with its webhook", "/github?include=webhook", 200, {"data": {**GITHUB, "webhook_url": ANY}}),
    get("one with its credentials", "/github?include=credentials", 200, {"data": {**GITHUB, "credentials": SEEDED}}),
    get("one with both", "/github?include=webhook&include=credentials", 200, {"data": {**GITHUB, "webhook_url": ANY, "credentials": SEEDED}}),
    get("one without credentials of its own", "/no-auth?include=credentials", 200, {"data": {**NO_AUTH, "credentials": None}}),
    get("something that cannot be included", "/github?include=secrets", 400, invalid("query_params", ("invalid_union", "Invalid input", "include"))),
    get("one that does not exist", "/nope", 404, GONE),
    get("no key", "", 401, unauthorized("missing_auth_header", "The request is missing the Authorization header."), key=""),
    create("a new one with an OAuth app", 200, {"data": MADE}, unique_key="made", provider="hubspot", credentials=APP),
    create("a new one without credentials", 200, {"data": {**NO_AUTH, "unique_key": "open"}}, unique_key="open", provider="unauthenticated"),
    create("a new one with a name", 200, {"data": {**BEARER, "unique_key": "named", "display_name": "Ours"}}, unique_key="named", provider="private-api-bearer", display_name="Ours"),
    create("a key that is taken", 400, invalid("body", ("invalid_string", "Unique key already exists", "uniqueKey")), unique_key="made", provider="hubspot", credentials=APP),
    create("a new one of a provider that does not exist", 400, invalid("body", ("invalid_string", "Invalid provider", "provider")), unique_key="z", provider="nope"),
    create("an OAuth app is missing", 400, error("invalid_body", "Missing credentials"), unique_key="z", provider="slack"),
    create("a bad key, no provider, and more", 400, invalid("body", missing("provider"), ("invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9~:.@ _-]+$/", "unique_key"), unknown("name")), unique_key="a/b", name="x"),
    get("the new one's credentials", "/made?include=credentials", 200, {"data": {**MADE, "credentials": {**APP, "scopes": ANY, "webhook_secret": None}}}),
    patch("another name", "made", 200, {"data": {**MADE, "display_name": "Mine"}}, display_name="Mine"),
    patch("another key", "made", 200, {"data": {**MADE, "unique_key": "moved", "display_name": "Mine"}}, unique_key="moved"),
    patch("other credentials", "moved", 200, {"data": {**MADE, "unique_key": "moved", "display_name": "Mine"}}, credentials={**APP, "client_id": "other"}),
    patch("something that is not known", "moved", 400, invalid("body", unknown("provider")), provider="slack"),
    patch("a change of nothing", "nope", 404, GONE, display_name="x"),
    get("the key of before is gone", "/made", 404, error("not_found", 'Integration "made" does not exist')),
    Case("a deletion", "DELETE /integrations/moved", 200, {"success": True}),
    Case("a deletion of nothing has words of its own", "DELETE /integrations/moved", 404, error("not_found", "Integration does not exist")),
    Case("a provider", "GET /providers/unauthenticated", 200, {"data": {"name": "unauthenticated", "display_name": "Unauthenticated", "auth_mode": "NONE", "categories": ["other"], "docs": "<text>", "logo_url": "<address>images/template-logos/unauthenticated.svg", "webhook_routing_script": ANY}}),
    Case("a provider that does not exist", "GET /providers/nope", 404, error("not_found", "Unknown provider nope")),
    Case("all providers", "GET /providers", 200, {"data": "<objects>"}),
    Case("providers that are searched", "GET /providers?search=github", 200, {"data": "<objects>"}),
    Case("variables of the environment", "GET /environment-variables", 200, [{"name": "FOO", "value": "bar"}, {"name": "Empty", "value": ""}]),
    get("functions by type", "/github/functions?type=sync", 200, page(FAILING, ISSUES, total=2)),
    get("functions by page", "/github/functions?type=action&limit=2&page=1", 200, page(BIG, COUNTED, total=23, number=1, limit=2)),
    get("functions by a part of the name", "/hubspot/functions?search=dup", 200, page(DUP, DUP_SYNC, total=2)),
    get("functions of an integration that has one", "/no-auth/functions", 200, page(ECHO, total=1)),
    get("functions of an integration that has none", "/slack/functions", 200, page(total=0)),
    get("functions of an integration that does not exist", "/nope/functions", 404, error("not_found", "Integration does not exist")),
    get("too many functions at once", "/github/functions?limit=101", 400, invalid("query_params", ("too_big", "Too big: expected number to be <=100", "limit"))),
    get("an action and a sync of one name: the action", "/hubspot/functions/dup", 200, {"data": DUP}),
    get("the action by its type", "/hubspot/functions/dup?type=action", 200, {"data": DUP}),
    get("the sync by its type", "/hubspot/functions/dup?type=sync", 200, {"data": DUP_SYNC}),
    get("a sync has no action of its name", "/github/functions/issues?type=sync", 200, {"data": ISSUES}),
    get("a disabled function says so", "/github/functions/delete-issue?type=action", 200, {"data": DISABLED}),
    get("a function that does not exist", "/github/functions/nope?type=action", 404, error("not_found", "Function does not exist")),
    Case("what is deployed", "GET /scripts/config", 200, "<objects>"),
    Case("the parameter for an integration is ignored", "GET /scripts/config?provider_config_key=no-auth", 200, "<objects>"),
    Case("an unknown format is the usual one", "GET /scripts/config?format=x", 200, "<objects>"),
    *(
        Case(f"{method} with credentials of no kind", f"{method} /integrations{path}", 400, invalid("body", ("invalid_union", "invalid credentials object", "credentials.type")), sends={**body, "credentials": {}})
        for method, path, body in (("POST", "", {"unique_key": "zz", "provider": "github"}), ("PATCH", "/github", {}))
    ),
    *(
        Case(f"{method} with a key of no form", f"{method} /integrations/g!t", 400, invalid("uri_params", ("invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9~:.@ _-]+$/", "uniqueKey")), sends={} if method == "PATCH" else None)
        for method in ("GET", "PATCH", "DELETE")
    ),
    Case("functions of a key of no form", "GET /integrations/g!t/functions", 400, invalid("uri_params", ("invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9~:.@ _-]+$/", "uniqueKey"))),
    Case("a function of no form", "GET /integrations/github/functions/a!b", 400, invalid("uri_params", ("invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9_-]+$/", "functionName"))),
    Case("functions of a kind that there are none of", "GET /integrations/github/functions?type=on-event", 200, {"data": [], "pagination": {"total": 0, "page": 0, "limit": 20}}),
    Case("half a function", "GET /integrations/github/functions?limit=1.5", 400, invalid("query_params", ("invalid_type", "Invalid input: expected int, received number", "limit"))),
    Case("functions by blanks", "GET /integrations/github/functions?search=%20%20", 400, invalid("query_params", ("too_small", "Too small: expected string to have >=1 characters", "search"))),
    Case("what to include, in brackets", "GET /integrations/github?include[]=webhook&include[]=credentials", 200),
    Case("a provider of no form", "GET /providers/sl!ck", 400, invalid("uri_params", ("invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9_-]+$/", "provider"))),
    Case("a search of no form for providers", "GET /providers?search=sl!ck", 400, invalid("query_params", ("invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9_-]+$/", "search"))),
    Case("no search for providers", "GET /providers?search=", 400, invalid("query_params", ("invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9_-]+$/", "search"))),
    Case("a provider with a query", "GET /providers/slack?x=1", 400, invalid("query_params", unknown("x"))),
    Case("the other format", "GET /scripts/config?format=openai", 200, {"data": "<objects>"}),
)  # fmt: skip


def test_integrations_answer_as_a_real_server(case: Case, told: Callable[[Case], list[str]]) -> None:
    assert not told(case)


def configured(answers: Callable[[str], Any]) -> dict[str, dict[str, Any]]:
    return {each["providerConfigKey"]: each for each in answers("what is deployed")}


def test_everything_deployed_is_listed_with_its_schemas(bodies: Callable[[str], Any]) -> None:
    found = configured(bodies)
    assert set(found) == {"github", "hubspot", "no-auth"}
    assert found["no-auth"] == {
        "providerConfigKey": "no-auth",
        "provider": "unauthenticated",
        "actions": [deployed(ECHO, "POST", "/echo")],
        "syncs": [],
        "on-events": [],
    }
    disabled = [each for each in found["github"]["actions"] if not each["enabled"]]
    assert disabled == [deployed(DISABLED, "DELETE", "/issue")]
    synced = {**deployed(ISSUES, "GET", "/sync/issues"), "sync_type": "full"}
    assert [each for each in found["github"]["syncs"] if each["name"] == "issues"] == [synced]


def test_actions_are_listed_by_name_and_one_needs_no_endpoint(bodies: Callable[[str], Any]) -> None:
    actions = configured(bodies)["github"]["actions"]
    assert [each["name"] for each in actions] == sorted(each["name"] for each in actions)
    assert [each["name"] for each in actions if not each["endpoints"]] == ["no-endpoint"]


def test_the_parameters_of_the_catalogue_change_nothing(bodies: Callable[[str], Any]) -> None:
    usual = bodies("what is deployed")
    assert bodies("the parameter for an integration is ignored") == usual
    assert bodies("an unknown format is the usual one") == usual


def test_the_other_format_mixes_syncs_in_and_repeats_names(bodies: Callable[[str], Any]) -> None:
    found = bodies("the other format")["data"]
    assert {"name", "description", "parameters"} == {key for each in found for key in each}
    names = [each["name"] for each in found]
    assert {"issues", "dup", "delete-issue"} <= set(names)
    assert names.count("dup") == names.count("list-contacts") == 2
    issues = next(each for each in found if each["name"] == "issues")
    assert issues["parameters"] == {"type": "object", "properties": {}, "required": []}

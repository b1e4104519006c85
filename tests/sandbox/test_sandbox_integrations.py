"""Integrations and providers: what operators set up before anybody connects."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from nango_sandbox import Integration, Sandbox
from nango_sandbox.apps import all_apps
from nango_sandbox.providers.table import Providers, auth_mode_of, known_providers

OAUTH = {"type": "OAUTH2", "client_id": "an-id", "client_secret": "a-secret"}
APP = {
    "type": "APP",
    "app_id": "12",
    "app_link": "https://github.com/apps/x",
    "private_key": "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
}
GITLAB = {"provider": "gitlab", "unique_key": "gl", "credentials": OAUTH}


async def client_with(sandbox: Sandbox, *scopes: str) -> httpx.AsyncClient:
    key = await sandbox.create_api_key("limited", [f"environment:{each}" for each in scopes])
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"}
    return httpx.AsyncClient(base_url=sandbox.base_url, headers=headers, trust_env=False)


async def test_an_integration_is_made_and_shown(http: httpx.AsyncClient) -> None:
    made = await http.post("/integrations", json={**GITLAB, "credentials": {**OAUTH, "scopes": "api,read_user"}})
    assert made.status_code == 200
    shown = made.json()["data"]
    assert (shown["display_name"], shown["forward_webhooks"]) == ("GitLab", True)
    assert shown["logo"].endswith("/images/template-logos/gitlab.svg")
    assert "credentials" not in shown
    assert (await http.get("/integrations/gl")).json()["data"] == shown
    full = (await http.get("/integrations/gl?include=credentials&include=webhook")).json()["data"]
    assert full.pop("credentials") == {**OAUTH, "scopes": "api,read_user", "webhook_secret": None}
    assert full.pop("webhook_url") is None
    assert full == shown


async def test_integrations_are_listed_by_provider_and_then_by_age(http: httpx.AsyncClient) -> None:
    for key in ("z-slack", "a-slack"):
        await http.post("/integrations", json={"provider": "slack", "unique_key": key, "credentials": OAUTH})
    listed = [each["unique_key"] for each in (await http.get("/integrations")).json()["data"]]
    first, *_, last = listed
    assert (first, last) == ("github", "no-auth")  # the provider of no-auth is `unauthenticated`
    assert listed[listed.index("slack") :][:3] == ["slack", "z-slack", "a-slack"]


async def test_providers_with_events_have_a_webhook_address_for_each_integration(http: httpx.AsyncClient) -> None:
    data = (await http.get("/integrations/hubspot", params={"include": "webhook"})).json()["data"]
    assert data["webhook_url"].startswith(f"{http.base_url}".rstrip("/") + "/webhook/")
    assert data["webhook_url"].endswith("/hubspot")
    assert "credentials" not in data


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"provider": "nope", "unique_key": "x"}, [("invalid_string", "Invalid provider", ["provider"])]),
        ({**GITLAB, "unique_key": "github"}, [("invalid_string", "Unique key already exists", ["uniqueKey"])]),
        ({**GITLAB, "credentials": None}, "Missing credentials"),
        ({**GITLAB, "credentials": APP}, "incompatible credentials auth type and provider auth"),
        (
            {"provider": "private-api-bearer", "unique_key": "x", "credentials": OAUTH},
            "incompatible credentials auth type and provider auth",
        ),
        (
            {**GITLAB, "credentials": {"type": "API_KEY", "apiKey": "k"}},
            [("invalid_union", "invalid credentials object", ["credentials", "type"])],
        ),
        (
            {**GITLAB, "credentials": {"type": "OAUTH2", "client_id": ""}},
            [
                (
                    "invalid_type",
                    "Invalid input: expected string, received undefined",
                    ["credentials", "client_secret"],
                ),
                ("too_small", "Too small: expected string to have >=1 characters", ["credentials", "client_id"]),
            ],
        ),
        (
            {**GITLAB, "credentials": {**OAUTH, "scopes": ["api"]}},
            [("invalid_union", "Invalid input", ["credentials", "scopes"])],
        ),
        ({**GITLAB, "unique_key": "a/b"}, "pattern"),
        ({**GITLAB, "display_name": ""}, "too_small"),
        ({**GITLAB, "integration_config": {"a": 1}}, "invalid_type"),
        ({**GITLAB, "custom": {"a": "1"}}, "unrecognized_keys"),
        ({**GITLAB, "what": 1}, "unrecognized_keys"),
    ],
)
async def test_what_cannot_be_integrated_is_refused(
    http: httpx.AsyncClient, body: dict[str, Any], error: str | Sequence[tuple[str, str, list[str]]]
) -> None:
    sent = {name: value for name, value in body.items() if value is not None}
    answer = await http.post("/integrations", json=sent)
    assert answer.status_code == 400
    told = answer.json()["error"]
    assert told["code"] == "invalid_body"
    if isinstance(error, str):
        assert error in str(told)
    else:
        found = [(each["code"], each["message"], each["path"]) for each in told["errors"]]
        assert sorted(found) == sorted(error)
    assert len((await http.get("/integrations")).json()["data"]) == 6


async def test_of_those_who_want_a_key_at_once_one_gets_it(http: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(http.post("/integrations", json=GITLAB) for _ in range(5)))
    assert sorted(each.status_code for each in answers) == [200, 400, 400, 400, 400]
    renames = [{"unique_key": "gl2"}, {"unique_key": "gl3"}]
    renamed = await asyncio.gather(*(http.patch("/integrations/gl", json=each) for each in renames))
    assert sorted(each.status_code for each in renamed) == [200, 404]


async def test_an_app_of_github_keeps_its_key_as_it_was_given(http: httpx.AsyncClient) -> None:
    await http.post("/integrations", json={"provider": "github-app", "unique_key": "app", "credentials": APP})
    shown = (await http.get("/integrations/app?include=credentials")).json()["data"]
    assert shown["credentials"] == APP


async def test_only_what_is_given_changes(http: httpx.AsyncClient) -> None:
    before = (
        await http.post(
            "/integrations",
            json={**GITLAB, "credentials": {**OAUTH, "scopes": "api", "webhook_secret": "w"}},
        )
    ).json()["data"]
    changed = await http.patch("/integrations/gl", json={"credentials": {**OAUTH, "client_id": "another"}})
    assert changed.status_code == 200
    after = (await http.get("/integrations/gl?include=credentials")).json()["data"]
    assert after.pop("credentials") == {**OAUTH, "client_id": "another", "scopes": "api", "webhook_secret": "w"}
    assert after.pop("updated_at") > before.pop("updated_at")
    assert after == before
    await http.patch("/integrations/gl", json={"display_name": "Ours", "forward_webhooks": False})
    after = (await http.get("/integrations/gl")).json()["data"]
    assert (after["display_name"], after["forward_webhooks"]) == ("Ours", False)


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/integrations/nope", {"display_name": "x"}, 404, 'Integration "nope" does not exist'),
        ("/integrations/slack", {"unique_key": "github"}, 400, "uniqueKey is already used by another integration"),
        ("/integrations/slack", {"credentials": APP}, 400, "incompatible credentials auth type and provider auth"),
        ("/integrations/slack", {"provider": "github"}, 400, "Unrecognized key"),
    ],
)
async def test_what_cannot_be_changed_is_refused(
    http: httpx.AsyncClient, path: str, body: dict[str, Any], status: int, message: str
) -> None:
    answer = await http.patch(path, json=body)
    assert answer.status_code == status
    assert message in str(answer.json()["error"])


async def test_a_new_key_takes_functions_and_data_along(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    assert (await http.patch("/integrations/github", json={"unique_key": "gh"})).status_code == 200
    assert (await http.get("/integrations/github")).status_code == 404
    connection = await sandbox.connect("gh", {"end_user_id": "alice"})
    answer = await http.post(
        "/action/trigger",
        headers={"connection-id": connection, "provider-config-key": "gh"},
        json={"action_name": "list-repositories", "input": {}},
    )
    assert answer.status_code == 200
    assert answer.json()


async def test_an_integration_in_use_keeps_its_key(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    await sandbox.connect("github", {"end_user_id": "alice"})
    answer = await http.patch("/integrations/github", json={"unique_key": "gh"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Can't rename an integration with active connections"
    assert (await http.patch("/integrations/github", json={"unique_key": "github"})).status_code == 200


async def test_deleting_an_integration_ends_its_connections(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    connection = await sandbox.connect("github", {"end_user_id": "alice"})
    kept = await sandbox.connect("slack", {"end_user_id": "alice"})
    assert (await http.delete("/integrations/github")).json() == {"success": True}
    again = await http.delete("/integrations/github")
    assert (again.status_code, again.json()["error"]["message"]) == (404, "Integration does not exist")
    listed = [each["connection_id"] for each in (await http.get("/connections")).json()["connections"]]
    assert listed == [kept]
    refused = await http.post(
        "/action/trigger",
        headers={"connection-id": connection, "provider-config-key": "github"},
        json={"action_name": "list-repositories"},
    )
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "unknown_connection")
    assert "github" not in (await http.get("/sandbox/api/state")).json()
    await http.patch("/integrations/slack", json={"display_name": "x"})
    renamed = await http.post(
        "/integrations", json={"provider": "github", "unique_key": "github", "credentials": OAUTH}
    )
    assert renamed.status_code == 200


async def test_a_quickstart_takes_an_app_of_nangos(http: httpx.AsyncClient) -> None:
    made = await http.post("/integrations/quickstart", json={"provider": "gitlab", "unique_key": "gl"})
    assert made.json()["data"]["display_name"] == "GitLab"
    shown = (await http.get("/integrations/gl?include=credentials")).json()["data"]["credentials"]
    assert (shown["client_id"], shown["client_secret"]) == ("", "")
    for body, message in (
        ({"provider": "github-pat", "unique_key": "x"}, "only available for providers that require a developer app"),
        ({**GITLAB, "unique_key": "x"}, "Unrecognized key"),
        ({"provider": "gitlab", "unique_key": "gl"}, "Unique key already exists"),
    ):
        refused = await http.post("/integrations/quickstart", json=body)
        assert refused.status_code == 400
        assert message in refused.text


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/integrations", "one of: environment:integrations:list or environment:integrations:list_credentials"),
        (
            "GET",
            "/integrations/github",
            "one of: environment:integrations:read or environment:integrations:read_credentials",
        ),
        ("POST", "/integrations", ": environment:integrations:create"),
        ("POST", "/integrations/quickstart", ": environment:integrations:create"),
        ("PATCH", "/integrations/github", ": environment:integrations:update"),
        ("DELETE", "/integrations/github", ": environment:integrations:delete"),
    ],
)
async def test_each_call_needs_its_scope(sandbox: Sandbox, method: str, path: str, scope: str) -> None:
    async with await client_with(sandbox, "mcp") as http:
        answer = await http.request(method, path, json={})
    assert answer.status_code == 403
    assert f"Required {scope}".replace(" :", ":") in answer.json()["error"]["message"]


async def test_credentials_are_left_out_for_a_key_that_may_not_read_them(sandbox: Sandbox) -> None:
    async with await client_with(sandbox, "integrations:read") as http:
        shown = await http.get("/integrations/hubspot?include=credentials&include=webhook")
    assert shown.status_code == 200
    assert "credentials" not in shown.json()["data"]
    assert "webhook_url" in shown.json()["data"]


async def test_what_operators_changed_is_there_after_a_restart(tmp_path: Path) -> None:
    database = tmp_path / "sandbox.db"
    async with Sandbox(database) as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.api_key.get_secret_value()}"}
        async with httpx.AsyncClient(base_url=sandbox.base_url, headers=headers, trust_env=False) as http:
            await http.post("/integrations", json=GITLAB)
            await http.patch("/integrations/github", json={"unique_key": "gh"})
            await http.delete("/integrations/slack")
    async with (
        Sandbox(database) as sandbox,
        httpx.AsyncClient(base_url=sandbox.base_url, headers=headers, trust_env=False) as http,
    ):
        listed = [each["unique_key"] for each in (await http.get("/integrations")).json()["data"]]
        shown = (await http.get("/integrations/gl?include=credentials")).json()["data"]
    assert listed == ["gh", "gl", "hubspot"]
    assert shown["credentials"]["client_secret"] == "a-secret"


async def test_secrets_stay_out_of_what_is_printed(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    await http.post("/integrations", json={**GITLAB, "integration_config": {"token": "a-secret"}})
    services = sandbox.services
    assert "a-secret" not in repr(services.integrations["gl"])
    assert "a-secret" not in repr(services.integrations.stored("gl"))


async def test_providers_are_found_by_a_part_of_their_name(http: httpx.AsyncClient) -> None:
    found = (await http.get("/providers", params={"search": "GITHUB"})).json()["data"]
    assert [each["name"] for each in found] == ["github", "github-app", "github-app-oauth", "github-pat"]
    assert {each["auth_mode"] for each in found} == {"OAUTH2", "APP", "CUSTOM", "API_KEY"}
    one = (await http.get("/providers/github-pat")).json()["data"]
    assert one == next(each for each in found if each["name"] == "github-pat")
    assert one["proxy"]["headers"]["authorization"] == "Bearer ${apiKey}"
    unknown = await http.get("/providers/nope")
    assert (unknown.status_code, unknown.json()["error"]["message"]) == (404, "Unknown provider nope")


async def test_declared_integrations_bring_their_providers() -> None:
    odd = Integration("odd", "odd-crm", "Odd CRM", "API_KEY", categories=("crm",))
    async with Sandbox(integrations=(*all_apps(), odd)) as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.api_key.get_secret_value()}"}
        async with httpx.AsyncClient(base_url=sandbox.base_url, headers=headers, trust_env=False) as http:
            shown = (await http.get("/providers/odd-crm")).json()["data"]
            made = await http.post("/integrations", json={"provider": "odd-crm", "unique_key": "second"})
    assert (shown["auth_mode"], shown["categories"], shown["display_name"]) == ("API_KEY", ["crm"], "Odd CRM")
    assert made.status_code == 200


def test_a_provider_says_where_its_api_is_and_what_lets_requests_in() -> None:
    known = known_providers()
    assert known["github-pat"].headers({"apiKey": "k"}) == {
        "authorization": "Bearer k",
        "x-github-api-version": "2022-11-28",
        "accept": "application/vnd.github+json",
    }
    assert known["github-pat"].headers({"apiKey": "k"}, {"version": "1"})["x-github-api-version"] == "1"
    assert known["gitlab-pat"].headers({"apiKey": "k"}) == {"private-token": "k"}
    assert known["github"].headers({"access_token": "t"}) == {"authorization": "Bearer t"}
    assert known["private-api-basic"].headers({"username": "u", "password": "p"}) == {"authorization": "Basic dTpw"}
    assert known["unauthenticated"].headers({}) == {}
    assert known["salesforce"].base_url({"instance_url": "https://acme.example"}) == "https://acme.example"
    assert known["salesforce"].base_url() is None
    assert known["unauthenticated"].base_url() is None


def test_a_provider_that_nobody_declares_any_more_is_still_known_for_its_integration() -> None:
    gone = Integration("old", "old-crm", "Old CRM", "BASIC")
    assert Providers(()).of(gone).auth_mode == "BASIC"
    assert [auth_mode_of(each) for each in ("lever-basic", "airtable-pat", "x-api-key", "asana")] == [
        "BASIC",
        "API_KEY",
        "API_KEY",
        "OAUTH2",
    ]

"""The REST API, as a table: request, status, error code, shape."""

from typing import Any

import httpx
import pytest

from nango_sandbox import Sandbox


async def connected(sandbox: Sandbox, integration: str = "github", **tags: str) -> dict[str, str]:
    """The headers that name a new connection."""
    connection_id = await sandbox.connect(integration, tags or {"end_user_id": "alice"})
    return {"connection-id": connection_id, "provider-config-key": integration}


ENDPOINTS = (
    ("GET", "/connections"),
    ("POST", "/connections"),
    ("POST", "/connections/metadata"),
    ("GET", "/connections/x?provider_config_key=github"),
    ("PATCH", "/connections/x?provider_config_key=github"),
    ("DELETE", "/connections/x?provider_config_key=github"),
    ("POST", "/connect/sessions"),
    ("POST", "/connect/sessions/reconnect"),
    ("GET", "/integrations"),
    ("GET", "/integrations/github"),
    ("GET", "/providers"),
    ("GET", "/providers/github"),
    ("GET", "/scripts/config"),
    ("POST", "/action/trigger"),
    ("POST", "/mcp"),
    ("GET", "/mcp"),
    ("GET", "/proxy"),
    ("POST", "/proxy/a/b"),
)


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "missing_auth_header"),
        ("Bearer not-a-uuid", "invalid_secret_key_format"),
        ("Bearer", "invalid_secret_key_format"),
        ("Bearer schlüssel", "invalid_secret_key_format"),
        ("Bearer 6bedb6c8-4bd4-4104-8981-426fb27ef9f8", "unknown_account"),
    ],
)
async def test_every_endpoint_refuses_a_caller_without_the_key(
    sandbox: Sandbox, authorization: str | None, code: str
) -> None:
    headers = httpx.Headers() if authorization is None else httpx.Headers([(b"Authorization", authorization.encode())])
    async with httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False) as stranger:
        for method, path in ENDPOINTS:
            answer = await stranger.request(method, path, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, code), (method, path)


CASES: list[tuple[str, str, Any, int, str, list[Any] | None]] = [
    ("GET", "/connections?foo=1", None, 400, "invalid_query_params", []),
    ("GET", "/connections?limit=0", None, 400, "invalid_query_params", ["limit"]),
    ("GET", "/connections?limit=2001", None, 400, "invalid_query_params", ["limit"]),
    ("GET", "/connections?limit=many", None, 400, "invalid_query_params", ["limit"]),
    ("GET", "/connections?tags=x", None, 400, "invalid_query_params", ["tags"]),
    ("GET", "/connections/x", None, 400, "invalid_query_params", ["provider_config_key"]),
    ("GET", "/connections/x?provider_config_key=github", None, 404, "not_found", None),
    ("GET", "/connections/x?provider_config_key=nope", None, 400, "unknown_provider_config", None),
    ("DELETE", "/connections/x?provider_config_key=github", None, 400, "unknown_connection", None),
    ("PATCH", "/connections/x?provider_config_key=github", {"tags": {}}, 404, "not_found", None),
    ("POST", "/connections", {}, 400, "invalid_body", ["provider_config_key"]),
    ("POST", "/connections", [], 400, "invalid_body", []),
    ("POST", "/connections", {"provider_config_key": "x", "credentials": {"type": "NONE"}}, 404, "not_found", None),
    ("POST", "/connections", {"provider_config_key": "x", "credentials": {"type": []}}, 400, "invalid_body",
     ["credentials", "type"]),
    ("POST", "/connections", {"provider_config_key": "github", "credentials": {"type": "NONE"}}, 400, "invalid_body",
     None),
    ("POST", "/connect/sessions", {}, 400, "invalid_body", ["end_user"]),
    ("POST", "/connect/sessions", {"tags": {"a b": "c"}}, 400, "invalid_body", ["tags", "a b"]),
    ("POST", "/connect/sessions", {"tags": {f"k{n}": "v" for n in range(11)}}, 400, "invalid_body", ["tags"]),
    ("POST", "/connect/sessions", {"tags": {}, "allowed_integrations": ["slack", "nope"]}, 400, "invalid_body",
     ["allowed_integrations", "1"]),
    ("POST", "/connect/sessions", {"tags": {}, "webhook_url_override": "http://127.0.0.1/"}, 400, "invalid_body",
     ["webhook_url_override"]),
    ("POST", "/connect/sessions", {"tags": {}, "webhook_url_override": "http://[::1]/"}, 400, "invalid_body",
     ["webhook_url_override"]),
    ("POST", "/connect/sessions", {"tags": {}, "webhook_url_override": "http://[broken"}, 400, "invalid_body",
     ["webhook_url_override"]),
    ("POST", "/connect/sessions", {"tags": {}, "webhook_url_override": "file:///etc/passwd"}, 400, "invalid_body",
     ["webhook_url_override"]),
    ("POST", "/connect/sessions?a=1", {"tags": {}}, 400, "invalid_query_params", []),
    ("POST", "/connect/sessions/reconnect", {"connection_id": "x", "integration_id": "github"}, 400, "invalid_body",
     None),
    ("GET", "/integrations/nope", None, 404, "not_found", None),
    ("GET", "/providers/nope", None, 404, "not_found", None),
    ("POST", "/auth/unauthenticated/no-auth", None, 401, "missing_public_key", None),
    ("POST", "/auth/unauthenticated/no-auth?connect_session_token=x", None, 401,
     "invalid_connect_session_token_format", None),
    ("GET", "/connect/session", None, 401, "invalid_connect_session_token_format", None),
]  # fmt: skip


async def test_a_bad_request_is_refused_with_the_code_and_the_place(http: httpx.AsyncClient) -> None:
    for method, path, body, status, code, place in CASES:
        answer = await http.request(method, path, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), (path, body)
        if place is not None:
            assert answer.json()["error"]["errors"][0]["path"] == place, (path, body)


async def test_a_body_that_is_no_json_is_refused(http: httpx.AsyncClient) -> None:
    for content, content_type, status, code in (
        (b"{", "application/json", 400, "invalid_json"),
        (b"{nope}", "application/json", 400, "invalid_json"),
        (b"\xff\xfe", "application/json", 400, "invalid_json"),
        (b"[" * 100_000, "application/json", 400, "invalid_json"),
        (b'{"limit": NaN}', "application/json", 400, "invalid_json"),
        (b"[" + b"9" * 5000 + b"]", "application/json", 400, "invalid_json"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "invalid_content_type"),
    ):
        answer = await http.post("/connections", content=content, headers={"Content-Type": content_type})
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), content[:20]


async def test_half_a_surrogate_pair_does_not_break_the_answer(http: httpx.AsyncClient) -> None:
    content = b'{"provider_config_key": "no-auth", "credentials": {"type": "NONE"}, "tags": {"note": "a\\ud800b"}}'
    answer = await http.post("/connections", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["tags"]) == (201, {"note": "a\N{REPLACEMENT CHARACTER}b"})


async def test_another_host_name_is_refused_on_every_route(http: httpx.AsyncClient) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.2"):
        for path in ("/", "/connections", "/mcp", "/connect", "/sandbox/api/ledger", "/nowhere"):
            answer = await http.get(path, headers={"Host": host})
            assert answer.status_code == 400, (host, path)


async def test_the_names_of_this_machine_are_accepted(http: httpx.AsyncClient) -> None:
    for host in ("127.0.0.1", "localhost:3003", "[::1]:3003", "LOCALHOST"):
        answer = await http.get("/integrations", headers={"Host": host})
        assert answer.status_code == 200, host


async def test_connections_are_found_by_all_their_tags_and_newest_first(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    first = await sandbox.connect("github", {"end_user_id": "alice", "team": "Blue"})
    second = await sandbox.connect("slack", {"end_user_id": "alice"})
    await sandbox.connect("slack", {"end_user_id": "bob"})

    async def found(query: str) -> list[str]:
        answer = await http.get(f"/connections?{query}")
        return [each["connection_id"] for each in answer.json()["connections"]]

    assert await found("tags[end_user_id]=alice") == [second, first]
    assert await found("tags[END_USER_ID]=alice&tags[team]=Blue") == [first]
    assert await found("tags[end_user_id]=Alice") == []
    assert await found("tags[end_user_id]=alice&integrationId=github,hubspot") == [first]
    assert await found("tags[end_user_id]=alice&limit=1&page=1") == [first]
    assert await found("endUserId=alice") == []
    assert await found(f"connectionId={second}") == [second]


async def test_importing_over_a_connection_wipes_the_tags_that_are_not_sent_again(http: httpx.AsyncClient) -> None:
    body = {
        "provider_config_key": "github",
        "connection_id": "one",
        "credentials": {"type": "OAUTH2", "access_token": "t"},
    }
    first = await http.post("/connections", json={**body, "tags": {"End_User_Id": "alice"}})
    assert (first.status_code, first.json()["tags"]) == (201, {"end_user_id": "alice"})
    second = await http.post("/connections", json=body)
    assert (second.json()["id"], second.json()["tags"]) == (first.json()["id"], {})


async def test_patch_replaces_the_tags_and_metadata_merges_at_its_top(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    headers = await connected(sandbox, end_user_id="alice", team="Blue")
    where = f"/connections/{headers['connection-id']}?provider_config_key=github"
    names = {"connection_id": headers["connection-id"], "provider_config_key": "github"}
    assert (await http.patch(where, json={"tags": {"plan": "pro"}})).json() == {"success": True}
    await http.post("/connections/metadata", json={**names, "metadata": {"a": 1, "b": {"c": 2}}})
    await http.patch("/connections/metadata", json={**names, "metadata": {"b": {"d": 3}}})
    connection = (await http.get(where)).json()
    assert connection["tags"] == {"plan": "pro"}
    assert connection["metadata"] == {"a": 1, "b": {"d": 3}}
    assert (await http.delete(where)).json() == {"success": True}
    assert (await http.get(where)).status_code == 404


async def test_the_catalogue_has_a_schema_for_what_every_action_takes_and_returns(http: httpx.AsyncClient) -> None:
    catalogue = (await http.get("/scripts/config?format=nango")).json()
    assert [each["providerConfigKey"] for each in catalogue] == ["github", "hubspot", "slack"]
    for integration in catalogue:
        assert len(integration["actions"]) >= 10
        for action in integration["actions"]:
            models = action["json_schema"]["definitions"]
            taken, returned = models[action["input"]], models[action["returns"][0]]
            assert taken["type"] == returned["type"] == "object"
            assert taken["additionalProperties"] is False
            assert action["enabled"]
            assert action["description"]
            assert "access" not in action


async def test_the_first_finding_is_what_is_missing_and_the_last_what_is_unknown(http: httpx.AsyncClient) -> None:
    answer = await http.post("/connections", json={"nope": 1, "connection_id": 2, "credentials": {"type": "NONE"}})
    codes = [(each["code"], each["path"]) for each in answer.json()["error"]["errors"]]
    assert codes == [
        ("invalid_type", ["provider_config_key"]),
        ("invalid_type", ["connection_id"]),
        ("unrecognized_keys", []),
    ]


async def test_a_slash_at_the_end_of_a_path_changes_nothing(http: httpx.AsyncClient) -> None:
    answer = await http.get("/connections/", params={"limit": "1"})
    assert (answer.status_code, answer.json()) == (200, {"connections": []})


async def test_every_refresh_option_that_a_client_may_send_is_taken(http: httpx.AsyncClient) -> None:
    made = await http.post(
        "/connections", json={"provider_config_key": "no-auth", "credentials": {"type": "NONE"}, "tags": {"team": "a"}}
    )
    options = dict.fromkeys(("force_refresh", "refresh_token", "refresh_github_app_jwt_token"), "false")
    answer = await http.get(
        f"/connections/{made.json()['connection_id']}", params={"provider_config_key": "no-auth", **options}
    )
    assert answer.status_code == 200

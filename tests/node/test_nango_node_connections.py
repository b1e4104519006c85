"""Nango's own Node SDK against the sandbox: connections and connect sessions."""

from collections.abc import AsyncIterator

import httpx
import pytest

from nango_sandbox import Sandbox
from nango_sandbox.apps import all_apps
from nango_sandbox.functions.action import Integration

pytestmark = pytest.mark.system

ALICE = {"end_user_id": "alice"}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    plain = (
        Integration("bearer", "private-api-bearer", "Bearer", "API_KEY"),
        Integration("basic", "private-api-basic", "Basic", "BASIC"),
        Integration("open", "unauthenticated", "Open", "NONE"),
    )
    async with Sandbox(integrations=(*all_apps(), *plain)) as running:
        yield running


# Connections


async def test_connections_are_listed_by_id_search_and_end_user(sandbox, nango, import_connection):
    await sandbox.connect("github", ALICE, "gh-alice")
    await import_connection(
        provider_config_key="open", connection_id="o-erin", credentials={"type": "NONE"}, end_user={"id": "erin"}
    )

    def ids(*args):
        return [each["connection_id"] for each in nango("listConnections", *args)["connections"]]

    assert ids() == ["o-erin", "gh-alice"]
    assert ids("gh-alice") == ["gh-alice"]
    assert ids("", "erin") == ["o-erin"]
    assert ids("", "", {"endUserId": "erin"}) == ["o-erin"]
    assert ids("", "", {"endUserId": "alice"}) == []
    assert ids("", "", {"limit": 1}) == ["o-erin"]
    assert ids("", "", {"limit": 1, "page": 1}) == ["gh-alice"]


async def test_connections_are_listed_by_tags_and_integrations(sandbox, nango):
    await sandbox.connect("github", {**ALICE, "team": "blue"}, "gh-alice")
    await sandbox.connect("slack", ALICE, "sl-alice")
    await sandbox.connect("slack", {"end_user_id": "bob", "end_user_email": "bob@example.com"}, "sl-bob")

    def ids(**filters):
        return {each["connection_id"] for each in nango("listConnections", filters)["connections"]}

    assert ids(tags=ALICE) == {"gh-alice", "sl-alice"}
    assert ids(tags={"End_User_Id": "alice", "team": "blue"}) == {"gh-alice"}
    assert ids(tags={"end_user_id": "Alice"}) == set()
    assert ids(tags={"email": "bob@example.com"}) == {"sl-bob"}
    assert ids(tags=ALICE, integrationId="slack") == {"sl-alice"}
    assert ids(integrationId=["github", "slack"]) == {"gh-alice", "sl-alice", "sl-bob"}
    assert ids(connectionId="sl-bob", limit=1) == {"sl-bob"}


async def test_one_connection_comes_with_its_credentials(sandbox, nango, refused):
    await sandbox.connect("github", ALICE, "gh-alice")
    connection = nango("getConnection", "github", "gh-alice")
    assert (connection["provider_config_key"], connection["tags"], connection["errors"]) == ("github", ALICE, [])
    assert connection["credentials"]["type"] == "OAUTH2"
    assert "refresh_token" not in connection["credentials"]
    with_refresh = nango("getConnection", "github", "gh-alice", False, True)
    assert with_refresh["credentials"]["refresh_token"]
    assert refused(lambda: nango("getConnection", "github", "nobody")) == (404, "not_found")
    assert refused(lambda: nango("getConnection", "nope", "gh-alice")) == (400, "unknown_provider_config")


async def test_a_forced_refresh_brings_another_token(sandbox, nango):
    await sandbox.connect("github", ALICE, "gh-alice")
    before = nango("getToken", "github", "gh-alice")
    assert nango("getToken", "github", "gh-alice") == before
    after = nango("getToken", "github", "gh-alice", True)
    assert after != before
    assert nango("getToken", "github", "gh-alice") == after


@pytest.mark.parametrize(
    ("integration", "credentials"),
    [
        ("bearer", {"type": "API_KEY", "apiKey": "key-of-alice"}),
        ("basic", {"type": "BASIC", "username": "alice", "password": "pass-of-alice"}),
    ],
)
async def test_what_is_no_oauth_token_is_given_whole(nango, import_connection, integration, credentials):
    await import_connection(provider_config_key=integration, connection_id="c", credentials=credentials, tags=ALICE)
    assert nango("getToken", integration, "c") == credentials


async def test_the_raw_token_response_is_kept(nango, import_connection):
    credentials = {"type": "OAUTH2", "access_token": "token-of-alice"}
    await import_connection(provider_config_key="github", connection_id="c", credentials=credentials, tags=ALICE)
    assert nango("getToken", "github", "c") == "token-of-alice"
    assert nango("getRawTokenResponse", "github", "c") == credentials


async def test_a_patch_replaces_the_tags(sandbox, nango, refused):
    await sandbox.connect("github", {**ALICE, "team": "blue"}, "gh-alice")
    of_alice = {"connectionId": "gh-alice", "provider_config_key": "github"}
    assert nango("patchConnection", of_alice, {"tags": {**ALICE, "plan": "pro"}}) == {"success": True}
    assert nango("getConnection", "github", "gh-alice")["tags"] == {**ALICE, "plan": "pro"}
    nobody = {**of_alice, "connectionId": "nobody"}
    assert refused(lambda: nango("patchConnection", nobody, {"tags": ALICE})) == (404, "not_found")
    assert refused(lambda: nango("patchConnection", of_alice, {"nope": 1})) == (400, "invalid_body")


async def test_metadata_is_replaced_or_merged(sandbox, nango, refused):
    for name in ("one", "two"):
        await sandbox.connect("github", ALICE, name)
    written = nango("setMetadata", "github", ["one", "two"], {"a": 1, "b": {"c": 2}})
    assert (written["status"], written["data"]["metadata"]) == (201, {"a": 1, "b": {"c": 2}})
    merged = nango("updateMetadata", "github", "one", {"b": {"d": 3}})
    assert (merged["status"], merged["data"]["connection_id"]) == (200, "one")
    assert nango("getMetadata", "github", "one") == {"a": 1, "b": {"d": 3}}
    assert nango("getMetadata", "github", "two") == {"a": 1, "b": {"c": 2}}
    assert refused(lambda: nango("setMetadata", "github", "nobody", {})) == (404, "unknown_connection")


async def test_a_deleted_connection_is_gone(sandbox, nango, refused):
    await sandbox.connect("github", ALICE, "gh-alice")
    assert nango("deleteConnection", "github", "gh-alice")["data"] == {"success": True}
    assert refused(lambda: nango("getConnection", "github", "gh-alice")) == (404, "not_found")
    assert refused(lambda: nango("deleteConnection", "github", "gh-alice")) == (400, "unknown_connection")


async def test_a_connection_that_is_waited_for_is_found(sandbox, nango, import_connection):
    await sandbox.connect("github", ALICE, "gh-alice")
    await import_connection(
        provider_config_key="open", connection_id="o-erin", credentials={"type": "NONE"}, end_user={"id": "erin"}
    )
    assert nango("waitForConnection", "open", "erin")["connection_id"] == "o-erin"


# Connect sessions


async def test_a_connect_session_leads_to_a_connection_with_its_tags(sandbox, nango):
    session = nango("createConnectSession", {"tags": ALICE, "allowed_integrations": ["open"]})["data"]
    assert session["connect_link"].startswith(f"{sandbox.base_url}/")
    assert session["token"] in session["connect_link"]
    await authorize_without_credentials(sandbox, session["token"])
    connection = nango("listConnections", {"tags": ALICE})["connections"][0]
    assert connection["provider_config_key"] == "open"


async def test_a_reconnect_session_renews_the_same_connection_and_its_tags(sandbox, nango):
    await sandbox.connect("open", ALICE, "o-alice")
    wanted = {"connection_id": "o-alice", "integration_id": "open", "tags": {**ALICE, "again": "yes"}}
    session = nango("createReconnectSession", wanted)["data"]
    await authorize_without_credentials(sandbox, session["token"])
    [connection] = nango("listConnections")["connections"]
    assert (connection["connection_id"], connection["tags"]) == ("o-alice", {**ALICE, "again": "yes"})


async def authorize_without_credentials(sandbox: Sandbox, token: str) -> None:
    """What an end user's browser does at an integration that asks for nothing."""
    query = {"connect_session_token": token}
    async with httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False) as browser:
        (await browser.post("/auth/unauthenticated/open", params=query)).raise_for_status()


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("createConnectSession", {"allowed_integrations": ["github"]}),
        ("createConnectSession", {"tags": ALICE, "allowed_integrations": ["nope"]}),
        ("createConnectSession", {"tags": {"a b": "c"}}),
        ("createReconnectSession", {"connection_id": "nobody", "integration_id": "github", "tags": ALICE}),
        ("createReconnectSession", {"connection_id": "gh-alice", "tags": ALICE}),
    ],
    ids=["nobody's", "unknown integration", "malformed tag", "unknown connection", "no integration"],
)
async def test_a_session_that_cannot_be_is_refused(sandbox, nango, refused, method, body):
    await sandbox.connect("github", ALICE, "gh-alice")
    assert refused(lambda: nango(method, body)) == (400, "invalid_body")

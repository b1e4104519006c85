"""Connections and connect sessions: what is sent to change them, and what of it is ever shown."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from starlette.responses import JSONResponse, Response

from nango_tools import (
    ApiKeyCredentials,
    BasicCredentials,
    ConfigDefaults,
    EndUserProfile,
    InvalidInput,
    InvalidSessionToken,
    NangoClient,
    NoCredentials,
    OAuth2Credentials,
    Outcome,
    SessionOverrides,
    UnknownConnection,
)

TAGS = {"end_user_id": "alice"}
CANARY = "canary-7d1f"
ANSWER = {
    "id": 1,
    "connection_id": "c",
    "provider_config_key": "github",
    "provider": "github",
    "errors": [],
    "end_user": {"id": "alice", "email": "a@b.c", "display_name": None, "tags": None, "organization": {"id": "acme"}},
    "tags": TAGS,
    "metadata": {},
    "connection_config": {"instance_url": CANARY},
    "webhook_url_override": None,
    "created_at": "2026-11-20T20:54:32.656Z",
    "updated_at": "2026-11-20T20:54:32.656Z",
    "last_fetched_at": None,
    "credentials": {"type": "OAUTH2", "access_token": CANARY, "raw": {"access_token": CANARY}},
    "added_later": {"by": "Nango"},
}
SESSION = {
    "data": {
        "token": "nango_connect_session_canary",
        "connect_link": "https://connect.nango.dev/?session_token=nango_connect_session_canary",
        "expires_at": "2026-11-20T21:32:12.568Z",
    }
}


async def test_every_filter_of_the_list_has_its_parameter(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"connections": []}))
    async for _ in nango.connections.list(search="ali", end_user_id="a b", end_user_organization_id="acme", limit=7):
        pass
    assert fake.seen[0].query == [
        ("search", "ali"),
        ("endUserId", "a b"),
        ("endUserOrganizationId", "acme"),
        ("limit", "7"),
        ("page", "0"),
    ]


@pytest.mark.parametrize("limit", [0, -1, 2001])
async def test_a_page_size_that_nango_refuses_is_not_sent(fake: Any, nango: NangoClient, limit: int) -> None:
    with pytest.raises(InvalidInput, match="limit"):
        [c async for c in nango.connections.list(limit=limit)]
    assert fake.seen == []


async def test_a_connection_keeps_its_end_user_and_wraps_its_configuration(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse(ANSWER))
    found = await nango.connections.get("c", "github", force_refresh=True)
    assert fake.seen[0].query == [("provider_config_key", "github"), ("force_refresh", "true")]
    assert found.end_user is not None
    assert (found.end_user.id, found.end_user.email) == ("alice", "a@b.c")
    assert found.connection_config.get_secret_value() == {"instance_url": CANARY}
    assert not hasattr(found, "credentials")
    assert CANARY not in f"{found!r} {found} {found.model_dump()} {found.model_dump_json()} {found.__dict__}"


async def test_credentials_come_only_when_they_are_asked_for_and_stay_wrapped(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse(ANSWER))
    found = await nango.connections.get_with_credentials("c", "github", refresh_token=True)
    assert fake.seen[0].query == [("provider_config_key", "github"), ("refresh_token", "true")]
    assert found.credentials.get_secret_value()["access_token"] == CANARY
    assert CANARY not in f"{found!r} {found} {found.model_dump()} {found.model_dump_json()} {found.__dict__}"
    fake.answers(JSONResponse(ANSWER | {"credentials": {}}))
    without_scope = await nango.connections.get_with_credentials("c", "github")
    assert without_scope.credentials.get_secret_value() == {}


@pytest.mark.parametrize(
    ("credentials", "sent"),
    [
        (
            OAuth2Credentials(
                access_token=SecretStr("t"),
                refresh_token=SecretStr("r"),
                expires_at=datetime(2026, 1, 2, tzinfo=UTC),
            ),
            {"type": "OAUTH2", "access_token": "t", "refresh_token": "r", "expires_at": "2026-01-02T00:00:00+00:00"},
        ),
        (ApiKeyCredentials(api_key=SecretStr("k")), {"type": "API_KEY", "apiKey": "k"}),
        (
            BasicCredentials(username="u", password=SecretStr("p")),
            {"type": "BASIC", "username": "u", "password": "p"},
        ),
        (NoCredentials(), {"type": "NONE"}),
        ({"type": "API_KEY", "apiKey": "k"}, {"type": "API_KEY", "apiKey": "k"}),
        (
            {"type": "OAUTH2", "access_token": "t", "config_override": {"client_id": "i", "client_secret": "s"}},
            {"type": "OAUTH2", "access_token": "t", "config_override": {"client_id": "i", "client_secret": "s"}},
        ),
    ],
)
async def test_an_import_sends_credentials_in_nangos_form(
    fake: Any, nango: NangoClient, credentials: Any, sent: Any
) -> None:
    fake.answers(JSONResponse(ANSWER, 201))
    made = await nango.connections.import_connection("github", credentials, tags=TAGS)
    assert (fake.seen[0].method, fake.seen[0].path) == ("POST", "/connections")
    assert fake.seen[0].body == {"provider_config_key": "github", "credentials": sent, "tags": TAGS}
    assert made.connection_id == "c"


async def test_an_import_sends_everything_it_is_given(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse(ANSWER, 201))
    await nango.connections.import_connection(
        "github",
        NoCredentials(),
        tags={},
        connection_id="c",
        metadata={"a": None},
        connection_config={"region": None, "host": "x"},
        end_user={"id": "bob", "email": "b@b.b"},
        webhook_url_override="https://x.example/hook",
    )
    assert fake.seen[0].body == {
        "provider_config_key": "github",
        "connection_id": "c",
        "credentials": {"type": "NONE"},
        "tags": {},
        "metadata": {"a": None},
        "connection_config": {"region": None, "host": "x"},
        "end_user": {"id": "bob", "email": "b@b.b"},
        "webhook_url_override": "https://x.example/hook",
    }


@pytest.mark.parametrize(
    "credentials",
    [
        {"type": "API_KEY", "api-key": CANARY},
        {"type": "API_KEY", "apiKey": CANARY, "extra": CANARY},
        {"type": "OAUTH2", "acess_token": CANARY},
        {"type": "OAUTH2", "access_token": 5},
        {"type": "SOMETHING", "token": CANARY},
        {"apiKey": CANARY},
        {},
    ],
)
async def test_a_misspelt_credential_is_refused_before_sending_and_not_shown(
    fake: Any, nango: NangoClient, credentials: Any
) -> None:
    with pytest.raises(InvalidInput, match=r": credentials[.:]") as caught:
        await nango.connections.import_connection("github", credentials, tags=TAGS)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert CANARY not in f"{caught.value} {caught.value.__dict__}"
    assert fake.seen == []


def test_credentials_that_are_misspelt_where_they_are_made_do_not_show_their_values() -> None:
    with pytest.raises(ValidationError) as caught:
        ApiKeyCredentials.model_validate({"api_kee": CANARY, "apiKey": CANARY})
    assert CANARY not in str(caught.value)
    made = OAuth2Credentials(access_token=SecretStr(CANARY))
    assert CANARY not in f"{made!r} {made} {made.model_dump()} {made.model_dump_json()}"


async def test_a_patch_sends_only_what_changes(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"success": True}))
    await nango.connections.patch("a/b", "github", tags={})
    await nango.connections.patch("c", "github", end_user=EndUserProfile(id="bob"), webhook_url_override="")
    assert (fake.seen[0].method, fake.seen[0].raw_path) == ("PATCH", "/connections/a%2Fb")
    assert fake.seen[0].query == [("provider_config_key", "github")]
    assert [seen.body for seen in fake.seen] == [{"tags": {}}, {"end_user": {"id": "bob"}, "webhook_url_override": ""}]
    with pytest.raises(InvalidInput, match="nothing to change"):
        await nango.connections.patch("c", "github")
    with pytest.raises(InvalidInput, match=r"end_user.*emial"):
        await nango.connections.patch("c", "github", end_user={"id": "bob", "emial": "x"})
    assert len(fake.seen) == 2


async def test_a_deleted_connection_is_unknown(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"success": True}), JSONResponse({"error": {"code": "unknown_connection"}}, 400))
    await nango.connections.delete("c", "github")
    assert (fake.seen[0].method, fake.seen[0].path) == ("DELETE", "/connections/c")
    assert fake.seen[0].query == [("provider_config_key", "github")]
    with pytest.raises(UnknownConnection) as caught:
        await nango.connections.delete("c", "github")
    assert caught.value.outcome is Outcome.REJECTED


async def test_metadata_is_replaced_by_post_and_merged_by_patch(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({}, 201))
    await nango.connections.set_metadata("c", "github", {"a": {"b": None}})
    await nango.connections.update_metadata(["c", "d"], "github", {})
    assert [(seen.method, seen.path, seen.body) for seen in fake.seen] == [
        (
            "POST",
            "/connections/metadata",
            {"connection_id": "c", "provider_config_key": "github", "metadata": {"a": {"b": None}}},
        ),
        (
            "PATCH",
            "/connections/metadata",
            {"connection_id": ["c", "d"], "provider_config_key": "github", "metadata": {}},
        ),
    ]
    for nothing in ("", []):
        with pytest.raises(InvalidInput):
            await nango.connections.set_metadata(nothing, "github", {})


async def test_a_session_sends_all_its_options_in_both_forms(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse(SESSION, 201))
    options: dict[str, Any] = {
        "end_user": {"id": "erin", "display_name": "Erin"},
        "organization": {"id": "acme"},
        "webhook_url_override": "https://x.example/hook",
        "integrations_config_defaults": {
            "salesforce": ConfigDefaults(user_scopes="a", connection_config={"instance_url": None})
        },
        "overrides": {"salesforce": SessionOverrides(docs_connect="https://x.example/docs")},
    }
    sent = options | {
        "integrations_config_defaults": {
            "salesforce": {"user_scopes": "a", "connection_config": {"instance_url": None}}
        },
        "overrides": {"salesforce": {"docs_connect": "https://x.example/docs"}},
    }
    await nango.connect_sessions.create(tags=TAGS, allowed_integrations=["salesforce"], **options)
    await nango.connect_sessions.reconnect(connection_id="c", integration_id="salesforce", tags=TAGS, **options)
    assert fake.seen[0].body == {"tags": TAGS, "allowed_integrations": ["salesforce"]} | sent
    assert fake.seen[1].body == {"tags": TAGS, "connection_id": "c", "integration_id": "salesforce"} | sent


@pytest.mark.parametrize(
    "options",
    [
        {"end_user": {"id": "erin", "name": "Erin"}},
        {"organization": {"display_name": "ACME"}},
        {"integrations_config_defaults": {"salesforce": {"scopes": "a"}}},
        {"overrides": {"salesforce": {"docs": "x"}}},
    ],
)
async def test_a_misspelt_option_of_a_session_is_not_sent(fake: Any, nango: NangoClient, options: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        await nango.connect_sessions.create(tags=TAGS, allowed_integrations=["salesforce"], **options)
    assert caught.value.outcome is Outcome.NOT_SENT
    with pytest.raises(InvalidInput):
        await nango.connect_sessions.reconnect(connection_id="c", integration_id="i", tags=TAGS, **options)
    assert fake.seen == []


async def test_a_session_is_read_and_ended_with_its_own_token(fake: Any, nango: NangoClient) -> None:
    token = SecretStr("nango_connect_session_canary")
    state = {"endUser": None, "allowed_integrations": ["github"], "isReconnecting": True, "websocketsPath": "/"}
    gone = {"error": {"message": "Authentication failed.", "code": "unknown_connect_session_token", "payload": {}}}
    fake.answers(JSONResponse({"data": state}), Response(status_code=204), JSONResponse(gone, 401))
    found = await nango.connect_sessions.get(token)
    assert (found.allowed_integrations, found.is_reconnecting, found.end_user) == (("github",), True, None)
    await nango.connect_sessions.delete(token)
    with pytest.raises(InvalidSessionToken):
        await nango.connect_sessions.get(token)
    assert [(seen.method, seen.path) for seen in fake.seen] == [
        ("GET", "/connect/session"),
        ("DELETE", "/connect/session"),
        ("GET", "/connect/session"),
    ]
    assert {seen.headers["authorization"] for seen in fake.seen} == {"Bearer nango_connect_session_canary"}

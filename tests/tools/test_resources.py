"""Connections, sessions, integrations, functions: what is asked of Nango, and what is kept of its answers."""

from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.responses import HTMLResponse, JSONResponse, Response

from nango_tools import (
    ClientClosed,
    InvalidInput,
    MalformedResponse,
    NangoClient,
    NotNango,
    Outcome,
    ReauthorizationRequired,
    UnknownConnection,
    UnknownIntegration,
)


def connection(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "connection_id": name,
        "provider_config_key": "github",
        "provider": "github",
        "errors": [],
        "end_user": None,
        "tags": {"end_user_id": "alice"},
        "metadata": {"owner": "octo"},
        "created": "2026-11-20T20:54:32.656+00:00",
    } | changes


async def test_connections_are_filtered_by_tags_and_integrations(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"connections": [connection("gh-alice")]}))
    found = [
        c
        async for c in nango.connections.list(
            tags={"end_user_id": "alice & co", "team": "Blue"}, integration_ids=["github", "hubspot"], connection_id="x"
        )
    ]
    assert fake.seen[0].query == [
        ("tags[end_user_id]", "alice & co"),
        ("tags[team]", "Blue"),
        ("integrationId", "github,hubspot"),
        ("connectionId", "x"),
        ("limit", "100"),
        ("page", "0"),
    ]
    assert [(c.connection_id, c.integration_id, c.tags) for c in found] == [
        ("gh-alice", "github", {"end_user_id": "alice"})
    ]
    assert found[0].created_at == datetime(2026, 11, 20, 20, 54, 32, 656000, tzinfo=UTC)


async def test_no_integrations_means_no_connections_not_all_of_them(fake: Any, nango: NangoClient) -> None:
    assert [c async for c in nango.connections.list(integration_ids=[])] == []
    assert fake.seen == []


async def test_an_integration_id_cannot_smuggle_in_another(fake: Any, nango: NangoClient) -> None:
    with pytest.raises(InvalidInput):
        [c async for c in nango.connections.list(integration_ids=["github,slack"])]
    assert fake.seen == []


async def test_pages_are_fetched_as_they_are_needed_until_a_short_one(fake: Any, nango: NangoClient) -> None:
    pages = [["a", "b"], ["c", "d"], ["e"]]
    fake.answer = lambda seen: JSONResponse(
        {"connections": [connection(n) for n in pages[int(dict(seen.query)["page"])]]}
    )
    listing = nango.connections.list(limit=2)
    assert (await anext(listing)).connection_id == "a"
    assert len(fake.seen) == 1
    assert [c.connection_id async for c in listing] == ["b", "c", "d", "e"]
    assert len(fake.seen) == 3


async def test_a_connection_that_moved_to_the_next_page_is_not_given_twice(fake: Any, nango: NangoClient) -> None:
    pages = [["new", "a"], ["a", "b"], []]
    fake.answer = lambda seen: JSONResponse(
        {"connections": [connection(n) for n in pages[int(dict(seen.query)["page"])]]}
    )
    assert [c.connection_id async for c in nango.connections.list(limit=2)] == ["new", "a", "b"]


async def test_a_server_that_ignores_paging_does_not_keep_the_client_for_ever(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"connections": [connection("a"), connection("b")]}))
    assert [c.connection_id async for c in nango.connections.list(limit=2)] == ["a", "b"]


async def test_one_connection_comes_without_its_credentials(fake: Any, nango: NangoClient) -> None:
    body = connection("gh-alice", created_at="2026-11-20T20:54:32.656+00:00")
    del body["created"]
    fake.answers(
        JSONResponse(body | {"credentials": {"access_token": "gho_canary"}, "connection_config": {"s": "gho_canary"}})
    )
    found = await nango.connections.get("gh-alice", "github")
    assert found.integration_id == "github"
    assert "gho_canary" not in f"{found!r} {found.model_dump()} {found.__dict__}"
    assert fake.seen[0].query == [("provider_config_key", "github")]


@pytest.mark.parametrize(("kind", "needed"), [("auth", True), ("sync", False)])
async def test_only_an_auth_error_means_that_authorization_is_needed(
    fake: Any, nango: NangoClient, kind: str, *, needed: bool
) -> None:
    fake.answers(JSONResponse({"connections": [connection("c", errors=[{"type": kind, "log_id": "1"}])]}))
    assert [c.needs_reauthorization async for c in nango.connections.list()] == [needed]


@pytest.mark.parametrize(
    ("connection_id", "raw_path"),
    [
        ("a/b", "/connections/a%2Fb"),
        ("a?b#c", "/connections/a%3Fb%23c"),
        ("50%", "/connections/50%25"),
        ("a%2Fb", "/connections/a%252Fb"),
        ("two words", "/connections/two%20words"),
    ],
)
async def test_a_connection_id_stays_one_segment_of_the_path(
    fake: Any, nango: NangoClient, connection_id: str, raw_path: str
) -> None:
    fake.answers(JSONResponse(connection(connection_id)))
    await nango.connections.get(connection_id, "github")
    assert fake.seen[0].raw_path.split("?")[0] == raw_path


@pytest.mark.parametrize("bad", ["", ".", "..", "a\r\nX-Evil: 1", "a\x00", " a", "a ", "zoë", "a\tb"])
async def test_an_id_that_would_not_arrive_as_given_is_not_sent(fake: Any, nango: NangoClient, bad: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await nango.connections.get(bad, "github")
    assert caught.value.outcome is Outcome.NOT_SENT
    if bad not in (".", ".."):
        with pytest.raises(InvalidInput):
            await nango.actions.trigger(
                connection_id=bad, integration_id="github", action="x", input=None, writes=False
            )
        with pytest.raises(InvalidInput):
            await nango.mcp.call_tool(connection_id="c", integration_id=bad, tool="x", writes=False)
        with pytest.raises(InvalidInput):
            await nango.mcp.list_tools(connection_id="c", integration_id=bad)
    assert fake.seen == []


SESSION = {
    "data": {
        "token": "nango_connect_session_canary",
        "connect_link": "https://connect.nango.dev/?session_token=nango_connect_session_canary",
        "expires_at": "2026-11-20T21:32:12.568Z",
    }
}


async def test_a_connect_session_is_usable_and_does_not_show_its_token(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse(SESSION, 201))
    session = await nango.connect_sessions.create(tags={"end_user_id": "dave"}, allowed_integrations=["github"])
    assert fake.seen[0].body == {"tags": {"end_user_id": "dave"}, "allowed_integrations": ["github"]}
    assert session.connect_link.endswith("nango_connect_session_canary")
    assert "nango_connect_session_canary" not in f"{session.model_dump()} {session.model_dump_json()}"
    assert session.token.get_secret_value() == "nango_connect_session_canary"
    assert session.expires_at == datetime(2026, 11, 20, 21, 32, 12, 568000, tzinfo=UTC)
    assert "canary" not in f"{session!r} {session}"


async def test_a_connect_session_for_nothing_is_refused_since_nango_would_allow_everything(
    fake: Any, nango: NangoClient
) -> None:
    with pytest.raises(InvalidInput):
        await nango.connect_sessions.create(tags={"end_user_id": "dave"}, allowed_integrations=[])
    assert fake.seen == []


async def test_a_reconnect_session_sends_the_tags_again(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse(SESSION, 201))
    await nango.connect_sessions.reconnect(connection_id="c", integration_id="github", tags={"end_user_id": "dave"})
    assert fake.seen[0].path == "/connect/sessions/reconnect"
    assert fake.seen[0].body == {
        "connection_id": "c",
        "integration_id": "github",
        "tags": {"end_user_id": "dave"},
    }


async def test_a_session_link_that_is_no_web_address_is_not_passed_on(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"data": SESSION["data"] | {"connect_link": "javascript:alert('canary')"}}))
    with pytest.raises(MalformedResponse) as caught:
        await nango.connect_sessions.create(tags={"a": "b"}, allowed_integrations=["github"])
    assert "canary" not in str(caught.value)


async def test_unknown_names_in_a_session_are_told_apart(fake: Any, nango: NangoClient) -> None:
    issue = {"code": "custom", "message": "Integration does not exist", "path": ["allowed_integrations", "1"]}
    fake.answers(JSONResponse({"error": {"code": "invalid_body", "errors": [issue]}}, 400))
    with pytest.raises(UnknownIntegration, match=r"allowed_integrations\.1"):
        await nango.connect_sessions.create(tags={"a": "b"}, allowed_integrations=["github", "nope"])
    said = "ConnectionID or IntegrationId does not exists"
    fake.answers(JSONResponse({"error": {"code": "invalid_body", "message": said}}, 400))
    with pytest.raises(UnknownConnection):
        await nango.connect_sessions.reconnect(connection_id="none", integration_id="github", tags={})


async def test_integrations_and_their_functions_are_listed(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"data": [{"unique_key": "gh", "provider": "github", "display_name": "GitHub"}]}))
    assert [(i.key, i.provider, i.display_name) for i in await nango.integrations.list()] == [
        ("gh", "github", "GitHub")
    ]
    action = {
        "name": "list-issues",
        "description": None,
        "scopes": None,
        "endpoints": [{"method": "GET", "path": "/issues", "group": "x"}],
        "input": "In",
        "returns": ["Out"],
        "enabled": False,
        "last_deployed": "2026-11-20T20:58:40.483Z",
        "json_schema": {"definitions": {"In": {"type": "object"}}},
    }
    fake.answers(
        JSONResponse(
            [{"providerConfigKey": "gh", "provider": "github", "actions": [action], "syncs": [{"name": "list-issues"}]}]
        )
    )
    [functions] = await nango.scripts.config()
    assert fake.seen[-1].query == [("format", "nango")]
    [found] = functions.actions
    assert (functions.integration_id, found.name, found.enabled, found.scopes) == ("gh", "list-issues", False, ())
    assert found.definition("In") == {"type": "object"}
    assert found.definition("Out") is None


@pytest.mark.parametrize(
    "answer",
    [
        Response(b"", media_type="application/json"),
        Response(b"{", media_type="application/json"),
        Response(b"[" * 100_000, media_type="application/json"),
        JSONResponse(None),
        JSONResponse({"data": None}),
        JSONResponse({"data": [{"provider": "github"}]}),
        JSONResponse([1]),
    ],
)
async def test_an_answer_of_another_shape_is_a_malformed_response(
    fake: Any, nango: NangoClient, answer: Response
) -> None:
    fake.answers(answer)
    with pytest.raises(MalformedResponse):
        await nango.integrations.list()


async def test_a_web_page_or_a_redirect_means_that_the_base_url_is_wrong(fake: Any, nango: NangoClient) -> None:
    fake.answers(HTMLResponse("<html>hello</html>"))
    with pytest.raises(NotNango, match="NANGO_BASE_URL"):
        await nango.integrations.list()
    fake.answers(Response(status_code=308, headers={"location": "https://elsewhere.example/"}))
    with pytest.raises(NotNango, match=r"elsewhere\.example"):
        await nango.integrations.list()
    assert len(fake.seen) == 2


async def test_a_failed_token_refresh_asks_for_authorization(fake: Any, nango: NangoClient) -> None:
    payload = {"connection": {"connection_id": "c", "credentials": {"refresh_token": "canary"}}}
    for status in (400, 424):
        error = {"code": "invalid_credentials", "message": "The external API returned an error", "payload": payload}
        fake.answers(JSONResponse({"error": error}, status))
        with pytest.raises(ReauthorizationRequired) as caught:
            await nango.connections.get("c", "github")
        assert "canary" not in f"{caught.value} {caught.value.__dict__}"
        assert caught.value.payload == {"connection": {"connection_id": "c"}}


async def test_a_closed_client_says_so(fake: Any) -> None:
    client = fake.client()
    async with client:
        pass
    with pytest.raises(ClientClosed) as caught:
        await client.integrations.list()
    assert caught.value.outcome is Outcome.NOT_SENT
    assert fake.pauses == []


@pytest.mark.parametrize(
    "body", ["NaN", '{"a": [Infinity]}', '{"a": -1e999}', "[" * 101 + "]" * 101, '{"a":' * 5000 + "1" + "}" * 5000]
)
async def test_output_that_nothing_can_store_leaves_the_outcome_of_a_write_unknown(
    body: str, fake: Any, nango: NangoClient
) -> None:
    fake.answers(Response(body, media_type="application/json"))
    with pytest.raises(MalformedResponse) as caught:
        await nango.actions.trigger(connection_id="c", integration_id="github", action="a", writes=True)
    assert caught.value.outcome is Outcome.UNKNOWN

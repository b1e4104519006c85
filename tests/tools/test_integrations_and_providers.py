"""Integrations, their functions, providers, environment variables: requests and what is kept of the answers."""

from typing import Any

import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse

from nango_tools import InvalidInput, NangoClient, NotFound, OAuthClient, Outcome, UnknownIntegration

CANARY = "canary-51bc"
GITHUB = {
    "unique_key": "github",
    "provider": "github",
    "display_name": "GitHub",
    "logo": "https://x.example/github.svg",
    "forward_webhooks": True,
    "created_at": "2026-11-20T20:53:07.941Z",
    "updated_at": "2026-11-20T20:53:07.941Z",
}


def function(name: str, kind: str = "action") -> dict[str, Any]:
    return {
        "name": name,
        "description": f"Does {name}",
        "scopes": [],
        "type": kind,
        "input": f"In_{name}",
        "returns": [f"Out_{name}"],
        "json_schema": {"definitions": {f"In_{name}": {"type": "object"}}},
        "id": 1,
        "enabled": True,
        "last_deployed": "2026-11-20T20:58:40.483Z",
        "source": "repo",
    }


async def test_an_integration_comes_with_what_is_included(fake: Any, nango: NangoClient) -> None:
    credentials = {"type": "OAUTH2", "client_id": "id", "client_secret": CANARY, "scopes": None}
    fake.answers(
        JSONResponse({"data": GITHUB | {"webhook_url": "https://x.example/hook", "credentials": credentials}}),
        JSONResponse({"data": GITHUB}),
    )
    full = await nango.integrations.get("git hub", include=["webhook", "credentials"])
    assert fake.seen[0].raw_path == "/integrations/git%20hub"
    assert fake.seen[0].query == [("include", "webhook"), ("include", "credentials")]
    assert full.webhook_url == "https://x.example/hook"
    assert full.credentials is not None
    assert full.credentials.get_secret_value() == credentials
    assert CANARY not in f"{full!r} {full.model_dump()} {full.model_dump_json()}"
    plain = await nango.integrations.get("github")
    assert fake.seen[1].query == []
    assert (plain.key, plain.forward_webhooks, plain.credentials, plain.webhook_url) == ("github", True, None, None)


async def test_an_integration_is_made_changed_and_deleted(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"data": GITHUB}), JSONResponse({"data": GITHUB}), JSONResponse({"success": True}))
    app = OAuthClient(client_id="id", client_secret=SecretStr("secret"), scopes="repo,user")
    made = await nango.integrations.create("github", "github", credentials=app, forward_webhooks=False)
    assert made.key == "github"
    await nango.integrations.update("github", new_key="gh", display_name="G", credentials={**app.model_dump()})
    await nango.integrations.delete("a/b")
    assert [(seen.method, seen.raw_path, seen.body) for seen in fake.seen] == [
        (
            "POST",
            "/integrations",
            {
                "unique_key": "github",
                "provider": "github",
                "credentials": {
                    "type": "OAUTH2",
                    "client_id": "id",
                    "client_secret": "secret",
                    "scopes": "repo,user",
                },
                "forward_webhooks": False,
            },
        ),
        (
            "PATCH",
            "/integrations/github",
            {
                "unique_key": "gh",
                "display_name": "G",
                "credentials": {
                    "type": "OAUTH2",
                    "client_id": "id",
                    "client_secret": "secret",
                    "scopes": "repo,user",
                },
            },
        ),
        ("DELETE", "/integrations/a%2Fb", None),
    ]


async def test_what_nango_refuses_about_an_integration_says_why(fake: Any, nango: NangoClient) -> None:
    taken = [{"code": "invalid_string", "message": "Unique key already exists", "path": ["uniqueKey"]}]
    fake.answers(JSONResponse({"error": {"code": "invalid_body", "errors": taken}}, 400))
    with pytest.raises(InvalidInput, match="Unique key already exists") as caught:
        await nango.integrations.create("github", "github")
    assert caught.value.outcome is Outcome.REJECTED
    missing = {"error": {"code": "not_found", "message": 'Integration "nope" does not exist'}}
    fake.answers(JSONResponse(missing, 404))
    for attempt in (
        lambda: nango.integrations.get("nope"),
        lambda: nango.integrations.update("nope", display_name="x"),
        lambda: nango.integrations.delete("nope"),
    ):
        with pytest.raises(UnknownIntegration):
            await attempt()
    fake.seen.clear()
    with pytest.raises(InvalidInput, match="client_secret"):
        await nango.integrations.create("github", "github", credentials={"type": "OAUTH2", "client_id": CANARY})
    assert fake.seen == []


async def test_functions_are_fetched_page_by_page(fake: Any, nango: NangoClient) -> None:
    pages = [[function("a"), function("dup")], [function("dup", "sync"), function("e")], [function("z", "on-event")]]
    fake.answer = lambda seen: JSONResponse(
        {"data": pages[int(dict(seen.query)["page"])], "pagination": {"total": 5, "page": 0, "limit": 2}}
    )
    listing = nango.integrations.functions("github", search="issue", limit=2)
    first = await anext(listing)
    assert len(fake.seen) == 1
    assert (first.name, first.type, first.definition("In_a"), first.runs) == ("a", "action", {"type": "object"}, None)
    assert [(f.name, f.type) async for f in listing] == [
        ("dup", "action"),
        ("dup", "sync"),
        ("e", "action"),
        ("z", "on-event"),
    ]
    assert fake.seen[2].path == "/integrations/github/functions"
    assert fake.seen[2].query == [("search", "issue"), ("limit", "2"), ("page", "2")]


async def test_a_server_that_ignores_the_page_does_not_keep_the_client_for_ever(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"data": [function("a"), function("b")]}))
    assert [f.name async for f in nango.integrations.functions("github", limit=2)] == ["a", "b"]
    assert len(fake.seen) == 2


async def test_one_function_is_fetched_by_name_and_type(fake: Any, nango: NangoClient) -> None:
    said = {"error": {"code": "not_found", "message": "Function does not exist"}}
    sync = function("dup", "sync") | {"runs": "every day", "auto_start": False, "track_deletes": False}
    fake.answers(JSONResponse({"data": sync}), JSONResponse(said, 404))
    found = await nango.integrations.function("github", "dup", type="sync")
    assert (fake.seen[0].path, fake.seen[0].query) == ("/integrations/github/functions/dup", [("type", "sync")])
    assert (found.type, found.runs, found.auto_start) == ("sync", "every day", False)
    with pytest.raises(NotFound):
        await nango.integrations.function("github", "nope")


async def test_scripts_tell_actions_and_syncs_apart(fake: Any, nango: NangoClient) -> None:
    entry = {
        "providerConfigKey": "github",
        "provider": "github",
        "on-events": [],
        "actions": [function("dup")],
        "syncs": [function("dup", "sync") | {"sync_type": "full", "runs": "every hour", "endpoints": None}],
    }
    fake.answers(JSONResponse([entry]))
    [found] = await nango.scripts.config()
    assert [(s.name, s.runs, s.sync_type, s.returns) for s in found.syncs] == [
        ("dup", "every hour", "full", ("Out_dup",))
    ]
    assert [a.name for a in found.actions] == ["dup"]


async def test_providers_are_searched_and_read(fake: Any, nango: NangoClient) -> None:
    github = {
        "name": "github",
        "display_name": "GitHub (User OAuth)",
        "auth_mode": "A_MODE_OF_TOMORROW",
        "categories": ["dev-tools"],
        "proxy": {"base_url": "https://api.github.com", "retry": {"at": ["x"]}},
        "credentials": {"apiKey": {"type": "string"}},
    }
    fake.answers(
        JSONResponse({"data": [github]}),
        JSONResponse({"data": github}),
        JSONResponse({"error": {"code": "not_found", "message": "Unknown provider nope"}}, 404),
    )
    [found] = await nango.providers.list(search="git & hub")
    assert fake.seen[0].query == [("search", "git & hub")]
    assert found == await nango.providers.get("github")
    assert found.proxy is not None
    assert (found.auth_mode, found.proxy.base_url) == ("A_MODE_OF_TOMORROW", "https://api.github.com")
    assert list(found.credentials) == ["apiKey"]
    with pytest.raises(NotFound):
        await nango.providers.get("nope")


async def test_environment_variables_stay_wrapped(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse([{"name": "FOO", "value": CANARY}]))
    [found] = await nango.environment_variables.list()
    assert (fake.seen[0].path, found.name, found.value.get_secret_value()) == ("/environment-variables", "FOO", CANARY)
    assert CANARY not in f"{found!r} {found.model_dump()}"

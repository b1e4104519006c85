"""Integrations, providers, functions and environment variables, on any Nango."""

from typing import Any

import pytest
from pydantic import SecretStr

from nango_tools import (
    Catalog,
    InvalidInput,
    InvalidKeyError,
    NangoClient,
    NangoSettings,
    NotFound,
    OAuthClient,
    Outcome,
    UnknownIntegration,
)


async def test_an_integration_is_made_read_changed_and_deleted(nango: NangoClient, unique: str) -> None:
    key, other = f"contract-{unique}", f"contract-{unique}-b"
    made = await nango.integrations.create(key, "unauthenticated", display_name="Ours", forward_webhooks=False)
    try:
        assert (made.key, made.provider, made.display_name) == (key, "unauthenticated", "Ours")
        assert made.forward_webhooks is False
        assert key in {integration.key for integration in await nango.integrations.list()}
        plain = await nango.integrations.get(key, include=["webhook", "credentials"])
        assert (plain.display_name, plain.credentials) == ("Ours", None)
        with pytest.raises(InvalidInput, match="already exists") as caught:
            await nango.integrations.create(key, "unauthenticated")
        assert caught.value.outcome is Outcome.REJECTED
        changed = await nango.integrations.update(key, new_key=other, display_name="Renamed", forward_webhooks=True)
        assert (changed.key, changed.display_name, changed.forward_webhooks) == (other, "Renamed", True)
        with pytest.raises(UnknownIntegration):
            await nango.integrations.get(key)
        await nango.integrations.update(other, new_key=key)
    finally:
        await nango.integrations.delete(key)
    for gone in (
        lambda: nango.integrations.delete(key),
        lambda: nango.integrations.get(key),
        lambda: nango.integrations.update(key, display_name="x"),
        lambda: anext(nango.integrations.functions(key)),
    ):
        with pytest.raises(UnknownIntegration):
            await gone()


async def test_an_oauth_app_is_kept_and_read_back_only_when_included(nango: NangoClient, unique: str) -> None:
    key = f"contract-{unique}"
    app = OAuthClient(client_id=f"id-{unique}", client_secret=SecretStr(f"secret-{unique}"), scopes="repo,user")
    await nango.integrations.create(key, "github", credentials=app)
    try:
        assert (await nango.integrations.get(key)).credentials is None
        found = (await nango.integrations.get(key, include=["credentials"])).credentials
        assert found is not None
        secret = found.get_secret_value()
        assert (secret["client_id"], secret["client_secret"], secret["scopes"]) == (
            f"id-{unique}",
            f"secret-{unique}",
            "repo,user",
        )
        new = {"type": "OAUTH2", "client_id": "new", "client_secret": f"secret-{unique}"}
        await nango.integrations.update(key, credentials=new)
        found = (await nango.integrations.get(key, include=["credentials"])).credentials
        assert found is not None
        assert found.get_secret_value()["client_id"] == "new"
    finally:
        await nango.integrations.delete(key)


async def test_an_integration_that_cannot_be_is_refused(nango: NangoClient, unique: str) -> None:
    for key, provider in (
        (f"contract-{unique}", f"none-{unique}"),
        (f"contract {unique}!", "unauthenticated"),
        (f"contract-{unique}", "github"),
    ):
        with pytest.raises(InvalidInput) as caught:
            await nango.integrations.create(key, provider)
        assert (caught.value.status, caught.value.outcome) == (400, Outcome.REJECTED)


async def test_providers_are_searched_and_read(nango: NangoClient) -> None:
    found = {provider.name: provider for provider in await nango.providers.list(search="git")}
    assert {"github", "gitlab"} <= set(found) or "github" in found
    assert "unauthenticated" not in found
    github = await nango.providers.get("github")
    assert (github.name, github.auth_mode) == ("github", "OAUTH2")
    assert github.proxy is not None
    assert github.proxy.base_url == "https://api.github.com"
    assert len(await nango.providers.list()) >= len(found)
    with pytest.raises(NotFound):
        await nango.providers.get("no-such-provider")


async def test_functions_are_listed_one_by_one_and_in_the_scripts(nango: NangoClient, functions: Any) -> None:
    key = functions.integration_id
    everything = [f async for f in nango.integrations.functions(key)]
    assert functions.action in {f.name for f in everything if f.type == "action"}
    by_pages = [(f.type, f.name) async for f in nango.integrations.functions(key, limit=2)]
    assert by_pages == [(f.type, f.name) for f in everything]
    actions = [f.name async for f in nango.integrations.functions(key, type="action")]
    assert actions == [f.name for f in everything if f.type == "action"]
    searched = {f.name async for f in nango.integrations.functions(key, search=functions.action)}
    assert functions.action in searched
    one = await nango.integrations.function(key, functions.action, type="action")
    assert one == next(f for f in everything if (f.type, f.name) == ("action", functions.action))
    assert one.definition(one.input) is not None
    with pytest.raises(NotFound):
        await nango.integrations.function(key, "no-such-function")
    [scripts] = [entry for entry in await nango.scripts.config() if entry.integration_id == key]
    assert {action.name for action in scripts.actions} == set(actions)
    if functions.sync:
        assert functions.sync in {sync.name for sync in scripts.syncs}
        sync = await nango.integrations.function(key, functions.sync, type="sync")
        assert functions.model in sync.returns
        assert sync.runs


async def test_an_integration_without_functions_has_none(nango: NangoClient, integration: str) -> None:
    assert [f async for f in nango.integrations.functions(integration)] == []


async def test_the_catalogue_offers_what_is_enabled(nango: NangoClient, functions: Any) -> None:
    catalog = Catalog(nango)
    tools = (await catalog.discover([(functions.integration_id, functions.connection_id)]))[functions.integration_id]
    assert functions.action in {tool.name for tool in tools}
    assert "off" not in {tool.name for tool in tools}


async def test_environment_variables_are_read(nango: NangoClient, server: Any) -> None:
    found = {variable.name: variable.value.get_secret_value() for variable in await nango.environment_variables.list()}
    if server.sandbox is not None:
        assert found == {"FOO": "bar"}


async def test_another_key_is_refused_everywhere(nango: NangoClient) -> None:
    wrong = NangoSettings(api_key=SecretStr("5f0c1a52-8a39-4c55-9d2f-6d1a2b7c9e01"), base_url=nango.settings.base_url)
    where = {"connection_id": "c", "integration_id": "i"}
    async with NangoClient(wrong) as stranger:
        for attempt in (
            stranger.integrations.list,
            stranger.providers.list,
            stranger.scripts.config,
            stranger.environment_variables.list,
            lambda: stranger.actions.trigger(**where, action="a", writes=True),
            lambda: stranger.actions.trigger_async(**where, action="a", writes=True),
            lambda: stranger.mcp.list_tools(**where),
            lambda: stranger.syncs.status("i"),
            lambda: stranger.proxy.get("x", **where),
            lambda: anext(stranger.connections.list()),
            lambda: anext(stranger.records.list(**where, model="M")),
        ):
            with pytest.raises(InvalidKeyError) as caught:
                await attempt()
            assert caught.value.outcome is Outcome.REJECTED
        with pytest.raises(InvalidKeyError) as caught:
            await stranger.end_user({"end_user_id": "a"}).execute("i", "a", writes=True)
        assert caught.value.outcome is Outcome.NOT_SENT  # the connection was not even found

"""Connections and connect sessions, on any Nango."""

from typing import Any

import httpx
import pytest

from nango_tools import (
    InvalidInput,
    InvalidSessionToken,
    NangoClient,
    NoCredentials,
    Outcome,
    UnknownConnection,
    UnknownIntegration,
)


async def test_an_imported_connection_is_found_by_every_filter(
    nango: NangoClient, integration: str, connect: Any, unique: str
) -> None:
    alice, bob = f"alice-{unique}", f"bob & co {unique}"
    mine = await connect({"End_User_Id": alice, "team": "Blue"}, metadata={"owner": "octo"})
    other = await connect({"end_user_id": bob})

    async def found(**filters: Any) -> set[str]:
        return {c.connection_id async for c in nango.connections.list(**filters)}

    assert await found(tags={"end_user_id": alice}) == {mine}
    assert await found(tags={"END_USER_ID": alice, "team": "Blue"}) == {mine}
    assert await found(tags={"end_user_id": alice, "team": "blue"}) == set()
    assert await found(tags={"end_user_id": bob}) == {other}
    assert await found(integration_ids=[integration]) == {mine, other}
    assert await found(integration_ids=[integration], limit=1) == {mine, other}
    assert await found(integration_ids=[f"none-{unique}"]) == set()
    assert await found(connection_id=mine) == {mine}
    assert mine in await found(search=mine)
    assert await found(end_user_id=alice) == set()
    assert await found(end_user_organization_id=f"none-{unique}") == set()
    [one] = [c async for c in nango.connections.list(connection_id=mine)]
    assert (one.integration_id, one.provider, one.metadata) == (integration, "unauthenticated", {"owner": "octo"})
    assert (one.tags, one.needs_reauthorization) == ({"end_user_id": alice, "team": "Blue"}, False)


async def test_a_connection_is_read_with_and_without_credentials(
    nango: NangoClient, integration: str, connect: Any
) -> None:
    connection_id = await connect({"end_user_id": "a"}, connection_config={"region": "eu"})
    one = await nango.connections.get(connection_id, integration, force_refresh=True)
    assert (one.connection_id, one.integration_id, one.tags) == (connection_id, integration, {"end_user_id": "a"})
    assert one.connection_config.get_secret_value() == {"region": "eu"}
    assert one.updated_at is not None
    full = await nango.connections.get_with_credentials(connection_id, integration, refresh_token=True)
    assert full.credentials.get_secret_value() == {}


async def test_an_api_key_is_imported_and_read_back(nango: NangoClient, make_integration: Any, unique: str) -> None:
    integration = await make_integration("private-api-bearer")
    connection_id = f"contract-key-{unique}"
    key = {"type": "API_KEY", "apiKey": f"dummy-{unique}"}
    made = await nango.connections.import_connection(
        integration, key, tags={"end_user_id": "a"}, connection_id=connection_id
    )
    assert made.connection_id == connection_id
    found = await nango.connections.get_with_credentials(connection_id, integration)
    assert found.credentials.get_secret_value() in (key, {})  # {} for a key without the scope
    with pytest.raises(InvalidInput) as caught:
        await nango.connections.import_connection(integration, NoCredentials(), tags={}, connection_id=connection_id)
    assert caught.value.outcome is Outcome.REJECTED
    await nango.connections.delete(connection_id, integration)


async def test_tags_are_replaced_by_a_patch_and_by_an_import(
    nango: NangoClient, integration: str, connect: Any, unique: str
) -> None:
    connection_id = await connect({"end_user_id": unique, "plan": "free"})
    await nango.connections.patch(connection_id, integration, tags={"end_user_id": unique, "Plan": "Pro"})
    assert (await nango.connections.get(connection_id, integration)).tags == {"end_user_id": unique, "plan": "Pro"}
    await nango.connections.import_connection(integration, NoCredentials(), tags={}, connection_id=connection_id)
    assert (await nango.connections.get(connection_id, integration)).tags == {}
    await nango.connections.patch(connection_id, integration, webhook_url_override="")


async def test_an_end_user_is_kept_and_found_by(
    nango: NangoClient, integration: str, connect: Any, unique: str
) -> None:
    connection_id = await connect({}, end_user={"id": unique, "email": "e@example.com", "display_name": "E"})
    one = await nango.connections.get(connection_id, integration)
    assert one.end_user is not None
    assert (one.end_user.id, one.end_user.email, one.end_user.display_name) == (unique, "e@example.com", "E")
    assert [c.connection_id async for c in nango.connections.list(end_user_id=unique)] == [connection_id]
    await nango.connections.patch(connection_id, integration, end_user={"id": f"{unique}-2"})
    found = await nango.connections.get(connection_id, integration)
    assert found.end_user is not None
    assert found.end_user.id == f"{unique}-2"


async def test_metadata_is_replaced_merged_and_set_for_several(
    nango: NangoClient, integration: str, connect: Any
) -> None:
    one, other = await connect({"a": "1"}), await connect({"a": "2"})
    await nango.connections.set_metadata(one, integration, {"a": 1, "b": {"c": 2}})
    await nango.connections.update_metadata(one, integration, {"b": {"d": 3}, "e": None})
    assert (await nango.connections.get(one, integration)).metadata == {"a": 1, "b": {"d": 3}, "e": None}
    await nango.connections.set_metadata([one, other], integration, {"owner": "octo"})
    assert (await nango.connections.get(other, integration)).metadata == {"owner": "octo"}
    assert (await nango.connections.get(one, integration)).metadata == {"owner": "octo"}
    with pytest.raises(UnknownConnection):
        await nango.connections.set_metadata("nobody", integration, {})


async def test_a_deleted_connection_is_gone(nango: NangoClient, integration: str, connect: Any) -> None:
    connection_id = await connect({"a": "1"})
    await nango.connections.delete(connection_id, integration)
    for gone in (
        lambda: nango.connections.delete(connection_id, integration),
        lambda: nango.connections.get(connection_id, integration),
        lambda: nango.connections.patch(connection_id, integration, tags={}),
    ):
        with pytest.raises(UnknownConnection) as caught:
            await gone()
        assert caught.value.outcome is Outcome.REJECTED


async def test_what_does_not_exist_or_fit_is_refused(nango: NangoClient, integration: str, unique: str) -> None:
    with pytest.raises(UnknownIntegration):
        await nango.connections.import_connection(f"none-{unique}", NoCredentials(), tags={})
    with pytest.raises(UnknownIntegration):
        await nango.connections.get("c", f"none-{unique}")
    with pytest.raises(InvalidInput, match="bad key"):
        await nango.connections.import_connection(integration, NoCredentials(), tags={"bad key!": "v"})
    with pytest.raises(InvalidInput, match="10"):
        await nango.connect_sessions.create(
            tags={f"k{number}": "v" for number in range(11)}, allowed_integrations=[integration]
        )
    with pytest.raises(UnknownIntegration):
        await nango.connect_sessions.create(tags={"a": "b"}, allowed_integrations=[f"none-{unique}"])
    with pytest.raises(UnknownConnection):
        await nango.connect_sessions.reconnect(connection_id="nobody", integration_id=integration, tags={"a": "b"})


async def test_a_session_makes_a_connection_with_its_tags_and_a_reconnection_keeps_them(
    nango: NangoClient, integration: str, unique: str
) -> None:
    tags = {"end_user_id": unique}

    async def authorize(token: str) -> str:
        """As the end user's browser does."""
        async with httpx.AsyncClient(base_url=nango.settings.base_url, trust_env=False) as browser:
            done = await browser.post(f"/auth/unauthenticated/{integration}", params={"connect_session_token": token})
            assert done.status_code == 200, done.text
            return str(done.json()["connectionId"])

    session = await nango.connect_sessions.create(
        tags=tags, allowed_integrations=[integration], overrides={integration: {"docs_connect": "https://x.example"}}
    )
    connection_id = await authorize(session.token.get_secret_value())
    try:
        assert (await nango.connections.get(connection_id, integration)).tags == tags
        again = await nango.connect_sessions.reconnect(
            connection_id=connection_id, integration_id=integration, tags=tags | {"again": "1"}
        )
        assert (await nango.connect_sessions.get(again.token)).is_reconnecting
        assert await authorize(again.token.get_secret_value()) == connection_id
        assert (await nango.connections.get(connection_id, integration)).tags == tags | {"again": "1"}
    finally:
        await nango.connections.delete(connection_id, integration)


async def test_a_session_can_be_read_and_ended_with_its_token(
    nango: NangoClient, integration: str, unique: str
) -> None:
    session = await nango.connect_sessions.create(
        tags={"a": unique},
        allowed_integrations=[integration],
        end_user={"id": unique},
        organization={"id": "acme"},
        integrations_config_defaults={integration: {"connection_config": {"region": "eu"}}},
    )
    state = await nango.connect_sessions.get(session.token)
    assert (state.allowed_integrations, state.is_reconnecting) == ((integration,), False)
    await nango.connect_sessions.delete(session.token)
    with pytest.raises(InvalidSessionToken):
        await nango.connect_sessions.get(session.token)

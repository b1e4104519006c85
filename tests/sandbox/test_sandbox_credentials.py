"""Credentials that expire, are refreshed, and are taken back."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from nango_sandbox import Sandbox
from nango_sandbox.options import Options
from nango_sandbox.services import Services
from nango_sandbox.store.grants import Grants
from nango_sandbox.webhook_receiver import WebhookReceiver

HOURS = 3600.0
ALICE = {"end_user_id": "alice"}


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    async with WebhookReceiver() as running:
        yield running


async def get(http: httpx.AsyncClient, connection_id: str, integration: str = "github", **more: Any) -> httpx.Response:
    return await http.get(f"/connections/{connection_id}", params={"provider_config_key": integration, **more})


async def token(http: httpx.AsyncClient, connection_id: str, **more: Any) -> str:
    answer = await get(http, connection_id, **more)
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["credentials"]["access_token"]
    return found


async def errors(http: httpx.AsyncClient, connection_id: str) -> list[str]:
    (listed,) = (await http.get("/connections", params={"connectionId": connection_id})).json()["connections"]
    return [each["type"] for each in listed["errors"]]


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def act(http: httpx.AsyncClient, connection_id: str) -> httpx.Response:
    headers = {"connection-id": connection_id, "provider-config-key": "github"}
    return await http.post("/action/trigger", headers=headers, json={"action_name": "list-repositories", "input": {}})


async def imported(
    http: httpx.AsyncClient, connection_id: str, integration: str = "github", **credentials: str
) -> None:
    body = {
        "provider_config_key": integration,
        "connection_id": connection_id,
        "credentials": {"type": "OAUTH2", **credentials},
        "tags": ALICE,
    }
    answer = await http.post("/connections", json=body)
    assert answer.status_code == 201, answer.text


async def test_a_token_is_refreshed_when_its_eight_hours_are_over_and_not_before(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    alice = await sandbox.connect("github", ALICE)
    first = await token(http, alice)
    sandbox.clock.advance(7.9 * HOURS)
    assert await token(http, alice) == first
    sandbox.clock.advance(0.2 * HOURS)
    second = await token(http, alice)
    assert second != first
    assert await token(http, alice) == second
    assert await errors(http, alice) == []


async def test_the_lifetime_of_tokens_can_be_set() -> None:
    async with Sandbox(options=Options(token_lifetime=60)) as sandbox:
        alice = await sandbox.connect("github", ALICE)
        headers = {"Authorization": f"Bearer {sandbox.api_key.get_secret_value()}"}
        async with httpx.AsyncClient(base_url=sandbox.base_url, headers=headers, trust_env=False) as http:
            first = await token(http, alice)
            sandbox.clock.advance(61)
            assert await token(http, alice) != first


async def test_a_refresh_can_be_forced_and_the_refresh_token_is_shown_on_demand(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    alice = await sandbox.connect("github", ALICE)
    first = await token(http, alice)
    assert await token(http, alice, force_refresh="true") != first
    plain = (await get(http, alice)).json()["credentials"]
    assert "refresh_token" not in plain
    assert "refresh_token" not in plain["raw"]
    full = (await get(http, alice, refresh_token="true")).json()["credentials"]
    assert full["refresh_token"] == full["raw"]["refresh_token"]
    assert full["access_token"] == full["raw"]["access_token"] == plain["access_token"]


async def test_parallel_requests_refresh_once(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    alice = await sandbox.connect("github", ALICE)
    sandbox.clock.advance(9 * HOURS)
    assert len({*await asyncio.gather(*(token(http, alice) for _ in range(8)))}) == 1


async def test_what_was_taken_back_works_nowhere_and_fails_its_refresh_when_it_expires(
    sandbox: Sandbox, http: httpx.AsyncClient, receiver: WebhookReceiver
) -> None:
    alice = await sandbox.connect("github", ALICE)
    receiver.receive_from(sandbox)
    assert (await act(http, alice)).status_code == 200
    await sandbox.revoke(alice, "github")
    refused = await act(http, alice)
    assert code(refused) == (424, "script_http_error")
    assert refused.json()["error"]["upstream"]["status"] == 401
    assert (await get(http, alice)).status_code == 200, "Nango does not know it yet"
    assert await errors(http, alice) == []

    await sandbox.expire(alice, "github")
    first = await get(http, alice)
    assert code(first) == (400, "invalid_credentials")
    assert first.json()["error"]["payload"]["connection"]["credentials"] == {}
    assert await errors(http, alice) == ["auth"]
    assert code(await get(http, alice)) == (424, "invalid_credentials")
    assert code(await get(http, alice, force_refresh="true")) == (400, "invalid_credentials")
    failed = await act(http, alice)
    assert code(failed) == (424, "script_http_error")
    assert failed.json()["error"]["payload"]["error"]["code"] == "invalid_credentials"
    sandbox.clock.advance(31)
    assert code(await get(http, alice)) == (400, "invalid_credentials")

    told = [(await receiver.next()).body for _ in range(3)]
    assert [(each["operation"], each["success"], each["tags"]) for each in told] == [("refresh", False, ALICE)] * 3
    assert told[0]["error"]["type"] == "refresh_token_external_error"


async def test_new_credentials_clear_the_error(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    alice = await sandbox.connect("github", ALICE)
    await sandbox.revoke(alice, "github")
    await sandbox.expire(alice, "github")
    assert (await get(http, alice)).status_code == 400
    assert await sandbox.connect("github", ALICE, connection_id=alice) == alice
    assert await errors(http, alice) == []
    assert (await get(http, alice)).status_code == 200
    assert (await act(http, alice)).status_code == 200


async def test_a_refresh_that_failed_is_over_once_one_succeeds(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    alice = await sandbox.connect("github", ALICE)
    refresh_token = (await get(http, alice, refresh_token="true")).json()["credentials"]["refresh_token"]
    await sandbox.revoke(alice, "github")
    assert (await get(http, alice, force_refresh="true")).status_code == 400
    assert await errors(http, alice) == ["auth"]

    async def restore(services: Services) -> None:
        grants = Grants(services.database)
        held = await grants.of_refresh_token("github", refresh_token)
        assert held is not None
        await grants.put(held.model_copy(update={"revoked": False}))

    await sandbox.run(restore)
    assert (await get(http, alice, force_refresh="true")).json()["errors"] == []
    sandbox.clock.advance(9 * HOURS)
    assert (await get(http, alice)).status_code == 200


async def test_an_imported_refresh_token_is_unknown_to_the_provider(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    await imported(http, "hs", "hubspot", access_token="a", refresh_token="b", expires_at="2020-01-01T00:00:00Z")
    assert (await get(http, "hs", "hubspot")).status_code == 400
    assert (await get(http, "hs", "hubspot")).status_code == 424
    await imported(http, "hs", "hubspot", access_token="c")
    assert (await get(http, "hs", "hubspot")).json()["errors"] == []


async def test_an_expired_token_without_a_refresh_token_is_shown_and_opens_nothing(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    await imported(http, "old", access_token="a", expires_at="2020-01-01T00:00:00Z")
    assert await token(http, "old") == "a"
    assert (await act(http, "old")).json()["error"]["upstream"]["status"] == 401
    await imported(http, "new", access_token="b")
    assert (await act(http, "new")).status_code == 200


async def test_one_provider_s_tokens_are_nothing_to_another(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    await imported(http, "gh", "github", access_token="same")
    await imported(http, "sl", "slack", access_token="same")
    await sandbox.revoke("sl", "slack")
    assert (await act(http, "gh")).status_code == 200


@pytest.mark.parametrize("integration", ["private-api-bearer", "private-api-basic"])
async def test_keys_and_passwords_can_be_taken_back_too(
    sandbox: Sandbox, http: httpx.AsyncClient, integration: str
) -> None:
    bob = await sandbox.connect(integration, {"end_user_id": "bob"})
    held = (await get(http, bob, integration)).json()["credentials"]
    assert all(held.values())
    await sandbox.revoke(bob, integration)
    assert (await get(http, bob, integration)).json()["credentials"] == held


async def test_what_has_no_credentials_or_does_not_exist_cannot_be_taken_back(sandbox: Sandbox) -> None:
    nobody = await sandbox.connect("no-auth", {})
    with pytest.raises(ValueError, match="has no credentials"):
        await sandbox.revoke(nobody, "no-auth")
    with pytest.raises(KeyError, match="no connection nope of github"):
        await sandbox.expire("nope", "github")


async def test_a_key_without_the_scope_sees_no_credentials_and_refreshes_none(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    alice = await sandbox.connect("github", ALICE)
    reading = await sandbox.create_api_key("reading", ["environment:connections:read"])
    header = {"Authorization": f"Bearer {reading.get_secret_value()}"}
    await sandbox.revoke(alice, "github")
    await sandbox.expire(alice, "github")
    where = f"/connections/{alice}?provider_config_key=github"
    shown = await http.get(where, headers=header)
    assert (shown.status_code, shown.json()["credentials"], shown.json()["errors"]) == (200, {}, [])
    for option in ("force_refresh", "refresh_token"):
        assert code(await http.get(f"{where}&{option}=1", headers=header)) == (403, "forbidden")
        assert (await http.get(f"{where}&{option}=0", headers=header)).status_code == 200


async def test_deleting_a_connection_leaves_nothing_to_refresh(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    alice = await sandbox.connect("github", ALICE)
    await http.delete(f"/connections/{alice}?provider_config_key=github")
    assert (await get(http, alice)).status_code == 404
    again = await sandbox.connect("github", ALICE, connection_id=alice)
    assert (again, (await act(http, alice)).status_code) == (alice, 200)

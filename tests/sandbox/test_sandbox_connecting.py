"""An end user connects: sessions, the page, and the webhooks that tell of it."""

import asyncio
import hashlib
import hmac
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from nango_sandbox import Sandbox
from nango_sandbox.functions.action import Integration


class Receiver:
    """A server on loopback that keeps what it gets, and answers with what it is told to."""

    def __init__(self) -> None:
        self.url = ""
        self.got: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()
        self.statuses: list[int] = []

    async def next(self) -> tuple[dict[str, str], bytes]:
        return await asyncio.wait_for(self.got.get(), 10)

    async def next_body(self) -> Any:
        return json.loads((await self.next())[1])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.splitlines()[1:] if line)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        status = self.statuses.pop(0) if self.statuses else 200
        if status:  # 0 drops the connection
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
        writer.close()
        await writer.wait_closed()
        self.got.put_nowait((headers, body))


@pytest.fixture
async def receiver(sandbox: Sandbox) -> AsyncIterator[Receiver]:
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/nango"
    sandbox.set_webhook_url(made.url)
    yield made
    server.close()
    await server.wait_closed()


async def new_session(http: httpx.AsyncClient, path: str = "/connect/sessions", **body: Any) -> dict[str, str]:
    answer = await http.post(path, json=body)
    assert answer.status_code == 201, answer.text
    data: dict[str, str] = answer.json()["data"]
    return data


@asynccontextmanager
async def browser(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False) as client:
        yield client


def forms(page: str) -> list[dict[str, str]]:
    """The hidden fields of each form of a page."""
    return [
        dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
        for form in re.findall(r"<form.*?</form>", page, re.DOTALL)
    ]


async def test_one_click_connects_and_the_webhook_tells(
    sandbox: Sandbox, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    tags = {"end_user_id": "alice", "end_user_email": "alice@example.com", "wait": "w-1"}
    session = await new_session(http, tags=tags, allowed_integrations=["slack"])
    assert session["connect_link"] == f"{sandbox.base_url}/connect?session_token={session['token']}"
    async with browser(sandbox) as alice:
        page = await alice.get(session["connect_link"])
        assert page.status_code == 200
        assert "alice@example.com" in page.text
        (form,) = forms(page.text)
        assert form == {"session_token": session["token"], "integration": "slack", "form": form["form"]}
        done = await alice.post("/connect", data={**form, "decision": "authorize"})
    assert (done.status_code, "Slack is connected" in done.text) == (200, True)
    headers, raw = await receiver.next()
    (connection,) = (await http.get("/connections?tags[end_user_id]=alice")).json()["connections"]
    body = json.loads(raw)
    assert body == {
        "authMode": "OAUTH2",
        "connectionId": connection["connection_id"],
        "environment": "dev",
        "from": "nango",
        "operation": "creation",
        "provider": "slack",
        "providerConfigKey": "slack",
        "success": True,
        "tags": tags,
        "type": "auth",
    }
    assert list(body) == sorted(body)
    key = sandbox.webhook_signing_key.get_secret_value()
    assert key != sandbox.api_key.get_secret_value()
    assert headers["x-nango-hmac-sha256"] == hmac.new(key.encode(), raw, hashlib.sha256).hexdigest()
    assert headers["x-nango-signature"] == hashlib.sha256(key.encode() + raw).hexdigest()
    got = (await http.get(f"/connections/{connection['connection_id']}?provider_config_key=slack")).json()
    assert got["credentials"]["type"] == "OAUTH2"
    assert got["credentials"]["access_token"].startswith("sandbox-access-")


async def test_a_session_serves_more_than_once(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    session = await new_session(http, tags={"end_user_id": "alice"})
    async with browser(sandbox) as alice:
        for integration in ("github", "github", "hubspot"):
            data = {"session_token": session["token"], "integration": integration, "decision": "authorize"}
            assert (await alice.post("/connect", data=data)).status_code == 200
    connections = (await http.get("/connections")).json()["connections"]
    assert [each["provider_config_key"] for each in connections] == ["hubspot", "github", "github"]


async def test_a_form_that_comes_twice_counts_once(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    session = await new_session(http, tags={"end_user_id": "alice"}, allowed_integrations=["slack"])
    async with browser(sandbox) as alice:
        (form,) = forms((await alice.get(session["connect_link"])).text)
        posts = [alice.post("/connect", data={**form, "decision": "authorize"}) for _ in range(4)]
        assert [each.status_code for each in await asyncio.gather(*posts)] == [200] * 4
        assert len((await http.get("/connections")).json()["connections"]) == 1
        (another,) = forms((await alice.get(session["connect_link"])).text)
        await alice.post("/connect", data={**another, "decision": "authorize"})
    assert len((await http.get("/connections")).json()["connections"]) == 2


async def test_the_page_asks_for_what_the_integration_needs(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    kinds = ["no-auth", "private-api-basic", "private-api-bearer"]
    session = await new_session(http, tags={"end_user_id": "alice"}, allowed_integrations=kinds)
    async with browser(sandbox) as alice:
        page = (await alice.get(session["connect_link"])).text
        fields = {form["integration"]: form for form in forms(page)}
        assert [page.count(f'name="{name}"') for name in ("api_key", "username", "password")] == [1, 1, 1]
        typed = {
            "no-auth": {},
            "private-api-basic": {"username": "alice", "password": "p w"},
            "private-api-bearer": {"api_key": "k-1"},
        }
        for kind in kinds[1:]:
            empty = await alice.post("/connect", data={**fields[kind], "decision": "authorize"})
            assert (empty.status_code, "needs what the form asks for" in empty.text) == (400, True)
        for kind in kinds:
            data = {**fields[kind], **typed[kind], "decision": "authorize"}
            assert (await alice.post("/connect", data=data)).status_code == 200, "one that was refused may come again"
    held = {}
    for each in (await http.get("/connections")).json()["connections"]:
        key = each["provider_config_key"]
        got = await http.get(f"/connections/{each['connection_id']}?provider_config_key={key}")
        held[key] = got.json()["credentials"]
    assert held == {
        "no-auth": {},
        "private-api-basic": {"type": "BASIC", "username": "alice", "password": "p w"},
        "private-api-bearer": {"type": "API_KEY", "apiKey": "k-1"},
    }


async def test_a_connection_made_for_a_test_asks_no_provider() -> None:
    verified = Integration("github-pat", "github-pat", "GitHub (token)", "API_KEY")
    async with Sandbox(integrations=[verified]) as sandbox:
        assert await sandbox.connect("github-pat", {}, connection_id="pat") == "pat"


async def test_reconnecting_renews_the_connection_and_replaces_its_tags(
    sandbox: Sandbox, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    connection_id = await sandbox.connect("github", {"end_user_id": "alice", "team": "Blue"})
    assert (await receiver.next_body())["operation"] == "creation"
    where = f"/connections/{connection_id}?provider_config_key=github"
    before = (await http.get(where)).json()["credentials"]["access_token"]
    names = {"connection_id": connection_id, "integration_id": "github"}
    session = await new_session(http, "/connect/sessions/reconnect", **names, tags={"end_user_id": "alice"})
    async with browser(sandbox) as alice:
        (form,) = forms((await alice.get(session["connect_link"])).text)
        await alice.post("/connect", data={**form, "decision": "authorize"})
    told = await receiver.next_body()
    assert (told["operation"], told["connectionId"], told["tags"]) == (
        "override",
        connection_id,
        {"end_user_id": "alice"},
    )
    after = (await http.get(where)).json()
    assert after["tags"] == {"end_user_id": "alice"}
    assert after["credentials"]["access_token"] != before


async def test_denying_creates_nothing_and_tells_so(
    sandbox: Sandbox, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    session = await new_session(http, tags={"end_user_id": "alice"}, allowed_integrations=["slack"])
    async with browser(sandbox) as alice:
        (form,) = forms((await alice.get(session["connect_link"])).text)
        done = await alice.post("/connect", data={**form, "decision": "deny"})
    assert (done.status_code, "denied" in done.text) == (200, True)
    told = await receiver.next_body()
    assert (told["success"], told["error"]["type"]) == (False, "access_denied")
    assert (await http.get("/connections")).json()["connections"] == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"session_token": ""}, 401),
        ({"session_token": "nango_connect_session_" + "0" * 64}, 401),
        ({"integration": "github"}, 400),
        ({"integration": "nope"}, 404),
        ({"decision": "maybe"}, 400),
    ],
)
async def test_a_form_that_was_tampered_with_connects_nothing(
    sandbox: Sandbox, http: httpx.AsyncClient, change: dict[str, str], status: int
) -> None:
    session = await new_session(http, tags={"end_user_id": "alice"}, allowed_integrations=["slack"])
    data = {"session_token": session["token"], "integration": "slack", "decision": "authorize", **change}
    async with browser(sandbox) as alice:
        answer = await alice.post("/connect", data=data)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert (await http.get("/connections")).json()["connections"] == []


async def test_a_link_dies_after_half_an_hour_and_when_its_session_is_deleted(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    async with browser(sandbox) as alice:
        old = await new_session(http, tags={"end_user_id": "alice"})
        sandbox.clock.advance(30 * 60 - 5)
        assert (await alice.get(old["connect_link"])).status_code == 200
        sandbox.clock.advance(6)
        late = await alice.get(old["connect_link"])
        assert (late.status_code, "does not work any more" in late.text) == (401, True)
        data = {"session_token": old["token"], "integration": "slack", "decision": "authorize"}
        assert (await alice.post("/connect", data=data)).status_code == 401

        dropped = await new_session(http, tags={"end_user_id": "alice"})
        bearer = {"Authorization": f"Bearer {dropped['token']}"}
        assert (await alice.get("/connect/session", headers=bearer)).status_code == 200
        assert (await alice.delete("/connect/session", headers=bearer)).status_code == 204
        assert (await alice.get("/connect/session", headers=bearer)).status_code == 401
        assert (await alice.get(dropped["connect_link"])).status_code == 401


async def test_the_page_of_a_connection_deleted_meanwhile_says_so(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    connection_id = await sandbox.connect("github", {"end_user_id": "alice"})
    names = {"connection_id": connection_id, "integration_id": "github"}
    session = await new_session(http, "/connect/sessions/reconnect", **names)
    await http.delete(f"/connections/{connection_id}?provider_config_key=github")
    async with browser(sandbox) as alice:
        data = {"session_token": session["token"], "integration": "github", "decision": "authorize"}
        answer = await alice.post("/connect", data=data)
    assert (answer.status_code, "invalid_connection" in answer.text) == (400, True)
    assert (await http.get("/connections")).json()["connections"] == []


async def test_what_tags_say_is_shown_as_text_under_a_strict_policy(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    evil = '"><script>alert(1)</script>'
    session = await new_session(http, tags={"end_user_id": evil, "organization_id": evil})
    await sandbox.connect("github", {"end_user_id": evil})
    async with browser(sandbox) as alice:
        for path in (session["connect_link"], "/", "/<script>"):
            page = await alice.get(path)
            assert "<script" not in page.text
            policy = page.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; style-src 'nonce-")
            assert "frame-ancestors 'none'" in policy
            assert page.headers["referrer-policy"] == "same-origin"
            assert sandbox.api_key.get_secret_value() not in page.text


async def test_an_integration_of_another_kind_is_connected_with_the_session_token(
    sandbox: Sandbox, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    session = await new_session(
        http, tags={"end_user_id": "frank"}, allowed_integrations=["no-auth", "private-api-bearer"]
    )
    token = f"?connect_session_token={session['token']}"
    async with browser(sandbox) as frank:
        first = await frank.post(f"/auth/unauthenticated/no-auth{token}")
        second = await frank.post(f"/api-auth/api-key/private-api-bearer{token}", json={"apiKey": "k"})
        empty = await frank.post(f"/api-auth/api-key/private-api-bearer{token}", json={"apiKey": ""})
        other = await frank.post(f"/api-auth/basic/private-api-basic{token}", json={"username": "u", "password": "p"})
        chosen = await frank.post(f"/auth/unauthenticated/no-auth{token}&connection_id=mine")
        kind = await frank.post(f"/auth/unauthenticated/private-api-bearer{token}")
    assert first.json() == {
        "connectionId": (await receiver.next_body())["connectionId"],
        "providerConfigKey": "no-auth",
    }
    assert (second.status_code, (await receiver.next_body())["authMode"]) == (200, "API_KEY")
    codes = [(each.status_code, each.json()["error"]["code"]) for each in (empty, other, chosen, kind)]
    assert codes == [
        (400, "invalid_body"),
        (400, "integration_not_allowed"),
        (400, "invalid_query_params"),
        (400, "invalid_auth_mode"),
    ]


async def test_what_the_session_token_may_read(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    session = await new_session(http, tags={"end_user_id": "frank"}, allowed_integrations=["slack", "no-auth"])
    bearer = {"Authorization": f"Bearer {session['token']}"}
    async with browser(sandbox) as frank:
        integrations = (await frank.get("/integrations", headers=bearer)).json()["data"]
        assert [each["unique_key"] for each in integrations] == ["slack", "no-auth"]
        assert (await frank.get("/providers/slack", headers=bearer)).status_code == 200
        for path in ("/connections", "/integrations/slack", "/scripts/config"):
            refused = await frank.get(path, headers=bearer)
            assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_secret_key_format")


async def test_a_webhook_is_tried_three_times_at_zero_three_and_nine_seconds(
    sandbox: Sandbox, receiver: Receiver
) -> None:
    receiver.statuses = [302, 0, 500, 200]
    await sandbox.connect("github", {"end_user_id": "alice"})
    first = await receiver.next()
    assert await asyncio.to_thread(sandbox.clock.advance_to_next) == pytest.approx(3, abs=0.5)
    second = await receiver.next()
    assert await asyncio.to_thread(sandbox.clock.advance_to_next) == pytest.approx(6, abs=0.5)
    third = await receiver.next()
    assert first[1] == second[1] == third[1]
    sandbox.clock.advance(3600)
    await sandbox.connect("github", {"end_user_id": "bob"})
    assert (await receiver.next_body())["tags"] == {"end_user_id": "bob"}, "there is no fourth attempt"
    with pytest.raises(TimeoutError, match="Nobody"):
        sandbox.clock.advance_to_next(patience=0)


async def test_nobody_waits_for_a_receiver_that_does_not_answer(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sandbox.set_webhook_url(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        async with asyncio.timeout(5):
            await sandbox.connect("github", {"end_user_id": "alice"})
            assert (await http.get("/connections")).status_code == 200


async def test_webhook_urls_that_lead_nowhere_do_no_harm(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    for url in ("http://127.0.0.1:1/", "no-url", "http://[", None):
        sandbox.set_webhook_url(url)
        await sandbox.connect("github", {"end_user_id": "alice"})
    assert len((await http.get("/connections")).json()["connections"]) == 4


async def test_the_deprecated_end_user_becomes_tags_and_is_told(http: httpx.AsyncClient, receiver: Receiver) -> None:
    end_user = {"id": "hank", "email": "hank@example.com", "display_name": "Hank", "tags": {"a": "b"}}
    session = await new_session(http, end_user=end_user, organization={"id": "acme"}, allowed_integrations=["no-auth"])
    await http.post(f"/auth/unauthenticated/no-auth?connect_session_token={session['token']}")
    told = await receiver.next_body()
    assert told["endUser"] == {
        "endUserEmail": "hank@example.com", "endUserId": "hank", "organizationId": "acme", "tags": {"a": "b"},
    }  # fmt: skip
    assert told["tags"] == {
        "a": "b",
        "end_user_id": "hank",
        "end_user_email": "hank@example.com",
        "end_user_display_name": "Hank",
        "organization_id": "acme",
    }
    assert len((await http.get("/connections?endUserId=hank&endUserOrganizationId=acme")).json()["connections"]) == 1

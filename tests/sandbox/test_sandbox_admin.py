"""The sandbox's own API: time, faults, keys, credentials and webhooks, for tests in any language."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from nango_sandbox import Sandbox, WebhookReceiver
from nango_sandbox.faults import (
    Dropped,
    Fault,
    Latency,
    Malformed,
    RaceLost,
    Status,
    WebhookDelayed,
    WebhookDoubled,
    WebhookForged,
    WebhookLost,
    WebhookSwapped,
)
from nango_sandbox.webhooks import signatures


@pytest.fixture
async def receiver(sandbox: Sandbox) -> AsyncIterator[WebhookReceiver]:
    async with WebhookReceiver() as receiving:
        receiving.receive_from(sandbox)
        yield receiving


async def post_message(http: httpx.AsyncClient, connection_id: str, text: str) -> httpx.Response:
    headers = {"connection-id": connection_id, "provider-config-key": "slack"}
    body = {"action_name": "post-message", "input": {"channel": "general", "text": text}}
    return await http.post("/action/trigger", headers=headers, json=body)


async def declare(http: httpx.AsyncClient, fault: object) -> httpx.Response:
    return await http.post("/sandbox/api/faults", json=fault)


async def test_every_fault_can_be_declared_over_http_too(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    every: list[Fault] = [
        Latency(seconds=1, path="/x", method="get"),
        Status(status=503, body="<p>", headers={"a": "b"}, after_effect=True, times=3),
        Dropped(when="midway", integration="slack", connection_id="c", action="a"),
        Malformed(times=None),
        RaceLost(),
        WebhookLost(),
        WebhookDoubled(),
        WebhookDelayed(seconds=2),
        WebhookSwapped(),
        WebhookForged(webhook_type="auth"),
    ]
    for fault in every:
        answer = await declare(http, fault.model_dump(mode="json"))
        assert answer.status_code == 201
    assert [each.fault for each in sandbox.faults] == every
    listed = (await http.get("/sandbox/api/faults")).json()["faults"]
    assert [each["fault"] for each in listed] == [each.model_dump(mode="json") for each in every]
    assert (await http.delete(f"/sandbox/api/faults/{listed[0]['id']}")).status_code == 204
    assert (await http.delete(f"/sandbox/api/faults/{listed[0]['id']}")).status_code == 404
    assert (await http.delete("/sandbox/api/faults")).status_code == 204
    assert len(sandbox.faults) == 0


async def test_a_fault_declared_over_http_strikes(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    declared = (await declare(http, {"kind": "status", "status": 503, "path": "/integrations"})).json()
    assert (declared["struck"], declared["pending"]) == (0, True)
    assert (await http.get("/integrations")).status_code == 503
    (listed,) = (await http.get("/sandbox/api/faults")).json()["faults"]
    assert (listed["id"], listed["struck"], listed["pending"]) == (declared["id"], 1, False)


@pytest.mark.parametrize("wrong", [{}, [], {"kind": "nope"}, {"kind": "status"}, {"kind": "status", "status": "x"}])
async def test_a_fault_that_cannot_be_is_answered_400(sandbox: Sandbox, http: httpx.AsyncClient, wrong: object) -> None:
    answer = await declare(http, wrong)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_body")
    assert answer.json()["error"]["errors"]


async def test_the_admin_api_wants_a_key_with_every_scope(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    key = await sandbox.create_api_key("narrow", ["environment:connections:*", "environment:mcp"])
    paths = ["clock", "faults", "requests", "keys", "webhook-url"]
    for path in paths:
        for header, status in ((f"Bearer {key.get_secret_value()}", 403), ("Bearer nonsense", 401)):
            answer = await http.get(f"/sandbox/api/{path}", headers={"Authorization": header})
            assert (answer.status_code, "error" in answer.json()) == (status, True)
    for method, path, body in (
        ("POST", "clock", {"advance": 1}),
        ("POST", "faults", {"kind": "malformed"}),
        ("DELETE", "faults", None),
        ("POST", "keys", {"name": "mine"}),
        ("DELETE", "keys/default", None),
        ("PUT", "webhook-url", {"url": None}),
        ("POST", "connections/slack/any/revoke", None),
        ("POST", "reset", None),
    ):
        narrow = {"Authorization": f"Bearer {key.get_secret_value()}"}
        answer = await http.request(method, f"/sandbox/api/{path}", headers=narrow, json=body)
        assert answer.status_code == 403


async def test_the_clock_moves_over_http(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    before = (await http.get("/sandbox/api/clock")).json()["now"]
    moved = await http.post("/sandbox/api/clock", json={"advance": 86400})
    assert moved.json()["now"] > before
    assert (sandbox.clock.now().isoformat() > moved.json()["now"]) is True
    for wrong in ({"advance": -1}, {"advance": 1e30}, {}, {"advance": 1, "to": 2}):
        assert (await http.post("/sandbox/api/clock", json=wrong)).status_code == 400


async def test_keys_and_the_webhook_url_over_http(
    sandbox: Sandbox, http: httpx.AsyncClient, receiver: WebhookReceiver
) -> None:
    wanted = {"name": "reader", "scopes": ["environment:connections:list"]}
    created = (await http.post("/sandbox/api/keys", json=wanted)).json()
    key = {"Authorization": f"Bearer {created['secret']}"}
    assert (await http.get("/connections", headers=key)).status_code == 200
    assert (await http.get("/integrations", headers=key)).status_code == 403
    listed = (await http.get("/sandbox/api/keys")).json()["keys"]
    assert listed[1:] == [wanted]
    assert created["secret"] not in json.dumps(listed)
    assert (await http.delete("/sandbox/api/keys/reader")).status_code == 204
    assert (await http.get("/connections", headers=key)).status_code == 401
    assert (await http.post("/sandbox/api/keys", json={"name": "", "scopes": ["all"]})).status_code == 400

    assert (await http.get("/sandbox/api/webhook-url")).json() == {"url": receiver.url}
    for url, status in ((f"{receiver.url}/other", 200), ("no url", 400)):
        assert (await http.put("/sandbox/api/webhook-url", json={"url": url})).status_code == status
    await sandbox.connect("github", {"end_user_id": "alice"}, "one")
    assert (await receiver.next()).path == "/webhooks/other"
    assert (await http.put("/sandbox/api/webhook-url", json={"url": None})).json() == {"url": None}


async def test_credentials_are_revoked_over_http(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    connection_id = await sandbox.connect("slack", {"end_user_id": "alice"})
    address = f"/sandbox/api/connections/slack/{connection_id}"
    assert (await post_message(http, connection_id, "before")).status_code == 200
    assert (await http.post(f"{address}/expire")).status_code == 204
    assert (await post_message(http, connection_id, "refreshed")).status_code == 200
    assert (await http.post(f"{address}/revoke")).status_code == 204
    assert (await post_message(http, connection_id, "refused")).status_code == 424
    for wrong in ("/sandbox/api/connections/slack/nobody/expire", "/sandbox/api/connections/nope/nobody/revoke"):
        assert (await http.post(wrong)).status_code == 404


async def test_reset_starts_the_apps_over_and_keeps_who_is_connected(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    connection_id = await sandbox.connect("slack", {"end_user_id": "alice"})
    before = (await http.get("/sandbox/api/state")).json()
    await post_message(http, connection_id, "gone")
    sandbox.faults.add(Malformed())
    assert (await http.get("/sandbox/api/state")).json() != before
    assert (await http.post("/sandbox/api/reset")).status_code == 204
    after = (await http.get("/sandbox/api/state")).json()
    counts = [{kind: len(each) for app in state.values() for kind, each in app.items()} for state in (before, after)]
    assert counts[0] == counts[1]
    assert "gone" not in json.dumps(after)
    assert await sandbox.ledger() == []
    assert await sandbox.requests() == []
    assert len(sandbox.faults) == 0
    assert (await post_message(http, connection_id, "still connected")).status_code == 200


@pytest.mark.parametrize("scope", ["environment:nothing", "environment:mcp:*", "connections:read", "environment:", "*"])
async def test_a_key_has_only_scopes_that_there_are(sandbox: Sandbox, http: httpx.AsyncClient, scope: str) -> None:
    answer = await http.post("/sandbox/api/keys", json={"name": "k", "scopes": ["environment:mcp", scope]})
    assert (answer.status_code, scope in answer.text) == (400, True)
    with pytest.raises(ValueError, match="No key can have"):
        await sandbox.create_api_key("k", [scope])
    for known in ("environment:*", "environment:syncs:variant:*", "environment:webhook_signing_key:rotate"):
        await sandbox.create_api_key("k", [known])


async def test_a_rotated_signing_key_signs_from_then_on(tmp_path: Path) -> None:
    async with Sandbox(tmp_path / "kept.db") as sandbox, httpx.AsyncClient(base_url=sandbox.base_url) as http:
        before = sandbox.webhook_signing_key
        narrow = await sandbox.create_api_key("narrow", ["environment:mcp"])
        path = "/environment/webhook-signing-key/rotate"
        refused = await http.post(path, headers={"Authorization": f"Bearer {narrow.get_secret_value()}"})
        assert (refused.status_code, sandbox.webhook_signing_key) == (403, before)
        answer = await http.post(path, headers={"Authorization": f"Bearer {sandbox.api_key.get_secret_value()}"})
        after = sandbox.webhook_signing_key
        assert answer.json() == {"data": {"webhook_signing_key": after.get_secret_value()}}
        assert after != before
        async with WebhookReceiver() as receiver:
            receiver.receive_from(sandbox)
            await sandbox.connect("github", {"end_user_id": "alice"})
            webhook = await receiver.next()
        assert webhook.headers["x-nango-hmac-sha256"] == signatures(after, webhook.raw_body)["X-Nango-Hmac-Sha256"]
    async with Sandbox(tmp_path / "kept.db") as again:
        assert again.webhook_signing_key == after


async def test_any_page_may_call_the_api_and_none_the_sandbox_itself(sandbox: Sandbox) -> None:
    origin = {"Origin": "https://app.example"}
    async with httpx.AsyncClient(base_url=sandbox.base_url, headers=origin, trust_env=False) as browser:
        asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
        preflight = await browser.options("/connections", headers=asked)
        assert (preflight.status_code, preflight.content) == (204, b"")
        told = {name.removeprefix("access-control-"): value for name, value in preflight.headers.items()}
        assert (told["allow-origin"], told["max-age"]) == ("*", "600")
        assert "PATCH" in told["allow-methods"]
        assert "Authorization" in told["allow-headers"]
        for path in ("/connections", "/nowhere", "/proxy/x", "/mcp", "/management/mcp"):
            assert (await browser.get(path)).headers["access-control-allow-origin"] == "*", path
        for path in ("/", "/sandbox/api/keys", "/connect", "/sandbox/providers/github/authorize"):
            for method in ("GET", "OPTIONS"):
                assert "access-control-allow-origin" not in (await browser.request(method, path)).headers, path

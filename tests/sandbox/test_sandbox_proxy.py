"""The proxy: to the apps' own APIs, to upstreams of a test's own, and nowhere else."""

import asyncio
import gzip
import json
import queue
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from nango_sandbox import Sandbox
from nango_sandbox.apps import all_apps
from nango_sandbox.functions.action import Integration
from nango_sandbox.options import Options
from nango_sandbox.providers.upstreams import refusing

THERE = "http://10.1.2.3:4567"


class Upstream:
    """Keeps what it gets, and answers what it is told to."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: list[Response] = []
        self.arrivals: queue.SimpleQueue[str] = queue.SimpleQueue()  # read by another thread than the sandbox's
        self.app = Starlette(
            routes=[Route("/{path:path}", self._serve, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]
        )

    async def _serve(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode()
        self.got.append((request.method, path, dict(request.headers), await request.body()))
        self.arrivals.put(path)
        return self.answers.pop(0) if self.answers else JSONResponse({"ok": True})


async def hangs_up(_: Scope, __: Receive, ___: Send) -> None:
    raise ConnectionResetError


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
async def sandbox(upstream: Upstream) -> AsyncIterator[Sandbox]:
    integrations = (
        *all_apps(),
        Integration("github-pat", "github-pat", "GitHub (token)", "API_KEY"),
        Integration("private-api-basic", "private-api-basic", "Private API (Basic Auth)", "BASIC"),
        Integration("no-auth", "unauthenticated", "Unauthenticated", "NONE"),
    )
    upstreams = {THERE: upstream.app, "http://10.1.2.3:9": refusing, "https://hangs.example": hangs_up}
    async with Sandbox(integrations=integrations, options=Options(upstreams=upstreams)) as running:
        yield running


@pytest.fixture
async def alice(sandbox: Sandbox) -> dict[str, str]:
    await sandbox.connect("github", {"end_user_id": "alice"}, connection_id="alice")
    return {"connection-id": "alice", "provider-config-key": "github"}


@pytest.fixture
def there(alice: dict[str, str]) -> dict[str, str]:
    return {**alice, "base-url-override": THERE}


async def test_the_demo_s_data_is_reached_under_the_app_s_own_paths(
    sandbox: Sandbox, http: httpx.AsyncClient, alice: dict[str, str]
) -> None:
    repository = (await http.get("/proxy/user/repos", headers=alice)).json()[0]["full_name"]
    made = await http.post(f"/proxy/repos/{repository}/issues", headers=alice, json={"title": "From the proxy"})
    assert made.status_code == 200, made.text
    where = f"/proxy/repos/{repository}/issues/{made.json()['number']}"
    closed = await http.patch(where, headers=alice, json={"state": "closed"})
    assert (closed.json()["state"], closed.json()["title"]) == ("closed", "From the proxy")
    listed = await http.get(f"/proxy/repos/{repository}/issues?state=closed&per_page=1", headers=alice)
    assert [each["number"] for each in listed.json()] == [made.json()["number"]]
    missing = await http.get(f"/proxy/repos/{repository}/issues/9999", headers=alice)
    assert (missing.status_code, missing.json()["message"]) == (404, "Not Found")
    assert (await http.post(f"/proxy/repos/{repository}/issues", headers=alice, json={"title": 1})).status_code == 422
    assert (await http.get("/proxy/nowhere", headers=alice)).status_code == 404
    writes = [(each.action, each.via, each.status) for each in await sandbox.ledger() if each.access == "write"]
    assert writes == [
        ("create-issue", "proxy", "succeeded"),
        ("update-issue", "proxy", "succeeded"),
        ("create-issue", "proxy", "failed"),
    ]


@pytest.mark.parametrize(
    ("integration", "path", "found"),
    [("slack", "conversations.list", "channels"), ("hubspot", "crm/v3/objects/deals", "deals")],
)
async def test_so_is_that_of_the_other_apps(
    sandbox: Sandbox, http: httpx.AsyncClient, integration: str, path: str, found: str
) -> None:
    connection_id = await sandbox.connect(integration, {})
    headers = {"connection-id": connection_id, "provider-config-key": integration}
    assert (await http.get(f"/proxy/{path}", headers=headers)).json()[found]


async def test_the_app_refuses_a_token_that_was_taken_back(
    sandbox: Sandbox, http: httpx.AsyncClient, alice: dict[str, str]
) -> None:
    await sandbox.revoke("alice", "github")
    dead = await http.get("/proxy/user/repos", headers=alice)
    assert (dead.status_code, dead.json()) == (401, {"message": "Bad credentials"})
    await sandbox.expire("alice", "github")
    codes = [
        (answer.status_code, answer.json()["error"]["code"])
        for answer in [await http.get("/proxy/user/repos", headers=alice) for _ in range(2)]
    ]
    assert codes == [(400, "server_error"), (424, "connection_refresh_backoff")]


async def test_an_expired_token_is_refreshed_on_the_way(
    sandbox: Sandbox, http: httpx.AsyncClient, there: dict[str, str], upstream: Upstream
) -> None:
    await http.get("/proxy/a", headers=there)
    sandbox.clock.advance(9 * 3600)
    await http.get("/proxy/a", headers=there)
    before, after = (headers["authorization"] for _, _, headers, _ in upstream.got)
    assert before.startswith("Bearer sandbox-access-")
    assert before != after


async def test_paths_queries_and_bodies_arrive_as_they_were_sent(
    http: httpx.AsyncClient, there: dict[str, str], upstream: Upstream
) -> None:
    await http.put("/proxy/a%2Fb/c%20d?x=1&x=%26&y=", headers={**there, "content-type": "text/csv"}, content="a;ü")
    await http.post(
        "/proxy/e", headers={**there, "content-type": "application/octet-stream"}, content=bytes(range(256))
    )
    first, second = upstream.got
    assert first[:2] == ("PUT", "/a%2Fb/c%20d")
    assert (first[2]["content-type"], first[3].decode()) == ("text/csv", "a;ü")
    assert second[3] == bytes(range(256))


async def test_the_upstream_s_headers_come_back_and_the_caller_s_key_goes_nowhere(
    sandbox: Sandbox, http: httpx.AsyncClient, there: dict[str, str], upstream: Upstream
) -> None:
    upstream.answers = [Response("<p>", 418, {"x-mine": "1", "content-type": "text/html", "set-cookie": "a=b"})]
    answer = await http.get("/proxy/a", headers={**there, "cookie": "c=d", "nango-proxy-x-sent": "2"})
    assert (answer.status_code, answer.text, answer.headers["x-mine"]) == (418, "<p>", "1")
    sent = upstream.got[0][2]
    assert sent["x-sent"] == "2"
    assert "cookie" not in sent
    assert sandbox.api_key.get_secret_value() not in str(sent)


async def test_compressed_answers_pass_through_or_are_opened(
    http: httpx.AsyncClient, there: dict[str, str], upstream: Upstream
) -> None:
    packed = Response(gzip.compress(b"hello"), headers={"content-encoding": "gzip"})
    upstream.answers = [packed, packed]
    as_it_is = await http.get("/proxy/a", headers=there)
    assert (as_it_is.text, as_it_is.headers["content-encoding"]) == ("hello", "gzip")
    opened = await http.get("/proxy/a", headers={**there, "decompress": "true"})
    assert (opened.text, opened.headers.get("content-encoding")) == ("hello", None)


async def test_every_write_to_an_upstream_is_in_the_ledger(
    sandbox: Sandbox, http: httpx.AsyncClient, there: dict[str, str], upstream: Upstream
) -> None:
    upstream.answers = [JSONResponse({}), JSONResponse({"id": 7}, 201), JSONResponse({"no": 1}, 403)]
    await http.get("/proxy/things", headers=there)
    made = await http.post("/proxy/things?a=b", headers=there, json={"x": 1})
    assert (made.status_code, made.json()) == (201, {"id": 7})
    await http.delete("/proxy/things/7", headers=there)
    first, second = await sandbox.ledger()
    assert (first.action, first.access, first.input, first.output) == ("POST /things?a=b", "write", {"x": 1}, {"id": 7})
    assert (first.via, first.end_user_id) == ("proxy", "alice")
    assert (second.access, second.status, second.error) == ("destructive", "failed", {"status": 403, "body": {"no": 1}})


async def test_retries_wait_longer_and_longer_and_end_with_a_good_answer(
    sandbox: Sandbox, http: httpx.AsyncClient, there: dict[str, str], upstream: Upstream
) -> None:
    upstream.answers = [
        JSONResponse({}, 500),
        JSONResponse({}, 502),
        JSONResponse({}, 429, {"retry-after": "40"}),
        JSONResponse({"at": "last"}),
    ]
    asking = asyncio.create_task(http.get("/proxy/a", headers={**there, "retries": "5"}))
    waits = []
    for _ in range(3):
        await asyncio.to_thread(upstream.arrivals.get, timeout=10)
        waits.append(await asyncio.to_thread(sandbox.clock.advance_to_next))
    assert (await asking).json() == {"at": "last"}
    assert waits == [pytest.approx(seconds, abs=0.5) for seconds in (3, 6, 40)]
    assert len(upstream.got) == 4


async def test_only_failures_of_the_upstream_or_named_ones_are_retried(
    sandbox: Sandbox, http: httpx.AsyncClient, there: dict[str, str], upstream: Upstream
) -> None:
    upstream.answers = [JSONResponse({}, 404)]
    assert (await http.get("/proxy/a", headers={**there, "retries": "3"})).status_code == 404
    upstream.answers = [JSONResponse({}, 404)]
    asking = asyncio.create_task(http.get("/proxy/a", headers={**there, "retries": "3", "retry-on": "409,404"}))
    await asyncio.to_thread(sandbox.clock.advance_to_next)
    assert (await asking).status_code == 200


@pytest.mark.parametrize(
    ("address", "code", "where"),
    [("http://10.1.2.3:9", "ECONNREFUSED", "10.1.2.3:9"), ("https://hangs.example", "ECONNRESET", "hangs.example:443")],
)
async def test_an_upstream_that_is_not_there_is_told_as_a_network_error(
    http: httpx.AsyncClient, alice: dict[str, str], address: str, code: str, where: str
) -> None:
    answer = await http.get("/proxy/a", headers={**alice, "base-url-override": address})
    assert answer.status_code == 500
    assert answer.json() == {"message": f"connect {code} {where}", "code": code, "method": "get"}


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1",
        "http://localhost",
        "https://example.com",
        "http://10.1.2.3",
        "https://10.1.2.3:4567",
        "http://10.1.2.3:4567@example.com",
        "file:///etc/passwd",
        "http://[",
    ],
)
async def test_nothing_else_is_reached(
    http: httpx.AsyncClient, alice: dict[str, str], upstream: Upstream, address: str
) -> None:
    answer = await http.get("/proxy/a", headers={**alice, "base-url-override": address})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "base_url_override_not_allowed")
    assert upstream.got == []


async def test_a_redirect_leads_nowhere_else_either(
    http: httpx.AsyncClient, there: dict[str, str], upstream: Upstream
) -> None:
    upstream.answers = [RedirectResponse("http://127.0.0.1:1/secret"), RedirectResponse(f"{THERE}/b")]
    outside = await http.get("/proxy/a", headers=there)
    assert outside.json()["error"]["code"] == "base_url_override_not_allowed"
    assert (await http.get("/proxy/a", headers=there)).json() == {"ok": True}


async def test_a_redirect_in_circles_and_an_answer_that_cannot_be_opened_are_told(
    http: httpx.AsyncClient, there: dict[str, str], upstream: Upstream
) -> None:
    upstream.answers = [RedirectResponse(f"{THERE}/a")] * 30
    circle = await http.get("/proxy/a", headers=there)
    assert (circle.status_code, circle.json()["code"]) == (500, "ERR_FR_TOO_MANY_REDIRECTS")
    upstream.answers = [Response(b"not gzip", headers={"content-encoding": "gzip"})]
    broken = await http.get("/proxy/a", headers={**there, "decompress": "true"})
    assert (broken.status_code, broken.json()["code"]) == (500, "ERR_BAD_RESPONSE")


async def test_credentials_and_headers_may_hold_any_text(
    http: httpx.AsyncClient, there: dict[str, str], upstream: Upstream
) -> None:
    credentials = {"type": "OAUTH2", "access_token": "schlüssel"}
    body = {"provider_config_key": "github", "connection_id": "alice", "credentials": credentials}
    assert (await http.post("/connections", json=body)).status_code == 201
    headers = httpx.Headers({**there, "nango-proxy-x-name": "Zoë"}, encoding="utf-8")
    assert (await http.get("/proxy/a", headers=headers)).status_code == 200
    sent = upstream.got[0][2]
    assert [sent[name].encode("latin-1").decode() for name in ("authorization", "x-name")] == [
        "Bearer schlüssel",
        "Zoë",
    ]


async def test_a_key_needs_the_scope(sandbox: Sandbox, http: httpx.AsyncClient, there: dict[str, str]) -> None:
    for scope, status in (("environment:proxy", 200), ("environment:actions:execute", 403)):
        key = (await sandbox.create_api_key("k", [scope])).get_secret_value()
        answer = await http.get("/proxy/a", headers={**there, "Authorization": f"Bearer {key}"})
        assert answer.status_code == status


async def test_some_providers_are_asked_about_a_key_before_it_is_stored(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    def body(key: str) -> dict[str, Any]:
        return {
            "provider_config_key": "github-pat",
            "connection_id": "pat",
            "credentials": {"type": "API_KEY", "apiKey": key},
        }

    assert (await http.post("/connections", json=body("good"))).status_code == 201
    await sandbox.revoke("pat", "github-pat")
    refused = await http.post("/connections", json=body("good"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "connection_test_failed")
    headers = {"connection-id": "pat", "provider-config-key": "github-pat"}
    assert (await http.get("/proxy/user/repos", headers=headers)).status_code == 401
    assert (await http.post("/connections", json=body("better"))).status_code == 201
    assert (await http.get("/proxy/user/repos", headers=headers)).status_code == 200


async def test_a_body_that_is_no_json_is_refused(
    http: httpx.AsyncClient, there: dict[str, str], upstream: Upstream
) -> None:
    answer = await http.post("/proxy/a", headers={**there, "content-type": "application/json"}, content="{")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")
    assert upstream.got == []
    await http.post("/proxy/a", headers={**there, "content-type": "application/json"}, content='{"ü": 1.0}')
    assert json.loads(upstream.got[0][3]) == {"ü": 1.0}

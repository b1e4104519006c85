"""Nango's own limit on requests: one count for all that API keys do, one for connect sessions, a minute long."""

from collections.abc import AsyncIterator

import httpx
import pytest

from nango_sandbox import InProcessSandbox, Options
from nango_sandbox.cli import _arguments as arguments

LIMIT = 5


class Limited:
    def __init__(self, sandbox: InProcessSandbox, http: httpx.AsyncClient, connection_id: str) -> None:
        self.sandbox = sandbox
        self.http = http
        self.connection = {"connection-id": connection_id, "provider-config-key": "slack"}

    async def use_up(self) -> None:
        for _ in range(LIMIT):
            assert (await self.http.get("/integrations")).status_code == 200


@pytest.fixture
async def limited() -> AsyncIterator[Limited]:
    async with InProcessSandbox(options=Options(rate_limit=LIMIT)) as sandbox:
        key = {"Authorization": f"Bearer {sandbox.api_key.get_secret_value()}"}
        connection_id = await sandbox.connect("slack", {"end_user_id": "alice"})
        async with httpx.AsyncClient(base_url=sandbox.base_url, headers=key, transport=sandbox.transport) as http:
            yield Limited(sandbox, http, connection_id)


async def test_every_answer_tells_what_is_left(limited: Limited) -> None:
    now = limited.sandbox.clock.now()
    answers = [await limited.http.get("/integrations"), await limited.http.get("/integrations/nope")]
    assert [each.status_code for each in answers] == [200, 404]
    assert [each.headers["x-ratelimit-limit"] for each in answers] == ["5", "5"]
    assert [each.headers["x-ratelimit-remaining"] for each in answers] == ["4", "3"]
    resets = {each.headers["x-ratelimit-reset"] for each in answers}
    assert len(resets) == 1
    assert 59 <= int(resets.pop()) - now.timestamp() <= 62
    assert "retry-after" not in answers[0].headers


async def test_over_the_limit_all_that_keys_do_is_refused_and_nothing_runs(limited: Limited) -> None:
    await limited.use_up()
    trigger = {"action_name": "post-message", "input": {"channel": "general", "text": "no"}}
    params = {"name": "post-message", "arguments": trigger["input"]}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    accept = {"Accept": "application/json, text/event-stream"}
    for answer, method, path in (
        (await limited.http.get("/connections?limit=1"), "GET", "/connections"),
        (
            await limited.http.post("/action/trigger", headers=limited.connection, json=trigger),
            "POST",
            "/action/trigger",
        ),
        (await limited.http.post("/mcp", headers={**limited.connection, **accept}, json=call), "POST", "/mcp"),
    ):
        assert answer.status_code == 429
        assert answer.json() == {"error": {"code": "too_many_request", "method": method, "path": path}}
        assert answer.headers["x-ratelimit-remaining"] == "0"
        assert 55 <= int(answer.headers["retry-after"]) <= 60
    assert await limited.sandbox.ledger() == []


async def test_all_keys_share_one_count(limited: Limited) -> None:
    other = await limited.sandbox.create_api_key("other")
    await limited.use_up()
    answer = await limited.http.get("/integrations", headers={"Authorization": f"Bearer {other.get_secret_value()}"})
    assert answer.status_code == 429


async def test_a_minute_of_the_clock_later_there_is_a_new_window(limited: Limited) -> None:
    await limited.use_up()
    refused = await limited.http.get("/integrations")
    limited.sandbox.clock.advance(int(refused.headers["retry-after"]) + 1)
    answer = await limited.http.get("/integrations")
    assert (answer.status_code, answer.headers["x-ratelimit-remaining"]) == (200, "4")
    assert int(answer.headers["x-ratelimit-reset"]) >= int(refused.headers["x-ratelimit-reset"]) + 59


async def test_who_is_nobody_is_refused_first_and_counts_for_nothing(limited: Limited) -> None:
    await limited.use_up()
    unknown = await limited.http.get("/integrations", headers={"Authorization": "Bearer nonsense"})
    assert unknown.status_code == 401
    assert "x-ratelimit-limit" not in unknown.headers
    limited.sandbox.clock.advance(60)
    for _ in range(LIMIT + 1):
        await limited.http.get("/integrations", headers={"Authorization": "Bearer nonsense"})
    assert (await limited.http.get("/integrations")).headers["x-ratelimit-remaining"] == "4"


async def test_a_refused_scope_counts(limited: Limited) -> None:
    key = await limited.sandbox.create_api_key("narrow", ["environment:mcp"])
    narrow = {"Authorization": f"Bearer {key.get_secret_value()}"}
    refused = await limited.http.get("/integrations", headers=narrow)
    assert (refused.status_code, refused.headers["x-ratelimit-remaining"]) == (403, "4")


async def test_pages_and_the_admin_api_are_not_limited(limited: Limited) -> None:
    await limited.use_up()
    for path in ("/", "/sandbox/api/clock", "/sandbox/api/state", "/nowhere"):
        answer = await limited.http.get(path)
        assert answer.status_code in (200, 404)
        assert "x-ratelimit-limit" not in answer.headers


async def test_connect_sessions_have_a_count_of_their_own(limited: Limited) -> None:
    tags = {"tags": {"end_user_id": "alice"}}
    token = (await limited.http.post("/connect/sessions", json=tags)).json()["data"]["token"]
    session = {"Authorization": f"Bearer {token}"}
    answers = [await limited.http.get("/connect/session", headers=session) for _ in range(LIMIT + 1)]
    assert [each.headers["x-ratelimit-remaining"] for each in answers] == ["4", "3", "2", "1", "0", "0"]
    assert [each.status_code for each in answers[-2:]] == [200, 429]
    assert (await limited.http.get("/integrations")).status_code == 200
    started = await limited.http.post(f"/auth/unauthenticated/slack?connect_session_token={token}")
    assert started.status_code == 429, "what the browser calls counts with it"
    assert (await limited.http.get(f"/connect?session_token={token}")).status_code == 200, "the page does not"


async def test_without_a_limit_nothing_is_counted_or_told() -> None:
    async with InProcessSandbox(options=Options(rate_limit=None)) as sandbox:
        key = {"Authorization": f"Bearer {sandbox.api_key.get_secret_value()}"}
        async with httpx.AsyncClient(base_url=sandbox.base_url, headers=key, transport=sandbox.transport) as http:
            answer = await http.get("/integrations")
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


def test_the_command_takes_a_limit(capsys: pytest.CaptureFixture[str]) -> None:
    assert arguments([]).rate_limit == 2000
    assert arguments(["--rate-limit", "200"]).rate_limit == 200
    assert arguments(["--rate-limit", "0"]).rate_limit is None
    for wrong in ("-1", "many", "1.5"):
        with pytest.raises(SystemExit):
            arguments([f"--rate-limit={wrong}"])
        assert "no number of requests a minute" in capsys.readouterr().err

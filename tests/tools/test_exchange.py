"""What the proxy is built on: any answer comes back as it is; where a request may go, and how much may come back."""

import gzip
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse, Response

from nango_tools import Call, InvalidInput, NangoClient, NangoError, NetworkFailure, Outcome, ResponseTooLarge
from nango_tools.failures import from_response, is_nangos_own
from nango_tools.http import Http

KEY = "5f0c1a52-8a39-4c55-9d2f-6d1a2b7c9e01"
READ, WRITE = Call("GET x"), Call("POST x", writes=True)


@pytest.fixture
async def http(fake: Any) -> Any:
    made = Http(fake.settings(), sleep=fake.pause, clock=lambda: fake.now)
    yield made
    await made.aclose()


@pytest.mark.parametrize("status", [200, 201, 204, 302, 400, 401, 404, 409, 422, 429, 500, 503])
async def test_any_status_is_an_answer(fake: Any, http: Http, status: int) -> None:
    fake.answers(Response(b"" if status == 204 else b"\x00\xff", status, headers={"x-thing": "1"}))
    answer = await http.exchange(
        "POST", "/proxy/x", WRITE, content=b"\x00 raw", content_type="application/octet-stream"
    )
    assert (answer.status_code, answer.headers["x-thing"]) == (status, "1")
    assert answer.content == (b"" if status == 204 else b"\x00\xff")
    assert len(fake.seen) == 1


async def test_content_query_and_headers_arrive_as_given(raw_server: Any) -> None:
    sent = bytearray()

    async def record(reader: Any, writer: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    class Recorder(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            sent.extend(request.content)
            assert str(request.url).endswith("/proxy/a%2Fb?x=1&x=2")
            assert request.headers["content-type"] == "text/csv"
            assert request.headers["retries"] == "2"
            return await super().handle_async_request(request)

    server = await raw_server(record)
    http = Http(server.settings(), Recorder())
    await http.exchange(
        "PUT", "/proxy/a%2Fb", WRITE, query=[("x", "1"), ("x", "2")], headers={"Retries": "2"}, content=b"a;b",
        content_type="text/csv",
    )  # fmt: skip
    await http.aclose()
    assert sent == b"a;b"


@pytest.mark.parametrize(
    ("status", "body", "own"),
    [
        (400, {"error": {"code": "server_error", "message": "Failed to get connection"}}, True),
        (400, {"error": {"code": "server_error", "message": "Failed to get connection credentials: 'x'"}}, True),
        (400, {"error": {"code": "base_url_override_not_allowed", "message": "x"}}, True),
        (400, {"error": {"code": "invalid_headers", "errors": []}}, True),
        (404, {"error": {"code": "unknown_provider_config", "message": "x"}}, True),
        (424, {"error": {"code": "connection_refresh_backoff", "message": "x"}}, True),
        (401, {"error": {"code": "missing_auth_header", "message": "x", "payload": {}}}, True),
        (401, {"error": {"code": "unknown_account", "message": "x", "payload": {}}}, True),
        (403, {"error": {"code": "forbidden", "message": "Insufficient scope. Required: environment:proxy"}}, True),
        (429, {"error": {"code": "too_many_request", "method": "GET", "path": "/proxy/x"}}, True),
        # what providers say, in words close to these
        (400, {"message": "upstream says 400", "documentation_url": "x"}, False),
        (400, {"error": {"code": "server_error", "message": "Something broke"}}, False),
        (400, {"error": "server_error"}, False),
        (403, {"error": {"code": "forbidden", "message": "You may not"}}, False),
        (404, {"error": {"code": "not_found", "message": "Issue not found"}}, False),
        (400, {"error": {"code": "invalid_credentials", "message": "Wrong password"}}, False),
        (429, {"error": {"code": "too_many_requests"}}, False),
        (429, {"message": "upstream says 429"}, False),
        (500, {"message": "connect ECONNREFUSED 10.99.0.1:9", "code": "ECONNREFUSED", "method": "get"}, False),
        (500, {"error": {"code": "too_many_request"}}, False),
        (200, {"error": {"code": "unknown_account"}}, False),
    ],
)
def test_nangos_own_errors_are_told_from_a_providers(status: int, body: Any, own: bool) -> None:
    response = httpx.Response(status, json=body)
    assert is_nangos_own(response) is own
    if own:
        assert from_response(response, WRITE).outcome is Outcome.REJECTED


@pytest.mark.parametrize(
    "path",
    ["https://evil.example/x", "//evil.example", "proxy/x", "", "/proxy/../connections", "/proxy/%2e%2e/connections",
     "/proxy/./x", "/proxy/x?y=1", "/proxy/x#y", "/proxy\\..\\connections", "http://127.0.0.1:1/mcp"],
)  # fmt: skip
async def test_the_key_goes_nowhere_else(fake: Any, http: Http, path: str) -> None:
    if path == "//evil.example":
        await http.exchange("GET", path, READ)
        assert fake.seen[0].raw_path == path, "a path like any other"
        return
    with pytest.raises(InvalidInput) as caught:
        await http.exchange("GET", path, READ)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert fake.seen == []


async def test_the_management_url_is_no_way_to_another_path_there(fake: Any) -> None:
    http = Http(fake.settings(management_mcp_url="https://mcp.example/mcp"))
    for path in ("https://mcp.example/mcp/../x", "https://mcp.example/mcpx", "https://mcp.example"):
        with pytest.raises(InvalidInput):
            await http.send("POST", path, WRITE)
    await http.aclose()


async def test_a_providers_cookies_are_not_kept_for_the_next_call(fake: Any, http: Http) -> None:
    fake.answers(Response("", headers={"set-cookie": "session=of-alice; Path=/"}))
    answer = await http.exchange("GET", "/proxy/login", READ)
    assert answer.headers["set-cookie"].startswith("session=")
    await http.exchange("GET", "/proxy/x", READ)
    assert "cookie" not in fake.seen[1].headers


async def test_the_key_is_taken_out_of_what_comes_back(fake: Any, http: Http) -> None:
    fake.answers(Response(f"you sent {KEY}", 418, headers={"x-echo": KEY}))
    answer = await http.exchange("GET", "/proxy/x", READ)
    assert (answer.text, answer.headers["x-echo"]) == ("you sent [key]", "[key]")
    with pytest.raises(RuntimeError):
        _ = answer.request


async def test_another_token_takes_the_keys_place_and_is_taken_out_too(fake: Any, http: Http) -> None:
    fake.answers(Response("tok-1 is yours"))
    answer = await http.exchange("GET", "/connect/session", READ, bearer=SecretStr("tok-1"))
    assert fake.seen[0].headers["authorization"] == "Bearer tok-1"
    assert answer.text == "[key] is yours"


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False)])
async def test_an_answer_up_to_the_limit_is_read_and_a_larger_one_is_not(fake: Any, size: int, fits: bool) -> None:
    fake.answers(Response(b"1" * size, media_type="application/json"))
    async with fake.client(max_response_bytes=1000) as nango:
        attempt = nango.actions.trigger(connection_id="c", integration_id="g", action="a", writes=True)
        if fits:
            assert await attempt == int("1" * size)
            return
        with pytest.raises(ResponseTooLarge, match="more than 1000 bytes") as caught:
            await attempt
    assert caught.value.outcome is Outcome.UNKNOWN
    assert len(fake.seen) == 1


async def test_the_limit_holds_for_what_is_unpacked(fake: Any) -> None:
    packed = gzip.compress(b" " * 1_000_000)
    assert len(packed) < 2000
    fake.answers(Response(packed, headers={"content-encoding": "gzip", "content-type": "application/json"}))
    async with fake.client(max_response_bytes=10_000) as nango:
        with pytest.raises(ResponseTooLarge):
            await nango.integrations.list()


async def test_a_body_without_end_is_cut_off(raw_server: Any) -> None:
    async def endless(_: Any, writer: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        try:
            while True:
                writer.write(b"1" * 65536)
                await writer.drain()
        except ConnectionError:
            pass

    server = await raw_server(endless)
    async with server.client(max_response_bytes=1_000_000) as nango:
        with pytest.raises(ResponseTooLarge):
            await nango.integrations.list()


async def test_what_was_packed_arrives_unpacked_once(fake: Any, nango: NangoClient) -> None:
    body = gzip.compress(b'{"data": []}')
    fake.answers(Response(body, headers={"content-encoding": "gzip", "content-type": "application/json"}))
    assert await nango.integrations.list() == []


async def test_a_network_failure_is_raised_not_answered(raw_server: Any) -> None:
    async def drop(_: Any, __: Any) -> None:
        return None

    server = await raw_server(drop)
    http = Http(server.settings(), sleep=server.pause)
    with pytest.raises(NetworkFailure) as caught:
        await http.exchange("POST", "/proxy/x", WRITE, content=b"x")
    assert caught.value.outcome is Outcome.UNKNOWN
    await http.aclose()


async def test_a_header_that_cannot_be_sent_is_the_callers_mistake(fake: Any, http: Http) -> None:
    with pytest.raises(NangoError) as caught:
        await http.exchange("GET", "/proxy/x", READ, headers={"X-Bad": "line\nbreak"})
    assert isinstance(caught.value, InvalidInput)
    assert (caught.value.outcome, fake.seen) == (Outcome.NOT_SENT, [])


async def test_an_own_transport_carries_everything(fake: Any) -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": []})

    async with NangoClient(fake.settings(base_url="https://nango.internal"), httpx.MockTransport(answer)) as nango:
        assert await nango.integrations.list() == []
    assert fake.seen == []


async def test_a_base_url_under_localhost_is_this_machine(fake: Any) -> None:
    fake.answers(JSONResponse({"data": []}))
    url = fake.url.replace("127.0.0.1", "nango.localhost")
    async with fake.client(base_url=url) as nango:
        assert await nango.integrations.list() == []
    assert fake.seen[0].headers["host"] == url.removeprefix("http://")

"""The proxy: the provider's answers as they are, Nango's own errors as errors, and no way out of /proxy."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.responses import JSONResponse, Response

from nango_tools import (
    InvalidInput,
    MalformedResponse,
    NangoClient,
    NangoError,
    Outcome,
    RateLimited,
    ReauthorizationRequired,
    UnknownConnection,
    UnknownIntegration,
    UpstreamError,
)

WHERE = {"connection_id": "pab-alice", "integration_id": "private-api-bearer"}


async def test_each_method_goes_to_the_providers_path(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"ok": 1}))
    for method in (nango.proxy.get, nango.proxy.post, nango.proxy.put, nango.proxy.patch, nango.proxy.delete):
        answer = await method("/v1/things/a%2Fb", **WHERE, params={"a": 1, "b": ["x", "&y"], "call": True})
        assert (answer.status, answer.json(), answer.is_success) == (200, {"ok": 1}, True)
    assert [seen.method for seen in fake.seen] == ["GET", "POST", "PUT", "PATCH", "DELETE"]
    for seen in fake.seen:
        assert seen.raw_path == "/proxy/v1/things/a%2Fb"
        assert seen.query == [("a", "1"), ("b", "x"), ("b", "&y"), ("call", "true")]
        assert (seen.headers["connection-id"], seen.headers["provider-config-key"]) == tuple(WHERE.values())
        assert "retries" not in seen.headers
        assert "base-url-override" not in seen.headers


async def test_bodies_are_json_or_bytes_with_a_type(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({}))
    await nango.proxy.post("things", **WHERE, json={"x": "é"})
    await nango.proxy.put("things", **WHERE, content=b"[1]", headers={"content-type": "application/x-list"})
    assert [(seen.body, seen.headers["content-type"]) for seen in fake.seen] == [
        ({"x": "é"}, "application/json"),
        ([1], "application/x-list"),
    ]
    with pytest.raises(InvalidInput):
        await nango.proxy.post("things", **WHERE, json={}, content=b"x")


async def test_headers_for_the_provider_never_replace_ours(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({}))
    given = {
        "Authorization": "evil",
        "Connection-Id": "evil",
        "provider-config-key": "evil",
        "Host": "evil",
        "X-A": "1",
    }
    await nango.proxy.get("things", **WHERE, headers=given, base_url_override="https://eu.example", retries=2)
    headers = fake.seen[0].headers
    assert headers["authorization"].startswith("Bearer ")
    assert "evil" not in {
        headers[name] for name in ("authorization", "connection-id", "provider-config-key", "host", "user-agent")
    }
    assert {name: value for name, value in headers.items() if name.startswith("nango-proxy-")} == {
        f"nango-proxy-{name.lower()}": value for name, value in given.items()
    }
    assert (headers["base-url-override"], headers["retries"]) == ("https://eu.example", "2")


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"X-A: 1\r\nConnection-Id": "evil"}},
        {"headers": {"X-A": "1\r\nConnection-Id: evil"}},
        {"headers": {"": "x"}},
        {"headers": {"X-A": "é"}},
        {"base_url_override": "https://x\r\nA: b"},
        {"connection_id": "a\r\nb"},
        {"retries": -1},
        {"params": {"a": "\ud800"}},
    ],
)
async def test_what_would_not_arrive_as_given_is_not_sent(fake: Any, nango: NangoClient, options: Any) -> None:
    if isinstance(options.get("headers"), set):
        options = {"headers": dict.fromkeys(options["headers"], "x")}
    with pytest.raises(InvalidInput) as caught:
        await nango.proxy.post("things", **(WHERE | options))
    assert caught.value.outcome is Outcome.NOT_SENT
    assert fake.seen == []


@pytest.mark.parametrize(
    "path",
    [
        "../connections",
        "/a/../../connections",
        "%2e%2e/connections",
        "a/%2E./x",
        "..%2fconnections",
        "..\\connections",
        "a%5c..%5cx",
        "./x",
        "https://evil.example/x",
        "/HTTP://evil.example",
        "a?b=c",
        "a#b",
        "a\nb",
        "\ud800",
    ],
)
async def test_a_path_leads_nowhere_but_to_the_provider(fake: Any, nango: NangoClient, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await nango.proxy.get(path, **WHERE)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert fake.seen == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(path=st.text(alphabet=st.sampled_from("./\\%2eEfF5cC?#:;@a \u00e9\n"), max_size=12) | st.text(max_size=10))
async def test_no_path_at_all_gets_out_of_the_proxy(fake: Any, path: str) -> None:
    fake.seen.clear()
    fake.answers(JSONResponse({}))
    async with fake.client() as nango:
        try:
            await nango.proxy.get(path, **WHERE)
        except InvalidInput:
            assert fake.seen == []
        else:
            assert fake.seen[0].path.startswith("/proxy/")
            assert not {".", ".."} & set(fake.seen[0].path.split("/"))
            assert fake.seen[0].query == []


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 403, 404, 409, 418, 422, 429, 500, 503])
async def test_whatever_the_provider_answers_is_handed_on(fake: Any, nango: NangoClient, status: int) -> None:
    body = {"message": "upstream says so", "error": {"code": "their_code"}}
    fake.answers(JSONResponse(body, status, headers={"X-Theirs": "1", "location": "https://x.example"}))
    answer = await nango.proxy.post("status", **WHERE)
    assert (answer.status, answer.json(), answer.headers["x-theirs"]) == (status, body, "1")
    assert len(fake.seen) == 1
    if status < 300:
        answer.raise_for_status()
        return
    with pytest.raises(UpstreamError) as caught:
        answer.raise_for_status()
    assert (caught.value.upstream_status, caught.value.upstream_body) == (status, body)
    clear = 400 <= status < 500 and status != 409
    assert caught.value.outcome is (Outcome.FAILED if clear else Outcome.UNKNOWN)


async def test_a_body_that_is_not_json_can_be_read_as_what_it_is(fake: Any, nango: NangoClient) -> None:
    fake.answers(Response("caf\u00e9".encode("latin-1"), 404, headers={"content-type": "text/plain; charset=latin-1"}))
    answer = await nango.proxy.get("file", **WHERE)
    assert (answer.text, answer.content) == ("caf\u00e9", b"caf\xe9")
    with pytest.raises(MalformedResponse):
        answer.json()
    with pytest.raises(UpstreamError) as caught:
        answer.raise_for_status()
    assert caught.value.upstream_body == "caf\u00e9"
    assert "caf" not in repr(answer)


@pytest.mark.parametrize(
    ("status", "code", "message", "expected"),
    [
        (400, "server_error", "Failed to get connection", UnknownConnection),
        (404, "unknown_provider_config", "Provider config not found", UnknownIntegration),
        (424, "connection_refresh_backoff", "A recent refresh attempt failed.", ReauthorizationRequired),
        (
            400,
            "server_error",
            "Failed to get connection credentials: 'The external API returned an error'",
            ReauthorizationRequired,
        ),
        (400, "base_url_override_not_allowed", "This outbound URL is not allowed.", InvalidInput),
        (429, "too_many_request", None, RateLimited),
    ],
)
async def test_nangos_own_errors_are_raised(
    fake: Any, status: int, code: str, message: str | None, expected: type[NangoError]
) -> None:
    fake.answers(JSONResponse({"error": {"code": code, "message": message}}, status, headers={"retry-after": "3000"}))
    async with fake.client() as nango:
        with pytest.raises(expected) as caught:
            await nango.proxy.post("things", **WHERE)
    assert caught.value.outcome is Outcome.REJECTED

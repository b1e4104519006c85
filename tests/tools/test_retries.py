"""What is sent again, after how long, and how much of it all calls of a client may repeat together."""

import asyncio
import email.utils
import time
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import JSONResponse, Response

from nango_tools import (
    Call,
    NangoClient,
    NangoError,
    NangoUnavailable,
    NetworkFailure,
    Outcome,
    RateLimited,
)
from nango_tools.http import Http
from nango_tools.retries import RetryBudget

WHERE = {"connection_id": "c", "integration_id": "github"}
OWN_LIMIT = {"error": {"code": "too_many_request", "method": "GET", "path": "/integrations"}}
EMPTY = JSONResponse({"data": []})


def limited(retry_after: str, body: Any = OWN_LIMIT) -> Response:
    return JSONResponse(body, 429, headers={"retry-after": retry_after})


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_read_is_sent_again_a_few_times_with_growing_pauses(fake: Any, nango: NangoClient, status: int) -> None:
    fake.answers(Response(status_code=status), Response(status_code=status), EMPTY)
    assert await nango.integrations.list() == []
    assert len(fake.seen) == 3
    first, second = fake.pauses
    assert 0.25 <= first <= 0.75
    assert 0.5 <= second <= 1.5


async def test_a_read_that_keeps_failing_is_given_up(fake: Any, nango: NangoClient) -> None:
    fake.answers(Response(status_code=503))
    with pytest.raises(NangoUnavailable):
        await nango.actions.trigger(**WHERE, action="list-issues", writes=False)
    assert len(fake.seen) == 3


async def test_a_read_is_sent_again_when_the_connection_broke_off(raw_server: Any) -> None:
    async def drop_twice(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(server.seen) > 2:
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"data":[]}')
            await writer.drain()

    server = await raw_server(drop_twice)
    async with server.client() as nango:
        assert await nango.integrations.list() == []
    assert len(server.seen) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 424, 500])
async def test_what_another_try_would_not_mend_is_not_tried_again(fake: Any, nango: NangoClient, status: int) -> None:
    fake.answers(Response(status_code=status))
    with pytest.raises(NangoError):
        await nango.integrations.list()
    assert len(fake.seen) == 1


async def test_a_provider_that_is_down_is_not_asked_again_for_a_read(fake: Any, nango: NangoClient) -> None:
    error = {"code": "script_http_error", "payload": {}, "upstream": {"status": 503, "headers": {}, "body": {}}}
    fake.answers(JSONResponse({"error": error}, 424))
    with pytest.raises(NangoError):
        await nango.actions.trigger(**WHERE, action="list-issues", writes=False)
    assert len(fake.seen) == 1


@pytest.mark.parametrize("as_a_date", [False, True])
async def test_a_read_waits_as_long_as_nango_asks_in_seconds_or_until_a_date(
    fake: Any, nango: NangoClient, as_a_date: bool
) -> None:
    fake.answers(limited(email.utils.formatdate(time.time() + 7, usegmt=True) if as_a_date else "7"), EMPTY)
    await nango.integrations.list()
    [pause] = fake.pauses
    assert 5 <= pause <= 9


async def test_the_minute_of_a_used_up_quota_is_waited_for(fake: Any, nango: NangoClient) -> None:
    fake.answers(limited("59"), EMPTY)
    assert await nango.integrations.list() == []
    [pause] = fake.pauses
    assert 59 <= pause <= 60


async def test_a_longer_wait_than_the_settings_allow_is_left_to_the_caller(fake: Any) -> None:
    fake.answers(limited("59"))
    async with fake.client(longest_wait=58) as nango:
        with pytest.raises(RateLimited, match="try again in 59 seconds") as caught:
            await nango.integrations.list()
    assert caught.value.retry_after == 59
    assert (len(fake.seen), fake.pauses) == (1, [])


async def test_what_a_read_waits_in_all_is_limited_too(fake: Any, nango: NangoClient) -> None:
    fake.answers(limited("40"))
    with pytest.raises(RateLimited):
        await nango.integrations.list()
    assert len(fake.seen) == 2
    assert sum(fake.pauses) <= 65


async def writes(nango: NangoClient) -> None:
    for attempt in (
        lambda: nango.actions.trigger(**WHERE, action="a", writes=True),
        lambda: nango.mcp.call_tool(**WHERE, tool="a", writes=True),
        lambda: nango.connect_sessions.create(tags={"a": "b"}, allowed_integrations=["github"]),
    ):
        with pytest.raises(NangoError):
            await attempt()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 424, 500, 502, 503, 504])
async def test_a_write_that_may_have_had_an_effect_or_would_be_refused_again_is_sent_once(
    fake: Any, nango: NangoClient, status: int
) -> None:
    fake.answers(Response(status_code=status, headers={"retry-after": "1"}))
    await writes(nango)
    assert (len(fake.seen), fake.pauses) == (3, [])


@pytest.mark.parametrize(
    "answer",
    [limited("1", {"message": "a provider, or a proxy, says so"}), limited("60"), JSONResponse(OWN_LIMIT, 429)],
)
async def test_a_write_is_not_repeated_where_nango_did_not_say_so_or_asks_for_long(
    fake: Any, nango: NangoClient, answer: Response
) -> None:
    fake.answers(answer)
    await writes(nango)
    assert (len(fake.seen), fake.pauses) == (3, [])


async def test_a_write_that_nangos_own_limit_turned_away_is_sent_again_soon(fake: Any, nango: NangoClient) -> None:
    fake.answers(limited("2"), JSONResponse({"ok": True}))
    assert await nango.actions.trigger(**WHERE, action="a", writes=True) == {"ok": True}
    assert len(fake.seen) == 2
    assert 2 <= fake.pauses[0] <= 3


async def test_a_write_that_never_left_is_sent_again(fake: Any) -> None:
    fake.answers(JSONResponse({"ok": True}))
    refusals = [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow")]

    class Flaky(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if refusals:
                raise refusals.pop()
            return await super().handle_async_request(request)

    async with NangoClient(fake.settings(), Flaky(), sleep=fake.pause) as nango:
        assert await nango.actions.trigger(**WHERE, action="a", writes=True) == {"ok": True}
    assert len(fake.seen) == 1


async def test_a_write_is_not_repeated_for_longer_than_whoever_claimed_it_expects(fake: Any) -> None:
    attempts = 0

    class SlowToRefuse(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            nonlocal attempts
            attempts += 1
            fake.now += 9.9
            raise httpx.ConnectTimeout("nobody there")

    async with NangoClient(fake.settings(), SlowToRefuse(), sleep=fake.pause, clock=lambda: fake.now) as nango:
        with pytest.raises(NetworkFailure) as caught:
            await nango.actions.trigger(**WHERE, action="a", writes=True)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert attempts == 1


@pytest.mark.parametrize("kind", [httpx.UnsupportedProtocol, httpx.LocalProtocolError])
async def test_a_request_that_cannot_be_formed_is_not_formed_again(fake: Any, kind: type[httpx.TransportError]) -> None:
    class Broken(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise kind("odd")

    async with NangoClient(fake.settings(), Broken(), sleep=fake.pause) as nango:
        with pytest.raises(NangoError):
            await nango.integrations.list()
    assert fake.pauses == []


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_fifty_calls_that_fail_together_do_not_stampede(fake: Any, nango: NangoClient, status: int) -> None:
    fake.answers(Response(status_code=status))
    ended = await asyncio.gather(*(nango.integrations.list() for _ in range(50)), return_exceptions=True)
    assert all(isinstance(error, NangoError) for error in ended)
    passed = fake.now - 1000
    assert 50 < len(fake.seen) <= 50 + 10 + 0.1 * 50 + 0.5 * passed
    assert len(fake.seen) < 75


async def test_a_long_outage_costs_little_more_than_the_calls_themselves(fake: Any, nango: NangoClient) -> None:
    fake.answers(Response(status_code=503))
    for _ in range(200):
        with pytest.raises(NangoUnavailable):
            await nango.integrations.list()
        fake.now += 0.1  # ten calls a second
    passed = fake.now - 1000
    assert len(fake.seen) <= 200 + 10 + 0.1 * 200 + 0.5 * passed


async def test_a_client_that_was_patient_may_try_again(fake: Any, nango: NangoClient) -> None:
    fake.answers(Response(status_code=503))
    await asyncio.gather(*(nango.integrations.list() for _ in range(50)), return_exceptions=True)
    fake.now += 60
    before = len(fake.seen)
    with pytest.raises(NangoUnavailable):
        await nango.integrations.list()
    assert len(fake.seen) - before == 3


@given(st.lists(st.sampled_from(["request", "take", "a second"]), max_size=300))
def test_the_budget_never_gives_more_than_its_reserve_its_share_and_what_time_brought(steps: list[str]) -> None:
    now = 0.0
    budget = RetryBudget(lambda: now, share=0.1, reserve=10, per_second=0.5)
    requests = taken = 0
    for step in steps:
        if step == "request":
            budget.request()
            requests += 1
        elif step == "take":
            taken += budget.take()
        else:
            now += 1
        assert taken <= 10 + 0.1 * requests + 0.5 * now + 1e-6


async def test_a_call_that_is_cancelled_while_waiting_is_over(fake: Any) -> None:
    fake.answers(limited("30"))
    waiting = asyncio.Event()

    async def sleep(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    async with NangoClient(fake.settings(), sleep=sleep) as nango:
        task = asyncio.create_task(nango.integrations.list())
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(fake.seen) == 1


async def test_a_read_without_a_json_body_is_retried_by_exchange_too_and_the_last_answer_is_given(fake: Any) -> None:
    fake.answers(Response("one", 503), Response("two", 503), Response("three", 503))
    http = Http(fake.settings(), sleep=fake.pause)
    answer = await http.exchange("GET", "/proxy/x", Call("GET x"))
    assert (answer.status_code, answer.text) == (503, "three")
    await http.aclose()

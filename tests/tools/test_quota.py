"""The environment's request limit: reads wait for it together, instead of each running into 429 [rate-limit]."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import JSONResponse, Response

from nango_tools import Call, NangoClient, RateLimited
from nango_tools.http import Http
from nango_tools.quota import Quota

WHERE = {"connection_id": "c", "integration_id": "github"}
SERVER_NOW = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
START = int(SERVER_NOW.timestamp())


class LimitedNango:
    """Counts as the real one does: so many requests in a fixed window, headers in every answer."""

    def __init__(self, fake: Any, *, limit: int, window: int = 60) -> None:
        self._fake, self._limit, self._window = fake, limit, window
        self._began, self._used = fake.now, 0
        self.refused = 0

    def __call__(self, _: Any) -> Response:
        now = self._fake.now
        if now >= self._began + self._window:
            self._began, self._used = now, 0
        self._used += 1
        remaining = max(0, self._limit - self._used)
        server_time = START + now - 1000
        headers = {
            "x-ratelimit-limit": str(self._limit),
            "x-ratelimit-remaining": str(remaining),
            "x-ratelimit-reset": str(int(START + self._began - 1000 + self._window)),
            "date": datetime.fromtimestamp(server_time, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT"),
        }
        if self._used > self._limit:
            self.refused += 1
            headers["retry-after"] = str(int(self._began + self._window - now) or 1)
            return JSONResponse({"error": {"code": "too_many_request"}}, 429, headers=headers)
        return JSONResponse({"data": []}, headers=headers)


async def test_reads_wait_for_the_window_to_end_and_none_runs_into_the_limit(fake: Any, nango: NangoClient) -> None:
    fake.answer = server = LimitedNango(fake, limit=5)
    for _ in range(12):
        assert await nango.integrations.list() == []
    assert server.refused == 0
    assert len(fake.seen) == 12
    assert len(fake.pauses) == 2
    assert all(59 <= pause <= 62 for pause in fake.pauses)


async def test_reads_in_parallel_wait_together(fake: Any) -> None:
    server = LimitedNango(fake, limit=20)
    used_up = asyncio.Event()

    def answer_until_used_up(seen: Any) -> Response:
        given = server(seen)
        if len(fake.seen) == 20:
            used_up.set()
        return given

    async def sleep(seconds: float) -> None:
        await used_up.wait()
        await fake.pause(seconds)

    fake.answer = answer_until_used_up
    async with NangoClient(fake.settings(), sleep=sleep, clock=lambda: fake.now) as nango:
        await nango.integrations.list()  # what tells the limit
        found = await asyncio.gather(*(nango.integrations.list() for _ in range(30)))
    assert found == [[]] * 30
    assert (server.refused, len(fake.seen), len(fake.pauses)) == (0, 31, 11)


async def test_a_limit_that_others_used_up_is_waited_for_by_all(fake: Any, nango: NangoClient) -> None:
    fake.answer = server = LimitedNango(fake, limit=0)
    server._began = fake.now - 55
    with pytest.raises(RateLimited):
        async with fake.client(longest_wait=1) as impatient:
            await impatient.integrations.list()
    assert server.refused == 1
    server._limit = 100
    server._used = 100
    await asyncio.gather(*(nango.integrations.list() for _ in range(4)))
    before = server.refused
    await nango.integrations.list()
    assert server.refused == before


async def test_a_write_does_not_wait_for_the_limit(fake: Any, nango: NangoClient) -> None:
    fake.answer = LimitedNango(fake, limit=1)
    await nango.integrations.list()
    with pytest.raises(RateLimited):
        await nango.actions.trigger(**WHERE, action="a", writes=True)
    assert fake.pauses == []


async def test_a_window_longer_than_the_longest_wait_is_left_to_nango(fake: Any) -> None:
    fake.answer = LimitedNango(fake, limit=1, window=3600)
    async with fake.client() as nango:
        await nango.integrations.list()
        with pytest.raises(RateLimited) as caught:
            await nango.integrations.list()
    assert caught.value.retry_after == 3600
    assert (len(fake.seen), fake.pauses) == (2, [])


@pytest.mark.parametrize("status", [200, 429])
async def test_a_providers_limit_that_came_through_the_proxy_holds_nothing_up(fake: Any, status: int) -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 10), "retry-after": "10"}
    fake.answers(JSONResponse({"message": "upstream says so"}, status, headers=headers), JSONResponse({"data": []}))
    async with contextlib.aclosing(Http(fake.settings(), sleep=fake.pause, clock=lambda: fake.now)) as http:
        answer = await http.exchange("POST", "/proxy/things", Call("POST things", writes=True))
        assert answer.status_code == status
        await http.json("GET", "/integrations", Call("list integrations"))
        assert fake.pauses == []


async def test_nangos_own_limit_on_the_proxy_is_everybodys(fake: Any) -> None:
    refused = JSONResponse({"error": {"code": "too_many_request"}}, 429, headers={"retry-after": "30"})
    fake.answers(refused, JSONResponse({"data": []}))
    async with contextlib.aclosing(Http(fake.settings(), sleep=fake.pause, clock=lambda: fake.now)) as http:
        await http.exchange("POST", "/proxy/things", Call("POST things", writes=True))
        await http.json("GET", "/integrations", Call("list integrations"))
        assert 30 <= fake.pauses[0] <= 31


def answer(**headers: str) -> httpx.Response:
    return httpx.Response(200, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_an_answer_of_the_window_before_that_came_late_changes_nothing() -> None:
    now = 0.0
    quota = Quota(lambda: now)
    date = SERVER_NOW.strftime("%a, %d %b %Y %H:%M:%S GMT")
    quota.learn(answer(x_ratelimit_remaining="9", x_ratelimit_reset=str(START + 60), date=date))
    quota.learn(answer(x_ratelimit_remaining="0", x_ratelimit_reset=str(START), date=date))
    assert quota.wait() == 0
    for _ in range(9):
        quota.sent()
    assert quota.wait() == 61, "reset is a whole second, rounded down"
    now = 61.0
    assert quota.wait() == 0


def test_answers_that_come_out_of_order_do_not_give_requests_back() -> None:
    quota = Quota(lambda: 0.0)
    date = SERVER_NOW.strftime("%a, %d %b %Y %H:%M:%S GMT")
    for remaining in ("1", "7"):
        quota.learn(answer(x_ratelimit_remaining=remaining, x_ratelimit_reset=str(START + 60), date=date))
    quota.sent()
    assert quota.wait() > 0


@given(remaining=st.text(), reset=st.text() | st.integers().map(str), date=st.text(), after=st.text())
def test_odd_headers_never_break_a_call(remaining: str, reset: str, date: str, after: str) -> None:
    quota = Quota(lambda: 0.0)
    odd = httpx.Response(429, headers=[
        (name.encode(), value.encode())
        for name, value in {"x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset, "date": date,
                            "retry-after": after}.items()
    ])  # fmt: skip
    quota.learn(odd)
    quota.used_up(odd)
    quota.sent()
    assert quota.wait() >= 0

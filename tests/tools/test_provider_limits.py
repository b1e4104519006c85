"""Request limits of providers, which Nango hands on as 424 with `x-rate*` headers: reads wait together, writes are sent once [actions]."""

import asyncio
import itertools
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import JSONResponse, Response

from nango_tools import NangoClient, Outcome, RateLimited, UpstreamError
from nango_tools.failures.limits import is_limit, seconds_until_reset
from nango_tools.provider_limits import LONGEST_FOR_READS, Pause

WHERE = {"connection_id": "c", "integration_id": "github"}
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
UNIX = int(NOW.timestamp())


def refusal(headers: dict[str, str] | None = None, status: int = 429) -> dict[str, Any]:
    """`error` of Nango's body, as it was recorded."""
    body = {"message": f"upstream says {status}"}
    upstream = {"status": status, "headers": {"content-type": "application/json", **(headers or {})}, "body": body}
    return {"payload": body, "code": "script_http_error", "upstream": upstream}


def refused(headers: dict[str, str] | None = None, status: int = 429) -> Response:
    return JSONResponse({"error": refusal(headers, status)}, 424)


def resets_in(seconds: float) -> dict[str, str]:
    return {"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": str(seconds)}


class LimitedProvider:
    """Lets through so many calls in a fixed window, and counts those that it refused, by connection."""

    def __init__(self, fake: Any, *, limit: int, window: float = 60.0, tells: bool = True) -> None:
        self._fake, self._limit, self._window, self._tells = fake, limit, window, tells
        self._windows: dict[str, tuple[float, int]] = {}
        self.refused = 0
        self.made = 0

    def __call__(self, seen: Any) -> Response:
        now, connection = self._fake.now, seen.headers["connection-id"] + seen.headers["provider-config-key"]
        began, used = self._windows.get(connection, (now, 0))
        if now >= began + self._window:
            began, used = now, 0
        self._windows[connection] = (began, used + 1)
        if used + 1 > self._limit:
            self.refused += 1
            return refused(resets_in(began + self._window - now) if self._tells else None)
        self.made += 1
        return JSONResponse({"made": self.made})


async def read(nango: NangoClient, connection: str = "c", **more: Any) -> Any:
    return await nango.runner.trigger(
        connection_id=connection, integration_id="github", action="list-issues", writes=False, **more
    )


async def write(nango: NangoClient, connection: str = "c", **more: Any) -> Any:
    return await nango.runner.trigger(
        connection_id=connection, integration_id="github", action="create-issue", writes=True, **more
    )


async def test_a_read_is_sent_again_when_the_limit_is_over(fake: Any, nango: NangoClient) -> None:
    fake.answers(refused(resets_in(42)), JSONResponse({"ok": True}))
    told: list[Pause] = []
    assert await read(nango, pausing=told.append) == {"ok": True}
    assert len(fake.seen) == 2
    assert [42 <= pause < 44 for pause in fake.pauses] == [True]
    assert told == [Pause(42, "provider")]


async def test_a_hundred_reads_of_one_connection_do_not_all_run_into_the_limit(fake: Any, nango: NangoClient) -> None:
    fake.answer = provider = LimitedProvider(fake, limit=30)
    places = asyncio.Semaphore(10)

    async def one() -> Any:
        async with places:
            return await read(nango)

    made = await asyncio.gather(*(one() for _ in range(100)))
    assert len({each["made"] for each in made}) == 100
    assert provider.refused <= 3 * 10, "of each window those at most that were under way when it was used up"


async def test_one_connection_does_not_wait_for_another(fake: Any, nango: NangoClient) -> None:
    fake.answer = LimitedProvider(fake, limit=1)
    await read(nango)
    with pytest.raises(UpstreamError):
        await write(nango)
    await read(nango, "other")
    await nango.runner.trigger(connection_id="c", integration_id="slack", action="list-channels", writes=False)
    assert fake.pauses == [], "nor does another integration whose connection has the same id"


async def test_without_a_time_the_pauses_grow_and_end(fake: Any, nango: NangoClient) -> None:
    fake.answers(refused())
    with pytest.raises(UpstreamError) as caught:
        await read(nango)
    assert caught.value.limited
    pauses = [round(pause - 0.5) for pause in fake.pauses]
    assert all(later >= earlier for earlier, later in itertools.pairwise(pauses))
    assert pauses[0] <= 3
    assert 60 <= max(fake.pauses) < 62
    assert LONGEST_FOR_READS / 2 < sum(fake.pauses) < LONGEST_FOR_READS + 10


async def test_refusals_of_calls_that_were_under_way_together_count_once(fake: Any, nango: NangoClient) -> None:
    fake.answer = LimitedProvider(fake, limit=1, window=3.0, tells=False)
    await asyncio.gather(*(read(nango) for _ in range(6)))
    assert max(fake.pauses) < 35, "twenty refusals in a row would have grown to a minute"


@pytest.mark.parametrize("headers", [resets_in(0), {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000000"}])
async def test_a_reset_that_is_over_already_is_no_reason_to_hammer(fake: Any, nango: NangoClient, headers: Any) -> None:
    fake.answers(refused(headers))
    with pytest.raises(UpstreamError):
        await read(nango)
    assert len(fake.seen) < 12
    assert min(fake.pauses) > 1


async def test_a_limit_that_lasts_too_long_is_not_waited_for_and_the_next_call_is_not_sent(
    fake: Any, nango: NangoClient
) -> None:
    fake.answers(refused(resets_in(3600)))
    with pytest.raises(UpstreamError) as caught:
        await read(nango)
    assert caught.value.retry_after == 3600
    assert "try again in 3600 seconds" in str(caught.value)
    for call in (read, write):
        with pytest.raises(RateLimited) as held:
            await call(nango)
        assert held.value.outcome is Outcome.NOT_SENT
        assert held.value.retry_after == 3600
        assert "nothing was sent; try again in 3600 seconds" in str(held.value)
    assert (len(fake.seen), fake.pauses) == (1, [])


async def test_a_write_that_ran_into_the_limit_is_not_sent_again(fake: Any, nango: NangoClient) -> None:
    fake.answers(refused(resets_in(5)), JSONResponse({}))
    with pytest.raises(UpstreamError) as caught:
        await write(nango)
    assert caught.value.outcome is Outcome.FAILED, "its function ran"
    assert (len(fake.seen), fake.pauses) == (1, [])


async def test_the_next_write_waits_if_the_limit_is_over_soon(fake: Any, nango: NangoClient) -> None:
    fake.answers(refused(resets_in(59)), JSONResponse({"made": 1}))
    with pytest.raises(UpstreamError):
        await write(nango)
    told: list[Pause] = []
    assert await write(nango, pausing=told.append) == {"made": 1}
    assert len(fake.seen) == 2
    assert told == [Pause(59, "provider")]


async def test_the_next_write_is_not_sent_if_the_limit_lasts(fake: Any, nango: NangoClient) -> None:
    fake.answers(refused(resets_in(61)), JSONResponse({"made": 1}))
    with pytest.raises(UpstreamError):
        await write(nango)
    with pytest.raises(RateLimited) as caught:
        await write(nango)
    assert caught.value.outcome is Outcome.NOT_SENT
    fake.now += 62
    assert await write(nango) == {"made": 1}


async def test_a_success_ends_what_was_learnt(fake: Any, nango: NangoClient) -> None:
    ok = JSONResponse({})
    fake.answers(refused(), ok, refused(), ok)
    await read(nango)
    await read(nango)
    assert all(2 <= pause < 3.1 for pause in fake.pauses), "the second refusal is a first one again"


async def test_over_the_mcp_it_is_the_same(fake: Any, nango: NangoClient) -> None:
    said = [json.dumps({"type": "script_http_error", "status": 424, "message": "x", **extra}) for extra in _mcp(7)]

    def answer(seen: Any) -> Response:
        if seen.path == "/action/trigger":
            return JSONResponse({"error": {"code": "forbidden", "message": "Insufficient scope. Required: x"}}, 403)
        result: dict[str, Any] = {"result": {"content": [{"type": "text", "text": "{}"}]}}
        if said:
            result = {"error": {"code": -32603, "message": said.pop()}}
        text = f"data: {json.dumps({'jsonrpc': '2.0', 'id': seen.body['id'], **result})}\n\n"
        return Response(text, media_type="text/event-stream")

    fake.answer = answer
    assert await read(nango) == {}
    assert [7 <= pause < 9 for pause in fake.pauses] == [True]


def _mcp(seconds: float) -> list[dict[str, Any]]:
    upstream = refusal(resets_in(seconds))["upstream"]
    return [{"payload": upstream["body"], "additional_properties": {"upstream_response": upstream}}]


async def test_nangos_own_limit_is_told_of_before_a_read_waits_for_it(fake: Any, nango: NangoClient) -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(datetime.now(UTC).timestamp()) + 30)}
    fake.answers(JSONResponse({}, headers=headers), JSONResponse({"ok": True}))
    told: list[Pause] = []
    await read(nango, pausing=told.append)
    assert told == []
    assert await read(nango, pausing=told.append) == {"ok": True}
    assert [pause.whose for pause in told] == ["nango"]
    assert 28 <= told[0].seconds <= 32


async def test_a_read_that_nango_refuses_again_and_again_is_still_made(fake: Any, nango: NangoClient) -> None:
    own = JSONResponse({"error": {"code": "too_many_request"}}, 429, headers={"retry-after": "40"})
    fake.answers(own, own, own, own, JSONResponse({"ok": True}))
    assert await read(nango) == {"ok": True}, "others use the same quota, and may be quicker"
    assert sum(fake.pauses) < LONGEST_FOR_READS


async def test_a_write_that_nango_refuses_for_longer_is_rejected_and_sent_no_more(
    fake: Any, nango: NangoClient
) -> None:
    fake.answers(JSONResponse({"error": {"code": "too_many_request"}}, 429, headers={"retry-after": "40"}))
    with pytest.raises(RateLimited) as caught:
        await write(nango)
    assert caught.value.outcome is Outcome.REJECTED
    assert (len(fake.seen), fake.pauses) == (1, [])


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-reset": str(UNIX + 30)}, 30),
        ({"x-rate-limit-reset": str(UNIX + 30)}, 30),
        ({"X-RateLimit-Reset": str(UNIX + 30)}, 30),
        ({"x-ratelimit-reset": str((UNIX + 30) * 1000)}, 30),
        ({"x-ratelimit-reset": f"{UNIX + 30}.5"}, 30.5),
        ({"x-ratelimit-reset": "30"}, 30),
        ({"x-ratelimit-reset": str(UNIX - 30)}, 0),
        ({"x-ratelimit-reset": str(UNIX + 30), "x-ratelimit-reset-after": "29.5"}, 30),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "5",
                "x-ratelimit-remaining-tokens": "9000",
                "x-ratelimit-reset-tokens": "3600",
            },
            5,
        ),
        ({"x-ratelimit-remaining": "0"}, None),
        ({"retry-after": "30"}, None),
        ({"x-ratelimit-reset": "soon"}, None),
        ({"x-ratelimit-reset": "-5"}, None),
        ({"x-ratelimit-reset": "nan"}, None),
        ({"x-ratelimit-reset": "inf"}, None),
        ({}, None),
    ],
)
def test_the_end_of_a_window_is_read_however_it_is_written(headers: dict[str, object], seconds: float | None) -> None:
    assert seconds_until_reset(headers, NOW) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("status", "headers", "limit"),
    [
        (429, {}, True),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795208662"}, True),
        (403, {"x-ratelimit-remaining": "12", "x-ratelimit-reset": "1795208662"}, False),
        (403, {}, False),
        (404, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795208662"}, False),
        (None, {}, False),
    ],
)
def test_what_is_a_limit(status: int | None, headers: dict[str, object], limit: bool) -> None:
    assert is_limit(status, headers) is limit


@given(st.dictionaries(st.text() | st.just("x-ratelimit-reset"), st.text() | st.integers() | st.floats() | st.none()))
def test_any_headers_are_survived(headers: dict[str, object]) -> None:
    seconds = seconds_until_reset(headers, NOW)
    assert seconds is None or 0 <= seconds < float("inf")
    is_limit(403, headers)

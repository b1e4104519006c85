"""Actions that run on after the request: started, asked about, waited for."""

from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from nango_tools import (
    ActionNotFinished,
    ActionRuntimeError,
    AsyncAction,
    InsufficientScopeError,
    InvalidInput,
    NangoClient,
    Outcome,
    UnknownConnection,
)

ID = "cdc3c3e3-aeae-43ef-a8f0-9baffce8f783"
STARTED = AsyncAction(ID, f"/action/{ID}", "gh-alice", "github", "create-issue", writes=True)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def not_yet() -> Response:
    return JSONResponse({"error": {"code": "not_found", "message": f"No action '{ID}' found"}}, 404)


async def test_an_action_is_started_with_the_headers_that_nango_wants(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"id": ID, "statusUrl": f"/action/{ID}"}, 202))
    started = await nango.actions.trigger_async(
        connection_id="gh-alice",
        integration_id="github",
        action="create-issue",
        input={"title": "x"},
        writes=True,
        max_retries=2,
    )
    assert started == STARTED
    [seen] = fake.seen
    assert (seen.method, seen.path) == ("POST", "/action/trigger")
    assert seen.body == {"action_name": "create-issue", "input": {"title": "x"}}
    sent = {name: seen.headers[name] for name in ("x-async", "x-max-retries", "connection-id", "provider-config-key")}
    assert sent == {
        "x-async": "true",
        "x-max-retries": "2",
        "connection-id": "gh-alice",
        "provider-config-key": "github",
    }


@pytest.mark.parametrize("retries", [-1, 6])
async def test_more_retries_than_nango_makes_are_not_sent(fake: Any, nango: NangoClient, retries: int) -> None:
    with pytest.raises(InvalidInput, match="max_retries"):
        await nango.actions.trigger_async(
            connection_id="c", integration_id="i", action="a", writes=False, max_retries=retries
        )
    assert fake.seen == []


async def test_what_nango_refuses_was_not_started(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"error": {"code": "unknown_connection", "message": "Failed to find connection"}}, 400))
    with pytest.raises(UnknownConnection) as caught:
        await nango.actions.trigger_async(connection_id="none", integration_id="i", action="a", writes=True)
    assert caught.value.outcome is Outcome.REJECTED


async def test_a_result_is_asked_for_by_id_or_by_what_was_started(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"slept": 1500}), JSONResponse("text"))
    assert await nango.actions.result(STARTED) == {"slept": 1500}
    assert await nango.actions.result(ID) == "text"
    assert [(seen.method, seen.path) for seen in fake.seen] == [("GET", f"/action/{ID}")] * 2


async def test_no_result_yet_is_not_taken_for_an_action_that_does_not_exist(fake: Any, nango: NangoClient) -> None:
    fake.answers(not_yet())
    for asked in (STARTED, ID):
        with pytest.raises(ActionNotFinished, match="returned null") as caught:
            await nango.actions.result(asked)
        assert not caught.value.outcome.may_be_sent_again


async def test_an_action_that_failed_raises_what_the_synchronous_call_would(fake: Any, nango: NangoClient) -> None:
    error = {"message": "failed", "code": "action_script_runtime_error", "payload": {"message": "quota"}}
    fake.answers(JSONResponse({"error": error}, 500))
    with pytest.raises(ActionRuntimeError, match="create-issue") as caught:
        await nango.actions.result(STARTED)
    assert (caught.value.outcome, caught.value.payload) == (Outcome.FAILED, {"message": "quota"})
    assert len(fake.seen) == 1


async def test_waiting_asks_ever_more_seldom_and_survives_an_outage(fake: Any) -> None:
    clock = Clock()
    limit = JSONResponse({"error": {"code": "too_many_request"}}, 429, headers={"retry-after": "400"})
    answers = [*(not_yet() for _ in range(3)), Response(status_code=500), limit, JSONResponse([1])]
    fake.answers(*answers)
    async with NangoClient(fake.settings(), sleep=clock.sleep, clock=clock) as nango:
        assert await nango.actions.wait(STARTED, timeout=900) == [1]
    assert len(fake.seen) == len(answers)
    assert clock.pauses[:4] == [0.5, 0.75, 1.125, 1.6875]
    # Longer than a read is willing to wait, and so it is the next look that waits.
    assert 400 in clock.pauses[4:]


async def test_waiting_ends_at_the_deadline_after_one_last_look(fake: Any) -> None:
    clock = Clock()
    fake.answer = lambda _: not_yet()
    async with NangoClient(fake.settings(), sleep=clock.sleep, clock=clock) as nango:
        with pytest.raises(ActionNotFinished):
            await nango.actions.wait(STARTED, timeout=60)
        assert clock.now == pytest.approx(60)
        looks = len(fake.seen)
        assert 8 < looks < 20
        with pytest.raises(ActionNotFinished):
            await nango.actions.wait(STARTED, timeout=0)
    assert len(fake.seen) == looks + 1


async def test_waiting_ends_at_once_where_time_mends_nothing(fake: Any) -> None:
    clock = Clock()
    fake.answers(JSONResponse({"error": {"code": "forbidden", "message": "Insufficient scope"}}, 403))
    async with NangoClient(fake.settings(), sleep=clock.sleep, clock=clock) as nango:
        with pytest.raises(InsufficientScopeError):
            await nango.actions.wait(STARTED, timeout=60)
    assert (len(fake.seen), clock.pauses) == (1, [])


@pytest.mark.parametrize("bad", ["", "..", "a\nb"])
async def test_an_id_that_is_none_is_not_asked_about(fake: Any, nango: NangoClient, bad: str) -> None:
    with pytest.raises(InvalidInput):
        await nango.actions.result(bad)
    assert fake.seen == []

"""One user's connection: found, refused, waited for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from nango_tools import (
    InsufficientScopeError,
    InvalidInput,
    NangoClient,
    NangoError,
    NoConnection,
    Outcome,
    ReauthorizationRequired,
    SeveralConnections,
    WaitExpired,
)

ALICE = {"End_User_Id": "alice"}
TAGS = {"end_user_id": "alice"}


def connection(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "connection_id": name,
        "provider_config_key": "github",
        "provider": "github",
        "errors": [],
        "tags": TAGS,
        "metadata": {},
        "created": "2026-11-20T20:54:32.656+00:00",
    } | changes


BROKEN = [{"type": "auth", "log_id": "1"}]
FORBIDDEN = {"error": {"code": "forbidden", "message": "Insufficient scope"}}


class Time:
    """A clock that moves while somebody sleeps. at: what happens when it reaches a second."""

    def __init__(self) -> None:
        self.now = 0.0
        self.at: dict[float, Callable[[], None]] = {}

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        for due in sorted(second for second in self.at if second <= self.now):
            self.at.pop(due)()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def nango(fake: Any, time: Time) -> AsyncIterator[NangoClient]:
    async with NangoClient(fake.settings(), sleep=time.sleep, clock=time) as client:
        yield client


def has(fake: Any, *connections: dict[str, Any], output: Any = None) -> None:
    """The account as the server knows it; no paging, and no filter either."""
    fake.answer = lambda seen: JSONResponse(
        {"connections": list(connections)} if seen.path == "/connections" else output
    )


async def test_an_action_runs_on_the_users_connection(fake: Any, nango: NangoClient) -> None:
    has(fake, connection("gh-alice"), output={"number": 7})
    alice = nango.end_user(ALICE)
    assert await alice.execute("github", "create-issue", {"title": "x"}, writes=True) == {"number": 7}
    listing, trigger = fake.seen
    assert listing.query[:2] == [("tags[End_User_Id]", "alice"), ("integrationId", "github")]
    assert trigger.body == {"action_name": "create-issue", "input": {"title": "x"}}
    assert (trigger.headers["connection-id"], trigger.headers["provider-config-key"]) == ("gh-alice", "github")


@pytest.mark.parametrize(
    "foreign",
    [
        connection("gh-bob", tags={"end_user_id": "bob"}),
        connection("gh-Alice", tags={"end_user_id": "Alice"}),
        connection("gh-nobody", tags={}),
        connection("gh-other", tags={"team": "alice"}),
        connection("hs-alice", provider_config_key="hubspot"),
    ],
)
async def test_a_connection_that_the_server_gives_by_mistake_is_not_used(
    fake: Any, nango: NangoClient, foreign: dict[str, Any]
) -> None:
    has(fake, foreign)
    for connection_id in (None, foreign["connection_id"]):
        with pytest.raises(NoConnection) as caught:
            await nango.end_user(ALICE).execute("github", "a", writes=True, connection_id=connection_id)
        assert caught.value.outcome is Outcome.NOT_SENT
    has(fake, foreign, connection("gh-alice"), output=1)
    assert await nango.end_user(ALICE).execute("github", "a", writes=True) == 1
    assert fake.seen[-1].headers["connection-id"] == "gh-alice"


async def test_every_tag_must_fit(fake: Any, nango: NangoClient) -> None:
    has(fake, connection("c"))
    with pytest.raises(NoConnection):
        await nango.end_user({**ALICE, "team": "blue"}).connection("github")
    has(fake, connection("c", tags={"end_user_id": "alice", "team": "blue", "more": "x"}))
    assert (await nango.end_user({**ALICE, "team": "blue"}).connection("github")).connection_id == "c"


@pytest.mark.parametrize(
    ("connections", "expected"),
    [
        ([], NoConnection),
        ([connection("a"), connection("b")], SeveralConnections),
        ([connection("a", errors=BROKEN), connection("b")], SeveralConnections),
        ([connection("a", errors=BROKEN)], ReauthorizationRequired),
    ],
)
async def test_nothing_is_sent_where_the_connection_is_not_certain_or_broken(
    fake: Any, nango: NangoClient, connections: Any, expected: type[NangoError]
) -> None:
    has(fake, *connections)
    with pytest.raises(expected) as caught:
        await nango.end_user(ALICE).execute("github", "a", writes=True)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert [seen.path for seen in fake.seen] == ["/connections"]


async def test_several_connections_are_named_and_one_of_them_can_be_chosen(fake: Any, nango: NangoClient) -> None:
    has(fake, connection("a", errors=BROKEN), connection("b"), output=1)
    alice = nango.end_user(ALICE)
    with pytest.raises(SeveralConnections, match="a, b") as caught:
        await alice.connection("github")
    assert caught.value.connection_ids == ("a", "b")
    assert await alice.execute("github", "x", writes=False, connection_id="b") == 1
    with pytest.raises(ReauthorizationRequired, match="'a'"):
        await alice.execute("github", "x", writes=False, connection_id="a")
    with pytest.raises(NoConnection):
        await alice.execute("github", "x", writes=False, connection_id="c")


async def test_a_failing_sync_does_not_make_a_connection_unusable(fake: Any, nango: NangoClient) -> None:
    has(fake, connection("a", errors=[{"type": "sync", "log_id": "1"}]))
    assert (await nango.end_user(ALICE).connection("github")).connection_id == "a"


@pytest.mark.parametrize("tags", [{}, {"": "alice"}, {"end_user_id": ""}])
async def test_a_user_without_tags_would_be_everybody(nango: NangoClient, tags: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        nango.end_user(tags)


async def test_a_link_carries_the_users_tags_and_a_reconnection_all_that_there_are(
    fake: Any, nango: NangoClient
) -> None:
    session = {"token": "t", "connect_link": "https://c.example/?s=t", "expires_at": "2026-11-20T21:32:12.568Z"}
    tags = TAGS | {"team": "blue"}
    fake.answer = lambda seen: JSONResponse(
        {"connections": [connection("a", tags=tags, errors=BROKEN)], "data": session}
    )
    alice = nango.end_user(ALICE)
    assert (await alice.connect("github")).connect_link == session["connect_link"]
    assert fake.seen[-1].body == {"tags": ALICE, "allowed_integrations": ["github"]}
    await alice.reconnect("github", "a")
    assert fake.seen[-1].body == {"connection_id": "a", "integration_id": "github", "tags": tags}
    with pytest.raises(NoConnection):
        await alice.reconnect("github", "bobs")


async def test_a_connection_is_waited_for_until_it_is_there(fake: Any, nango: NangoClient, time: Time) -> None:
    has(fake)
    time.at = {
        10: lambda: has(fake, connection("a", errors=BROKEN)),
        20: lambda: has(fake, connection("bobs", tags={"end_user_id": "bob"})),
        30: lambda: has(fake, connection("a")),
    }
    found = await nango.end_user(ALICE).wait_for_connection("github", timeout=60, poll=3)
    assert (found.connection_id, time.now) == ("a", 30)
    assert len(fake.seen) == 11
    again = await nango.end_user(ALICE).wait_for_connection("github", timeout=0)
    assert (again.connection_id, len(fake.seen)) == ("a", 12)


async def test_an_outage_does_not_end_the_wait(fake: Any, nango: NangoClient, time: Time) -> None:
    fake.answers(Response(status_code=500))
    time.at = {10: lambda: has(fake, connection("a"))}
    assert (await nango.end_user(ALICE).wait_for_connection("github", timeout=60)).connection_id == "a"


async def test_the_deadline_ends_the_wait_and_says_what_is_missing(fake: Any, nango: NangoClient, time: Time) -> None:
    has(fake, connection("a", errors=BROKEN))
    with pytest.raises(WaitExpired, match="credentials of the connection no longer work") as caught:
        await nango.end_user(ALICE).wait_for_connection("github", timeout=7, poll=3)
    assert (time.now, len(fake.seen)) == (7, 4)
    assert isinstance(caught.value.__cause__, ReauthorizationRequired)
    assert caught.value.outcome is Outcome.NOT_SENT


async def test_what_time_cannot_mend_ends_the_wait_at_once(fake: Any, nango: NangoClient, time: Time) -> None:
    has(fake, connection("a"), connection("b"))
    with pytest.raises(SeveralConnections):
        await nango.end_user(ALICE).wait_for_connection("github", timeout=60)
    found = await nango.end_user(ALICE).wait_for_connection("github", timeout=60, connection_id="b")
    assert found.connection_id == "b"
    fake.answers(JSONResponse(FORBIDDEN, 403))
    with pytest.raises(InsufficientScopeError):
        await nango.end_user(ALICE).wait_for_connection("github", timeout=60)
    for poll in (0, -1, float("nan")):
        with pytest.raises(InvalidInput):
            await nango.end_user(ALICE).wait_for_connection("github", timeout=60, poll=poll)
    assert time.now == 0


class Asleep:
    """A sleep that lasts until the test is over; `begun` is set when somebody sleeps."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.woken = 0

    async def __call__(self, seconds: float) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.woken += 1


async def test_an_event_calls_the_wait_off(fake: Any) -> None:
    has(fake)
    asleep, cancelled = Asleep(), asyncio.Event()
    async with NangoClient(fake.settings(), sleep=asleep) as nango:
        wait = nango.end_user(ALICE).wait_for_connection("github", timeout=600, cancelled=cancelled)
        waiting = asyncio.create_task(wait)
        await asleep.begun.wait()
        cancelled.set()
        with pytest.raises(WaitExpired, match="called off"):
            await asyncio.wait_for(waiting, 10)
    assert asleep.woken == 1


@pytest.mark.parametrize("event", [None, asyncio.Event()])
async def test_cancelling_the_task_ends_the_wait_and_leaves_nothing_running(
    fake: Any, event: asyncio.Event | None
) -> None:
    has(fake)
    asleep = Asleep()
    before = asyncio.all_tasks()
    async with NangoClient(fake.settings(), sleep=asleep) as nango:
        wait = nango.end_user(ALICE).wait_for_connection("github", timeout=600, cancelled=event)
        waiting = asyncio.create_task(wait)
        await asleep.begun.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert asleep.woken == 1
        leftover = {task for task in asyncio.all_tasks() - before if "uvicorn" not in repr(task)}
        assert not leftover

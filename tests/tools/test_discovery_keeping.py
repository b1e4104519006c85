"""Listings are fetched at once, shared by all who ask, kept for their time, and survive an outage; nobody's broken
connection is anybody else's problem."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from nango_tools import (
    Catalog,
    InsufficientScopeError,
    InvalidKeyError,
    NangoClient,
    NangoUnavailable,
    RateLimited,
    Tool,
    UnknownConnection,
)
from nango_tools.catalog import Admitted, Held
from nango_tools.catalog.keeping import RETRY_AFTER

FORBIDDEN = JSONResponse({"error": {"code": "forbidden", "message": "Insufficient scope. Required: x"}}, 403)
GONE = JSONResponse({"error": {"code": "unknown_connection", "message": "no"}}, 400)
DOWN = JSONResponse({"error": {"code": "server_error", "message": "down"}}, 500)
BUSY = JSONResponse({"error": {"code": "too_many_request", "message": "slowly"}}, 429)
MCP_DOWN_AND_NO_SCRIPTS = {"/mcp": DOWN, "/scripts/config": FORBIDDEN}
TTL = 300


class Nango:
    """Ten integrations, `i0` to `i9`, with an action `get-thing` each. `override` answers first, where it answers at all."""

    def __init__(self, fake: Any) -> None:
        self.fake = fake
        self.override: Callable[[Any], Response | None] = lambda _: None
        self.keys = [f"i{n}" for n in range(10)]
        self.description = "Gets a thing"
        fake.answer = self.answer

    def answer(self, seen: Any) -> Response:
        if (said := self.override(seen)) is not None:
            return said
        if seen.path == "/integrations":
            return JSONResponse({"data": [{"unique_key": key, "provider": key} for key in self.keys]})
        if seen.path == "/scripts/config":
            action = {"name": "get-thing", "description": self.description, "enabled": True}
            return JSONResponse([{"providerConfigKey": key, "provider": key, "actions": [action]} for key in self.keys])
        tools = [
            {"name": name, "description": self.description, "inputSchema": {"type": "object"}}
            for name in ("get-thing", "only-mcp")
        ]
        answer = {"jsonrpc": "2.0", "id": seen.body["id"], "result": {"tools": tools}}
        return Response(f"data: {json.dumps(answer)}\n\n", media_type="text/event-stream")

    def asked(self, path: str = "/mcp") -> list[str]:
        return [seen.headers.get("connection-id", "") for seen in self.fake.seen if seen.path == path]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def offered(fake: Any) -> Nango:
    return Nango(fake)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def catalog(nango: NangoClient, clock: Clock) -> Catalog:
    return Catalog(nango, ttl=TTL, clock=clock)


class Gate:
    """An answer that waits until it may go, and tells how many wait."""

    def __init__(self, fake: Any, path: str, enough: int) -> None:
        self.here, self.opened, self.waiting = asyncio.Event(), asyncio.Event(), 0
        self._fake, self._path, self._enough = fake, path, enough
        self._inner = fake.answer
        fake.answer = self._answer

    def _answer(self, seen: Any) -> Any:
        answer = self._inner(seen)
        if seen.path != self._path:
            return answer

        async def held(scope: Any, receive: Any, send: Any) -> None:
            self.waiting += 1
            if self.waiting >= self._enough:
                self.here.set()
            await self.opened.wait()
            await answer(scope, receive, send)

        return held


async def test_ten_connections_are_asked_all_at_once_and_beside_the_declarations(
    offered: Nango, catalog: Catalog
) -> None:
    gate, beside = Gate(offered.fake, "/mcp", 10), Gate(offered.fake, "/scripts/config", 1)
    discovering = asyncio.create_task(catalog.discover([(key, f"c-{key}") for key in offered.keys]))
    async with asyncio.timeout(10):
        await gate.here.wait()
        await beside.here.wait()
    assert gate.waiting == 10
    gate.opened.set()
    beside.opened.set()
    found = await discovering
    assert sorted(found) == offered.keys
    assert all([tool.name for tool in tools] == ["get-thing", "only-mcp"] for tools in found.values())


async def test_one_discovery_is_one_post_for_each_connection(offered: Nango, catalog: Catalog) -> None:
    await catalog.discover([(key, f"c-{key}") for key in offered.keys])
    assert len(offered.fake.seen) == 11
    assert {seen.body["method"] for seen in offered.fake.seen if seen.path == "/mcp"} == {"tools/list"}


async def test_several_users_share_one_listing(offered: Nango, catalog: Catalog) -> None:
    await asyncio.gather(*(catalog.discover([("i0", f"of-user-{n}")]) for n in range(10)))
    await catalog.discover([("i0", "of-another-user")])
    assert len(offered.asked()) == 1


async def test_who_gives_up_does_not_take_the_listing_from_the_others(offered: Nango, catalog: Catalog) -> None:
    gate = Gate(offered.fake, "/mcp", 1)
    first, second = (asyncio.create_task(catalog.discover([("i0", "c")])) for _ in range(2))
    await gate.here.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    gate.opened.set()
    assert len((await second)["i0"]) == 2
    assert len(offered.asked()) == 1


async def test_a_listing_that_nobody_waits_for_any_more_is_dropped_and_asked_for_anew(
    offered: Nango, catalog: Catalog
) -> None:
    gate = Gate(offered.fake, "/mcp", 1)
    alone = asyncio.create_task(catalog.discover([("i0", "c")]))
    await gate.here.wait()
    alone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await alone
    gate.opened.set()
    assert len((await catalog.discover([("i0", "c")]))["i0"]) == 2
    assert len(offered.asked()) == 2


async def test_a_fetch_that_failed_is_told_to_all_who_waited_and_is_not_kept(offered: Nango, catalog: Catalog) -> None:
    offered.override = lambda seen: MCP_DOWN_AND_NO_SCRIPTS.get(seen.path)
    failed = await asyncio.gather(*(catalog.discover([("i0", "c")]) for _ in range(5)), return_exceptions=True)
    assert [type(error) for error in failed] == [NangoUnavailable] * 5
    assert len(offered.asked()) == 1
    offered.override = lambda _: None
    assert len((await catalog.discover([("i0", "c")]))["i0"]) == 2


async def test_somebody_elses_broken_connection_is_not_ours(offered: Nango, catalog: Catalog) -> None:
    offered.override = lambda seen: GONE if seen.headers.get("connection-id") == "broken" else None
    gate = Gate(offered.fake, "/mcp", 1)
    theirs = asyncio.create_task(catalog.discover([("i0", "broken")]))
    await gate.here.wait()
    ours = asyncio.create_task(catalog.discover([("i0", "good")]))
    await asyncio.sleep(0)
    gate.opened.set()
    assert [tool.source for tool in (await ours)["i0"]] == ["both", "mcp"]
    assert [tool.source for tool in (await theirs)["i0"]] == ["scripts"]
    assert offered.asked() == ["broken", "good"]


async def test_the_next_connection_is_asked_where_one_is_broken_and_else_the_declarations_do(
    offered: Nango, catalog: Catalog
) -> None:
    offered.override = lambda seen: GONE if seen.headers.get("connection-id", "").startswith("broken") else None
    assert [t.source for t in (await catalog.discover([("i0", "broken-1"), ("i0", "broken-2")]))["i0"]] == ["scripts"]
    assert catalog.source("i0") == "scripts"
    found = await catalog.discover([("i0", "broken-1"), ("i0", "good")])
    assert [t.source for t in found["i0"]] == ["both", "mcp"]
    assert catalog.source("i0") == "both"


async def test_a_broken_connection_is_told_where_nothing_else_lists_the_tools(offered: Nango, catalog: Catalog) -> None:
    offered.override = lambda seen: (
        FORBIDDEN if seen.path == "/scripts/config" else GONE if seen.path == "/mcp" else None
    )
    with pytest.raises(UnknownConnection):
        await catalog.discover([("i0", "broken")])


@pytest.mark.parametrize(("broken", "kind"), [(DOWN, NangoUnavailable), (BUSY, RateLimited)])
async def test_while_one_mcp_cannot_be_asked_the_declarations_do_and_it_is_asked_again_soon(
    offered: Nango, catalog: Catalog, clock: Clock, broken: Response, kind: type[Exception]
) -> None:
    offered.override = lambda seen: broken if seen.headers.get("provider-config-key") == "i0" else None
    connections = [("i0", "a"), ("i1", "b")]
    found = await catalog.discover(connections)
    asked = len(offered.asked())
    assert await catalog.discover(connections) == found
    assert len(offered.asked()) == asked
    assert {key: [tool.source for tool in tools] for key, tools in found.items()} == {
        "i0": ["scripts"],
        "i1": ["both", "mcp"],
    }
    assert (catalog.source("i0"), catalog.source("i1")) == ("scripts", "both")
    assert (type(catalog.failed("i0")), catalog.failed("i1")) == (kind, None)
    offered.override = lambda _: None
    clock.now += RETRY_AFTER
    assert [tool.source for tool in (await catalog.discover(connections))["i0"]] == ["both", "mcp"]
    assert catalog.failed("i0") is None
    assert len(offered.asked()) == asked + 1


async def test_of_one_that_nothing_lists_it_is_told_why_and_the_others_are_there(
    offered: Nango, catalog: Catalog
) -> None:
    offered.override = lambda seen: (
        MCP_DOWN_AND_NO_SCRIPTS.get(seen.path) if seen.headers.get("provider-config-key") in (None, "i0") else None
    )
    found = await catalog.discover([("i0", "a"), ("i1", "b")])
    assert {key: len(tools) for key, tools in found.items()} == {"i0": 0, "i1": 2}
    assert isinstance(catalog.failed("i0"), NangoUnavailable)
    summaries = await catalog.integrations([("i0", "a"), ("i1", "b")])
    assert {summary.key: len(summary.tools) for summary in summaries if summary.tools} == {"i1": 2}
    with pytest.raises(NangoUnavailable, match="i0"):
        await catalog.discover([("i0", "a")])


async def test_a_bad_key_is_raised_whatever_else_was_found(offered: Nango, catalog: Catalog) -> None:
    refused = JSONResponse({"error": {"code": "unknown_account", "message": "no"}}, 401)
    offered.override = lambda seen: refused if seen.headers.get("provider-config-key") == "i0" else None
    with pytest.raises(InvalidKeyError):
        await catalog.discover([("i0", "a"), ("i1", "b")])


async def test_an_old_listing_is_better_than_the_declarations_alone(
    offered: Nango, catalog: Catalog, clock: Clock
) -> None:
    await catalog.discover([("i0", "c")])
    clock.now += TTL
    offered.override = lambda seen: DOWN if seen.path == "/mcp" else None
    assert [tool.source for tool in (await catalog.discover([("i0", "c")]))["i0"]] == ["both", "mcp"]
    assert isinstance(catalog.failed("i0"), NangoUnavailable)
    clock.now += 2 * 3600
    assert [tool.source for tool in (await catalog.discover([("i0", "c")]))["i0"]] == ["scripts"]


async def test_nothing_is_older_than_its_time_whatever_it_was_made_of(
    offered: Nango, catalog: Catalog, clock: Clock
) -> None:
    await catalog.integrations()
    clock.now += TTL - 1
    await catalog.discover([("i0", "c")])
    offered.description = "Changed"
    clock.now += 1
    assert (await catalog.discover([("i0", "c")]))["i0"][0].description == "Changed"


async def test_during_an_outage_what_was_found_is_offered_for_an_hour_and_nango_is_asked_now_and_then(
    offered: Nango, catalog: Catalog, clock: Clock
) -> None:
    found = await catalog.discover([("i0", "c")])
    summaries = await catalog.integrations()
    offered.override = lambda _: DOWN
    clock.now += TTL
    asked = len(offered.fake.seen)
    for _ in range(3):
        assert await catalog.discover([("i0", "c")]) == found
        assert await catalog.integrations() == summaries
    assert len(offered.fake.seen) == asked + 3, "the two listings and the integrations, once each"
    clock.now += RETRY_AFTER
    await catalog.discover([("i0", "c")])
    assert len(offered.fake.seen) > asked + 3
    clock.now += 3600
    with pytest.raises(NangoUnavailable):
        await catalog.discover([("i0", "c")])


async def test_after_an_outage_a_change_is_noticed(offered: Nango, catalog: Catalog, clock: Clock) -> None:
    await catalog.discover([("i0", "c")])
    offered.override = lambda _: DOWN
    clock.now += TTL
    await catalog.discover([("i0", "c")])
    offered.override, offered.description = lambda _: None, "Changed"
    clock.now += RETRY_AFTER
    assert (await catalog.discover([("i0", "c")]))["i0"][0].description == "Changed"


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (JSONResponse({"error": {"code": "unknown_account", "message": "no"}}, 401), InvalidKeyError),
        (FORBIDDEN, InsufficientScopeError),
    ],
)
async def test_a_key_that_is_refused_is_no_outage(
    offered: Nango, catalog: Catalog, clock: Clock, refusal: Response, kind: type[Exception]
) -> None:
    await catalog.discover([("i0", "c")])
    offered.override = lambda _: refusal
    clock.now += TTL
    with pytest.raises(kind):
        await catalog.discover([("i0", "c")])


class Noting:
    """A guard that holds back `only-mcp`."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    async def admit(self, tools: Any) -> Admitted:
        self.asked.append([tool.id for tool in tools])
        kept = tuple(tool for tool in tools if tool.name != "only-mcp")
        held = tuple(Held(tool.id, tool.fingerprint, "It changed.") for tool in tools if tool.name == "only-mcp")
        return Admitted(kept, held)


async def test_the_guard_is_asked_once_for_all_integrations_and_what_it_holds_back_is_nowhere(
    offered: Nango, nango: NangoClient
) -> None:
    guard = Noting()
    catalog = Catalog(nango, guard=guard)
    summaries = await catalog.integrations()
    assert [len(summary.tools) for summary in summaries] == [1] * 10
    assert [len(asked) for asked in guard.asked] == [10]
    found: tuple[Tool, ...] = (await catalog.discover([("i0", "c")]))["i0"]
    assert [tool.name for tool in found] == ["get-thing"]
    assert await catalog.tool("i0", "only-mcp") is None
    assert [held.tool for held in catalog.held("i0")] == ["i0/only-mcp"]
    assert catalog.held("i1") == ()


async def test_a_key_for_the_mcp_alone_sees_the_integrations_of_the_connections_that_it_is_told(
    offered: Nango, catalog: Catalog
) -> None:
    offered.override = lambda seen: (
        FORBIDDEN if seen.path != "/mcp" else GONE if seen.headers["connection-id"] == "broken" else None
    )
    with pytest.raises(InsufficientScopeError):
        await catalog.integrations()
    with pytest.raises(InsufficientScopeError):
        await catalog.integrations([])
    found = await catalog.integrations([("i0", "c"), ("i1", "broken"), ("i1", "works"), ("i2", "broken")])
    assert {summary.key: len(summary.tools) for summary in found} == {"i0": 2, "i1": 2, "i2": 0}
    assert (await catalog.discover([("i0", "c")]))["i0"][0].source == catalog.source("i0") == "mcp"
    asked = len(offered.fake.seen)
    await catalog.integrations([("i0", "c"), ("i1", "works")])
    assert len(offered.fake.seen) == asked

"""Syncs and records: requests, and pages that end."""

from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.responses import JSONResponse

from nango_tools import (
    InvalidInput,
    MalformedResponse,
    NangoClient,
    NotFound,
    Outcome,
    SyncVariant,
    UnknownConnection,
)

WHERE: dict[str, str] = {"connection_id": "gh-alice", "integration_id": "github", "model": "GithubIssue"}


def record(number: int, **changes: Any) -> dict[str, Any]:
    metadata = {
        "first_seen_at": "2026-11-20T20:54:40.580531+00:00",
        "last_modified_at": "2026-11-20T20:54:40.580531+00:00",
        "last_action": "ADDED",
        "deleted_at": None,
        "pruned_at": None,
        "cursor": f"at-{number}",
    }
    return {"id": f"i-{number}", "n": number, "_nango_metadata": metadata | changes}


async def test_a_status_is_read_whatever_state_the_sync_is_in(fake: Any, nango: NangoClient) -> None:
    done = {
        "id": "3188becc",
        "connection_id": "gh-alice",
        "type": "INITIAL",
        "finishedAt": "2026-11-20T20:54:40.723Z",
        "nextScheduledSyncAt": "2026-11-20T21:54:33.030Z",
        "name": "issues",
        "variant": "base",
        "status": "SOMETHING_NEW",
        "frequency": "every hour",
        "latestResult": {"GithubIssue": {"added": 25, "deleted": 0, "updated": 0}},
        "latestExecutionStatus": "SUCCESS",
        "recordCount": {"GithubIssue": 25},
        "checkpoint": None,
    }
    never_ran = {"id": "fb868f83", "name": "other", "status": "PAUSED", "nextScheduledSyncAt": None}
    fake.answers(JSONResponse({"syncs": [done, never_ran]}))
    first, second = await nango.syncs.status("github", connection_id="gh-alice")
    assert fake.seen[0].query == [
        ("provider_config_key", "github"),
        ("syncs", "*"),
        ("connection_id", "gh-alice"),
    ]
    assert (first.status, first.record_count, second.finished_at) == ("SOMETHING_NEW", {"GithubIssue": 25}, None)
    assert first.finished_at == datetime(2026, 11, 20, 20, 54, 40, 723000, tzinfo=UTC)
    await nango.syncs.status("github", ["issues", SyncVariant(name="issues", variant="eu")])
    assert fake.seen[1].query == [("provider_config_key", "github"), ("syncs", "issues,issues::eu")]


async def test_syncs_are_run_started_and_paused(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"success": True}))
    variant = SyncVariant(name="issues", variant="eu")
    await nango.syncs.trigger("github", ["issues"], connection_id="c", reset=True, empty_cache=False)
    await nango.syncs.trigger("github", ["issues"], sync_mode="full_refresh")
    await nango.syncs.start("github", [variant], connection_id="c")
    await nango.syncs.pause("github", ("a", "b"))
    assert [(seen.method, seen.path, seen.body) for seen in fake.seen] == [
        (
            "POST",
            "/sync/trigger",
            {
                "provider_config_key": "github",
                "connection_id": "c",
                "syncs": ["issues"],
                "opts": {"reset": True, "emptyCache": False},
            },
        ),
        (
            "POST",
            "/sync/trigger",
            {"provider_config_key": "github", "syncs": ["issues"], "sync_mode": "full_refresh"},
        ),
        (
            "POST",
            "/sync/start",
            {
                "provider_config_key": "github",
                "connection_id": "c",
                "syncs": [{"name": "issues", "variant": "eu"}],
            },
        ),
        ("POST", "/sync/pause", {"provider_config_key": "github", "syncs": ["a", "b"]}),
    ]


async def test_syncs_that_are_no_names_are_not_sent(fake: Any, nango: NangoClient) -> None:
    bad: Any
    for bad in ([], "issues"):
        for attempt in (nango.syncs.trigger, nango.syncs.start, nango.syncs.pause, nango.syncs.status):
            with pytest.raises(InvalidInput):
                await attempt("github", bad)
    for names in (["a,b"], [""]):
        with pytest.raises(InvalidInput):
            await nango.syncs.status("github", names)
    assert fake.seen == []


async def test_unknown_syncs_and_connections_are_told_apart(fake: Any, nango: NangoClient) -> None:
    said = {"message": "No syncs found given the inputs.", "code": "no_syncs_found", "payload": {}}
    fake.answers(JSONResponse({"error": said}, 400))
    with pytest.raises(NotFound) as caught:
        await nango.syncs.trigger("github", ["nope"])
    assert caught.value.outcome is Outcome.REJECTED
    fake.answers(JSONResponse({"error": {"code": "unknown_connection", "message": "No connection"}}, 404))
    with pytest.raises(UnknownConnection):
        await nango.syncs.pause("github", ["issues"], connection_id="none")


async def test_records_are_fetched_page_by_page_until_there_is_no_cursor(fake: Any, nango: NangoClient) -> None:
    pages: dict[str | None, Any] = {
        None: {"records": [record(1), record(2)], "next_cursor": "two=="},
        "two==": {"records": [record(3, last_action="DELETED", deleted_at="2026-11-21T00:00:00Z")], "next_cursor": "3"},
        "3": {"records": [], "next_cursor": None},
    }
    fake.answer = lambda seen: JSONResponse(pages[dict(seen.query).get("cursor")])
    listing = nango.records.list(**WHERE, limit=2)
    first = await anext(listing)
    assert len(fake.seen) == 1
    assert (first.data, first.metadata.last_action, first.metadata.cursor) == ({"id": "i-1", "n": 1}, "ADDED", "at-1")
    rest = [found async for found in listing]
    assert [(found.data["n"], found.metadata.last_action) for found in rest] == [(2, "ADDED"), (3, "DELETED")]
    assert rest[1].metadata.deleted_at == datetime(2026, 11, 21, tzinfo=UTC)
    assert fake.seen[1].query == [("model", "GithubIssue"), ("limit", "2"), ("cursor", "two==")]
    assert {(s.headers["connection-id"], s.headers["provider-config-key"]) for s in fake.seen} == {
        ("gh-alice", "github")
    }


async def test_records_are_filtered_by_everything_that_nango_filters_by(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"records": [], "next_cursor": None}))
    listing = nango.records.list(
        **WHERE,
        variant="eu",
        modified_after=datetime(2026, 1, 2, tzinfo=UTC),
        filter=["added", "updated"],
        ids=["a,b", "c d"],
        cursor="from==",
        limit=10_000,
    )
    assert [found async for found in listing] == []
    assert fake.seen[0].query == [
        ("model", "GithubIssue"),
        ("variant", "eu"),
        ("modified_after", "2026-01-02T00:00:00.000Z"),
        ("filter", "added,updated"),
        ("ids", "a,b"),
        ("ids", "c d"),
        ("limit", "10000"),
        ("cursor", "from=="),
    ]


async def test_no_ids_means_no_records_not_all_of_them(fake: Any, nango: NangoClient) -> None:
    assert [found async for found in nango.records.list(**WHERE, ids=[])] == []
    assert [found async for found in nango.records.list(**WHERE, filter=[])] == []
    assert fake.seen == []


@pytest.mark.parametrize(
    "options",
    [
        {"limit": 0},
        {"limit": 10_001},
        {"modified_after": datetime(2026, 1, 2)},  # noqa: DTZ001 - that is the point
        {"filter": ["added,deleted"]},
        {"connection_id": "a\nb"},
    ],
)
async def test_a_listing_that_nango_would_refuse_or_misread_is_not_sent(
    fake: Any, nango: NangoClient, options: Any
) -> None:
    with pytest.raises(InvalidInput):
        [found async for found in nango.records.list(**(WHERE | options))]
    assert fake.seen == []


@pytest.mark.parametrize("start", [None, "b"])
async def test_a_cursor_that_comes_again_is_an_error_not_a_loop(
    fake: Any, nango: NangoClient, start: str | None
) -> None:
    following = {None: "a", "a": "b", "b": "a"}
    fake.answer = lambda seen: JSONResponse(
        {"records": [record(1)], "next_cursor": following[dict(seen.query).get("cursor")]}
    )
    with pytest.raises(MalformedResponse, match="second time"):
        [found async for found in nango.records.list(**WHERE, cursor=start)]
    assert len(fake.seen) == (3 if start is None else 2)


async def test_new_cursors_without_records_are_an_error_not_a_loop(fake: Any, nango: NangoClient) -> None:
    """Nango's last page has no cursor. What looks like an end may be none, so that it is not taken for one."""
    fake.answer = lambda _: JSONResponse({"records": [], "next_cursor": f"c{len(fake.seen)}"})
    with pytest.raises(MalformedResponse, match="without a record"):
        [found async for found in nango.records.list(**WHERE)]
    assert len(fake.seen) == 1


async def test_a_record_without_its_metadata_is_malformed(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"records": [{"id": "secret-value"}], "next_cursor": None}))
    with pytest.raises(MalformedResponse) as caught:
        [found async for found in nango.records.list(**WHERE)]
    assert "secret-value" not in str(caught.value)

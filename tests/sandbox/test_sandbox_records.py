"""Records: pages, cursors, filters, pruning."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from nango_sandbox.functions.action import Call, Integration, Sync
from nango_sandbox.serving.in_process import InProcessSandbox

THING = {"type": "object", "properties": {"id": {"type": "string"}, "n": {"type": "number"}}, "required": ["id", "n"]}
COUNT = 250


class Records:
    def __init__(self) -> None:
        self.held = [{"id": f"t-{n}", "n": n} for n in range(COUNT)]
        self.sandbox: InProcessSandbox
        self.http: httpx.AsyncClient

    async def all(self, call: Call, given: None) -> dict[str, list[dict[str, Any]]]:
        return {"Thing": self.held}

    async def get(self, **params: Any) -> httpx.Response:
        return await self.http.get("/records", params={"model": "Thing", **params})

    async def ids(self, **params: Any) -> list[str]:
        answer = await self.get(**params)
        assert answer.status_code == 200
        return [each["id"] for each in answer.json()["records"]]

    async def pages(self, limit: int) -> list[dict[str, Any]]:
        """All records, page by page."""
        records, params = [], {"limit": limit}
        while True:
            page = (await self.get(**params)).json()
            records += page["records"]
            if page["next_cursor"] is None:
                return records
            params["cursor"] = page["next_cursor"]

    async def sync(self) -> None:
        before = await self._finished()
        body = {"syncs": ["things"], "provider_config_key": "app"}
        assert (await self.http.post("/sync/trigger", json=body)).status_code == 200
        await self.synced(before)

    async def synced(self, before: str | None = None) -> None:
        async with asyncio.timeout(10):
            while await self._finished() in (None, before):
                pass

    async def _finished(self) -> str | None:
        answer = await self.http.get("/sync/status", params={"syncs": "things", "provider_config_key": "app"})
        (status,) = answer.json()["syncs"]
        finished: str | None = None if status["status"] == "RUNNING" else status.get("finishedAt")
        return finished


@pytest.fixture
async def records() -> AsyncIterator[Records]:
    records = Records()
    sync = Sync("things", "Copies things.", {"Thing": THING}, records.all, track_deletes=True)
    app = Integration("app", "app", "App", "NONE", syncs=(sync,))
    async with (
        InProcessSandbox(integrations=[app]) as records.sandbox,
        httpx.AsyncClient(base_url=records.sandbox.base_url, transport=records.sandbox.transport) as records.http,
    ):
        records.http.headers = httpx.Headers(
            {
                "Authorization": f"Bearer {records.sandbox.api_key.get_secret_value()}",
                "connection-id": await records.sandbox.connect("app", {}),
                "provider-config-key": "app",
            }
        )
        await records.synced()
        yield records


async def test_a_hundred_come_unless_another_number_is_asked_for(records: Records) -> None:
    assert len(await records.ids()) == 100
    assert len(await records.ids(limit=1)) == 1
    assert len(await records.ids(limit=10_000)) == COUNT


@pytest.mark.parametrize("limit", [7, 125, 249, 250, 251])
async def test_pages_hold_every_record_once_in_one_order(records: Records, limit: int) -> None:
    paged = [each["id"] for each in await records.pages(limit)]
    assert paged == await records.ids(limit=10_000)
    assert len(set(paged)) == COUNT


async def test_a_cursor_that_was_kept_gives_what_changed_since(records: Records) -> None:
    last = (await records.pages(100))[-1]["_nango_metadata"]["cursor"]
    assert (await records.get(cursor=last)).json() == {"next_cursor": None, "records": []}
    records.held = [{**each, "n": -1} if each["n"] == 5 else each for each in records.held if each["n"] != 6]
    records.held.append({"id": "new", "n": 1000})
    await records.sync()
    changed = {
        each["id"]: each["_nango_metadata"]["last_action"]
        for each in (await records.get(cursor=last)).json()["records"]
    }
    assert changed == {"t-5": "UPDATED", "t-6": "DELETED", "new": "ADDED"}


async def test_a_record_has_what_the_sync_gave_and_its_history(records: Records) -> None:
    (record,) = (await records.get(ids="t-7")).json()["records"]
    metadata = record.pop("_nango_metadata")
    assert record == {"id": "t-7", "n": 7}
    cursor = base64.b64decode(metadata.pop("cursor")).decode()
    seen = metadata["first_seen_at"]
    assert cursor.partition("||")[0] == seen
    assert metadata == {
        "first_seen_at": seen,
        "last_modified_at": seen,
        "last_action": "ADDED",
        "deleted_at": None,
        "pruned_at": None,
    }


async def test_filters_are_anded(records: Records) -> None:
    records.held = [{**each, "n": -1} if each["n"] < 3 else each for each in records.held if each["n"] != 9]
    before = records.sandbox.clock.now().isoformat().replace("+00:00", "Z")
    await records.sync()
    assert set(await records.ids(filter="updated")) == {"t-0", "t-1", "t-2"}
    assert await records.ids(filter="DELETED") == ["t-9"]
    assert set(await records.ids(filter="deleted,updated")) == {"t-0", "t-1", "t-2", "t-9"}
    assert set(await records.ids(modified_after=before)) == {"t-0", "t-1", "t-2", "t-9"}
    assert set(await records.ids(delta=before, filter="updated", ids=["t-1", "t-9", "t-50"])) == {"t-1"}
    assert await records.ids(modified_after="2999-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"limit": "0"}, ["limit"]),
        ({"limit": "10001"}, ["limit"]),
        ({"limit": "many"}, ["limit"]),
        ({"filter": "changed"}, ["filter", "0"]),
        ({"modified_after": "yesterday"}, ["modified_after"]),
        ({"modified_after": "2020-01-01"}, ["modified_after"]),
        ({"delta": "2020-01-01T00:00:00+02:00"}, ["delta"]),
        ({"variant": "a!"}, ["variant"]),
        ({"cursor": ""}, ["cursor"]),
        ({"page": "1"}, []),
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(
    records: Records, params: dict[str, str], path: list[str]
) -> None:
    answer = await records.get(**params)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_query_params")
    assert [str(step) for step in answer.json()["error"]["errors"][0]["path"]] == path


@pytest.mark.parametrize(
    "cursor",
    [
        "bad",
        "é",
        "====",
        base64.b64encode(b"no separator").decode(),
        base64.b64encode(b"yesterday||0a37658f-847d-5e41-aa48-37f6b22efccb").decode(),
        base64.b64encode(b"2026-11-20T20:54:40.580531+00:00||' OR 1=1").decode(),
        base64.b64encode(b"\xff\xfe").decode(),
    ],
)
async def test_a_malformed_cursor_is_a_failure_of_the_server(records: Records, cursor: str) -> None:
    answer = await records.get(cursor=cursor)
    assert (answer.status_code, answer.json()) == (
        500,
        {"error": {"code": "server_error", "message": "Failed to fetch records"}},
    )


async def test_pruned_records_keep_their_ids_and_places(records: Records) -> None:
    until = (await records.get(limit=20)).json()["records"][-1]["_nango_metadata"]["cursor"]

    async def prune(**more: Any) -> dict[str, Any]:
        answer = await records.http.patch("/records/prune", json={"model": "Thing", "until_cursor": until, **more})
        found: dict[str, Any] = answer.json()
        return found

    before = await records.ids(limit=10_000)
    assert await prune(limit=15) == {"count": 15, "has_more": True}
    assert await prune() == {"count": 5, "has_more": False}
    assert await prune() == {"count": 0, "has_more": False}
    assert await records.ids(limit=10_000) == before
    held = (await records.get(limit=21)).json()["records"]
    assert ["n" in each for each in held] == [False] * 20 + [True]
    assert all(each["_nango_metadata"]["pruned_at"] for each in held[:20])
    await records.sync()
    assert await records.ids(limit=10_000) == before, "what did not change at its source is no update"


async def test_keys_need_the_scopes_of_records(records: Records) -> None:
    reader = await records.sandbox.create_api_key("reader", ["environment:records:read"])
    headers = {"Authorization": f"Bearer {reader.get_secret_value()}"}
    assert (await records.http.get("/records", params={"model": "Thing"}, headers=headers)).status_code == 200
    assert (await records.http.patch("/records/prune", json={}, headers=headers)).status_code == 403
    assert (await records.http.post("/sync/trigger", json={}, headers=headers)).status_code == 403

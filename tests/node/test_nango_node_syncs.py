"""Nango's own Node SDK against the sandbox: syncs and records."""

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from nango_sandbox import Sandbox
from nango_sandbox.functions.action import Call, Integration, Sync

pytestmark = pytest.mark.system

NOTE = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "text": {"type": "string"}},
    "required": ["id", "text"],
}
PATIENCE = 10
"""Seconds for what the sandbox does in the background."""


async def all_notes(call: Call, given: None) -> dict[str, list[dict[str, Any]]]:
    return {"Note": [{"id": f"n-{n}", "text": f"Note {n}"} for n in range(1, 6)]}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    copies = Sync("notes", "Copies all notes.", {"Note": NOTE}, all_notes, auto_start=False)
    async with Sandbox(
        integrations=[Integration("notes", "private-api-bearer", "Notes", "API_KEY", syncs=(copies,))]
    ) as running:
        await running.connect("notes", {"end_user_id": "alice"}, "n-alice")
        yield running


def eventually(look: Callable[[], Any]) -> Any:
    """The first answer that is something; each look is a whole call, so this does not spin."""
    until = time.monotonic() + PATIENCE
    while not (seen := look()):
        assert time.monotonic() < until, "It did not come"
    return seen


@pytest.fixture
def status_of(nango):
    def status(sync: str = "notes") -> dict[str, Any]:
        [found] = nango("syncStatus", "notes", [sync], "n-alice")["syncs"]
        return found

    return status


@pytest.fixture
def records(nango):
    def listed(**more: Any) -> dict[str, Any]:
        of_alice = {"providerConfigKey": "notes", "connectionId": "n-alice", "model": "Note"}
        return nango("listRecords", {**of_alice, **more})

    return listed


def test_a_sync_is_started_runs_and_is_paused(nango, status_of):
    assert status_of()["status"] == "PAUSED"
    assert nango("startSync", "notes", ["notes"], "n-alice")["data"] == {"success": True}
    eventually(lambda: status_of()["status"] == "SUCCESS")
    done = status_of()
    assert (done["recordCount"], done["latestResult"]["Note"]["added"]) == ({"Note": 5}, 5)
    assert done["nextScheduledSyncAt"] is not None
    assert nango("pauseSync", "notes", ["notes"], "n-alice")["data"] == {"success": True}
    assert (status_of()["status"], status_of()["nextScheduledSyncAt"]) == ("PAUSED", None)
    assert nango("syncStatus", "notes", "*")["syncs"] == [status_of()]
    assert nango("syncStatus", "notes", ["nope"])["syncs"] == []


@pytest.mark.parametrize("how", [None, {"reset": True}, "full_refresh", True], ids=repr)
def test_a_sync_runs_when_it_is_triggered(nango, status_of, records, how):
    nango("startSync", "notes", ["notes"], "n-alice")
    eventually(lambda: status_of()["status"] == "SUCCESS")
    before = status_of()["finishedAt"]
    assert nango("triggerSync", "notes", ["notes"], "n-alice", *([] if how is None else [how]))["data"] == {
        "success": True
    }
    eventually(lambda: status_of()["status"] == "SUCCESS" and status_of()["finishedAt"] != before)
    assert len(records()["records"]) == 5


def test_a_sync_that_is_not_there_is_refused(nango, refused):
    assert refused(lambda: nango("triggerSync", "notes", ["nope"], "n-alice")) == (400, "no_syncs_found")
    assert refused(lambda: nango("triggerSync", "notes", ["notes"], "nobody")) == (404, "unknown_connection")


def test_records_come_in_pages_and_each_once(nango, status_of, records):
    assert records() == {"next_cursor": None, "records": []}
    nango("startSync", "notes", ["notes"], "n-alice")
    eventually(lambda: status_of()["status"] == "SUCCESS")
    seen, page = [], records(limit=2)
    while True:
        seen += page["records"]
        if page["next_cursor"] is None:
            break
        page = records(limit=2, cursor=page["next_cursor"])
    assert sorted(each["id"] for each in seen) == ["n-1", "n-2", "n-3", "n-4", "n-5"]
    assert {each["_nango_metadata"]["last_action"] for each in seen} == {"ADDED"}
    assert [each["id"] for each in records(ids=["n-3"])["records"]] == ["n-3"]
    assert len(records(filter="added")["records"]) == 5
    assert records(filter="deleted")["records"] == []
    assert records(modifiedAfter="2099-01-01T00:00:00Z")["records"] == []
    assert records(model="Nope")["records"] == []


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"connectionId": "nobody"}, 400, "unknown_connection"),
        ({"limit": 10_001}, 400, "invalid_query_params"),
        ({"cursor": "bad"}, 500, "server_error"),
    ],
    ids=["unknown connection", "too many", "malformed cursor"],
)
def test_records_that_cannot_be_listed_are_refused(records, refused, more, status, code):
    assert refused(lambda: records(**more)) == (status, code)


def test_a_connection_can_have_a_frequency_of_its_own_and_go_back_to_the_usual_one(nango, status_of):
    own = "every 2 hours"
    assert nango("updateSyncConnectionFrequency", "notes", "notes", "n-alice", own) == {"frequency": own}
    assert status_of()["frequency"] == own
    assert nango("updateSyncConnectionFrequency", "notes", "notes", "n-alice", None) == {"frequency": "every hour"}
    assert status_of()["frequency"] == "every hour"


def test_a_variant_of_a_sync_is_made_and_deleted(nango):
    variant = {"provider_config_key": "notes", "connection_id": "n-alice", "name": "notes", "variant": "second"}
    made = nango("createSyncVariant", variant)
    assert (made["name"], made["variant"]) == ("notes", "second")

    def variants():
        return {each["variant"] for each in nango("syncStatus", "notes", "*", "n-alice")["syncs"]}

    assert variants() == {"base", "second"}
    assert nango("deleteSyncVariant", variant) == {"success": True}
    assert variants() == {"base"}


def test_pruned_records_keep_their_metadata_only(nango, status_of, records):
    nango("startSync", "notes", ["notes"], "n-alice")
    eventually(lambda: status_of()["status"] == "SUCCESS")
    last = records()["records"][-1]["_nango_metadata"]["cursor"]
    of_alice = {"providerConfigKey": "notes", "connectionId": "n-alice", "model": "Note"}
    assert nango("pruneRecords", {**of_alice, "untilCursor": last, "limit": 3}) == {"count": 3, "has_more": True}
    assert nango("pruneRecords", {**of_alice, "untilCursor": last}) == {"count": 2, "has_more": False}
    kept = records()["records"]
    assert len(kept) == 5
    assert all(each["_nango_metadata"]["pruned_at"] and "text" not in each for each in kept)

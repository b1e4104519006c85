"""Syncs: when they run, what their status says, and what comes of failures."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from nango_sandbox.apps import all_apps
from nango_sandbox.functions.action import Call, Integration, Sync
from nango_sandbox.functions.failures import ActionFailed, UpstreamFailed
from nango_sandbox.serving.in_process import InProcessSandbox
from nango_sandbox.webhook_receiver import WebhookReceiver

PATIENCE = 10
THING = {"type": "object", "properties": {"id": {"type": "string"}, "n": {"type": "number"}}, "required": ["id", "n"]}
HOUR = 3600


class Things:
    """What the syncs of an app find: records, or an exception."""

    def __init__(self) -> None:
        self.held: Any = {"Thing": [{"id": f"t-{n}", "n": n} for n in range(3)]}
        self.runs = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def all(self, call: Call, given: None) -> Any:
        self.runs += 1
        await self.go_on.wait()
        if isinstance(self.held, Exception):
            raise self.held
        return self.held

    def app(self, **more: Any) -> Integration:
        syncs = (
            Sync("things", "Copies things.", {"Thing": THING}, self.all, **more),
            Sync("more", "Copies more things.", {"More": THING}, self.none, auto_start=False, frequency="every day"),
        )
        return Integration("app", "app", "App", "NONE", syncs=syncs)

    async def none(self, call: Call, given: None) -> Any:
        return {}


class Synced:
    """The syncs of one connection over HTTP."""

    def __init__(self, sandbox: InProcessSandbox, connection_id: str, integration: str = "app") -> None:
        self.sandbox = sandbox
        self.of = {"provider_config_key": integration, "connection_id": connection_id}
        self.http = httpx.AsyncClient(
            base_url=sandbox.base_url,
            transport=sandbox.transport,
            headers={"Authorization": f"Bearer {sandbox.api_key.get_secret_value()}"},
        )

    async def status(self, sync: str = "things") -> dict[str, Any]:
        answer = await self.http.get("/sync/status", params={**self.of, "syncs": sync})
        (found,) = answer.json()["syncs"]
        assert isinstance(found, dict)
        return found

    async def until(self, holds: Callable[[dict[str, Any]], bool], sync: str = "things") -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            while not holds(status := await self.status(sync)):
                pass
            return status

    async def send(self, command: str, *syncs: Any, **more: Any) -> httpx.Response:
        return await self.http.post(f"/sync/{command}", json={**self.of, "syncs": syncs or ["things"], **more})

    async def run(self, *syncs: str, **more: Any) -> dict[str, Any]:
        """Trigger, and wait until it has run."""
        before = (await self.status(*syncs)).get("finishedAt")
        assert (await self.send("trigger", *syncs, **more)).json() == {"success": True}
        return await self.until(lambda status: _ended(status) and status.get("finishedAt") != before, *syncs)

    async def records(self, model: str = "Thing", **params: Any) -> list[dict[str, Any]]:
        headers = {"connection-id": self.of["connection_id"], "provider-config-key": self.of["provider_config_key"]}
        answer = await self.http.get("/records", headers=headers, params={"model": model, **params})
        records = answer.json()["records"]
        assert isinstance(records, list)
        return records

    async def actions(self, model: str = "Thing") -> dict[str, str]:
        return {each["id"]: each["_nango_metadata"]["last_action"] for each in await self.records(model)}


def _ended(status: dict[str, Any]) -> bool:
    return status["status"] != "RUNNING"


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.fixture
async def synced(things: Things) -> AsyncIterator[Synced]:
    """Its sync has run once."""
    async with InProcessSandbox(integrations=[things.app()]) as sandbox:
        synced = Synced(sandbox, await sandbox.connect("app", {}))
        await synced.until(_ended)
        yield synced


@pytest.fixture
async def webhooks(synced: Synced) -> AsyncIterator[WebhookReceiver]:
    async with WebhookReceiver() as receiver:
        receiver.receive_from(synced.sandbox)
        yield receiver


async def test_a_sync_runs_when_its_connection_is_made(synced: Synced) -> None:
    status = await synced.status()
    assert {
        name: value for name, value in status.items() if name not in ("id", "finishedAt", "nextScheduledSyncAt")
    } == {
        "connection_id": synced.of["connection_id"],
        "type": "INITIAL",
        "name": "things",
        "variant": "base",
        "status": "SUCCESS",
        "frequency": "every hour",
        "latestResult": {"Thing": {"added": 3, "updated": 0, "deleted": 0}},
        "latestExecutionStatus": "SUCCESS",
        "recordCount": {"Thing": 3},
        "checkpoint": None,
    }
    wait = datetime.fromisoformat(status["nextScheduledSyncAt"]) - synced.sandbox.clock.now()
    assert timedelta(minutes=59) < wait <= timedelta(hours=1)


async def test_one_that_does_not_start_by_itself_is_paused_and_never_ran(synced: Synced) -> None:
    status = await synced.status("more")
    assert (status["status"], status["nextScheduledSyncAt"]) == ("PAUSED", None)
    assert not {"finishedAt", "latestResult", "latestExecutionStatus"} & status.keys()


async def test_a_sync_runs_by_its_schedule(synced: Synced, things: Things) -> None:
    synced.sandbox.clock.advance(HOUR)
    await synced.until(lambda status: _ended(status) and things.runs == 2)
    synced.sandbox.clock.advance(HOUR - 60)
    assert (await synced.status(), things.runs)[1] == 2
    synced.sandbox.clock.advance(120)
    await synced.until(lambda status: _ended(status) and things.runs == 3)


async def test_runs_that_were_missed_are_made_up_for_once(synced: Synced, things: Things) -> None:
    synced.sandbox.clock.advance(30 * HOUR)
    status = await synced.until(lambda status: _ended(status) and things.runs == 2)
    wait = datetime.fromisoformat(status["nextScheduledSyncAt"]) - synced.sandbox.clock.now()
    assert timedelta(minutes=59) < wait <= timedelta(hours=1)


async def test_schedules_do_not_keep_a_clock_that_is_moved_to_the_next_event(synced: Synced) -> None:
    with pytest.raises(TimeoutError):
        synced.sandbox.clock.advance_to_next(patience=0)


async def test_a_paused_sync_does_not_run_until_it_is_started(synced: Synced, things: Things) -> None:
    await synced.send("pause")
    status = await synced.status()
    assert (status["status"], status["nextScheduledSyncAt"]) == ("PAUSED", None)
    synced.sandbox.clock.advance(2 * HOUR)
    assert (await synced.status())["status"] == "PAUSED"
    assert things.runs == 1
    await synced.send("start")
    assert (await synced.until(_ended))["status"] == "SUCCESS"
    assert things.runs == 2
    await synced.send("start")
    assert (await synced.until(_ended))["status"] == "SUCCESS"
    assert things.runs == 2, "starting what is started runs nothing"


async def test_a_paused_sync_can_be_triggered_and_stays_paused(synced: Synced) -> None:
    assert (await synced.run("more"))["status"] == "PAUSED"


async def test_what_is_asked_for_while_it_runs_is_done_afterwards(synced: Synced, things: Things) -> None:
    things.go_on.clear()
    await synced.send("trigger")
    await synced.until(lambda _: things.runs == 2)
    assert (await synced.status())["status"] == "RUNNING"
    await synced.send("trigger")
    things.go_on.set()
    await synced.until(lambda status: _ended(status) and things.runs == 3)


async def test_what_changed_is_told_and_kept_apart(synced: Synced, things: Things) -> None:
    things.held = {"Thing": [{"id": "t-0", "n": 0}, {"id": "t-1", "n": 100}, {"id": "t-9", "n": 9}]}
    status = await synced.run()
    assert status["latestResult"] == {"Thing": {"added": 1, "updated": 1, "deleted": 0}}
    assert status["recordCount"] == {"Thing": 4}
    assert await synced.actions() == {"t-0": "ADDED", "t-2": "ADDED", "t-1": "UPDATED", "t-9": "ADDED"}
    first, *_ = await synced.records(filter="updated")
    assert first["n"] == 100
    assert first["_nango_metadata"]["first_seen_at"] < first["_nango_metadata"]["last_modified_at"]


async def test_what_is_gone_is_marked_where_deletes_are_tracked(things: Things) -> None:
    async with InProcessSandbox(integrations=[things.app(track_deletes=True)]) as sandbox:
        synced = Synced(sandbox, await sandbox.connect("app", {}))
        await synced.until(_ended)
        things.held = {"Thing": [{"id": "t-1", "n": 1}]}
        status = await synced.run()
        assert status["latestResult"] == {"Thing": {"added": 0, "updated": 0, "deleted": 2}}
        assert status["recordCount"] == {"Thing": 1}
        deleted = await synced.records(filter="deleted")
        assert [each["id"] for each in deleted] != []
        assert all(each["_nango_metadata"]["deleted_at"] for each in deleted)
        assert {each["n"] for each in deleted} == {0, 2}
        status = await synced.run()
        assert status["latestResult"] == {"Thing": {"added": 0, "updated": 0, "deleted": 0}}
        things.held = {"Thing": [{"id": "t-0", "n": 0}, {"id": "t-1", "n": 1}]}
        await synced.run()
        assert await synced.actions() == {"t-0": "ADDED", "t-1": "ADDED", "t-2": "DELETED"}
        assert (await synced.records(ids="t-0"))[0]["_nango_metadata"]["deleted_at"] is None


@pytest.mark.parametrize(
    ("how", "added"),
    [
        ({}, 0),
        ({"sync_mode": "incremental"}, 0),
        ({"sync_mode": "full_refresh"}, 0),
        ({"sync_mode": "full_refresh_and_clear_cache"}, 3),
        ({"opts": {"reset": True}}, 0),
        ({"opts": {"reset": True, "emptyCache": True}}, 3),
        ({"full_resync": True}, 0),
    ],
)
async def test_a_cleared_cache_is_filled_anew(synced: Synced, how: dict[str, Any], added: int) -> None:
    status = await synced.run(**how)
    assert status["latestResult"]["Thing"]["added"] == added
    assert len(await synced.records()) == 3


async def test_a_sync_that_fails_is_an_error_of_its_connection_until_it_succeeds(
    synced: Synced, things: Things, webhooks: WebhookReceiver
) -> None:
    things.held = UpstreamFailed(503, {"message": "down"})
    status = await synced.run()
    assert (status["status"], status["latestExecutionStatus"], status["latestResult"]) == ("ERROR", "STOPPED", {})
    assert status["recordCount"] == {"Thing": 3}
    assert await _errors(synced) == ["sync"]
    told = (await webhooks.next()).body
    assert (told["success"], told["model"], told["syncType"]) == (False, "Thing", "INCREMENTAL")
    assert told["error"] == {
        "type": "script_error",
        "description": "An error occurred during an HTTP call",
        "payload": {"message": "down"},
    }
    things.held = ActionFailed("no")
    await synced.run()
    assert await _errors(synced) == ["sync"]
    assert (await webhooks.next()).body["error"]["description"] == "The sync script failed with a runtime error"
    things.held = {"Thing": []}
    assert (await synced.run())["status"] == "SUCCESS"
    assert await _errors(synced) == []


@pytest.mark.parametrize(
    "held", [{"Thing": [{"n": 1}]}, {"Thing": ["x"]}, {"Other": []}, [], ValueError("a bug"), {"Thing": [{1, 2}]}]
)
async def test_records_that_are_none_are_a_failure(synced: Synced, things: Things, held: Any) -> None:
    things.held = held
    assert (await synced.run())["status"] == "ERROR"
    assert len(await synced.records()) == 3


async def test_webhooks_tell_of_each_model_that_was_synced(synced: Synced, webhooks: WebhookReceiver) -> None:
    await synced.run()
    delivery = await webhooks.next()
    since = delivery.body.pop("modifiedAfter")
    assert delivery.body.pop("queryTimeStamp") == since
    assert datetime.fromisoformat(since) <= synced.sandbox.clock.now()
    assert delivery.genuine
    assert delivery.body == {
        "from": "nango",
        "type": "sync",
        "connectionId": synced.of["connection_id"],
        "providerConfigKey": "app",
        "model": "Thing",
        "syncName": "things",
        "syncVariant": "base",
        "syncType": "INCREMENTAL",
        "success": True,
        "responseResults": {"added": 0, "updated": 0, "deleted": 0},
    }


async def _errors(synced: Synced) -> list[str]:
    answer = await synced.http.get("/connections", params={"connectionId": synced.of["connection_id"]})
    return [each["type"] for each in answer.json()["connections"][0]["errors"]]


@pytest.mark.parametrize(
    ("command", "body", "status", "code"),
    [
        ("trigger", {"syncs": ["nope"]}, 400, "no_syncs_found"),
        ("start", {"syncs": ["nope"]}, 400, "no_syncs_found"),
        ("pause", {"syncs": [{"name": "things", "variant": "other"}]}, 400, "no_syncs_found"),
        ("trigger", {"connection_id": "nobody"}, 404, "unknown_connection"),
        ("pause", {"provider_config_key": "nope"}, 404, "unknown_provider_config"),
        ("trigger", {"provider_config_key": ""}, 400, "missing_provider_config_key"),
        ("trigger", {"sync_mode": "quick"}, 400, "invalid_body"),
        ("trigger", {"syncs": [7]}, 400, "invalid_body"),
        ("start", {"syncs": "things"}, 400, "invalid_body"),
        ("pause", {"more": 1}, 400, "invalid_body"),
    ],
)
async def test_commands_that_make_no_sense_are_refused(
    synced: Synced, command: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = await synced.http.post(f"/sync/{command}", json={**synced.of, "syncs": ["things"], **body})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_a_command_without_a_connection_is_for_all_of_them(synced: Synced) -> None:
    other = Synced(synced.sandbox, await synced.sandbox.connect("app", {}))
    answer = await synced.http.post("/sync/pause", json={"provider_config_key": "app", "syncs": []})
    assert answer.json() == {"success": True}
    everything = await synced.http.get("/sync/status", params={"provider_config_key": "app", "syncs": "*"})
    assert [each["status"] for each in everything.json()["syncs"]] == ["PAUSED"] * 4
    assert {each["connection_id"] for each in everything.json()["syncs"]} == {
        synced.of["connection_id"],
        other.of["connection_id"],
    }


async def test_the_frequency_can_be_changed_for_one_connection(synced: Synced, things: Things) -> None:
    async def change(frequency: str | None, **more: Any) -> httpx.Response:
        body = {**synced.of, "sync_name": "things", "frequency": frequency, **more}
        return await synced.http.put("/sync/update-connection-frequency", json=body)

    assert (await change("every 5 minutes")).json() == {"frequency": "every 5 minutes"}
    status = await synced.status()
    wait = datetime.fromisoformat(status["nextScheduledSyncAt"]) - synced.sandbox.clock.now()
    assert (status["frequency"], wait <= timedelta(minutes=5)) == ("every 5 minutes", True)
    synced.sandbox.clock.advance(300)
    await synced.until(lambda _: things.runs == 2)
    assert (await change(None)).json() == {"frequency": "every hour"}
    refused = [await change("every second"), await change("now and then"), await change(None, sync_name="nope")]
    assert [(each.status_code, each.json()["error"]["code"]) for each in refused] == [
        (400, "invalid_body"),
        (400, "invalid_body"),
        (400, "unknown_sync"),
    ]


async def test_a_variant_has_records_of_its_own(synced: Synced) -> None:
    path = "/sync/things/variant/second"
    made = await synced.http.post(path, json=synced.of)
    assert (made.status_code, made.json()["name"], made.json()["variant"]) == (200, "things", "second")
    status = await synced.until(_ended, "things::second")
    assert (status["variant"], status["recordCount"]) == ("second", {"Thing": 3})
    assert len(await synced.records(variant="second")) == 3
    assert (await synced.http.post(path, json=synced.of)).json()["error"]["code"] == "sync_variant_already_exists"
    protected = await synced.http.post("/sync/things/variant/base", json=synced.of)
    assert (protected.status_code, protected.json()["error"]["code"]) == (400, "invalid_variant")
    assert (await synced.http.request("DELETE", path, json=synced.of)).json() == {"success": True}
    assert await synced.records(variant="second") == []
    assert len(await synced.records()) == 3
    assert (await synced.http.request("DELETE", path, json=synced.of)).status_code == 404


async def test_syncs_and_records_end_with_their_connection(synced: Synced) -> None:
    params = {"provider_config_key": "app"}
    await synced.http.delete(f"/connections/{synced.of['connection_id']}", params=params)
    answer = await synced.http.get("/sync/status", params={**params, "syncs": "*"})
    assert answer.json() == {"syncs": []}
    synced.of["connection_id"] = await synced.sandbox.connect("app", {}, synced.of["connection_id"])
    await synced.until(_ended)
    assert await synced.actions() == {"t-0": "ADDED", "t-1": "ADDED", "t-2": "ADDED"}


async def test_a_connection_that_ends_while_its_sync_runs_leaves_nothing(synced: Synced, things: Things) -> None:
    things.go_on.clear()
    await synced.send("trigger")
    await synced.until(lambda _: things.runs == 2)
    await synced.http.delete(f"/connections/{synced.of['connection_id']}", params={"provider_config_key": "app"})
    other = Synced(synced.sandbox, await synced.sandbox.connect("app", {}))
    things.go_on.set()
    assert (await other.until(_ended))["latestResult"] == {"Thing": {"added": 3, "updated": 0, "deleted": 0}}
    async with (
        synced.sandbox.services.database.transaction() as rows,
        rows.execute("SELECT count(*) FROM records") as found,
    ):
        row = await found.fetchone()
    assert row is not None
    assert row[0] == 3


async def test_syncs_that_need_credentials_fail_without_them() -> None:
    async with InProcessSandbox(integrations=all_apps()) as sandbox:
        synced = Synced(sandbox, await sandbox.connect("github", {}), "github")
        await sandbox.revoke(synced.of["connection_id"], "github")
        assert (await synced.run("issues"))["latestExecutionStatus"] == "STOPPED"
        assert await _errors(synced) == ["sync"]


async def test_syncs_go_on_after_a_restart(tmp_path: Path, things: Things) -> None:
    file = tmp_path / "sandbox.db"
    async with InProcessSandbox(file, integrations=[things.app()]) as sandbox:
        synced = Synced(sandbox, await sandbox.connect("app", {}))
        before = await synced.until(_ended)
    async with InProcessSandbox(file, integrations=[things.app()]) as sandbox:
        again = Synced(sandbox, synced.of["connection_id"])
        assert await again.status() == before
        sandbox.clock.advance(HOUR)
        await again.until(lambda _: things.runs == 2)


async def test_syncs_that_are_deployed_later_come_to_connections_that_are_there(tmp_path: Path, things: Things) -> None:
    file = tmp_path / "sandbox.db"
    async with InProcessSandbox(file, integrations=[Integration("app", "app", "App", "NONE")]) as sandbox:
        connection_id = await sandbox.connect("app", {})
    async with InProcessSandbox(file, integrations=[things.app()]) as sandbox:
        synced = Synced(sandbox, connection_id)
        async with asyncio.timeout(PATIENCE):
            while not things.runs:
                await synced.http.get("/sync/status", params={**synced.of, "syncs": "*"})
        assert (await synced.until(_ended))["status"] == "SUCCESS"


async def test_a_changed_issue_is_an_updated_record_and_a_deleted_contact_a_deleted_one() -> None:
    async with InProcessSandbox(integrations=all_apps()) as sandbox:
        github = Synced(sandbox, await sandbox.connect("github", {}), "github")
        assert (await github.status("issues"))["status"] == "PAUSED"
        await github.run("issues")
        seven = "octo/widgets#7"
        assert (await github.actions("GithubIssue"))[seven] == "ADDED"
        await _act(github, "update-issue", owner="octo", repo="widgets", issue_number=7, title="Changed")
        assert (await github.run("issues"))["latestResult"] == {"GithubIssue": {"added": 0, "updated": 1, "deleted": 0}}
        assert (await github.actions("GithubIssue"))[seven] == "UPDATED"
        (record,) = await github.records("GithubIssue", ids=seven)
        assert (record["title"], record["number"]) == ("Changed", 7)
        hubspot = Synced(sandbox, await sandbox.connect("hubspot", {}), "hubspot")
        await hubspot.run("contacts")
        first, *_ = await hubspot.records("HubspotContact")
        await _act(hubspot, "delete-contact", contact_id=first["id"])
        await hubspot.run("contacts")
        assert (await hubspot.actions("HubspotContact"))[first["id"]] == "DELETED"
        slack = Synced(sandbox, await sandbox.connect("slack", {}), "slack")
        assert (await slack.run("channels"))["recordCount"]["SlackChannel"] == 4
        assert (await slack.run("users"))["recordCount"]["SlackUser"] == 6


async def _act(synced: Synced, action: str, **given: Any) -> None:
    headers = {"connection-id": synced.of["connection_id"], "provider-config-key": synced.of["provider_config_key"]}
    answer = await synced.http.post("/action/trigger", headers=headers, json={"action_name": action, "input": given})
    assert answer.status_code == 200

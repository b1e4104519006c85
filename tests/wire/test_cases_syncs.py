"""Syncs and the records that they bring (NANGO.md 18 and 27)."""

from collections.abc import Callable
from typing import Any

from wire_cases import ANY, Case, error, invalid, missing, on

GITHUB = on("gh-alice", "github")
DONE = {"success": True}
CURSOR, TIME = "<text>", "<time +00:00>"
COUNTS = {"GithubIssue": 25}


def of(connection: str | None = "gh-alice", *syncs: str, **more: Any) -> dict[str, Any]:
    body = {"provider_config_key": "github", "connection_id": connection, "syncs": list(syncs or ("issues",)), **more}
    return {name: value for name, value in body.items() if value is not None}


def sync(
    name: str, frequency: str, status: str, count: dict[str, int], *, next_at: Any = "<time Z>", **more: Any
) -> dict[str, Any]:
    return {
        "id": "<uuid>",
        "connection_id": "gh-alice",
        "type": "INITIAL",
        "name": name,
        "variant": "base",
        "status": status,
        "frequency": frequency,
        "nextScheduledSyncAt": next_at,
        "recordCount": count,
        "checkpoint": None,
        **more,
    }


def issues(status: str, added: int, **more: Any) -> dict[str, Any]:
    result = {"GithubIssue": {"added": added, "deleted": 0, "updated": 0}}
    return sync(
        "issues",
        "every hour",
        status,
        COUNTS,
        finishedAt="<time Z>",
        latestResult=result,
        latestExecutionStatus="SUCCESS",
        **more,
    )


NEVER = sync("failing-sync", "every day", "PAUSED", {"FailModel": 0}, next_at=None)
FAILED = sync(
    "failing-sync",
    "every day",
    "ERROR",
    {"FailModel": 0},
    finishedAt="<time Z>",
    latestResult={},
    latestExecutionStatus="STOPPED",
)


def status(name: str, query: str, *syncs: Any, **more: Any) -> Case:
    return Case(name, f"GET /sync/status?provider_config_key=github&{query}", 200, {"syncs": list(syncs)}, **more)


def command(name: str, verb: str, code: int, body: Any, sends: Any) -> Case:
    return Case(name, f"POST /sync/{verb}", code, body, sends)


def records(name: str, query: str, code: int, body: Any, **more: Any) -> Case:
    return Case(name, f"GET /records{query}", code, body, headers=more.pop("headers", GITHUB), **more)


META = {
    "first_seen_at": TIME,
    "last_modified_at": TIME,
    "last_action": "ADDED",
    "deleted_at": None,
    "pruned_at": None,
    "cursor": CURSOR,
}
ISSUE = {"id": "<text>", "title": "<text>", "n": "<integer>", "_nango_metadata": META}
NO_RECORDS = {"next_cursor": None, "records": []}

TABLE = (
    status("a sync starts by itself", "syncs=issues&connection_id=gh-alice", issues("SUCCESS", 25), waits=True),
    status("one that does not is paused", "syncs=failing-sync&connection_id=gh-alice", NEVER),
    status("a sync that does not exist", "syncs=nope&connection_id=gh-alice"),
    status("two syncs by name", "syncs=failing-sync,issues&connection_id=gh-alice", ANY, ANY),
    Case("syncs of an integration that does not exist", "GET /sync/status?provider_config_key=nope&syncs=*", 200, {"syncs": []}),
    Case("a status without anything", "GET /sync/status", 400, invalid("query_params", missing("syncs"), missing("provider_config_key"))),
    command("a trigger", "trigger", 200, DONE, of()),
    status("another run finds nothing new", "syncs=issues&connection_id=gh-alice", issues("SUCCESS", 0), waits=True),
    command("a trigger with a mode", "trigger", 200, DONE, of(sync_mode="incremental")),
    command("a trigger with options", "trigger", 200, DONE, of(opts={"reset": False})),
    command("a trigger of a sync that does not exist", "trigger", 400, error("no_syncs_found", "No syncs found given the inputs.", payload={}), of("gh-alice", "nope")),
    command("a trigger of a connection that does not exist", "trigger", 404, error("unknown_connection", ANY, payload={"connectionId": "nope", "providerConfigKey": "github"}), of("nope")),
    command("a trigger of nothing", "trigger", 400, invalid("body", missing("syncs", "array")), {"provider_config_key": "github"}),
    command("a pause", "pause", 200, DONE, of()),
    status("a paused sync has no next run", "syncs=issues&connection_id=gh-alice", issues("PAUSED", 0, next_at=None), waits=True),
    command("a start", "start", 200, DONE, of()),
    status("a started sync has a next run", "syncs=issues&connection_id=gh-alice", issues("SUCCESS", 0), waits=True),
    command("a start of a sync that fails", "start", 200, DONE, of("gh-alice", "failing-sync")),
    status("it failed", "syncs=failing-sync&connection_id=gh-alice", FAILED, waits=True),
    Case("a failed sync is an error of its connection, but not one of auth", "GET /connections?connectionId=gh-alice", 200, {"connections": [{"id": "<number>", "connection_id": "gh-alice", "provider_config_key": "github", "provider": "github", "errors": [{"type": "sync", "log_id": "<log id>"}], "end_user": None, "tags": ANY, "metadata": ANY, "created": TIME}]}),
    records("the first page", "?model=GithubIssue&limit=10", 200, {"next_cursor": CURSOR, "records": [ISSUE] * 10}, keeps={"first": "next_cursor"}),
    records("the second page", "?model=GithubIssue&limit=10&cursor={first}", 200, {"next_cursor": CURSOR, "records": [ISSUE] * 10}, keeps={"second": "next_cursor"}),
    records("the last page has no next one", "?model=GithubIssue&limit=10&cursor={second}", 200, {"next_cursor": None, "records": [ISSUE] * 5}),
    records("a page of all", "?model=GithubIssue", 200, {"next_cursor": None, "records": [ISSUE] * 25}),
    records("nothing was changed in the future", "?model=GithubIssue&modified_after=2100-01-01T00:00:00Z", 200, NO_RECORDS),
    records("everything was changed since long ago", "?model=GithubIssue&modified_after=2000-01-01T00:00:00Z&limit=25", 200, {"next_cursor": None, "records": [ISSUE] * 25}),
    records("what was added", "?model=GithubIssue&filter=added", 200, {"next_cursor": None, "records": [ISSUE] * 25}),
    records("what was added or updated", "?model=GithubIssue&filter=added,updated", 200, {"next_cursor": None, "records": [ISSUE] * 25}),
    records("what was updated", "?model=GithubIssue&filter=updated", 200, NO_RECORDS),
    records("what was deleted", "?model=GithubIssue&filter=deleted", 200, NO_RECORDS),
    records("records by id", "?model=GithubIssue&ids=i-3&ids=i-24", 200, {"next_cursor": None, "records": [ISSUE] * 2}),
    records("one record by id", "?model=GithubIssue&ids=i-3", 200, {"next_cursor": None, "records": [{**ISSUE, "id": "i-3", "title": "Issue 3", "n": 3}]}),
    records("a record that does not exist", "?model=GithubIssue&ids=nope", 200, NO_RECORDS),
    records("a malformed cursor", "?model=GithubIssue&cursor=nope", 500, error("server_error", "Failed to fetch records")),
    records("a limit of nothing", "?model=GithubIssue&limit=0", 400, invalid("query_params", ("too_small", "Too small: expected number to be >=1", "limit"))),
    records("the greatest limit", "?model=GithubIssue&limit=10000", 200, {"next_cursor": None, "records": [ISSUE] * 25}),
    records("a limit too great", "?model=GithubIssue&limit=10001", 400, invalid("query_params", ("too_big", "Too big: expected number to be <=10000", "limit"))),
    records("no model", "", 400, invalid("query_params", missing("model"))),
    records("a model that does not exist", "?model=Nope", 200, NO_RECORDS),
    Case("a status at an integration of no form", "GET /sync/status?syncs=*&provider_config_key=g!t", 400, invalid("query_params", ("invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9~:.@ _-]+$/", "provider_config_key"))),
    *(
        Case(f"a status of the connection {name!r}", f"GET /sync/status?syncs=*&provider_config_key=github&connection_id={name}", 400, invalid("query_params", ("invalid_format", "<text>", "connection_id")))
        for name in ("", "c!1")
    ),
    Case("a pause at an integration of no form", "POST /sync/pause", 400, invalid("body", ("invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9~:.@ _-]+$/", "provider_config_key")), {**of(), "provider_config_key": "g!t"}),
    Case("a pause of too many syncs", "POST /sync/pause", 400, invalid("body", ("too_big", "Too big: expected array to have <=256 items", "syncs")), of("gh-alice", *["issues"] * 257)),
    Case("a pause does not look at the query", "POST /sync/pause?x=1", 400, error("no_syncs_found", "No syncs found given the inputs.", payload={}), of("gh-alice", "nope")),
    Case("a variant of a sync of no form", "POST /sync/a!/variant/x", 400, invalid("uri_params", ("invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9_-]+$/", "name")), {"provider_config_key": "github", "connection_id": "gh-alice"}),
    Case("a frequency of no form", "PUT /sync/update-connection-frequency", 400, invalid("body", ("invalid_format", "<text>", "frequency")), {"provider_config_key": "github", "connection_id": "gh-alice", "sync_name": "issues", "frequency": "nonsense"}),
    *(records(f"records of the model {name}", f"?model={name}", 400, invalid("query_params", ("invalid_format", "Invalid string: must match pattern /^[A-Z][a-zA-Z0-9_-]+$/", "model"))) for name in ("lower", "X")),
    records("a variant of no form", "?model=GithubIssue&variant=a!", 400, invalid("query_params", ("invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9_-]+$/", "variant"))),
    *(
        records(f"records since {since}", f"?model=GithubIssue&modified_after={since}", 400, invalid("query_params", ("invalid_format", "Invalid ISO datetime", "modified_after")))
        for since in ("2020-01-01", "2026-11-01T00:00:00%2B02:00", "2026-02-30T00:00:00Z")
    ),
    records("records that were changed in no known way", "?model=GithubIssue&filter=added,nope", 400, invalid("query_params", ("invalid_value", 'Invalid option: expected one of "added"|"updated"|"deleted"|"ADDED"|"UPDATED"|"DELETED"', "filter.1"))),
    records("ids in brackets", "?model=GithubIssue&ids[]=i-3&ids[]=i-24", 200, {"next_cursor": None, "records": [ISSUE] * 2}),
    records("ids with their places", "?model=GithubIssue&ids[0]=i-3", 200, {"next_cursor": None, "records": [ISSUE]}),
    records("an id of no text", "?model=GithubIssue&ids=", 400, invalid("query_params", ("too_small", "Too small: expected string to have >=1 characters", "ids"))),
    records("one record and a half", "?model=GithubIssue&limit=1.5", 200, ANY),
    records("a model that comes twice", "?model=GithubIssue&model=Other", 400, invalid("query_params", ("invalid_type", "Invalid input: expected string, received array", "model"))),
    records("records of nobody", "?model=GithubIssue", 400, error("unknown_connection", "Provided ConnectionId and ProviderConfigKey does not match a valid connection"), headers=on("nope", "github")),
    records("records without a connection", "?model=GithubIssue", 400, invalid("headers", missing("connection-id"), missing("provider-config-key")), headers={}),
)  # fmt: skip


def test_syncs_answer_as_a_real_server(case: Case, told: Callable[[Case], list[str]]) -> None:
    assert not told(case)

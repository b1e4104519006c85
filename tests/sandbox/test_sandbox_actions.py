"""Running actions: outputs, failures, and what the ledger says of them."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from nango_sandbox import Sandbox, Services, create_app
from nango_sandbox.faults.kinds import RaceLost
from nango_sandbox.functions.action import Action, Call, Endpoint, Integration
from nango_sandbox.functions.failures import NetworkFailed, ThrownError, UpstreamFailed
from nango_sandbox.serving.in_process import InProcessSandbox

Trigger = Callable[..., Awaitable[httpx.Response]]


class Run:
    """Runs the actions of an app whose functions write down their names, and then do what theirs says."""

    def __init__(self) -> None:
        self.started, self.go_on, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.sandbox: InProcessSandbox
        self.http: httpx.AsyncClient
        self.headers: dict[str, str]

    def app(self) -> Integration:
        async def writes(call: Call, given: dict[str, Any]) -> dict[str, Any]:
            await self._note(call, "writes")
            return {"given": given}

        async def throws(call: Call, given: dict[str, Any]) -> None:
            await self._note(call, "throws")
            raise ThrownError("boom")

        async def has_a_bug(call: Call, given: dict[str, Any]) -> None:
            await self._note(call, "has-a-bug")
            given["nothing"]

        async def is_cut_off(call: Call, given: dict[str, Any]) -> None:
            await self._note(call, "is-cut-off")
            raise NetworkFailed("read ECONNRESET", "ECONNRESET")

        async def is_told_429(call: Call, given: dict[str, Any]) -> None:
            await self._note(call, "is-told-429")
            headers = {"Content-Type": "text/json", "X-RateLimit-Reset": "5", "Retry-After": "5"}
            raise UpstreamFailed(429, {"slow": "down"}, headers)

        async def gives_a_set(call: Call, given: dict[str, Any]) -> Any:
            return {1, 2}

        async def gives_nan(call: Call, given: dict[str, Any]) -> Any:
            return float("nan")

        async def waits(call: Call, given: dict[str, Any]) -> None:
            self.started.set()
            await self.go_on.wait()
            await self._note(call, "waits")
            self.ended.set()

        async def big(call: Call, given: dict[str, Any]) -> str:
            await self._note(call, "big")
            return "x" * int(given["size"])

        functions = writes, throws, has_a_bug, is_cut_off, is_told_429, gives_a_set, gives_nan, waits, big
        actions = [Action(each.__name__.replace("_", "-"), "Does what it says.", "write", each) for each in functions]
        route = Endpoint("POST", "/things/new")
        actions[0] = replace(actions[0], endpoint=route)
        disabled = Action("disabled", "Is disabled.", "write", writes, enabled=False)
        return Integration("app", "app", "App", "NONE", actions=(*actions, disabled))

    async def __call__(
        self, action: str, given: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        body = {"action_name": action, "input": given or {}}
        return await self.http.post("/action/trigger", headers={**self.headers, **(headers or {})}, json=body)

    async def written(self) -> list[str]:
        """Which functions wrote something, by name."""
        state = (await self.http.get("/sandbox/api/state")).json()
        return [each["name"] for each in state.get("app", {}).get("things", [])]

    @staticmethod
    async def _note(call: Call, name: str) -> None:
        await call.documents.put("things", name, {"name": name})


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    run = Run()
    async with (
        InProcessSandbox(integrations=[run.app()]) as run.sandbox,
        httpx.AsyncClient(base_url=run.sandbox.base_url, transport=run.sandbox.transport) as run.http,
    ):
        run.headers = {
            "Authorization": f"Bearer {run.sandbox.api_key.get_secret_value()}",
            "connection-id": await run.sandbox.connect("app", {}),
            "provider-config-key": "app",
        }
        yield run


@pytest.fixture
async def trigger(sandbox: Sandbox, http: httpx.AsyncClient) -> Trigger:
    ids: dict[str, str] = {}

    async def run(tool: str, **given: Any) -> httpx.Response:
        integration, action = tool.split("/")
        if integration not in ids:
            ids[integration] = await sandbox.connect(integration, {"end_user_id": "alice"})
        headers = {"connection-id": ids[integration], "provider-config-key": integration}
        return await http.post("/action/trigger", headers=headers, json={"action_name": action, "input": given})

    return run


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({"connection-id": ""}, {"action_name": "x"}, 400, "invalid_headers"),
        ({"connection-id": "a<b>"}, {"action_name": "x"}, 400, "invalid_headers"),
        ({"connection-id": "nobody"}, {"action_name": "list-issues"}, 400, "unknown_connection"),
        ({"provider-config-key": "slack"}, {"action_name": "list-channels"}, 400, "unknown_connection"),
        ({}, {"action_name": "post-message"}, 404, "not_found"),
        ({}, {"action_name": "a b"}, 400, "invalid_body"),
        ({}, {}, 400, "invalid_body"),
        ({"x-max-retries": "9"}, {"action_name": "list-issues"}, 400, "invalid_headers"),
        ({"x-max-retries": "some"}, {"action_name": "list-issues"}, 400, "invalid_headers"),
    ],
)
async def test_what_is_refused_before_a_function_runs_leaves_no_trace(
    sandbox: Sandbox, http: httpx.AsyncClient, headers: dict[str, str], body: dict[str, str], status: int, code: str
) -> None:
    connection_id = await sandbox.connect("github", {"end_user_id": "alice"})
    named = {"connection-id": connection_id, "provider-config-key": "github", **headers}
    answer = await http.post("/action/trigger", headers=named, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert await sandbox.ledger() == []


async def test_a_success_is_the_bare_output_and_a_line_in_the_ledger(sandbox: Sandbox, trigger: Trigger) -> None:
    answer = await trigger("github/create-issue", owner="octo", repo="widgets", title="New", labels=["bug"])
    assert answer.status_code == 200
    issue = answer.json()
    assert (issue["number"], issue["state"], issue["author"]) == (8, "open", "alice")
    (entry,) = await sandbox.ledger()
    assert (entry.integration, entry.action, entry.access, entry.status) == (
        "github",
        "create-issue",
        "write",
        "succeeded",
    )
    assert (entry.end_user_id, entry.via, entry.output) == ("alice", "rest", issue)


@pytest.mark.parametrize(
    ("tool", "given", "upstream"),
    [
        ("github/get-issue", {"owner": "octo", "repo": "widgets", "issue_number": 999}, 404),
        ("github/list-issues", {"owner": "octo", "repo": "nothing"}, 404),
        ("github/create-issue", {"owner": "octo", "repo": "widgets", "title": "x", "assignees": ["nobody"]}, 422),
        ("github/create-label", {"owner": "octo", "repo": "widgets", "name": "Bug"}, 422),
        ("slack/post-message", {"channel": "#nowhere", "text": "x"}, 404),
        ("slack/create-channel", {"name": "general"}, 409),
        ("slack/archive-channel", {"channel": "general"}, 403),
        ("hubspot/create-contact", {"email": "NORA.winter@northwind.example"}, 409),
        ("hubspot/delete-deal", {"deal_id": "1"}, 404),
        ("hubspot/list-deals", {"after": "x"}, 400),
    ],
)
async def test_an_error_of_the_app_is_a_424_with_the_apps_answer_inside(
    sandbox: Sandbox, trigger: Trigger, tool: str, given: dict[str, Any], upstream: int
) -> None:
    answer = await trigger(tool, **given)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["upstream"]["status"]) == (424, "script_http_error", upstream)
    assert error["payload"] == error["upstream"]["body"]
    assert "message" not in error
    (entry,) = await sandbox.ledger()
    assert entry.status == "failed"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"owner": "octo", "repo": "widgets"},
        {"owner": "octo", "repo": "widgets", "issue_number": "7"},
        {"owner": "octo", "repo": "widgets", "issue_number": 7.5},
        {"owner": None, "repo": "widgets", "issue_number": 7},
        {"owner": "octo", "repo": ["widgets"], "issue_number": 7},
    ],
)
async def test_input_that_the_function_checks_is_a_runtime_error(trigger: Trigger, given: dict[str, Any]) -> None:
    answer = await trigger("github/get-issue", **given)
    assert answer.status_code == 500
    assert answer.json()["error"] == {
        "message": "The action script failed with a runtime error",
        "code": "action_script_runtime_error",
        "payload": {"message": "Invalid input provided"},
    }


async def test_numbers_are_javascripts(trigger: Trigger) -> None:
    assert (await trigger("github/get-issue", owner="Octo", repo="Widgets", issue_number=7.0)).status_code == 200


async def test_a_call_of_an_app_that_fails_changes_nothing_but_the_ledger(
    sandbox: Sandbox, trigger: Trigger, http: httpx.AsyncClient
) -> None:
    before = (await http.get("/sandbox/api/state")).json()
    answer = await trigger(
        "github/create-issue", owner="octo", repo="widgets", title="x", labels=["new"], assignees=["nobody"]
    )
    assert answer.status_code == 424
    assert (await http.get("/sandbox/api/state")).json() == before
    assert len(await sandbox.ledger()) == 1


async def test_an_app_has_no_effect_that_is_not_in_the_ledger(
    sandbox: Sandbox, trigger: Trigger, http: httpx.AsyncClient
) -> None:
    async def full(services: Services) -> None:
        async with services.database.transaction() as rows:
            await rows.execute("CREATE TRIGGER full BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'full'); END")

    before = (await http.get("/sandbox/api/state")).json()
    await sandbox.run(full)
    assert (await trigger("github/create-issue", owner="octo", repo="widgets", title="x")).status_code == 500
    assert (await http.get("/sandbox/api/state")).json() == before


async def test_many_writes_at_once_all_count(sandbox: Sandbox, trigger: Trigger) -> None:
    await trigger("slack/list-channels")
    answers = await asyncio.gather(*(trigger("slack/post-message", channel="random", text=str(n)) for n in range(20)))
    assert len({each.json()["ts"] for each in answers}) == 20
    assert len(await sandbox.ledger()) == 21


async def test_the_ledger_over_http_says_the_same(sandbox: Sandbox, trigger: Trigger, http: httpx.AsyncClient) -> None:
    await trigger("slack/post-message", channel="#general", text="hello")
    await trigger("slack/delete-message", channel="general", ts="1.0")
    first, second = (await http.get("/sandbox/api/ledger", headers={"Authorization": ""})).json()["entries"]
    assert set(first) == {
        "id", "at", "integration", "connection_id", "end_user_id", "action", "access", "input", "status", "output", "via"
    }  # fmt: skip
    assert (second["access"], second["status"], "output" in second) == ("destructive", "failed", False)
    assert second["error"]["upstream"]["body"]["error"] == "message_not_found"
    assert [each.id for each in await sandbox.ledger()] == [first["id"], second["id"]]


async def test_many_changes_of_one_document_at_once_all_count(
    sandbox: Sandbox, trigger: Trigger, http: httpx.AsyncClient
) -> None:
    issue = {"owner": "octo", "repo": "widgets", "issue_number": 7}
    before = (await trigger("github/get-issue", **issue)).json()["comments"]
    await asyncio.gather(*(trigger("github/add-issue-comment", **issue, body=str(n)) for n in range(20)))
    assert (await trigger("github/get-issue", **issue)).json()["comments"] == before + 20


async def test_an_output_over_two_megabytes_fails_and_what_was_done_stays(run: Run) -> None:
    answer = await run("big", {"size": 2 * 1024 * 1024})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "script_internal_error")
    assert await run.written() == ["big"]
    assert len((await run("big", {"size": 2 * 1024 * 1024 - 2})).json()) == 2 * 1024 * 1024 - 2


@pytest.mark.parametrize(
    ("action", "status", "error"),
    [
        (
            "throws",
            500,
            {
                "message": "An internal error occurred during the script execution",
                "code": "script_internal_error",
                "payload": {"message": "boom", "name": "Error", "stacktrace": ["Error: boom", "at Object.exec (throws-app.cjs:LINE:1)"]},
            },
        ),
        (
            "has-a-bug",
            500,
            {
                "message": "An internal error occurred during the script execution",
                "code": "script_internal_error",
                "payload": {"message": "'nothing'", "name": "KeyError", "stacktrace": ["KeyError: 'nothing'", "at Object.exec (has-a-bug-app.cjs:LINE:1)"]},
            },
        ),
        (
            "is-cut-off",
            500,
            {
                "message": "A network error occurred during an HTTP call",
                "code": "script_network_error",
                "payload": {"code": "ECONNRESET", "message": "read ECONNRESET", "name": "Error", "stacktrace": ["Error: read ECONNRESET", "at async Object.exec (is-cut-off-app.cjs:LINE:1)"]},
            },
        ),
        (
            "is-told-429",
            424,
            {
                "code": "script_http_error",
                "payload": {"slow": "down"},
                "upstream": {"status": 429, "headers": {"content-type": "text/json", "x-ratelimit-reset": "5"}, "body": {"slow": "down"}},
            },
        ),
    ],
)  # fmt: skip
async def test_a_function_that_fails_halfway_is_reported_and_what_it_did_stays(
    run: Run, action: str, status: int, error: dict[str, Any]
) -> None:
    answer = await run(action)
    assert answer.status_code == status
    found = re.sub(r"cjs:\d+:", "cjs:LINE:", answer.text)
    assert json.loads(found) == {"error": error}
    assert await run.written() == [action]
    (entry,) = await run.sandbox.ledger()
    assert (entry.status, entry.error) == ("failed", {"status": status, **answer.json()["error"]})


async def test_an_output_that_is_no_json_is_an_error_of_the_function(run: Run) -> None:
    answer = await run("gives-a-set")
    assert (answer.status_code, answer.json()["error"]["payload"]["name"]) == (500, "TypeError")
    answer = await run("gives-nan")
    assert (answer.status_code, answer.json()["error"]["payload"]["name"]) == (500, "ValueError")


async def test_a_disabled_action_does_not_run(run: Run) -> None:
    answer = await run("disabled")
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": {"code": "disabled_resource", "message": "The action is disabled"}},
    )
    queued = await run("disabled", headers={"x-async": "true"})
    assert (queued.status_code, queued.json()["error"]["code"]) == (404, "disabled_resource")
    assert (await run.written(), await run.sandbox.ledger()) == ([], [])


@pytest.mark.parametrize("action", ["writes", "throws"])
async def test_a_result_that_is_lost_was_there(run: Run, action: str) -> None:
    run.sandbox.faults.add(RaceLost())
    answer = await run(action)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (500, "action_script_failure")
    assert re.fullmatch(r"Task [0-9a-f-]{36} is in progress", error["payload"]["error"])
    (entry,) = await run.sandbox.ledger()
    assert (entry.status, await run.written()) == ("succeeded" if action == "writes" else "failed", [action])


async def test_an_action_goes_on_when_its_caller_gives_up(run: Run) -> None:
    # This transport takes the caller's end to the application itself.
    run.http = httpx.AsyncClient(
        base_url=run.sandbox.base_url, transport=httpx.ASGITransport(create_app(run.sandbox.services))
    )
    calling = asyncio.create_task(run("waits"))
    await run.started.wait()
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    assert await run.written() == []
    run.go_on.set()
    await asyncio.wait_for(run.ended.wait(), 10)
    assert await run.written() == ["waits"]
    assert [each.status for each in await run.sandbox.ledger()] == ["succeeded"]


async def test_an_action_that_waits_keeps_nobody_else_waiting(run: Run) -> None:
    waiting = [asyncio.create_task(run("waits")) for _ in range(3)]
    await run.started.wait()
    assert (await run("writes")).status_code == 200
    run.go_on.set()
    assert [each.status_code for each in await asyncio.gather(*waiting)] == [200] * 3


async def test_an_action_that_runs_when_the_sandbox_stops_is_told_of_by_the_ledger(tmp_path: Path) -> None:
    started = asyncio.Event()

    async def hangs(call: Call, given: dict[str, Any]) -> None:
        await call.documents.put("things", "one", {"name": "hangs"})
        started.set()
        await asyncio.Event().wait()

    app = Integration("app", "app", "App", "NONE", actions=(Action("hangs", "Never ends.", "write", hangs),))
    async with (
        InProcessSandbox(tmp_path / "db", integrations=[app]) as sandbox,
        httpx.AsyncClient(base_url=sandbox.base_url, transport=sandbox.transport) as http,
    ):
        headers = {
            "Authorization": f"Bearer {sandbox.api_key.get_secret_value()}",
            "connection-id": await sandbox.connect("app", {}),
            "provider-config-key": "app",
        }
        calling = asyncio.create_task(http.post("/action/trigger", headers=headers, json={"action_name": "hangs"}))
        await started.wait()
        calling.cancel()
    async with InProcessSandbox(tmp_path / "db", integrations=[app]) as sandbox:
        (entry,) = await sandbox.ledger()
    assert (entry.action, entry.status) == ("hangs", "failed")


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ({"x-async": "perhaps"}, "x-async"),
        ({"x-max-retries": "-1"}, "x-max-retries"),
        ({"x-max-retries": "6"}, "x-max-retries"),
        ({"x-max-retries": "nan"}, "x-max-retries"),
    ],
)
async def test_headers_that_make_no_sense_are_refused(run: Run, headers: dict[str, str], path: str) -> None:
    answer = await run("writes", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_headers")
    assert answer.json()["error"]["errors"][0]["path"] == [path]
    assert await run.written() == []


async def test_the_deprecated_route_runs_the_action_that_declares_it(run: Run) -> None:
    answer = await run.http.post("/v1/things/new", headers=run.headers, json={"a": 1})
    assert (answer.status_code, answer.json(), await run.written()) == (200, {"given": {"a": 1}}, ["writes"])
    assert (await run.http.get("/v1/things/new", headers=run.headers)).status_code == 404

"""Running actions: outputs, failures, and what the ledger says of them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from typing_extensions import TypedDict

from nango_sandbox import Sandbox
from nango_sandbox.functions.action import Action, Call, Integration

Trigger = Callable[..., Awaitable[httpx.Response]]


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


async def test_a_failed_action_changes_nothing_but_the_ledger(
    sandbox: Sandbox, trigger: Trigger, http: httpx.AsyncClient
) -> None:
    before = (await http.get("/sandbox/api/state")).json()
    answer = await trigger(
        "github/create-issue", owner="octo", repo="widgets", title="x", labels=["new"], assignees=["nobody"]
    )
    assert answer.status_code == 424
    assert (await http.get("/sandbox/api/state")).json() == before
    assert len(await sandbox.ledger()) == 1


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


async def test_an_output_over_two_megabytes_fails_and_is_undone() -> None:
    class Input(TypedDict):
        size: int

    async def big(call: Call, wanted: Input) -> str:
        await call.documents.put("things", "one", {"written": True})
        return "x" * wanted["size"]

    app = Integration("app", "app", "App", actions=(Action("big", "Returns so many bytes.", "write", big),))
    async with Sandbox(integrations=[app]) as sandbox, httpx.AsyncClient(base_url=sandbox.base_url) as http:
        headers = {
            "Authorization": f"Bearer {sandbox.api_key.get_secret_value()}",
            "connection-id": await sandbox.connect("app", {}),
            "provider-config-key": "app",
        }

        async def run(size: int) -> httpx.Response:
            return await http.post(
                "/action/trigger", headers=headers, json={"action_name": "big", "input": {"size": size}}
            )

        answer = await run(2 * 1024 * 1024)
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "script_internal_error")
        assert (await http.get("/sandbox/api/state")).json() == {}
        assert len((await run(2 * 1024 * 1024 - 2)).json()) == 2 * 1024 * 1024 - 2

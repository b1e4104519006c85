"""Nango's own Node SDK against the sandbox: actions, environment variables, webhooks."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from nango_sandbox import Sandbox
from nango_sandbox.apps import all_apps
from nango_sandbox.functions.action import Action, Call, Integration, Sync
from nango_sandbox.options import Options

pytestmark = pytest.mark.system

ALICE = {"end_user_id": "alice"}
WIDGETS = {"owner": "octo", "repo": "widgets"}
NOTE = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "text": {"type": "string"}},
    "required": ["id", "text"],
}
PATIENCE = 10
"""Seconds for what the sandbox does in the background."""


async def all_notes(call: Call, given: None) -> dict[str, list[dict[str, Any]]]:
    return {"Note": [{"id": f"n-{n}", "text": f"Note {n}"} for n in range(1, 6)]}


async def nothing(call: Call, given: dict[str, Any]) -> None:
    return None


NOTES = Integration(
    "notes",
    "private-api-bearer",
    "Notes",
    "API_KEY",
    actions=(Action("nothing", "Gives nothing back.", "read", nothing),),
    syncs=(Sync("notes", "Copies all notes.", {"Note": NOTE}, all_notes, auto_start=False),),
)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    options = Options(environment_variables={"FOO": "bar"})
    async with Sandbox(integrations=(*all_apps(), NOTES), options=options) as running:
        yield running


@pytest.fixture(autouse=True)
async def connections(sandbox, import_connection):
    await sandbox.connect("github", ALICE, "gh-alice")
    credentials = {"type": "API_KEY", "apiKey": "key-of-alice"}
    await import_connection(provider_config_key="notes", connection_id="n-alice", credentials=credentials, tags=ALICE)


def eventually(look: Callable[[], Any]) -> Any:
    """The first answer that is something; each look is a whole call, so this does not spin."""
    until = time.monotonic() + PATIENCE
    while not (seen := look()):
        assert time.monotonic() < until, "It did not come"
    return seen


# What is deployed


def test_the_deployed_functions_are_listed_for_all_integrations(nango):
    by_key = {each["providerConfigKey"]: each for each in nango("getScriptsConfig")}
    listing = next(each for each in by_key["github"]["actions"] if each["name"] == "list-issues")
    assert listing["enabled"]
    assert listing["input"] in listing["json_schema"]["definitions"]
    assert [each["name"] for each in by_key["notes"]["syncs"]] == ["notes"]
    names = {each["name"] for each in nango("getScriptsConfig", "openai")["data"]}
    assert {"list-issues", "notes"} <= names


def test_the_functions_of_one_integration_come_in_pages(nango, refused):
    of_github = {"uniqueKey": "github"}
    first = nango("listFunctions", of_github, {"type": "action", "limit": 2})
    assert [each["name"] for each in first["data"]] == ["add-issue-comment", "create-issue"]
    second = nango("listFunctions", of_github, {"type": "action", "limit": 2, "page": 1})
    assert not {each["name"] for each in first["data"]} & {each["name"] for each in second["data"]}
    assert second["pagination"] == {"total": first["pagination"]["total"], "page": 1, "limit": 2}
    labels = {each["name"] for each in nango("listFunctions", of_github, {"search": "label"})["data"]}
    assert {"create-label", "delete-label", "list-labels"} <= labels
    assert "list-repositories" not in labels
    assert [each["type"] for each in nango("listFunctions", {"uniqueKey": "notes"}, {"type": "sync"})["data"]] == [
        "sync"
    ]
    assert refused(lambda: nango("listFunctions", {"uniqueKey": "nope"})) == (404, "not_found")


def test_one_function_comes_with_its_schemas(nango, refused):
    function = nango("getFunction", {"uniqueKey": "github", "name": "create-issue"}, {"type": "action"})["data"]
    assert function["json_schema"]["definitions"][function["input"]]["required"] == ["owner", "repo", "title"]
    assert refused(lambda: nango("getFunction", {"uniqueKey": "github", "name": "nope"})) == (404, "not_found")


def test_the_code_of_a_function_can_be_read(nango, refused):
    code = nango("getFunctionCode", {"uniqueKey": "github", "name": "create-issue"})
    assert code["type"] == "action"
    assert code["code"]
    assert refused(lambda: nango("getFunctionCode", {"uniqueKey": "github", "name": "nope"})) == (404, "not_found")


# Actions


async def test_an_action_runs_once_with_its_input(sandbox, nango):
    made = nango("triggerAction", "github", "gh-alice", "create-issue", {**WIDGETS, "title": "From Node"})
    assert (made["title"], made["author"]) == ("From Node", "alice")
    [entry] = await sandbox.ledger()
    assert (entry.action, entry.connection_id, entry.input, entry.output) == (
        "create-issue", "gh-alice", {**WIDGETS, "title": "From Node"}, made,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("integration", "connection", "action", "given", "status", "code"),
    [
        ("github", "gh-alice", "get-issue", {**WIDGETS, "issue_number": 9999}, 424, "script_http_error"),
        ("github", "gh-alice", "get-issue", {"owner": "octo"}, 500, "action_script_runtime_error"),
        ("github", "gh-alice", "nope", {}, 404, "not_found"),
        ("github", "nobody", "list-issues", WIDGETS, 400, "unknown_connection"),
        ("nope", "gh-alice", "list-issues", WIDGETS, 400, "unknown_connection"),
    ],
    ids=["missing upstream", "invalid input", "unknown action", "unknown connection", "unknown integration"],
)
def test_an_action_that_fails_says_how(nango, refused, integration, connection, action, given, status, code):
    assert refused(lambda: nango("triggerAction", integration, connection, action, given)) == (status, code)


def test_an_answer_of_the_app_comes_with_its_status_and_body(nango, javascript_error):
    with pytest.raises(javascript_error) as caught:
        nango("triggerAction", "github", "gh-alice", "get-issue", {**WIDGETS, "issue_number": 9999})
    assert caught.value.body["error"]["upstream"]["status"] == 404
    assert caught.value.body["error"]["upstream"]["body"]["message"] == "Not Found"


@pytest.fixture
def result_of(nango, javascript_error):
    """The result of an asynchronous action, or None while there is none."""

    def result(**started: str) -> Any:
        try:
            return nango("getAsyncActionResult", started)
        except javascript_error as error:
            if error.status != 404:
                raise
            return None

    return result


async def test_an_action_started_in_the_background_gives_its_result_later(sandbox, nango, result_of):
    started = nango("triggerActionAsync", "github", "gh-alice", "create-issue", {**WIDGETS, "title": "Later"})
    assert started["statusUrl"] == f"/action/{started['id']}"
    result = eventually(lambda: result_of(**started))
    assert result["title"] == "Later"
    assert result_of(id=started["id"]) == result
    assert [entry.output for entry in await sandbox.ledger()] == [result]


def test_a_failure_in_the_background_is_told_when_the_result_is_asked_for(nango, result_of, javascript_error):
    started = nango("triggerActionAsync", "github", "gh-alice", "get-issue", {**WIDGETS, "issue_number": 9999})
    with pytest.raises(javascript_error) as caught:
        eventually(lambda: result_of(**started))
    assert (caught.value.status, caught.value.body["error"]["upstream"]["status"]) == (424, 404)


async def test_a_result_that_is_nothing_is_never_found(sandbox, nango, result_of):
    nothing = nango("triggerActionAsync", "notes", "n-alice", "nothing", {})
    after = nango("triggerActionAsync", "github", "gh-alice", "list-repositories", {})
    assert eventually(lambda: result_of(**after))
    assert [entry.action for entry in await sandbox.ledger()] == ["nothing", "list-repositories"]
    assert result_of(**nothing) is None


def test_what_cannot_start_in_the_background_is_refused_at_once(nango, refused):
    assert refused(lambda: nango("triggerActionAsync", "github", "gh-alice", "nope", {})) == (404, "not_found")
    assert refused(lambda: nango("getAsyncActionResult", {"id": "no-uuid"})) == (400, "invalid_uri_params")


# Environment variables


def test_environment_variables_are_listed(nango):
    assert nango("getEnvironmentVariables") == [{"name": "FOO", "value": "bar"}]


# Webhooks


@pytest.fixture
async def delivery(sandbox) -> tuple[bytes, dict[str, str]]:
    """The raw body and the headers of a webhook that the sandbox sent."""
    came: asyncio.Future[tuple[bytes, dict[str, str]]] = asyncio.get_running_loop().create_future()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        length = next(int(value) for name, value in headers.items() if name.lower() == "content-length")
        came.set_result((await reader.readexactly(length), headers))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(receive, "127.0.0.1", 0)
    async with server, asyncio.timeout(PATIENCE):
        sandbox.set_webhook_url(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        await sandbox.connect("slack", {"end_user_id": "zoë"})
        return await came


def test_a_webhook_is_signed_as_the_sdk_checks_it(nango, delivery):
    body, headers = delivery
    assert "zoë" in body.decode()
    assert nango("verifyIncomingWebhookRequest", body.decode(), headers)
    assert not nango("verifyIncomingWebhookRequest", body.decode() + " ", headers)
    assert not nango("verifyIncomingWebhookRequest", body.decode(), {"X-Nango-Hmac-Sha256": "0" * 64})


def test_a_webhook_carries_the_old_signature_as_well(nango, delivery):
    body, headers = delivery
    signature = next(value for name, value in headers.items() if name.lower() == "x-nango-signature")
    assert nango("verifyWebhookSignature", signature, json.loads(body))
    assert not nango("verifyWebhookSignature", signature, {})

"""What is deployed: listings of functions, their schemas, numbers and code; environment variables."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from nango_sandbox import Sandbox
from nango_sandbox.functions.action import Action, Call, Endpoint, Integration, Sync
from nango_sandbox.functions.frequency import interval
from nango_sandbox.functions.signature import Declared
from nango_sandbox.options import Options

THING = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}


async def does(call: Call, given: Any) -> Any:
    return given


async def copies(call: Call, given: None) -> dict[str, list[dict[str, Any]]]:
    return {"Thing": []}


TEXT = Declared({"type": "string"})
NOTHING = Declared({"type": "null"}, {"type": "null"})
OBJECT = Declared({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}, THING)
APP = Integration(
    "my-app",
    "app",
    "My App",
    "NONE",
    actions=(
        Action("zap", "Zaps.", "write", does, declared=OBJECT, endpoint=Endpoint("POST", "/zap", "Zapping")),
        Action("twice", "An action.", "read", does, declared=NOTHING, endpoint=Endpoint("GET", "/twice")),
        Action("off", "Is disabled.", "read", does, declared=OBJECT, enabled=False),
        Action("takes-text", "Takes a text.", "read", does, declared=TEXT),
    ),
    syncs=(Sync("twice", "A sync.", {"Thing": THING}, copies, frequency="every 30 minutes", track_deletes=True),),
)
BARE = Integration("bare", "bare", "Bare", "NONE")
OTHER = Integration(
    "other", "other", "Other", "NONE", actions=(Action("zap", "Zaps too.", "write", does, declared=OBJECT),)
)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    options = Options(environment_variables={"FOO": "bar", "EMPTY": ""})
    async with Sandbox(integrations=[APP, BARE, OTHER], options=options) as running:
        yield running


async def test_every_function_is_in_the_configuration_of_its_integration(http: httpx.AsyncClient) -> None:
    answer = (await http.get("/scripts/config")).json()
    assert [each["providerConfigKey"] for each in answer] == ["my-app", "other"]
    app = answer[0]
    assert [each["name"] for each in app["actions"]] == ["off", "takes-text", "twice", "zap"]
    assert [each["enabled"] for each in app["actions"]] == [False, True, True, True]
    zap = app["actions"][3]
    assert zap["endpoints"] == [{"method": "POST", "path": "/zap", "group": "Zapping"}]
    assert app["actions"][2]["endpoints"][0]["group"] == "My App"
    assert zap["json_schema"]["definitions"]["ActionInput_my_app_zap"]["required"] == ["a"]
    (sync,) = app["syncs"]
    assert {
        name: sync[name] for name in ("type", "returns", "input", "runs", "auto_start", "track_deletes", "sync_type")
    } == {
        "type": "sync",
        "returns": ["Thing"],
        "input": "SyncMetadata_my_app_twice",
        "runs": "every 30 minutes",
        "auto_start": True,
        "track_deletes": True,
        "sync_type": "full",
    }
    numbers = [each["id"] for integration in answer for kind in ("actions", "syncs") for each in integration[kind]]
    assert len(set(numbers)) == len(numbers) == 6


@pytest.mark.parametrize("query", ["format=nango", "format=bogus", "provider_config_key=other"])
async def test_what_the_configuration_does_not_know_is_ignored(http: httpx.AsyncClient, query: str) -> None:
    assert (await http.get(f"/scripts/config?{query}")).json() == (await http.get("/scripts/config")).json()


async def test_as_tools_the_syncs_are_among_them_and_names_come_twice(http: httpx.AsyncClient) -> None:
    tools = (await http.get("/scripts/config?format=openai")).json()["data"]
    assert [each["name"] for each in tools] == ["twice", "off", "takes-text", "twice", "zap", "zap"]
    assert all(set(each) == {"name", "description", "parameters"} for each in tools)
    assert tools[2]["parameters"] == {"type": "object", "properties": {}, "required": []}
    assert tools[4]["parameters"]["required"] == ["a"]


async def test_the_functions_of_an_integration_come_in_pages(http: httpx.AsyncClient) -> None:
    async def names(query: str) -> list[tuple[str, str]]:
        answer = (await http.get(f"/integrations/my-app/functions?{query}")).json()
        return [(each["type"], each["name"]) for each in answer["data"]]

    everything = await names("")
    assert everything == [
        ("action", "off"),
        ("action", "takes-text"),
        ("action", "twice"),
        ("action", "zap"),
        ("sync", "twice"),
    ]
    assert await names("limit=2&page=0") + await names("limit=2&page=1") + await names("limit=2&page=2") == everything
    assert await names("page=9") == []
    assert await names("type=sync") == [("sync", "twice")]
    assert await names("search=TA") == [("action", "takes-text")]
    answer = (await http.get("/integrations/my-app/functions?limit=2&page=1&type=action")).json()
    assert answer["pagination"] == {"total": 4, "page": 1, "limit": 2}
    bare = (await http.get("/integrations/bare/functions")).json()
    assert bare == {"data": [], "pagination": {"total": 0, "page": 0, "limit": 20}}


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("nope/functions", 404, "Integration does not exist"),
        ("my-app/functions/nope", 404, "Function does not exist"),
        ("my-app/functions/zap?type=sync", 404, "Function does not exist"),
        ("my-app/functions?limit=101", 400, None),
        ("my-app/functions?limit=0", 400, None),
        ("my-app/functions?page=-1", 400, None),
        ("my-app/functions?limit=1.5", 400, None),
        ("my-app/functions?search=%20%20", 400, None),
        ("my!app/functions", 400, None),
        ("my-app/functions/z!p", 400, None),
        ("my-app/functions/zap?type=other", 400, None),
    ],
)
async def test_functions_that_are_not_there_are_refused(
    http: httpx.AsyncClient, path: str, status: int, message: str | None
) -> None:
    answer = await http.get(f"/integrations/{path}")
    assert (answer.status_code, answer.json()["error"].get("message")) == (status, message)


async def test_an_action_and_a_sync_of_one_name_are_told_apart_by_type(http: httpx.AsyncClient) -> None:
    async def one(query: str) -> Any:
        return (await http.get(f"/integrations/my-app/functions/twice{query}")).json()

    assert (await one(""))["data"]["type"] == "action"
    assert (await one("?type=sync"))["data"]["runs"] == "every 30 minutes"
    assert "async def copies" in (await one("/code?type=sync"))["code"]
    assert "async def does" in (await one("/code"))["code"]


async def test_tools_are_what_takes_an_object_or_nothing_and_is_enabled(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    connection = {"connection-id": await sandbox.connect("my-app", {}), "provider-config-key": "my-app"}
    headers = {**connection, "accept": "application/json, text/event-stream"}

    async def call(method: str, **params: Any) -> str:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return (await http.post("/mcp", headers=headers, json=message)).text

    listed = await call("tools/list")
    assert [name for name in ("zap", "twice", "off", "takes-text") if f'"name":"{name}"' in listed] == ["zap", "twice"]
    assert "action_script_failure" in await call("tools/call", name="off", arguments={})
    assert "Action is disabled: " in await call("tools/call", name="off", arguments={})
    assert await sandbox.ledger() == []


async def test_environment_variables_are_those_that_were_set(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    listed = (await http.get("/environment-variables")).json()
    assert listed == [{"name": "FOO", "value": "bar"}, {"name": "EMPTY", "value": ""}]
    key = await sandbox.create_api_key("other", ["environment:mcp"])
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"}
    for path in ("/environment-variables", "/scripts/config", "/integrations/my-app/functions", "/sync/status"):
        assert (await http.get(path, headers=headers)).status_code == 403


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("every hour", timedelta(hours=1)),
        ("every 30 minutes", timedelta(minutes=30)),
        ("Every half hour", timedelta(minutes=30)),
        ("every 30 seconds", timedelta(seconds=30)),
        ("every day", timedelta(days=1)),
        ("every 2 weeks", timedelta(weeks=2)),
    ],
)
def test_frequencies_are_words(words: str, expected: timedelta) -> None:
    assert interval(words) == expected


@pytest.mark.parametrize(
    "words", ["", "hourly", "every", "every second", "every 0 hours", "every -5 minutes", "every 1.5 days"]
)
def test_a_sync_cannot_be_declared_with_a_frequency_that_is_none(words: str) -> None:
    with pytest.raises(ValueError, match=r"frequency|often"):
        Sync("x", "X.", {}, copies, frequency=words)

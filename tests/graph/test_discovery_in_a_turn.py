"""Whole turns with keys that may do less, and what a second turn asks Nango for."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from nango_sandbox import Sandbox
from nango_sandbox.apps import all_apps
from nango_sandbox.catalog import read_catalog
from nango_sandbox.faults import Dropped, Fault, Status

OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE: dict[str, Any] = {"type": "approve"}
LISTINGS = ("/mcp", "/scripts/config", "/integrations")

LIST = {"id": "s1", "tool": "github/list-issues", "arguments": OCTO, "purpose": "as asked"}
CREATE = {
    "id": "s2",
    "tool": "github/create-issue",
    "arguments": {**OCTO, "title": "About ${s1.issues[0].title}"},
    "purpose": "as asked",
}


TAGS = {
    "integration": "notebook",
    "name": "create-tags",
    "description": "Create tags",
    "input_schema": {"type": "array", "items": {"type": "string"}, "minItems": 1},
}


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """With an action whose input is a list."""
    (tmp_path / "catalog.jsonl").write_text(json.dumps(TAGS))
    async with Sandbox(integrations=[*all_apps(), *read_catalog(tmp_path / "catalog.jsonl")]) as running:
        yield running


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps)}


def of_tools(seen: Any) -> dict[str, Any]:
    return next(part for part in seen.parts if part.get("type") == "tools")


async def test_a_second_turn_asks_nango_for_connections_and_for_no_listing(agent: Any) -> None:
    agent.model.script = [plan(LIST), plan({**LIST, "id": "s2"})]
    await agent.say("list the issues")
    before = len(await agent.sandbox.requests())
    await agent.say("list them again", thread="another", user="ada")
    asked = [request.path for request in (await agent.sandbox.requests())[before:]]
    assert not [path for path in asked if path in LISTINGS]
    assert all(path.startswith(("/connections", "/action/trigger")) for path in asked)
    assert asked.count("/action/trigger") == 1


async def test_another_user_of_the_same_integration_costs_no_listing(agent: Any) -> None:
    await agent.sandbox.connect("github", {"end_user_id": "bob"})
    agent.model.integrations = ["github"]
    agent.model.script = [plan(LIST), plan({**LIST})]
    await agent.say("list the issues in github")
    before = len(await agent.sandbox.requests())
    await agent.say("list the issues in github", thread="bobs", user="bob")
    asked = [request.path for request in (await agent.sandbox.requests())[before:]]
    assert not [path for path in asked if path in LISTINGS]


@pytest.mark.parametrize(
    ("scopes", "listing", "way"),
    [
        (["environment:mcp", "environment:connections:list"], "mcp", "mcp"),
        (
            ["environment:actions:execute", "environment:functions:list", "environment:connections:list"],
            "scripts",
            "rest",
        ),
        (["environment:mcp", "environment:functions:list", "environment:connections:list"], "both", "mcp"),
    ],
)
async def test_a_key_with_few_scopes_reads_and_writes_what_was_approved(
    sandbox: Sandbox, start: Any, scopes: list[str], listing: str, way: str
) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    await sandbox.connect("slack", {"end_user_id": "somebody else"})
    key = await sandbox.create_api_key("few scopes", scopes)
    async with start(nango={"api_key": key}) as agent:
        agent.model.integrations = ["github"]
        agent.model.script = [plan(LIST, CREATE), plan({**LIST, "id": "s3"})]
        seen = await agent.say("open an issue about the newest one")
        assert of_tools(seen)["listings"] == {"github": listing}
        assert of_tools(seen)["counts"]["github"] > 5
        assert [request["name"] for request in seen.asks] == ["github/create-issue"]
        assert [entry.action for entry in await agent.ledger()] == ["list-issues"]
        seen = await agent.decide(APPROVE)
        assert seen.answer == "Done."
        assert [(entry.action, entry.via) for entry in await agent.ledger()] == [
            ("list-issues", way),
            ("create-issue", way),
        ]
        seen = await agent.say("and the newest one now?")
        assert of_tools(seen)["runs_over"] == way


async def test_a_process_that_comes_back_with_such_a_key_goes_on_with_what_is_approved(
    sandbox: Sandbox, start: Any, tmp_path: Any
) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    key = await sandbox.create_api_key("few scopes", ["environment:mcp", "environment:connections:list"])
    saver, records = InMemorySaver(), tmp_path / "kept.db"
    async with start(nango={"api_key": key}, saver=saver, records=records) as agent:
        agent.model.integrations = ["github"]
        agent.model.script = [plan({**CREATE, "id": "s1", "arguments": {**OCTO, "title": "Once"}})]
        await agent.say("open an issue")
    async with start(nango={"api_key": key}, saver=saver, records=records) as agent:
        seen = await agent.decide(APPROVE)
        assert seen.answer == "Done."
        assert await agent.written() == [("create-issue", {**OCTO, "title": "Once"})]


async def test_a_connection_that_is_gone_does_not_stop_another_users_discovery(sandbox: Sandbox, start: Any) -> None:
    async with start() as agent:
        found = await agent.services.catalog.discover([("github", "gone")])
        assert {tool.source for tool in found["github"]} == {"scripts"}
        await sandbox.connect("github", {"end_user_id": "ada"}, "adas")
        found = await agent.services.catalog.discover([("github", "adas")])
        assert "both" in {tool.source for tool in found["github"]}


async def test_a_list_is_asked_for_as_it_is_sent_and_one_that_does_not_fit_is_refused(
    sandbox: Sandbox, start: Any
) -> None:
    await sandbox.connect("notebook", {"end_user_id": "ada"})
    async with start() as agent:
        agent.model.integrations = ["notebook"]
        tags = {"id": "s1", "tool": "notebook/create-tags", "purpose": "as asked"}
        agent.model.script = [
            plan({**tags, "arguments": {"input": []}}),
            plan({**tags, "arguments": {"input": ["red", "blue"]}}),
        ]
        seen = await agent.say("create the tags red and blue")
        assert "arguments don't fit notebook/create-tags" in agent.model.prompts[1]
        assert seen.asks[0]["args"] == {"input": ["red", "blue"]}
        await agent.decide(APPROVE)
        assert [entry.input for entry in await agent.ledger()] == [["red", "blue"]]


def failing(how: str) -> Fault:
    """Of Slack's MCP, for good."""
    if how == "reset":
        return Dropped(when="before", path="/mcp", integration="slack", times=None)
    body = {"error": {"code": "no", "message": "no"}}
    return Status(status=int(how), body=body, path="/mcp", integration="slack", times=None)


@pytest.mark.parametrize("how", ["500", "429", "reset"])
async def test_a_listing_that_fails_stops_no_job_that_needs_another_one_and_is_told(
    sandbox: Sandbox, start: Any, how: str
) -> None:
    for integration in ("github", "slack"):
        await sandbox.connect(integration, {"end_user_id": "ada"})
    sandbox.faults.add(failing(how))
    async with start() as agent:
        agent.model.integrations = ["github", "slack"]
        agent.model.script = [plan(LIST)]
        seen = await agent.say("list the issues")
    assert seen.answer == "Done."
    assert of_tools(seen)["listings"] == {"github": "both", "slack": "scripts"}
    assert of_tools(seen)["counts"]["slack"] > 0
    assert list(of_tools(seen)["failed"]) == ["slack"]
    assert [entry.action for entry in await sandbox.ledger()] == ["list-issues"]


async def test_where_nothing_else_lists_its_tools_the_planner_is_told_to_do_without(
    sandbox: Sandbox, start: Any
) -> None:
    for integration in ("github", "slack"):
        await sandbox.connect(integration, {"end_user_id": "ada"})
    sandbox.faults.add(failing("500"))
    key = await sandbox.create_api_key("mcp", ["environment:mcp", "environment:connections:list"])
    async with start(nango={"api_key": key}) as agent:
        agent.model.integrations = ["github", "slack"]
        agent.model.script = [plan(LIST)]
        seen = await agent.say("list the issues")
    assert seen.answer == "Done."
    assert of_tools(seen)["counts"]["slack"] == 0
    assert "500" in of_tools(seen)["failed"]["slack"]
    (prompt,) = agent.model.prompts
    assert "<declined>\nslack (Nango can't list its tools just now; it may work later)\n" in prompt

"""What README says of an API key's scopes: with exactly these a whole turn works, an authorization in it too; with one less none does."""

import contextlib
from typing import Any

import pytest

from nango_sandbox import Sandbox
from nango_tools import InsufficientScopeError

OCTO = {"owner": "octo", "repo": "widgets"}
STEPS = [
    {"id": "s1", "tool": "github/list-issues", "arguments": OCTO},
    {"id": "s2", "tool": "github/create-issue", "arguments": {**OCTO, "title": "About ${s1.issues[0].title}"}},
]
APPROVE: dict[str, Any] = {"type": "approve"}
OVER_REST = ("connections:list", "connect_sessions:write", "functions:list", "actions:execute")
OVER_MCP = ("connections:list", "connect_sessions:write", "integrations:list", "mcp")


async def job(sandbox: Sandbox, start: Any, scopes: tuple[str, ...]) -> list[tuple[str, str]]:
    """What ran, and over what: a list and a write, by a user who has to connect an account first."""
    key = await sandbox.create_api_key("few", [f"environment:{scope}" for scope in scopes])
    async with start(nango={"api_key": key}) as agent:
        agent.model.integrations, agent.model.script = ["github"], [{"kind": "plan", "steps": STEPS}] * 3
        seen = await agent.say("open an issue about the newest one")
        assert seen.asks[0]["args"]["connect_link"].startswith("http")
        await sandbox.connect("github", {"end_user_id": "ada"})
        seen = await agent.decide(APPROVE)
        if seen.question is not None:
            await agent.decide(APPROVE)
    return [(entry.action, entry.via) for entry in await sandbox.ledger() if entry.status == "succeeded"]


@pytest.mark.parametrize(("scopes", "way"), [(OVER_REST, "rest"), (OVER_MCP, "mcp")])
async def test_these_scopes_are_enough_to_connect_to_read_and_to_write(
    sandbox: Sandbox, start: Any, scopes: tuple[str, ...], way: str
) -> None:
    assert await job(sandbox, start, scopes) == [("list-issues", way), ("create-issue", way)]


@pytest.mark.parametrize(("scopes", "without"), [(scopes, each) for scopes in (OVER_REST, OVER_MCP) for each in scopes])
async def test_with_one_less_nothing_is_done(
    sandbox: Sandbox, start: Any, scopes: tuple[str, ...], without: str
) -> None:
    left = tuple(scope for scope in scopes if scope != without)
    with contextlib.suppress(InsufficientScopeError, AssertionError):
        await job(sandbox, start, left)
    assert [entry for entry in await sandbox.ledger() if entry.status == "succeeded"] == []

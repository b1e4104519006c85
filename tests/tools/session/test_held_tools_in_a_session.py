"""A session lives long: before each call the catalogue says whether the tool is still the one that was offered."""

from dataclasses import replace
from typing import Any

import pytest

import nango_tools
from agents import MovableClock
from nango_graph.pinning import Pins
from nango_sandbox import Sandbox
from nango_sandbox.apps import github
from nango_sandbox.functions.signature import Declared
from nango_tools import Catalog
from nango_tools.agent_session.gating import Refused

OCTO = {"owner": "octo", "repo": "widgets"}
ISSUES = "github/list-issues"
SPELL = "OBEY ME"


@pytest.fixture
def guarded(nango, records) -> Catalog:
    return Catalog(nango, guard=Pins(records.definitions, environment="here", clock=MovableClock()))


async def change(sandbox: Sandbox, **changes: Any) -> None:
    action = github().action("list-issues")
    assert action is not None
    await sandbox.deploy("github", replace(action, **changes))


async def test_a_tool_that_was_held_back_since_it_was_offered_is_not_run(sandbox: Sandbox, nango, guarded) -> None:
    await sandbox.connect("github", {"end_user_id": "alice"})
    async with nango_tools.session("alice", integrations=["github"], nango=nango, catalog=guarded) as alice:
        [issues] = [tool for tool in alice.tools if tool.name == "github__list-issues"]
        assert (await alice.run(ISSUES, OCTO))["issues"]
        ran = len(await sandbox.ledger())
        await change(sandbox, description=SPELL)
        assert (await alice.run(ISSUES, OCTO))["issues"], "the listing is kept for its ttl"
        guarded.forget()
        with pytest.raises(Refused, match="held back"):
            await alice.run(ISSUES, OCTO)
        refused = await issues.ainvoke({"type": "tool_call", "id": "1", "name": issues.name, "args": OCTO})
        assert "held back" in refused.text
        assert SPELL not in refused.text
        assert len(await sandbox.ledger()) == ran + 1
        await change(sandbox)
        guarded.forget()
        assert (await alice.run(ISSUES, OCTO))["issues"], "it was taken back"


async def test_a_tool_that_is_another_one_or_gone_is_not_run_without_a_guard_either(sandbox: Sandbox, nango) -> None:
    await sandbox.connect("github", {"end_user_id": "alice"})
    catalog = Catalog(nango)
    async with nango_tools.session("alice", integrations=["github"], nango=nango, catalog=catalog) as alice:
        await change(sandbox, description="List other issues.")
        catalog.forget()
        with pytest.raises(Refused, match="has changed since"):
            await alice.run(ISSUES, OCTO)
        await alice.refresh()
        assert (await alice.run(ISSUES, OCTO))["issues"]
        await change(sandbox, description="List other issues.", enabled=False)
        catalog.forget()
        with pytest.raises(Refused, match="no tool github/list-issues here any more"):
            await alice.run(ISSUES, OCTO)


async def test_a_text_in_an_output_schema_is_not_shown_before_it_is_accepted(sandbox: Sandbox, nango, guarded) -> None:
    await sandbox.connect("github", {"end_user_id": "alice"})
    async with nango_tools.session("alice", integrations=["github"], nango=nango, catalog=guarded, whole=0) as alice:
        schema = next(tool for tool in alice.tools if tool.name == "get_tool_schema")
        action = github().action("list-issues")
        assert action is not None
        told = {"type": "object", "properties": {"issues": {"type": "array", "description": SPELL}}}
        given = alice.offered[ISSUES].input_schema
        await change(sandbox, declared=Declared(given, told, checked=False))
        guarded.forget()
        await alice.refresh()
        assert SPELL not in str(await schema.ainvoke({"tool": ISSUES}))
        assert [held.tool for held in guarded.held("github")] == [ISSUES]

"""Seven hundred integrations with long keys: prompts keep their length, and what is not listed can be found and named."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nango_graph.planning.presenting import DIRECTORY, KEYS, tokens_of
from nango_sandbox import Sandbox
from nango_sandbox.apps import all_apps
from nango_sandbox.catalog import read_catalog

LONG = "-with-a-name-that-goes-on-and-on" * 5
COMMON = {"description": "Does it.", "input_schema": {"type": "object"}, "auth_mode": "API_KEY"}
WANTED = f"app-650{LONG}"


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    lines = [{"integration": f"app-{number}{LONG}", "name": "list-parcels"} for number in range(100, 800)]
    lines.append({"integration": WANTED, "name": "milk-turbine"})
    file = tmp_path / "catalog.jsonl"
    file.write_text("\n".join(json.dumps({**line, **COMMON}) for line in lines))
    async with Sandbox(integrations=[*all_apps(), *read_catalog(file)]) as running:
        yield running


def others(prompt: str) -> list[str]:
    found = re.search(r"^<other_integrations>\n(.*?)\n</other_integrations>", prompt, re.MULTILINE | re.DOTALL)
    assert found
    return found[1].splitlines()


async def test_a_key_that_is_not_listed_is_found_by_a_search_and_can_be_named(start: Any, sandbox: Sandbox) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start() as agent:
        agent.model.integrations = ["github"]
        agent.model.script = [
            {"kind": "search_tools", "text": "milk turbine"},
            {"kind": "integration", "integration": WANTED},
        ]
        seen = await agent.say("wenn schon, dann github")
        first, second = (others(prompt) for prompt in agent.model.prompts)
        assert not [line for line in first if line.startswith(WANTED)]
        (line,) = [line for line in second if line.startswith(WANTED)]
        assert "milk-turbine" in line
        for listed in (first, second):
            assert tokens_of("\n".join(listed)) <= KEYS + DIRECTORY
            # Of 700 apps and HubSpot and Slack.
            assert listed[-1].startswith(f"… and {702 - (len(listed) - 1)} more integrations.")
        assert seen.asks[0]["args"]["integration"] == WANTED


async def test_one_that_no_prompt_listed_can_be_named_all_the_same(start: Any, sandbox: Sandbox) -> None:
    async with start() as agent:
        agent.model.integrations = [WANTED]
        seen = await agent.say("etwas anderes")
        assert seen.asks[0]["args"]["integration"] == WANTED

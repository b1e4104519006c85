"""What each part of a request needs is in view, although most of its words are about something else."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
from langchain_core.messages import HumanMessage

from nango_graph.catalog_view import view_of
from nango_graph.finding_tools import ToolFinder
from nango_graph.state import State, Turn
from nango_tools.catalog.definitions import read_definitions

SHARED = Path(__file__).parents[4] / "shared" / "action-catalog"


def asked(request: str) -> State:
    turn = Turn(id="t", message_id="m", request=request, settings={}, planned=0)
    state: dict[str, Any] = {"turn": turn, "messages": [HumanMessage(request, id="m")]}
    return cast("State", {**state, "unfinished": [], "earlier": [], "results": []})


@pytest.mark.skipif(not SHARED.exists(), reason="the labelled requests are not here")
async def test_two_thirds_of_the_steps_of_real_jobs_are_in_view_among_three_thousand_tools() -> None:
    tools = {tool.id: tool for tool in (each.tool() for each in read_definitions(SHARED / "catalog.jsonl.gz"))}
    jobs = json.loads((SHARED / "requests.json").read_text())["multi"]
    finder, seen = ToolFinder(), list[bool]()
    for job in jobs:
        _, shown = await view_of(asked(job["text"]), tools, [], finder, searched=[], words=[])
        for step in job["steps"]:
            would_do = {"/".join(pair) for pair in ([step["integration"], step["action"]], *step["also"])}
            seen.append(bool(would_do & set(shown)))
    assert sum(seen) >= 0.68 * len(seen), f"{sum(seen)} of {len(seen)}"

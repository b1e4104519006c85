"""What the models see of the tools: which signatures, which index, which names of integrations that are not in use."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from langchain_core.messages import HumanMessage

from nango_graph.finding_tools import ToolFinder
from nango_graph.planning.presenting import (
    DIRECTORY,
    DIRECTORY_BESIDE_AN_INDEX,
    chosen_signatures,
    directory_fits,
    fits_whole,
    integration_directory,
    presentable_summaries,
    signatures,
    tool_index,
)
from nango_graph.prompts import Offered, said_before
from nango_graph.state import State
from nango_tools import IntegrationSummary, Tool

_OF_THE_REQUEST = 100
"""Hits that are looked at; the budget decides how many are shown."""
_BEST = 15
"""Of these, those that come before what earlier requests were near."""
_OF_A_PART = 5
"""A job of several steps says what each needs in a few words, which drown among all the others."""
_MOST_PARTS = 12
_OF_AN_EARLIER_REQUEST = 8
_USED = 12
"""Tools of this conversation, the latest ones: a long one must leave room for what is wanted now."""
_NAMES = 60
"""The same, for names of integrations that are not in use."""

_BETWEEN_PARTS = re.compile(r"[.;:!?\n]+\s|,\s+|\s+(?:and|then)\s+", re.IGNORECASE)


async def view_of(
    state: State,
    tools: Mapping[str, Tool],
    others: Sequence[IntegrationSummary],
    finder: ToolFinder,
    *,
    searched: Iterable[str],
    words: Sequence[str],
) -> tuple[Offered, Collection[str]]:
    """What the plan prompt shows, and the ids of the tools whose signatures it shows.

    searched: ids of tools to show in any case; words: what the planner searched by, the last one last
    """
    shown, index, room = tools, "", DIRECTORY
    if not fits_whole(tools.values()):
        room = DIRECTORY_BESIDE_AN_INDEX
        index = tool_index(tools.values())
        must = [tools[tool_id] for tool_id in searched if tool_id in tools]
        shown = chosen_signatures(must, await _needed(state, tools, finder))
    directory = await directory_for([*reversed(words), *requests_of(state)], others, finder, room)
    return Offered(index=index, signatures=signatures(shown.values()), others=directory), shown.keys()


async def directory_for(
    queries: Sequence[str], integrations: Sequence[IntegrationSummary], finder: ToolFinder, budget: int = DIRECTORY
) -> str:
    """Every integration by its key, with the names of its tools: all, or those that fit the queries (most important first)."""
    listed, near = presentable_summaries(integrations), list[str]()
    if not directory_fits(listed, budget):
        for query in queries:
            near += await finder.names(query, listed, limit=_NAMES)
    return integration_directory(listed, near, budget)


def requests_of(state: State) -> list[str]:
    """What the user wants, and, as that may be *yes, do that*, what was said before; the last one first."""
    before = said_before(state["turn"], state["messages"])[-4:]
    return [state["turn"]["request"], *(said.text for said in reversed(before) if isinstance(said, HumanMessage))]


async def _needed(state: State, tools: Mapping[str, Tool], finder: ToolFinder) -> list[Tool]:
    """Most wanted first: what was interrupted or used in this conversation, then what is near the request and earlier ones."""
    used = [
        *(str(step.get("tool")) for step in state["unfinished"]),
        *(result["tool"] for result in reversed([*state["earlier"], *state["results"]])),
    ]
    request, *earlier = requests_of(state)
    needed = [tools[tool_id] for tool_id in dict.fromkeys(used) if tool_id in tools][:_USED]
    best = await finder.tools(request, tools, limit=_OF_THE_REQUEST)
    needed += best[:_BEST]
    for part in _parts_of(request):
        needed += await finder.tools(part, tools, limit=_OF_A_PART)
    for query in earlier:
        needed += await finder.tools(query, tools, limit=_OF_AN_EARLIER_REQUEST)
    return needed + best


def _parts_of(request: str) -> list[str]:
    """What stands between commas, full stops and the like; none where that is all one."""
    parts = [part for part in _BETWEEN_PARTS.split(request) if len(part.split()) > 1]
    return parts[:_MOST_PARTS] if len(parts) > 1 else []

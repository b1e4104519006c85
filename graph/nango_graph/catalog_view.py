"""What the models see of the tools: which signatures, which index, which names of integrations that are not in use."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, zip_longest

from langchain_core.messages import HumanMessage

from nango_graph.finding_tools import ToolFinder
from nango_graph.naming import called
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
"""Of these, those that share the room, in turns, with what is near each part and each name in it."""
_OF_A_PART = 8
"""A job of several steps says what each needs in a few words, which drown among all the others."""
_FIRST = 25
"""Of all that share it, those that come before what earlier requests were near."""
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
    if not fits_whole(tools.values(), finder.signature):
        room = DIRECTORY_BESIDE_AN_INDEX
        index = tool_index(tools.values())
        must = [tools[tool_id] for tool_id in searched if tool_id in tools]
        shown = chosen_signatures(must, await _needed(state, tools, finder), signature=finder.signature)
    directory = await directory_for([*reversed(words), *requests_of(state)], others, finder, room)
    in_full = signatures(shown.values(), finder.signature)
    return Offered(index=index, signatures=in_full, others=directory), shown.keys()


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
    shares = [best[:_BEST], *await _near_parts(request, tools, finder), *await _near_names(request, tools, finder)]
    wanted = list({tool.id: tool for tool in _in_turns(shares)}.values())
    needed += wanted[:_FIRST]
    for query in earlier:
        needed += await finder.tools(query, tools, limit=_OF_AN_EARLIER_REQUEST)
    return [*needed, *wanted[_FIRST:], *best]


async def _near_parts(request: str, tools: Mapping[str, Tool], finder: ToolFinder) -> list[list[Tool]]:
    return [await finder.tools(part, tools, limit=_OF_A_PART) for part in _parts_of(request)]


async def _near_names(request: str, tools: Mapping[str, Tool], finder: ToolFinder) -> list[list[Tool]]:
    """In each integration that is named, near the whole request: a name is said once, and stands for what is said elsewhere, too."""
    names = called(request, sorted({tool.integration for tool in tools.values()}))
    return [await finder.of_integrations(request, tools, keys, limit=_OF_A_PART) for keys in names[:_MOST_PARTS]]


def _in_turns(shares: Sequence[Sequence[Tool]]) -> Iterator[Tool]:
    return (tool for tool in chain.from_iterable(zip_longest(*shares)) if tool is not None)


def _parts_of(request: str) -> list[str]:
    """What stands between commas, full stops and the like; none where that is all one."""
    parts = [part for part in _BETWEEN_PARTS.split(request) if len(part.split()) > 1]
    return parts[:_MOST_PARTS] if len(parts) > 1 else []

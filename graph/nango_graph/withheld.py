"""Tells people, never a model, which rule stood in the way of a request, or which tool is held back until its change is accepted."""

import asyncio
from collections.abc import Sequence

from nango_graph.connections.finding import integrations_for
from nango_graph.display import visible
from nango_graph.finding_tools import by_name
from nango_graph.offering import Offer, because_denied, because_held, denied_in, offer_of
from nango_graph.records import TurnRow
from nango_graph.services import Services
from nango_graph.state import State
from nango_tools import NangoError, Tool
from nango_tools.search import ToolSearch

_NEAR = 0.9
"""Of the best score: what fits a request nearly as well as the best tool may have been meant."""
_ENOUGH = 0.5
"""Of the best score: what was used and fits so well was what was asked for. Nobody is told of rules over a job that was done."""
_LOOKED_AT = 20


async def withheld_from(state: State, turn: TurnRow, services: Services) -> str:
    """Sentences; "" where nothing was missing."""
    told = [result["withheld"] for result in state["results"] if result.get("withheld")]
    asks_back = (reply := state.get("reply")) is not None and reply["kind"] == "question"
    if not told and not asks_back:
        try:
            told = await _needed(state, turn, services)
        except NangoError:
            # The answer counts, and Nango can't be asked what else there is.
            told = []
    return "\n\n".join(visible(sentence, keep="") for sentence in dict.fromkeys(told))


async def _needed(state: State, turn: TurnRow, services: Services) -> list[str]:
    """Why the tool is withheld that the request speaks of more clearly than of any that was there to be used."""
    offer = await offer_of(state, turn, services) if state.get("connections") else Offer({})
    known: dict[str, Tool] = {**offer.tools, **{tool_id: tool for tool_id, (tool, _) in offer.denied.items()}}
    reasons = {tool_id: because_denied(tool_id, ruling) for tool_id, (_, ruling) in offer.denied.items()}
    reasons |= {held.tool: because_held(held) for held in offer.held}
    used = {result["tool"] for result in state["results"] if result["status"] == "succeeded"}
    if not used:
        await _look_further(turn, services, known, reasons)
    if not reasons:
        return []
    undescribed = [by_name(tool_id) for tool_id in reasons if tool_id not in known]
    request, tools = state["turn"]["request"], list(known.values())
    fits = await asyncio.to_thread(_fits, request, tools)
    if undescribed:
        # Of a tool that is held back there is but the name, and by names it is compared with the others.
        of_names = await asyncio.to_thread(_fits, request, [*(by_name(tool.id) for tool in tools), *undescribed])
        fits = {tool_id: max(fits.get(tool_id, 0.0), of_names.get(tool_id, 0.0)) for tool_id in [*fits, *of_names]}
    if any(fits.get(tool_id, 0.0) >= _ENOUGH for tool_id in used):
        return []
    missed = [reasons[tool_id] for tool_id, fit in fits.items() if fit >= _NEAR and tool_id in reasons]
    return [f"This may have needed another tool. {reason}" for reason in missed[:1]]


async def _look_further(turn: TurnRow, services: Services, known: dict[str, Tool], reasons: dict[str, str]) -> None:
    """Adds the tools of integrations that were not even chosen: it may be that all they could have done is denied."""
    only = turn.settings.get("integrations")
    summaries = [one for one in await integrations_for(services, turn.requester) if not only or one.key in only]
    denied = await denied_in(summaries, turn, services)
    for summary in summaries:
        for name, description in summary.tools:
            known.setdefault(f"{summary.key}/{name}", by_name(f"{summary.key}/{name}", description))
        for name, ruling in denied[summary.key].items():
            reasons.setdefault(f"{summary.key}/{name}", because_denied(f"{summary.key}/{name}", ruling))
        for held in services.catalog.held(summary.key):
            reasons.setdefault(held.tool, because_held(held))


def _fits(request: str, tools: Sequence[Tool]) -> dict[str, float]:
    """How well the tools that fit best do so, the best one as 1, by id."""
    hits = ToolSearch(tools).search(request, limit=_LOOKED_AT)
    return {hit.tool.id: hit.score / hits[0].score for hit in hits}

"""Asks Nango which tools the connections of this turn offer. The catalogue keeps them; the planner reads them there."""

from typing import Any

from langgraph.runtime import Runtime

from nango_graph.context import Context
from nango_graph.offering import offer_of
from nango_graph.services import Services
from nango_graph.state import State
from nango_graph.turn import turn_of


async def discover_tools(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:
    """Streams `{"type": "tools"}`. counts: tools of each integration; listings: where those come from ("mcp", "scripts" or
    "both"); failed: by integration, why its tools could not be listed, so that they are old, or of "scripts" alone, or none;
    held: ids of tools that the catalogue keeps back; runs_over: how actions are run ("rest" or "mcp"), as far as
    that is known.
    """
    turn = await turn_of(state, runtime, services)
    offer = await offer_of(state, turn, services)
    counts: dict[str, int] = dict.fromkeys(state.get("connections") or {}, 0)
    for tool in offer.tools.values():
        counts[tool.integration] += 1
    runtime.stream_writer(
        {
            "type": "tools",
            "counts": counts,
            "listings": {integration: services.catalog.source(integration) for integration in counts},
            "failed": {
                integration: str(error)
                for integration in counts
                if (error := services.catalog.failed(integration)) is not None
            },
            "held": [held.tool for held in offer.held],
            "runs_over": services.nango.runner.path,
        }
    )
    return {}

"""Asks Nango which tools the connections of this turn offer. The catalogue keeps them; the planner reads them there."""

from typing import Any

from langgraph.runtime import Runtime

from nango_graph.context import Context
from nango_graph.offering import offer_of
from nango_graph.services import Services
from nango_graph.state import State
from nango_graph.turn import turn_of


async def discover_tools(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:
    turn = await turn_of(state, runtime, services)
    tools = (await offer_of(state, turn, services)).tools
    counts: dict[str, int] = dict.fromkeys(state.get("connections") or {}, 0)
    for tool in tools.values():
        counts[tool.integration] += 1
    runtime.stream_writer({"type": "tools", "counts": counts})
    return {}

"""Asks Nango which tools the connections of this turn offer. The catalogue keeps them; the planner reads them there."""

from typing import Any

from langgraph.runtime import Runtime

from nango_graph.context import Context
from nango_graph.services import Services
from nango_graph.state import State
from nango_tools import ReauthorizationRequired, Tool, UnknownConnection


async def discover_tools(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:
    tools = await tools_of(state, services)
    counts: dict[str, int] = dict.fromkeys(state.get("connections") or {}, 0)
    for tool in tools.values():
        counts[tool.integration] += 1
    runtime.stream_writer({"type": "tools", "counts": counts})
    return {}


async def tools_of(state: State, services: Services) -> dict[str, Tool]:
    """Tools by id (`integration/name`) of this turn's connections."""
    connections = [(one["integration"], one["connection_id"]) for one in (state.get("connections") or {}).values()]
    try:
        discovered = await services.catalog.discover(connections)
    except (UnknownConnection, ReauthorizationRequired):
        # One broke just now. What is known of its tools without it will do, until a step needs it and parks.
        discovered = {integration: await services.catalog.tools(integration) for integration, _ in connections}
    return {tool.id: tool for tools in discovered.values() for tool in tools}

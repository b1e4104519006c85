"""Asks a human to decide on writes, and on what became of writes whose answer was lost. Nothing else stands here."""

from typing import Any

from langgraph.runtime import Runtime

from nango_graph.context import Context
from nango_graph.services import Services
from nango_graph.state import State
from nango_graph.turn import ask_of_tenant


async def approve(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:
    return {"answered": await ask_of_tenant(state, runtime, services)}

"""Asks a human to decide on writes, and on what became of writes whose answer was lost. Nothing else stands here."""

from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from nango_graph.context import Context
from nango_graph.services import Services
from nango_graph.state import State


async def approve(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:  # noqa: ARG001
    asked = state.get("asked")
    return {"answered": interrupt(asked["payload"]) if asked is not None else None}

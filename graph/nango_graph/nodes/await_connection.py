"""Asks for an authorization, or for an account, and waits: minutes or weeks. No effect stands in this node."""

from typing import Any

from langgraph.runtime import Runtime

from nango_graph.connections.sessions import has_expired
from nango_graph.context import Context
from nango_graph.records import TurnRow
from nango_graph.services import Services
from nango_graph.state import Asked, State
from nango_graph.turn import ask_of_tenant, turn_of


async def await_connection(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:
    asked = state.get("asked")
    # Looked at first, so that waking the thread without any payload is enough to go on.
    if asked is None or await _nothing_to_wait_for(asked, await turn_of(state, runtime, services), services):
        return {"answered": None}
    return {"answered": await ask_of_tenant(state, runtime, services)}


async def _nothing_to_wait_for(asked: Asked, turn: TurnRow, services: Services) -> bool:
    """Has a wait been satisfied (or ended), or has a link died that must be made anew? Whatever ends one item resumes all."""
    now = services.clock.now()
    if now < asked.get("held_until", 0.0):
        return False
    waits = await services.records.waits.of_turn(turn, [item.get("wait_id", "") for item in asked["items"]])
    for item, request in zip(asked["items"], asked["payload"]["action_requests"], strict=True):
        if item["about"] != "connect":
            continue
        wait = waits.get(item["wait_id"])
        if (
            wait is None
            or wait.state != "open"
            or wait.deadline <= now
            or has_expired(request["args"]["expires_at"], now)
        ):
            return True
    return False

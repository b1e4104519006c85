"""Which integrations does the request need? As few as possible: each may make the user authorize an account."""

import re
from collections.abc import Iterable
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage
from langgraph.runtime import Runtime

from nango_graph.budgets import Budget
from nango_graph.catalog_view import directory_for, requests_of
from nango_graph.choosing import clear_choice
from nango_graph.connections.finding import find_connections, integrations_for
from nango_graph.context import Context
from nango_graph.models import call_tool_of
from nango_graph.offering import visible
from nango_graph.prompts import choose_prompt
from nango_graph.services import Services
from nango_graph.state import Reply, State
from nango_graph.turn import turn_of
from nango_tools import IntegrationSummary

CHOOSE_INTEGRATIONS_SCHEMA: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "choose_integrations",
        "description": "Name the integrations that the request needs.",
        "parameters": {
            "type": "object",
            "properties": {
                "integrations": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "Keys, as listed. May be empty.",
                }
            },
            "required": ["integrations"],
        },
    },
}

_QUESTION = re.compile("[?\u037e\u061f\uff1f]")


async def choose_integrations(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:
    """`integrations`: what the request needs. `optional`: what else was used in the conversation, and is never asked for."""
    turn = await turn_of(state, runtime, services)
    available = {integration.key: integration for integration in await integrations_for(services, turn.requester)}
    shown = {integration.key: integration for integration in await visible(available.values(), turn, services)}
    wanted: list[str] = turn.settings.get("integrations") or []
    unknown = [key for key in wanted if key not in available]
    if unknown:
        there = ", ".join(sorted(available)) or "none"
        return {
            "reply": Reply(
                kind="problem",
                text=f"There is no integration {unknown[0]!r} with tools in this Nango environment (there are: {there}). "
                "Correct `integrations` in the run's context. Nothing was done.",
            )
        }
    candidates = [integration for key, integration in sorted(shown.items()) if not wanted or key in wanted]
    if not available:
        return {
            "reply": Reply(
                kind="problem",
                text="This Nango environment has no integration with enabled actions, so there is nothing I can do yet. "
                "Deploy actions in Nango first.",
            )
        }
    allowed = {integration.key for integration in candidates}
    used = {result["tool"].partition("/")[0] for result in state["earlier"]} & allowed
    choice = None
    if _stands_for_itself(state):
        choice = clear_choice(state["turn"]["request"], list(available.values()), allowed=allowed, used=used)
    if choice is not None and (choice.sure or await _all_usable(choice.needed, state, runtime, services)):
        return {"integrations": sorted(choice.needed), "optional": sorted(choice.optional)}
    chosen = await _chosen_by_model(candidates, state, services, Budget(turn, services)) if candidates else set[str]()
    return {"integrations": sorted(chosen), "optional": sorted(used - chosen)}


def _stands_for_itself(state: State) -> bool:
    """Not so what may answer a question of the agent, or take up what was not done: only the conversation tells what it needs."""
    before: list[AnyMessage] = []
    for message in state["messages"]:
        if message.id == state["turn"]["message_id"]:
            break
        before.append(message)
    if not before:
        return True
    said = next((message.text for message in reversed(before) if isinstance(message, AIMessage) and message.text), "")
    return bool(state["earlier"]) and not state["unfinished"] and not _QUESTION.search(said)


async def _all_usable(integrations: Iterable[str], state: State, runtime: Runtime[Context], services: Services) -> bool:
    turn = await turn_of(state, runtime, services)
    found = await find_connections(services, turn.requester, integrations)
    return all(there.usable for there in found.values())


async def _chosen_by_model(
    candidates: list[IntegrationSummary], state: State, services: Services, budget: Budget
) -> set[str]:
    shown = await directory_for(requests_of(state), candidates, services.finder)
    arguments = await call_tool_of(
        services.model,
        choose_prompt(integrations=shown, conversation=state["messages"], turn=state["turn"]),
        CHOOSE_INTEGRATIONS_SCHEMA,
        budget,
    )
    named = arguments.get("integrations") if isinstance(arguments, dict) else None
    if not isinstance(named, list):
        # The planner sees what else there is, and can still ask for it.
        return set()
    return {integration.key for integration in candidates if integration.key in named}

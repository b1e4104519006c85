"""Which integrations does the request need? As few as possible: each may make the user authorize an account."""

from typing import Any

from langgraph.runtime import Runtime

from nango_graph.context import Context
from nango_graph.models import call_tool_of
from nango_graph.prompts import choose_prompt
from nango_graph.services import Services
from nango_graph.state import Reply, State
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


async def choose_integrations(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:  # noqa: ARG001
    available = {integration.key: integration for integration in await services.catalog.integrations()}
    wanted: list[str] = state["turn"]["settings"]["integrations"]
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
    candidates = [integration for key, integration in sorted(available.items()) if not wanted or key in wanted]
    if not candidates:
        return {
            "reply": Reply(
                kind="problem",
                text="This Nango environment has no integration with enabled actions, so there is nothing I can do yet. "
                "Deploy actions in Nango first.",
            )
        }
    used_before = {result["tool"].partition("/")[0] for result in state["earlier"]}
    chosen = used_before & {integration.key for integration in candidates}
    chosen |= await _chosen_by_model(candidates, state, services)
    return {"integrations": sorted(chosen)}


async def _chosen_by_model(candidates: list[IntegrationSummary], state: State, services: Services) -> set[str]:
    arguments = await call_tool_of(
        services.model,
        choose_prompt(integrations=candidates, conversation=state["messages"], turn=state["turn"]),
        CHOOSE_INTEGRATIONS_SCHEMA,
    )
    named = arguments.get("integrations") if isinstance(arguments, dict) else None
    if not isinstance(named, list):
        # The planner sees what else there is, and can still ask for it.
        return set()
    return {integration.key for integration in candidates if integration.key in named}

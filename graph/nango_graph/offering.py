"""What a turn may use: the tools of its connections, less what the policy denies and what the catalogue holds back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nango_graph.records import TurnRow
from nango_graph.services import Services
from nango_graph.state import State
from nango_tools import Held, ReauthorizationRequired, Tool, UnknownConnection
from nango_tools.policy import Effect, Policy, Ruling, Subject


@dataclass(frozen=True, slots=True)
class Offer:
    """tools: by id, all that the planner may see. denied: with the rule, which no model sees. held: see the guard."""

    tools: Mapping[str, Tool]
    denied: Mapping[str, tuple[Tool, Ruling]] = field(default_factory=dict)
    held: tuple[Held, ...] = ()


def policy_of(turn: TurnRow, services: Services) -> Policy:
    """The deployment's, tightened by what the run's context added. That is taken from the records, not from the state."""
    return services.policy.tightened(deny=turn.settings.get("deny") or (), ask=turn.settings.get("ask") or ())


async def offer_of(state: State, turn: TurnRow, services: Services) -> Offer:
    """Of this turn's connections."""
    policy, connections = policy_of(turn, services), state.get("connections") or {}
    tools: dict[str, Tool] = {}
    denied: dict[str, tuple[Tool, Ruling]] = {}
    for tool in await _discovered(state, services):
        connection = connections[tool.integration]
        subject = Subject(
            tool.integration,
            tool.name,
            tool.access,
            account=connection["label"],
            connection_id=connection["connection_id"],
        )
        ruling = policy.before(subject)
        if ruling.effect is Effect.DENY:
            denied[tool.id] = (tool, ruling)
        else:
            tools[tool.id] = tool
    held = tuple(one for integration in connections for one in services.catalog.held(integration))
    return Offer(tools, denied, held)


async def _discovered(state: State, services: Services) -> list[Tool]:
    connections = [(one["integration"], one["connection_id"]) for one in (state.get("connections") or {}).values()]
    try:
        found = await services.catalog.discover(connections)
    except (UnknownConnection, ReauthorizationRequired):
        # One broke just now. What is known of its tools without it will do, until a step needs it and parks.
        found = {integration: await services.catalog.tools(integration) for integration, _ in connections}
    return [tool for tools in found.values() for tool in tools]

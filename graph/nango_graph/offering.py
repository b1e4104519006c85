"""What a turn may use: the tools of its connections, less what the policy denies and what the catalogue holds back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nango_graph.records import TurnRow
from nango_graph.services import Services
from nango_graph.state import Connection, State
from nango_tools import Access, Held, IntegrationSummary, ReauthorizationRequired, Tool, UnknownConnection
from nango_tools.policy import Effect, Policy, Ruling, Subject


@dataclass(frozen=True, slots=True)
class Offer:
    """tools: by id, all that the planner may see. denied: with the rule, which no model sees. held: see the guard."""

    tools: Mapping[str, Tool]
    denied: Mapping[str, tuple[Tool, Ruling]] = field(default_factory=dict)
    held: tuple[Held, ...] = ()

    def why_not(self, tool: str) -> str:
        """Why a tool, by its id, is not among `tools`: for people, never for a model. "" where there is no such tool."""
        if tool in self.denied:
            return because_denied(tool, self.denied[tool][1])
        held = next((one for one in self.held if one.tool == tool), None)
        return because_held(held) if held is not None else ""


def because_denied(tool: str, ruling: Ruling) -> str:
    return f"{tool} must not be used here. {ruling.reason}"


def because_held(held: Held) -> str:
    told = f"{held.tool} is held back. {held.reason}"
    if not held.fingerprint:
        return told
    return (
        f"{told} Whoever runs this agent sees the change with `nango-agent tools changes`, and accepts it with "
        f"`nango-agent tools accept {held.tool} {held.fingerprint[:12]}`."
    )


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
        ruling = policy.before(subject_of(tool, connection))
        if ruling.effect is Effect.DENY:
            denied[tool.id] = (tool, ruling)
        else:
            tools[tool.id] = tool
    held = tuple(one for integration in connections for one in services.catalog.held(integration))
    return Offer(tools, denied, held)


def subject_of(tool: Tool, connection: Connection) -> Subject:
    return Subject(
        tool.integration,
        tool.name,
        tool.access,
        account=connection["label"],
        connection_id=connection["connection_id"],
    )


async def visible(
    summaries: Iterable[IntegrationSummary], turn: TurnRow, services: Services
) -> list[IntegrationSummary]:
    """The integrations as a model may see them: without the tools that are denied, and without those that have no other."""
    policy, shown = policy_of(turn, services), []
    for summary in summaries:
        denied = await denied_in(summary, policy, services)
        tools = tuple(tool for tool in summary.tools if tool[0] not in denied)
        if tools or not summary.tools:
            shown.append(summary.model_copy(update={"tools": tools}))
    return shown


async def denied_in(summary: IntegrationSummary, policy: Policy, services: Services) -> dict[str, Ruling]:
    """By name, the tools of an integration that are denied whatever the account."""
    denying = Policy(rule for rule in policy.rules if rule.effect is Effect.DENY)
    if any(rule.access for rule in denying.rules):
        # What a summary does not tell: what the tools do to the world.
        what_they_do = {tool.name: tool.access for tool in await services.catalog.tools(summary.key)}
    else:
        what_they_do = {}
    denied: dict[str, Ruling] = {}
    for name, _ in summary.tools if denying.rules else ():
        ruling = denying.before(Subject(summary.key, name, what_they_do.get(name, Access.WRITE)))
        if ruling.effect is Effect.DENY:
            denied[name] = ruling
    return denied


async def _discovered(state: State, services: Services) -> list[Tool]:
    connections = [(one["integration"], one["connection_id"]) for one in (state.get("connections") or {}).values()]
    try:
        found = await services.catalog.discover(connections)
    except (UnknownConnection, ReauthorizationRequired):
        # One broke just now. What is known of its tools without it will do, until a step needs it and parks.
        found = {integration: await services.catalog.tools(integration) for integration, _ in connections}
    return [tool for tools in found.values() for tool in tools]

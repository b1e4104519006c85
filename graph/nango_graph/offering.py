"""What a turn may use: the tools of its connections, less what the policy denies and what the catalogue holds back."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from nango_graph.connections.accounts import labelled
from nango_graph.connections.finding import connections_of
from nango_graph.records import TurnRow
from nango_graph.services import Services
from nango_graph.state import Connection, State
from nango_tools import (
    Access,
    ConnectionSummary,
    Held,
    IntegrationSummary,
    ReauthorizationRequired,
    Tool,
    UnknownConnection,
)
from nango_tools.policy import Effect, Policy, Ruling, Subject


@dataclass(frozen=True, slots=True)
class Offer:
    """tools: by id, all that the planner may see. denied: with the rule, which no model sees. held: see the guard."""

    tools: Mapping[str, Tool]
    denied: Mapping[str, tuple[Tool, Ruling]] = field(default_factory=dict)
    held: tuple[Held, ...] = ()

    @property
    def known(self) -> Mapping[str, Tool]:
        """Also those that are denied: for what a call would do, not for whether it may be made."""
        return {**self.tools, **{tool_id: tool for tool_id, (tool, _) in self.denied.items()}}

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
        f"`nango-agent tools accept {held.tool} {held.fingerprint}`."
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
    listed, shown = list(summaries), []
    denied = await denied_in(listed, turn, services)
    for summary in listed:
        tools = tuple(tool for tool in summary.tools if tool[0] not in denied[summary.key])
        if tools or not summary.tools:
            shown.append(summary.model_copy(update={"tools": tools}))
    return shown


async def denied_in(
    summaries: Iterable[IntegrationSummary], turn: TurnRow, services: Services
) -> dict[str, dict[str, Ruling]]:
    """By integration and name, the tools that are denied in each account that the requester has there; where there is none,
    whatever the account would be.
    """
    listed = list(summaries)
    denying = Policy(rule for rule in policy_of(turn, services).rules if rule.effect is Effect.DENY)
    if not denying.rules:
        return {summary.key: {} for summary in listed}
    accounts = await _accounts(listed, denying, turn, services)
    return {summary.key: await _denied(summary, denying, accounts.get(summary.key, ()), services) for summary in listed}


async def _denied(
    summary: IntegrationSummary, denying: Policy, accounts: Collection[Connection], services: Services
) -> dict[str, Ruling]:
    if any(rule.access and rule.is_in(summary.key) for rule in denying.rules):
        # What a summary does not tell: what the tools do to the world.
        what_they_do = {tool.name: tool.access for tool in await services.catalog.tools(summary.key)}
    else:
        what_they_do = {}
    denied: dict[str, Ruling] = {}
    for name, _ in summary.tools:
        somewhere = Subject(summary.key, name, what_they_do.get(name, Access.WRITE))
        subjects = [
            replace(somewhere, account=one["label"], connection_id=one["connection_id"]) for one in accounts
        ] or [somewhere]
        rulings = [denying.before(subject) for subject in subjects]
        if all(ruling.effect is Effect.DENY for ruling in rulings):
            denied[name] = rulings[0]
    return denied


async def _accounts(
    summaries: Iterable[IntegrationSummary], denying: Policy, turn: TurnRow, services: Services
) -> dict[str, Collection[Connection]]:
    """The requester's, by integration. Nango is asked only where a rule is about accounts."""
    if not any(rule.accounts or rule.connections for rule in denying.rules):
        return {}
    names = {summary.key: summary.display_name for summary in summaries}
    found: dict[str, list[ConnectionSummary]] = {}
    async for connection in connections_of(services, turn.requester):
        if connection.integration_id in names:
            found.setdefault(connection.integration_id, []).append(connection)
    return {key: labelled(there, names[key]).values() for key, there in found.items()}


async def _discovered(state: State, services: Services) -> list[Tool]:
    connections = [(one["integration"], one["connection_id"]) for one in (state.get("connections") or {}).values()]
    try:
        found = await services.catalog.discover(connections)
    except (UnknownConnection, ReauthorizationRequired):
        # One broke just now. What is known of its tools without it will do, until a step needs it and parks.
        found = {integration: await services.catalog.tools(integration) for integration, _ in connections}
    return [tool for tools in found.values() for tool in tools]

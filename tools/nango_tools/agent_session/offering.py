"""Which tools a session offers: those of its connections, less what the policy denies, less what nobody would let through."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from nango_tools.access import Access
from nango_tools.catalog import Catalog, Tool
from nango_tools.errors import NangoError, ReauthorizationRequired, TransientError, UnknownConnection
from nango_tools.models.connections import ConnectionSummary
from nango_tools.policy import Effect, Policy, Subject


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool on the user's connection."""

    tool: Tool
    connection: ConnectionSummary

    @property
    def subject(self) -> Subject:
        """Without the account's label, which rules know as the agent's own workflow words it: that is, not known."""
        tool = self.tool
        return Subject(tool.integration, tool.name, tool.access, connection_id=self.connection.connection_id)


@dataclass(frozen=True, slots=True)
class Offer:
    """tools: by id. broken: by integration, why there are none of it: a broken connection, or Nango could not be asked."""

    tools: Mapping[str, Offered]
    broken: Mapping[str, NangoError]


async def offer(
    catalog: Catalog, policy: Policy, connections: Mapping[str, ConnectionSummary], *, gated: bool
) -> Offer:
    """gated: somebody lets writes through, and what the policy asks about."""
    listed = await asyncio.gather(*(_tools(catalog, connection) for connection in connections.values()))
    tools: dict[str, Offered] = {}
    broken: dict[str, NangoError] = {}
    for connection, found in zip(connections.values(), listed, strict=True):
        if isinstance(found, NangoError):
            broken[connection.integration_id] = found
            continue
        for tool in found:
            offered = Offered(as_ruled(policy, tool), connection)
            if _is_offered(policy, offered, gated=gated):
                tools[tool.id] = offered
    outages = [error for error in broken.values() if isinstance(error, TransientError)]
    if outages and len(outages) == len(connections):
        raise outages[0]
    return Offer(tools, broken)


def as_ruled(policy: Policy, tool: Tool) -> Tool:
    """With the operator's word on what it may do: the catalogue may have been made without the policy."""
    verdict = policy.access_rule(tool.integration, tool.name)
    return tool if verdict is None else tool.model_copy(update={"access": verdict.access, "reason": verdict.reason})


async def _tools(catalog: Catalog, connection: ConnectionSummary) -> tuple[Tool, ...] | NangoError:
    try:
        found = await catalog.discover([(connection.integration_id, connection.connection_id)])
    except (ReauthorizationRequired, UnknownConnection, TransientError) as error:
        return error
    return found[connection.integration_id]


def _is_offered(policy: Policy, offered: Offered, *, gated: bool) -> bool:
    expected = policy.before(offered.subject).effect
    if expected is Effect.DENY:
        return False
    return gated or (offered.tool.access is Access.READ and expected is Effect.ALLOW)

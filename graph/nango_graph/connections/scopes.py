"""Which permissions a connection lacks for the tools of a plan, where that can be known.

What was granted stands in the provider's token response (RFC 6749, 5.1), which Nango keeps as `credentials.raw` and shows only to keys
that may read credentials; else in `connection_config.oauth_scopes_override`, which is what was asked for. Credentials are read for
that one string, and dropped.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from typing import Any

from nango_graph.connections.finding import wait_id_of
from nango_graph.records import Wait
from nango_graph.services import Services
from nango_graph.state import Connection
from nango_tools import ConnectionSummary, NangoError, Tool

OVERRIDE = "oauth_scopes_override"
_LEVELS = {"read": 0, "write": 1, "admin": 2}


async def lacking_scopes(services: Services, connection: Connection, tools: Iterable[Tool]) -> frozenset[str]:
    """Scopes that tools of this connection declare and that were not granted; none where that can't be known."""
    integration = connection["integration"]
    declared = {scope for tool in tools if tool.integration == integration for scope in tool.scopes}
    granted = await granted_scopes(services, integration, connection["connection_id"]) if declared else None
    return frozenset() if granted is None else _missing(declared, granted)


async def lacking_in_each(
    services: Services, connections: Iterable[Connection], tools: Sequence[Tool]
) -> dict[str, frozenset[str]]:
    """By integration, at once; only those that lack something."""
    asked = list(connections)
    lacking = await asyncio.gather(*(lacking_scopes(services, connection, tools) for connection in asked))
    return {connection["integration"]: scopes for connection, scopes in zip(asked, lacking, strict=True) if scopes}


async def granted_scopes(services: Services, integration: str, connection_id: str) -> frozenset[str] | None:
    """None where it can't be known: the provider does not say, or Nango could not be asked."""
    try:
        connection = await services.nango.connections.get_with_credentials(connection_id, integration)
    except NangoError:
        # A plan is not held up for this: what is missing in earnest, the provider will refuse.
        return None
    raw = connection.credentials.get_secret_value().get("raw")
    return _scopes(_stated(raw)) or _scopes(connection.connection_config.get_secret_value().get(OVERRIDE)) or None


async def scopes_to_ask_for(services: Services, wait: Wait) -> str | None:
    """For a session that mends a connection without enough scopes: those it has and those that the plan needs.

    Comma-separated, as Nango takes them. None where they can't be known: then the integration's own are asked for.
    """
    if wait.connection_id is None:
        return None
    granted = await granted_scopes(services, wait.integration, wait.connection_id)
    if granted is None:
        return None
    declared = {scope for tool in await tools_waited_for(services, wait) for scope in tool.scopes}
    return ",".join(sorted(granted | declared))


async def tools_waited_for(services: Services, wait: Wait) -> list[Tool]:
    """The tools of the wait's integration in the last plan of the turn that asked."""
    plans = [row for row in await services.records.plans.of_thread(wait.thread_id) if row.turn_id == wait.turn_id]
    names = [step["tool"].partition("/") for step in plans[-1].steps] if plans else []
    found = [
        await services.catalog.tool(integration, name)
        for integration, _, name in names
        if integration == wait.integration
    ]
    return [tool for tool in found if tool is not None]


async def authorized_anew(services: Services, wait: Wait, connection: ConnectionSummary) -> bool:
    """Has what a wait with the reason "scopes" is for come? The same connection, with the scopes, or at least authorized through
    the wait's link: more than that nobody can do, and the provider decides.
    """
    if connection.connection_id != wait.connection_id:
        return False
    if wait_id_of(connection.tags) == wait.id:
        return True
    granted = await granted_scopes(services, wait.integration, connection.connection_id)
    declared = {scope for tool in await tools_waited_for(services, wait) for scope in tool.scopes}
    return granted is not None and not _missing(declared, granted)


def _missing(declared: Iterable[str], granted: Iterable[str]) -> frozenset[str]:
    held = list(granted)
    return frozenset(scope for scope in declared if not any(_covers(one, scope) for one in held))


def _covers(held: str, wanted: str) -> bool:
    """Whether a scope includes another one, as far as their names say: nobody is asked for what they may have given."""
    held, wanted = held.casefold(), wanted.casefold()
    if held == wanted or re.match(rf"{re.escape(held)}[.:/_-]", wanted):
        return True
    (level, _, about), (wanted_level, _, wanted_about) = held.partition(":"), wanted.partition(":")
    if about:
        return about == wanted_about and _LEVELS.get(level, -1) > _LEVELS.get(wanted_level, 3)
    return wanted_level in _LEVELS and level == wanted_about


def _stated(raw: Any) -> list[Any]:
    """`scope` of a token response; Slack states a user's beside the bot's."""
    if not isinstance(raw, dict):
        return []
    user = raw.get("authed_user")
    return [raw.get("scope"), user.get("scope") if isinstance(user, dict) else None]


def _scopes(stated: Any) -> frozenset[str]:
    """Space- or comma-separated text, or a list of such."""
    if isinstance(stated, list):
        return frozenset().union(*map(_scopes, stated))
    return frozenset(filter(None, re.split(r"[\s,]+", stated))) if isinstance(stated, str) else frozenset()

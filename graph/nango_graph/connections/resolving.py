"""One look at Nango, and what follows from it: the connection to use for each integration, or what to ask."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nango_graph.connections.accounts import labelled, which_account
from nango_graph.connections.answers import Answers
from nango_graph.connections.finding import Found, find_connections, integrations_for, wait_id_of
from nango_graph.connections.introducing import confirmation
from nango_graph.connections.naming import named_account
from nango_graph.connections.questions import (
    AccountChoice,
    MissingConnection,
    Unclear,
)
from nango_graph.connections.scopes import authorized_anew, tools_waited_for
from nango_graph.connections.sessions import Link, has_expired, link_for
from nango_graph.records import TurnRow, Wait
from nango_graph.services import Services
from nango_graph.state import Asked, Connection, State
from nango_tools import ConnectionSummary, IntegrationSummary

_NOTHING: dict[str, Any] = {"items": []}


@dataclass
class Resolved:
    connections: dict[str, Connection] = field(default_factory=dict)
    others: dict[str, list[Connection]] = field(default_factory=dict)
    lacking: dict[str, list[str]] = field(default_factory=dict)
    checked_by: dict[str, str] = field(default_factory=dict)
    unclear: list[Unclear] = field(default_factory=list)


class Resolving:
    """One look at Nango, and what follows from it for each integration."""

    def __init__(self, state: State, turn: TurnRow, asked: Asked | None, answers: Answers, services: Services) -> None:
        self._state = state
        self._turn = turn
        self._asked = asked
        self._answers = answers
        self._services = services

    async def all(self, declined: set[str]) -> Resolved:
        services, requester = self._services, self._turn.requester
        wanted = [integration for integration in self._state["integrations"] if integration not in declined]
        optional = [
            integration
            for integration in self._state.get("optional") or []
            if integration not in declined and integration not in wanted
        ]
        found = await find_connections(services, requester, [*wanted, *optional])
        services.looks.keep(requester, found)
        known = await services.records.accounts.known(requester)
        summaries = {integration.key: integration for integration in await integrations_for(services, requester)}
        used = self._state.get("used") or {
            integration: connection["connection_id"]
            for integration, connection in (self._state.get("connections") or {}).items()
        }
        resolved = Resolved(lacking=dict(self._state.get("lacking") or {}))
        for integration in [*wanted, *optional]:
            there, summary = found[integration], summaries.get(integration)
            name = summary.display_name if summary else integration
            accounts = labelled(there.all, name, to_confirm=there.to_confirm)
            account = which_account(
                there, named=self._named(integration, summary, there), before=used.get(integration), known=known
            )
            if account is None or account not in there.usable:
                if integration in wanted:
                    resolved.unclear.append(await self._unclear(integration, name, there, account, accounts))
                continue
            chosen = accounts[account.connection_id]
            resolved.connections[integration] = chosen
            resolved.others[integration] = [accounts[one.connection_id] for one in there.all if one is not account]
            lacking = await self._lacking(resolved, integration, name, there, account, chosen)
            if lacking is not None:
                resolved.unclear.append(lacking)
            elif checked := await self._consume(integration):
                resolved.checked_by[integration] = checked
        return resolved

    def _named(self, integration: str, summary: IntegrationSummary | None, found: Found) -> str | None:
        """What an answer or the planner said in this turn, or what the plan works in; else what the request says."""
        said = self._answers.accounts.get(integration)
        meant = said if said is not None else (self._state.get("parked") or {}).get(integration)
        if meant == "" or meant in {one.connection_id for one in found.all}:
            return meant
        if meant is not None:
            # It is gone. What was authorized in its place goes; another account that was there is not used unasked.
            return self._authorized_instead(integration, found) or ("" if found.usable else None)
        if summary is None:
            return None
        return named_account(
            self._state["turn"]["request"],
            integration=[integration, summary.display_name],
            tool_names=[tool for tool, _ in summary.tools],
            accounts=found.all,
        )

    def _authorized_instead(self, integration: str, found: Found) -> str | None:
        shown = {
            item["wait_id"]
            for item in (self._asked or _NOTHING)["items"]
            if item["about"] == "connect" and item["integration"] == integration
        }
        through = (one.connection_id for one in found.all if wait_id_of(one.tags) in shown)
        return next(through, None)

    async def _lacking(
        self,
        resolved: Resolved,
        integration: str,
        name: str,
        found: Found,
        connection: ConnectionSummary,
        shown: Connection,
    ) -> MissingConnection | None:
        """Asks for the scopes that the plan's tools want: once, and whoever answers goes on with what there is then."""
        scopes = resolved.lacking.get(integration)
        if not scopes:
            return None
        if integration not in self._state["integrations"]:
            resolved.lacking[integration] = []
            return None
        waits = self._services.records.waits
        item = next(
            (
                item
                for item in (self._asked["items"] if self._asked else [])
                if item["integration"] == integration and item.get("reason") == "scopes"
            ),
            None,
        )
        wait = None if item is None else (await waits.of_turn(self._turn, [item["wait_id"]])).get(item["wait_id"])
        if wait is None and item is None:
            wait = await waits.open_for(
                self._turn,
                integration=integration,
                reason="scopes",
                connection_id=connection.connection_id,
                now=self._services.clock.now(),
            )
        if (
            wait is None
            or wait.state != "open"
            or integration in self._answers.as_it_is
            or await authorized_anew(self._services, wait, connection)
        ):
            resolved.lacking[integration] = []
            return None
        link = self._shown_link(wait) or await link_for(self._services, wait, found)
        tools = await tools_waited_for(self._services, wait)
        return MissingConnection(
            wait.id,
            integration,
            name,
            link.url,
            link.expires_at,
            reason="scopes",
            label=shown["label"],
            lacking={scope: sorted({tool.id for tool in tools if scope in tool.scopes}) for scope in scopes},
        )

    async def _unclear(
        self,
        integration: str,
        name: str,
        found: Found,
        account: ConnectionSummary | None,
        accounts: Mapping[str, Connection],
    ) -> Unclear:
        """`account`: the one to use, if only it worked, or was confirmed."""
        if found.usable and account is None:
            offered = [*found.usable, *(one.connection for one in found.unconfirmed)]
            return AccountChoice(integration, name, [accounts[one.connection_id] for one in offered])
        for one in found.unconfirmed:
            if account in (None, one.connection):
                return await confirmation(self._services, one, name, self._asked)
        broken = account or next(iter(found.broken), None)
        if account is not None:
            # This one and no other, also at the next look.
            self._answers.accounts[integration] = account.connection_id
        wait = await self._services.records.waits.open_for(
            self._turn,
            integration=integration,
            reason="broken" if account else "missing",
            connection_id=broken.connection_id if broken else None,
            now=self._services.clock.now(),
        )
        link = self._shown_link(wait) or await link_for(self._services, wait, found)
        return MissingConnection(
            wait.id,
            integration,
            name,
            link.url,
            link.expires_at,
            reason="broken" if broken else "missing",
            label=accounts[broken.connection_id]["label"] if broken else "",
        )

    def _shown_link(self, wait: Wait) -> Link | None:
        """The link that is on somebody's screen, while it works: a new one for every look would be confusing."""
        if self._asked is None:
            return None
        for item, request in zip(self._asked["items"], self._asked["payload"]["action_requests"], strict=True):
            if item.get("wait_id") == wait.id and item["about"] == "connect":
                args = request["args"]
                if not has_expired(args["expires_at"], self._services.clock.now()):
                    return Link(args["connect_link"], args["expires_at"])
        return None

    async def _consume(self, integration: str) -> str:
        """Passes the waits of this thread for it: each is passed once. How the connection was checked, if one was."""
        waits, checked = self._services.records.waits, ""
        for wait in await waits.live_in(self._turn.thread_id):
            if wait.integration == integration and wait.requester == self._turn.requester:
                checked = wait.checked_by or checked
                await waits.change(wait.id, "consumed", only_from=("open", "satisfied"), now=self._services.clock.now())
        return checked

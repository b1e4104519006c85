"""Finds the connection to use for each integration, and prepares the question where one is missing or unclear."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langgraph.runtime import Runtime

from nango_graph.approval import BadAnswer, again, ask
from nango_graph.connections.accounts import labelled, which_account
from nango_graph.connections.answers import Answers
from nango_graph.connections.finding import Found, find_connections
from nango_graph.connections.naming import named_account
from nango_graph.connections.questions import (
    AccountChoice,
    ConfirmAccount,
    MissingConnection,
    Unclear,
    connection_message,
    connection_requests,
)
from nango_graph.connections.scopes import authorized_anew, tools_waited_for
from nango_graph.connections.sessions import Link, has_expired, link_for
from nango_graph.context import Context
from nango_graph.display import markdown
from nango_graph.questions import announcement
from nango_graph.records import TurnRow, Wait
from nango_graph.services import Services
from nango_graph.state import Asked, Connection, State
from nango_graph.turn import turn_of
from nango_tools import ConnectionSummary, IntegrationSummary, TransientError

_NOTHING: dict[str, Any] = {"items": []}
HOLD = 4.0
"""Seconds for which the question stands although it may be answered, after Nango could not be asked."""


async def resolve_connections(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:
    turn = await turn_of(state, runtime, services)
    asked = state.get("asked")
    if asked is not None and asked["kind"] != "connections":
        asked = None
    answers = Answers(accounts=dict(state.get("accounts") or {}))
    if asked is not None:
        try:
            await answers.take(asked, state.get("answered"), turn, services)
        except BadAnswer as problem:
            return {"asked": again(asked, str(problem)), "answered": None}
    declined = {*state["declined"], *answers.declined}
    try:
        resolved = await _Resolving(state, turn, asked, answers, services).all(declined)
    except TransientError:
        if asked is None:
            raise
        # Nango can't be reached just now: the wait goes on, it is not lost over this. A sweep looks again.
        return {
            "asked": {**asked, "held_until": services.clock.now() + HOLD},
            "answered": None,
            "accounts": answers.accounts,
            "declined": sorted(declined),
            "declined_because": {**(state.get("declined_because") or {}), **answers.because},
        }
    update: dict[str, Any] = {
        "connections": resolved.connections,
        "accounts": answers.accounts,
        "others": resolved.others,
        "lacking": resolved.lacking,
        "declined": sorted(declined),
        "declined_because": {**(state.get("declined_because") or {}), **answers.because},
        "parked": {
            integration: connection_id
            for integration, connection_id in (state.get("parked") or {}).items()
            if integration not in resolved.connections and integration not in declined
        },
        "asked": None,
        "answered": None,
    }
    if any(state.get("lacking", {}).get(integration) for integration in answers.declined):
        # Its plan stands in the records, and can't be done without this integration: another one is made.
        update["turn"] = {**state["turn"], "planned": state["turn"]["planned"] + 1}
    about = f"{turn.id} connections"
    if resolved.unclear:
        update["asked"] = ask("connections", connection_requests(resolved.unclear))
        update["asked"]["at"] = services.clock.now()
        update["messages"] = [announcement(connection_message(resolved.unclear), about=about)]
    elif asked is not None:
        # Takes the link out of the conversation: it is of no use any more.
        update["messages"] = [announcement(_settled(resolved, answers), about=about)]
    return update


def _settled(resolved: "_Resolved", answers: Answers) -> str:
    lines = [
        f"Connected: {markdown(connection['label'])}."
        + (f" Checked: {markdown(resolved.checked_by[integration])}." if integration in resolved.checked_by else "")
        for integration, connection in resolved.connections.items()
    ]
    lines += [f"Going on without {markdown(name)}: {why}." for name, why in answers.because.items()]
    return "\n".join(lines) or "Going on without a connection."


@dataclass
class _Resolved:
    connections: dict[str, Connection] = field(default_factory=dict)
    others: dict[str, list[Connection]] = field(default_factory=dict)
    lacking: dict[str, list[str]] = field(default_factory=dict)
    checked_by: dict[str, str] = field(default_factory=dict)
    unclear: list[Unclear] = field(default_factory=list)


class _Resolving:
    """One look at Nango, and what follows from it for each integration."""

    def __init__(self, state: State, turn: TurnRow, asked: Asked | None, answers: Answers, services: Services) -> None:
        self._state = state
        self._turn = turn
        self._asked = asked
        self._answers = answers
        self._services = services

    async def all(self, declined: set[str]) -> _Resolved:
        services, requester = self._services, self._turn.requester
        wanted = [integration for integration in self._state["integrations"] if integration not in declined]
        optional = [
            integration
            for integration in self._state.get("optional") or []
            if integration not in declined and integration not in wanted
        ]
        found = await find_connections(services, requester, [*wanted, *optional])
        known = await services.records.accounts.known(requester)
        summaries = {integration.key: integration for integration in await services.catalog.integrations()}
        before = self._state.get("connections") or {}
        resolved = _Resolved(lacking=dict(self._state.get("lacking") or {}))
        for integration in [*wanted, *optional]:
            there, summary = found[integration], summaries.get(integration)
            name = summary.display_name if summary else integration
            accounts = labelled(there.all, name)
            account = which_account(
                there, named=self._named(integration, summary, there), before=before.get(integration), known=known
            )
            if account is None or account not in there.usable:
                if integration in wanted:
                    resolved.unclear.append(await self._unclear(integration, name, there, account, accounts))
                continue
            chosen = accounts[account.connection_id]
            resolved.connections[integration] = chosen
            resolved.others[integration] = [
                accounts[one.connection_id] for one in [*there.usable, *there.broken] if one is not account
            ]
            lacking = await self._lacking(resolved, integration, name, there, account, chosen)
            if lacking is not None:
                resolved.unclear.append(lacking)
            elif checked := await self._consume(integration):
                resolved.checked_by[integration] = checked
        return resolved

    def _named(self, integration: str, summary: IntegrationSummary | None, found: Found) -> str | None:
        """What an answer or the planner said in this turn, else what the request says."""
        said = self._answers.accounts.get(integration)
        if said is not None:
            return said
        parked = (self._state.get("parked") or {}).get(integration)
        asked_to_connect = {
            item["integration"] for item in (self._asked or _NOTHING)["items"] if item["about"] == "connect"
        }
        if parked and integration not in asked_to_connect and parked not in {one.connection_id for one in found.all}:
            # The account that the plan works in is gone: it does not go on in another one that was there, unasked.
            return ""
        if summary is None:
            return None
        return named_account(
            self._state["turn"]["request"],
            integration=[integration, summary.display_name],
            tool_names=[tool for tool, _ in summary.tools],
            accounts=[*found.usable, *found.broken],
        )

    async def _lacking(
        self,
        resolved: _Resolved,
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
        wait = await waits.get(item["wait_id"]) if item is not None else None
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
            return AccountChoice(integration, name, [accounts[one.connection_id] for one in found.usable])
        for one in found.unconfirmed:
            if account in (None, one.connection):
                return ConfirmAccount(one.wait.id, integration, name, accounts[one.connection.connection_id])
        broken = account or next(iter(found.broken), None)
        wait = await self._services.records.waits.open_for(
            self._turn,
            integration=integration,
            reason="broken" if broken else "missing",
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

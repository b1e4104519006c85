"""Finds the connection to use for each integration, and prepares the question where one is missing or unclear."""

from dataclasses import dataclass, field
from typing import Any

from langgraph.runtime import Runtime

from nango_graph.approval import BadAnswer, again, ask, read_answers
from nango_graph.connections.accounts import in_state, which_account
from nango_graph.connections.finding import Found, find_connections
from nango_graph.connections.sessions import Link, has_expired, link_for
from nango_graph.context import Context
from nango_graph.display import markdown
from nango_graph.questions import (
    AccountChoice,
    ConfirmAccount,
    MissingConnection,
    Unclear,
    announcement,
    connection_message,
    connection_requests,
)
from nango_graph.records import TurnRow, Wait
from nango_graph.services import Services
from nango_graph.state import Asked, Connection, State
from nango_graph.turn import turn_of
from nango_tools import ConnectionSummary, TransientError


async def resolve_connections(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:
    turn = await turn_of(state, runtime, services)
    asked = state.get("asked")
    if asked is not None and asked["kind"] != "connections":
        asked = None
    answers = _Answers(accounts=dict(state.get("accounts") or {}))
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
        # Nango can't be reached just now: the wait goes on, it is not lost over this.
        return {"answered": None}
    update: dict[str, Any] = {
        "connections": resolved.connections,
        "accounts": answers.accounts,
        "declined": sorted(declined),
        "declined_because": {**(state.get("declined_because") or {}), **answers.because},
        "parked": {},
        "asked": None,
        "answered": None,
    }
    about = f"{turn.id} connections"
    if resolved.unclear:
        update["asked"] = ask("connections", connection_requests(resolved.unclear))
        update["asked"]["at"] = services.clock.now()
        update["messages"] = [announcement(connection_message(resolved.unclear), about=about)]
    elif asked is not None:
        # Takes the link out of the conversation: it is of no use any more.
        update["messages"] = [announcement(_settled(resolved, answers), about=about)]
    return update


def _settled(resolved: "_Resolved", answers: "_Answers") -> str:
    lines = [
        f"Connected: {markdown(connection['label'])}."
        + (f" Checked: {markdown(resolved.checked_by[integration])}." if integration in resolved.checked_by else "")
        for integration, connection in resolved.connections.items()
    ]
    lines += [f"Going on without {markdown(name)}: {why}." for name, why in answers.because.items()]
    return "\n".join(lines) or "Going on without a connection."


@dataclass
class _Answers:
    """What came of the question that was asked: from the person, from the clock, from our page."""

    accounts: dict[str, str]
    declined: set[str] = field(default_factory=set)
    because: dict[str, str] = field(default_factory=dict)

    async def take(self, asked: Asked, raw: Any, turn: TurnRow, services: Services) -> None:
        """Raises `BadAnswer`. Waits that ended by themselves count whatever the answer is."""
        now, records = services.clock.now(), services.records
        waits = await records.waits.get_all([item["wait_id"] for item in asked["items"] if "wait_id" in item])
        for item in asked["items"]:
            wait = waits.get(item.get("wait_id", ""))
            if wait is None or item["about"] != "connect":
                continue
            if wait.state == "open" and wait.deadline <= now:
                await records.waits.change(wait.id, "expired", only_from=("open",), now=now)
            if wait.state == "expired" or (wait.state == "open" and wait.deadline <= now):
                self._without(item["integration"], "nobody authorized it in time")
            elif wait.state == "cancelled":
                self._without(item["integration"], "it was declined")
        if raw is None:
            return
        for answer, item in zip(read_answers(asked, raw), asked["items"], strict=False):
            integration = item["integration"]
            match item["about"], answer.kind:
                case "confirm", "reject":
                    await records.accounts.trust(
                        turn.requester, integration, item["connection_id"], trusted=False, wait_id=item["wait_id"]
                    )
                case "confirm", _:
                    if str(answer.args.get("confirm", "")).strip().lower() != "yes":
                        raise BadAnswer(f"{integration}: set confirm to yes if it is your account, or reject.")
                    await records.accounts.trust(
                        turn.requester, integration, item["connection_id"], trusted=True, wait_id=item["wait_id"]
                    )
                case "choose", "approve" | "edit":
                    account = answer.args.get("account_id")
                    if account not in {one["connection_id"] for one in item["accounts"]}:
                        raise BadAnswer(f"{integration}: that account is not one of those listed.")
                    self.accounts[integration] = str(account)
                    await records.accounts.prefer(turn.requester, integration, str(account), now=now)
                case _, "reject":
                    self.declined.add(integration)
                    if "wait_id" in item:
                        await records.waits.change(
                            item["wait_id"], "cancelled", only_from=("open", "satisfied"), now=now
                        )

    def _without(self, integration: str, why: str) -> None:
        self.declined.add(integration)
        self.because[integration] = why


@dataclass
class _Resolved:
    connections: dict[str, Connection] = field(default_factory=dict)
    checked_by: dict[str, str] = field(default_factory=dict)
    unclear: list[Unclear] = field(default_factory=list)


class _Resolving:
    """One look at Nango, and what follows from it for each integration."""

    def __init__(self, state: State, turn: TurnRow, asked: Asked | None, answers: _Answers, services: Services) -> None:
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
        names = {integration.key: integration.display_name for integration in await services.catalog.integrations()}
        known = await services.records.accounts.known(requester)
        before = self._state.get("connections") or {}
        resolved = _Resolved()
        for integration in [*wanted, *optional]:
            name, there = names.get(integration, integration), found[integration]
            connection = which_account(
                there, named=self._answers.accounts.get(integration), before=before.get(integration), known=known
            )
            if connection is not None and not connection.needs_reauthorization:
                resolved.connections[integration] = in_state(connection, name)
                checked = await self._consume(integration)
                if checked:
                    resolved.checked_by[integration] = checked
            elif integration in wanted:
                resolved.unclear.append(await self._unclear(integration, name, there, connection))
        return resolved

    async def _unclear(self, integration: str, name: str, found: Found, broken: ConnectionSummary | None) -> Unclear:
        """`broken`: the one to use, if only it worked."""
        if found.usable and broken is None:
            return AccountChoice(integration, name, [in_state(one, name) for one in found.usable])
        if found.unconfirmed:
            first = found.unconfirmed[0]
            return ConfirmAccount(first.wait.id, integration, name, in_state(first.connection, name))
        broken = broken or next(iter(found.broken), None)
        wait = await self._services.records.waits.open_for(
            self._turn,
            integration=integration,
            reason="broken" if broken else "missing",
            connection_id=broken.connection_id if broken else None,
            now=self._services.clock.now(),
        )
        link = self._shown_link(wait) or await link_for(self._services, wait, found)
        return MissingConnection(wait.id, integration, name, link.url, link.expires_at, broken=broken is not None)

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

"""Finds the connection to use for each integration, and prepares the question where one is missing or unclear."""

from datetime import UTC, datetime
from typing import Any

from langgraph.runtime import Runtime

from nango_graph.approval import BadAnswer, again, ask, read_answers
from nango_graph.connecting import Found, find_connections, has_expired, in_state, moment, new_session
from nango_graph.context import Context
from nango_graph.display import markdown
from nango_graph.questions import (
    AccountChoice,
    MissingConnection,
    announcement,
    connection_message,
    connection_requests,
)
from nango_graph.records import TurnRow, Wait
from nango_graph.services import Services
from nango_graph.state import Asked, Connection, State
from nango_graph.turn import turn_of
from nango_tools import TransientError


async def resolve_connections(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:
    turn = await turn_of(state, runtime, services)
    asked = state.get("asked")
    declined, picked = set(state["declined"]), dict[str, str]()
    if asked is not None and asked["kind"] == "connections" and state.get("answered") is not None:
        try:
            declined_now, picked = await _take_answers(asked, state["answered"], services)
        except BadAnswer as problem:
            return {"asked": again(asked, str(problem)), "answered": None}
        declined |= declined_now
    wanted = [integration for integration in state["integrations"] if integration not in declined]
    try:
        found = await find_connections(services, turn.requester, wanted)
        names = {integration.key: integration.display_name for integration in await services.catalog.integrations()}
        kept, missing, choices = {}, [], []
        for integration in wanted:
            name = names.get(integration, integration)
            connection = _one_of(found[integration], name, picked.get(integration), state.get("connections") or {})
            if connection is not None:
                kept[integration] = connection
                await _consume(services, turn, integration)
            elif found[integration].usable:
                choices.append(
                    AccountChoice(integration, name, [in_state(one, name) for one in found[integration].usable])
                )
            else:
                missing.append(await _missing(services, turn, integration, name, found[integration], asked))
    except TransientError:
        if asked is None:
            raise
        # Nango can't be reached just now: the wait goes on, it is not lost over this.
        return {"answered": None}
    update: dict[str, Any] = {"connections": kept, "declined": sorted(declined), "asked": None, "answered": None}
    about = f"{turn.id} connections"
    if missing or choices:
        update["asked"] = ask("connections", connection_requests(missing, choices))
        update["messages"] = [announcement(connection_message(missing, choices), about=about)]
    elif asked is not None:
        # Takes the link out of the conversation: it is of no use any more.
        settled = ", ".join(connection["label"] for connection in kept.values()) or "nothing"
        update["messages"] = [announcement(f"Connected now: {markdown(settled)}.", about=about)]
    return update


def _one_of(found: Found, name: str, picked: str | None, before: dict[str, Connection]) -> Connection | None:
    """The connection that was picked, else the only one, else the one used before in this thread."""
    usable = {connection.connection_id: connection for connection in found.usable}
    known = before.get(found.usable[0].integration_id) if found.usable else None
    for connection_id in (picked, known["connection_id"] if known else None):
        if connection_id in usable:
            return in_state(usable[connection_id], name)
    return in_state(found.usable[0], name) if len(usable) == 1 else None


async def _take_answers(asked: Asked, raw: Any, services: Services) -> tuple[set[str], dict[str, str]]:
    """Integrations to do without, and accounts picked by integration."""
    declined: set[str] = set()
    picked: dict[str, str] = {}
    for answer, item in zip(read_answers(asked, raw), asked["items"], strict=False):
        if answer.kind == "reject":
            declined.add(item["integration"])
            if "wait_id" in item:
                await services.records.waits.change(
                    item["wait_id"], "cancelled", only_from=("open", "satisfied"), now=services.clock.now()
                )
        elif item["about"] == "choose":
            account = answer.args.get("account_id")
            if not isinstance(account, str) or account not in {known["connection_id"] for known in item["accounts"]}:
                raise BadAnswer(f"{item['integration']}: that account is not one of those listed.")
            picked[item["integration"]] = account
    return declined, picked


async def _consume(services: Services, turn: TurnRow, integration: str) -> None:
    for wait in await services.records.waits.live_in(turn.thread_id):
        if wait.integration == integration and wait.requester == turn.requester:
            await services.records.waits.change(
                wait.id, "consumed", only_from=("open", "satisfied"), now=services.clock.now()
            )


async def _missing(
    services: Services, turn: TurnRow, integration: str, name: str, found: Found, asked: Asked | None
) -> MissingConnection:
    """The wait for an integration, with a link that is alive."""
    broken = found.broken[0].connection_id if found.broken else None
    wait = await services.records.waits.open_for(
        turn.requester,
        thread_id=turn.thread_id,
        assistant_id=turn.assistant_id,
        integration=integration,
        reason="broken" if broken else "missing",
        connection_id=broken,
        now=services.clock.now(),
    )
    link, expires_at = _shown_link(asked, wait, services.clock.now()) or await _fresh_link(services, wait, found)
    return MissingConnection(wait.id, integration, name, link, expires_at, broken=broken is not None)


def _shown_link(asked: Asked | None, wait: Wait, now: float) -> tuple[str, str] | None:
    """The link that is on somebody's screen, while it works: a new one for every look would be confusing."""
    if asked is None:
        return None
    for item, request in zip(asked["items"], asked["payload"]["action_requests"], strict=True):
        if item.get("wait_id") == wait.id and not has_expired(request["args"]["expires_at"], now):
            return request["args"]["connect_link"], request["args"]["expires_at"]
    return None


async def _fresh_link(services: Services, wait: Wait, found: Found) -> tuple[str, str]:
    session = await new_session(services, wait, found.broken)
    # Where Nango's clock is far behind ours every link looks dead, and the next one would too: no more than one a minute.
    expires_at = max(session.expires_at.timestamp(), services.clock.now() + 120)
    return session.connect_link, moment(datetime.fromtimestamp(expires_at, UTC))
